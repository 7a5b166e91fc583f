"""The sections `features` and `evaluate`: what is refused, and in what words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgan.config import Parameters
from pgan.errors import InputError
from pgan.metrics.config import Evaluate, Features


def test_the_small_sections_are_valid(write_params: Callable[..., Path]) -> None:
    assert Parameters.read(write_params()).section("features", Features).space == "classifier"
    assert "swd" in Parameters.read(write_params()).section("evaluate", Evaluate).metrics


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features__space": "vgg"}, "features.space"),
        ({"features__space": "inception"}, "needs inception.path or inception.url"),
        ({"features__space": "inception", "features__inception__url": "http://x"}, "needs inception.sha256"),
        ({"features__inception__sha256": "abc"}, "64 lower-case hexadecimal digits"),
        ({"features__classifier__epochs": 0}, "features.classifier.epochs"),
        ({"features__classifier__held_out": 1.0}, "features.classifier.held_out"),
        ({"features__classifier__widht": 8}, "did you mean 'width'"),
        ({"evaluate__metrics": []}, "evaluate.metrics"),
        ({"evaluate__metrics": ["fid"]}, "evaluate.metrics"),
        ({"evaluate__metrics": ["swd", "swd"]}, "swd is listed twice; list it once"),
        ({"evaluate__images": "many"}, "evaluate.images"),
        ({"evaluate__images": 1}, "evaluate.images"),
        ({"evaluate__kid__subset_sise": 5}, "did you mean 'subset_size'"),
        ({"evaluate__precision_recall__neighbours": 0}, "evaluate.precision_recall.neighbours"),
    ],
)
def test_mistakes_are_named(write_params: Callable[..., Path], change: dict[str, Any], message: str) -> None:
    path = write_params(**change)
    key, model = ("features", Features) if next(iter(change)).startswith("features") else ("evaluate", Evaluate)
    with pytest.raises(InputError, match=message):
        Parameters.read(path).section(key, model)
