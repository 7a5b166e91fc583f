"""What a number of the files is called in MLflow: `group/name`. Its pages show the charts of a group together."""

SPEED = "speed/img_per_s"
OLDER_SPEED = "img_per_s"
SYSTEM = "system/"
"""How MLflow's own measurements of the machine begin; its pages have a tab for them."""
COLUMNS = {
    "alpha": "schedule/alpha",
    OLDER_SPEED: SPEED,
    "critic_real": "critic/real",
    "critic_fake": "critic/fake",
    "gradient_norm": "critic/gradient_norm",
    "generator_loss": "loss/generator",
    "critic_loss": "loss/critic",
}
"""Of losses.csv; every other column is a term of a loss."""
TERMS = ("gradient_penalty", "drift", "label_real", "label_fake", "label_generator")
"""Of losses.csv, and older stores have them by these names."""
ERROR = "_se"
"""How the standard error of a metric ends in metrics.json."""
FOLDERS = {"pyramid": "data", "features": "features"}
"""Groups of what is measured on the data."""


def of_training(column: str) -> str:
    """A column of losses.csv."""
    return COLUMNS.get(column, f"loss/{column}")


def of_evaluation(key: str) -> str:
    """A key of a phase's metrics.json."""
    return f"standard_error/{key.removesuffix(ERROR)}" if key.endswith(ERROR) else f"quality/{key}"


def of_data(folder: str, key: str) -> str:
    """A key of a file about the data, in the folder of a stage's outputs."""
    return f"{FOLDERS[folder]}/{key}"


def of_older(name: str, stage: str) -> str:
    """The present name of a metric in a store of an older version, from a run of a stage such as `evaluate@grow_8`."""
    if "/" in name:
        return name
    if stage == "train" or name in COLUMNS or name in TERMS:
        return of_training(name)
    folder, dot, key = name.partition(".")
    if dot and folder in FOLDERS:
        return of_data(folder, key)
    return of_data("features", name) if stage == "features" else of_evaluation(name)
