"""Which metrics are proposed: none that the evaluation would then mark as biased."""

from typing import Any

import pytest

from pgan.metrics.config import Evaluate
from pgan.metrics.sizes import Sizes, biased_features
from pgan.new_experiment.metrics_section import ON_FEATURES, Measuring, metrics, metrics_decisions
from pgan.new_experiment.prepare_section import Kept
from pgan.new_experiment.sizes import Size
from pgan.new_experiment.wishes import Wishes
from pgan.new_experiment.writing import base

FEWEST = {"frechet": 321, "kid": 16, "precision_recall": 60, "density_coverage": 100, "memorisation": 20}


def proposed(count: int, space: str = "imagenet") -> tuple[list[str], Evaluate]:
    """The metrics for so many images, and the section."""
    left = Kept(count, {}, 0, False)
    how = Measuring(space, "", count, 400, {}, 0.0)
    keys: dict[str, Any] = base().evaluate.model_dump()
    for decision in metrics_decisions(left, how, Size(32, 4), Wishes()):
        if decision.key.startswith("evaluate."):
            name, value = decision.key.removeprefix("evaluate."), decision.value
            assert not isinstance(value, dict) or value.keys() == keys[name].keys()  # a line of the file is whole
            keys[name] = value
    return metrics(left, how)[0], Evaluate.model_validate(keys)


@pytest.mark.parametrize("count", [16, 19, 20, 59, 60, 99, 100, 320, 321, 5000])
def test_what_is_proposed_is_not_biased(count: int) -> None:
    names, evaluate = proposed(count)
    assert names == [*(name for name, fewest in FEWEST.items() if count >= fewest), "swd", "ms_ssim"]
    assert evaluate.metrics == names
    biased = biased_features(evaluate, (), Sizes(count, 320, 0, None))
    assert not {ON_FEATURES[name] for name in names if name in ON_FEATURES} & set(biased)


def test_a_space_of_fewer_dimensions_needs_fewer_images() -> None:
    assert "frechet" in proposed(65, "classifier")[0]
    assert "frechet" not in proposed(64, "classifier")[0]
    assert proposed(5000, "none")[0] == ["swd", "ms_ssim"]
