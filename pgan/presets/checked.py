"""A preset's parameters, checked as a whole."""

from pathlib import Path

from pgan.experiment import Experiment, check_experiment
from pgan.presets.catalogue import Preset


def experiment_of(preset: Preset) -> Experiment:
    """The parameters of a preset. Raises InputError where they do not fit together."""
    return check_experiment(preset.content, Path(f"preset {preset.name}"))
