"""The version of the project."""

import tomllib
from importlib import metadata
from pathlib import Path


def version() -> str:
    """The installed version; in a checkout that is not installed, the one in pyproject.toml."""
    try:
        return metadata.version("pgan")
    except metadata.PackageNotFoundError:
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["version"])
