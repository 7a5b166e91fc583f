"""Checks around a stage: where it runs, what earlier runs left behind, and whether its inputs were edited."""
