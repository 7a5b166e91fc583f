"""Drawn figures through the whole graph, at sizes that no other test reaches; networks are narrow, phases short."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from miniature import UNTRACKED, Pipeline, new_repository
from PIL import Image
from zygote import Zygote

STYLES = ["stack", "dylan"]
"""The first is free; the second wants to be credited."""
TWO_STEPS = {"kimg": 0.008, "batch": 4, "lr": 0.001}


@pytest.fixture
def drawn(zygote: Zygote, tmp_path: Path) -> Pipeline:
    """The miniature with figures of two classes instead of digits."""
    pipeline = new_repository(tmp_path / "repository", zygote)
    content = pipeline.parameters()
    content["prepare"] |= {"source": "avatars", "channels": 3, "allow_upscale": False, "max_images": None}
    content["prepare"]["avatars"] = {"styles": STYLES, "count": 96}
    content["networks"] |= {"channels": 3, "classes": 2, "fmap_base": 256, "fmap_max": 8}
    content["features"]["classifier"] |= {"batch": 16}
    content["training"]["compile"] = "never"
    pipeline.write_parameters(content)
    return pipeline


def grown(base: int, last: int) -> dict[str, object]:
    """Phases of two steps from one resolution to another."""
    phases: dict[str, object] = {}
    parent, resolution = "init", base
    while resolution <= last:
        for kind in ("stabilize",) if resolution == base else ("grow", "stabilize"):
            name = f"{kind}_{resolution}"
            phases[name] = {"from": parent, "kind": kind, "resolution": resolution} | TWO_STEPS
            parent = name
        resolution *= 2
    return phases


@pytest.mark.slow
@pytest.mark.parametrize(("base", "last"), [(32, 128), (64, 256)])
def test_the_whole_pipeline_at_a_large_size(base: int, last: int, drawn: Pipeline) -> None:
    content = drawn.parameters()
    content["prepare"] |= {"base": base, "resolution": last}
    content["networks"]["base_size"] = base
    content["features"]["classifier"]["resolution"] = base
    content["evaluate"]["target_resolution"] = last
    content["phases"] = phases = grown(base, last)
    drawn.write_parameters(content)
    assert len(drawn.repro(**UNTRACKED)) == 4 + 2 * len(phases)
    data = drawn.path / "data"
    final = list(phases)[-1]
    metrics = json.loads((data / "evaluate" / final / "metrics.json").read_text(encoding="utf-8"))
    assert {"frechet", "swd", "precision"} <= set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())
    assert np.load(data / "train" / final / "samples.npy", mmap_mode="r").shape[2:] == (3, last, last)
    with Image.open(data / "render/samples.png") as picture:
        assert picture.width >= 2 * last
    with (data / "pyramid/attributes.csv").open(encoding="utf-8") as file:
        assert [row["style"] for row in csv.DictReader(file)] == ["stack"] * 48 + ["dylan"] * 48
    assert drawn.repro(**UNTRACKED) == []
