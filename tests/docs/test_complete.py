"""What one can choose in params.yaml is named in the documents, and so is each stage and command."""

import re
import typing
from typing import Any

import pytest
import yaml
from fences import DOCUMENTS, ROOT
from programs import PGAN

from pgan.config import Section
from pgan.experiment import Experiment
from pgan.networks.config import Networks
from pgan.prepare.config import Prepare
from pgan.presets.catalogue import names
from pgan.training.config import Training


def choices(model: type[Section], name: str) -> tuple[Any, ...]:
    """The values of a parameter that has a list of them."""
    return typing.get_args(model.model_fields[name].annotation)


def listed_metrics() -> tuple[Any, ...]:
    """The values that `evaluate.metrics` may list."""
    evaluate = Experiment.model_fields["evaluate"].annotation
    assert evaluate is not None
    (metric,) = typing.get_args(evaluate.model_fields["metrics"].annotation)
    while typing.get_origin(metric) is typing.Annotated:
        metric = typing.get_args(metric)[0]
    listed = typing.get_args(metric)
    assert "frechet" in listed
    return listed


def architectures() -> list[str]:
    """The names of all networks, in the same order in every process that runs tests."""
    known = {name for one in leaves(Networks) for name in choices(one, "architecture")}
    assert "progressive" in known
    return sorted(known)


def leaves(model: type[Section]) -> list[type[Section]]:
    """The models derived from one that nothing is derived from."""
    below = model.__subclasses__()
    return [leaf for one in below for leaf in leaves(one)] if below else [model]


CHOICES = {
    "losses.md": choices(Training, "loss"),
    "networks.md": architectures(),
    "your-images.md": (*choices(Prepare, "source"), *listed_metrics()),
    "presets.md": [name for name in names() if not name.endswith("gpu")],
}


@pytest.mark.parametrize(("page", "value"), [(page, value) for page, values in CHOICES.items() for value in values])
def test_a_choice_is_in_the_documents(page: str, value: str) -> None:
    assert re.search(rf"[` ]{value}[`\n ]", (ROOT / "docs" / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("stage", yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
def test_a_stage_is_in_the_architecture(stage: str) -> None:
    assert re.search(
        rf"^\| `{stage}(@<phase>)?` \|", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE
    )


@pytest.mark.parametrize("command", PGAN.commands)
def test_a_command_is_in_the_documents(command: str) -> None:
    assert any(f"pgan {command}" in path.read_text(encoding="utf-8") for path in DOCUMENTS)
