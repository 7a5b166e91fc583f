"""One page about a run, for people who do not open MLflow."""
