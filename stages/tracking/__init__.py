"""MLflow: a run for each stage, written while it works and completed from the files."""
