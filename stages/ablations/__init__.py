"""An ablation: rows of overrides on one base, run as DVC experiments, and the table of their results."""
