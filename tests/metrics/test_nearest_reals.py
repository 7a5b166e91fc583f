"""Generated images beside their nearest training images, as `pgan evaluate --nearest` writes them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pgan.metrics import evaluation
from pgan.metrics.command import evaluate, features
from pgan.networks import checkpoint
from pgan.networks.config import Networks

Write = Callable[..., Path]


@pytest.fixture
def colours(new_pyramid: Callable[..., Path], tmp_path: Path) -> Path:
    """Sixty images of coarse random colours, without labels: the stand-in for Inception tells them apart."""
    coarse = np.random.default_rng(0).integers(0, 256, (60, 3, 4, 4), dtype=np.uint8)
    return new_pyramid(tmp_path / "colours", coarse.repeat(4, 2).repeat(4, 3), np.zeros(60), [], 8)


@pytest.fixture
def measure(
    colours: Path, networks: Networks, write_params: Write, save_stand_in: Callable[[Path, int], Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[np.ndarray, dict]]:  # fmt: skip
    """Runs both commands with a generator that makes the images given."""
    config = networks.model_copy(update={"base_size": 8, "channels": 3, "classes": 0})
    checkpoint.save(checkpoint.state(checkpoint.fresh(config, 16, 0)), tmp_path / "net.pt")
    inception = str(save_stand_in(tmp_path / "inception.pt", 0))

    def run(generated: np.ndarray, **changes: object) -> tuple[np.ndarray, dict]:
        monkeypatch.setattr(evaluation, "sample_images", lambda *given: iter([generated[: given[1]]]))
        params = write_params(
            features__space="inception", features__inception__path=inception, evaluate__images=len(generated),
            evaluate__metrics=["memorisation"], evaluate__ms_ssim__pairs=1, **changes,
        )  # fmt: skip
        features(params, colours, tmp_path / "features", "cpu")
        out = tmp_path / "out"
        evaluate(tmp_path / "net.pt", out / "metrics.json", params, colours, tmp_path / "features", "cpu", out)
        return np.load(out / "nearest.npy"), json.loads((out / "nearest.json").read_text())

    return run


def fresh(count: int) -> np.ndarray:
    coarse = np.random.default_rng(1).integers(0, 256, (count, 3, 4, 4), dtype=np.uint8)
    return coarse.repeat(4, 2).repeat(4, 3)


def test_copies_come_first_beside_the_images_that_they_copy(colours: Path, measure: Callable) -> None:
    generated, real = fresh(40), np.load(colours / "images_16.npy")
    generated[[7, 31]] = real[[12, 50]]
    images, found = measure(generated, evaluate__memorisation={"images": 40, "shown": 6, "nearest": 2})
    assert images.shape == (6, 3, 3, 16, 16)
    rows = found["rows"]
    assert [row["closest"] for row in rows] == [True] * 3 + [False] * 3
    assert [(row["generated"], row["real"][0]) for row in rows[:2]] == [(7, 12), (31, 50)]
    assert [row["distances"][0] for row in rows[:2]] == pytest.approx([0, 0], abs=1e-3)
    assert len({row["generated"] for row in rows}) == 6
    assert found["searched"] == 40
    assert found["real_images"] == 60
    for shown, row in zip(images, rows, strict=True):
        assert np.array_equal(shown, np.stack([generated[row["generated"]], *real[row["real"]]]))
        assert row["distances"] == sorted(row["distances"])
        assert (row["distances"][0] < found["between_reals"] / 10) == (row["generated"] in (7, 31))


def test_the_numbers_of_the_reals_are_the_pyramids(colours: Path, measure: Callable) -> None:
    """Although only some of them have features."""
    real = np.load(colours / "images_16.npy")
    images, found = measure(fresh(30), features__real_images=25, evaluate__memorisation={"images": 30, "nearest": 1})
    assert found["real_images"] == 25
    assert len(images) == 12
    for shown, row in zip(images, found["rows"], strict=True):
        assert np.array_equal(shown[1], real[row["real"][0]])


def test_mirrored_reals_are_shown_mirrored(colours: Path, measure: Callable) -> None:
    real = np.load(colours / "images_16.npy")
    generated = real[:, ..., ::-1].copy()
    images, found = measure(generated, training__mirror=True, evaluate__memorisation={"images": 60, "shown": 60})
    copies = 0
    for shown, row in zip(images, found["rows"], strict=True):
        if row["distances"][0] < 1e-3:
            copies += 1
            assert np.array_equal(shown[1], real[row["real"][0]][..., ::-1])
            assert np.array_equal(shown[1], shown[0])
    assert 15 < copies < 45  # about half of the reals are mirrored


@pytest.mark.parametrize("changes", [{"evaluate__metrics": ["swd"]}, {"evaluate__memorisation": {"shown": 0}}])
def test_files_are_there_even_if_nothing_was_asked_for(
    changes: dict, noise_pyramid: Path, networks: Networks, write_params: Write, tmp_path: Path
) -> None:
    """A stage's outputs must exist."""
    params = write_params(features__space="none", **changes)
    features(params, noise_pyramid, tmp_path / "features", "cpu")
    config = networks.model_copy(update={"base_size": 8, "channels": 3, "classes": 0})
    checkpoint.save(checkpoint.state(checkpoint.fresh(config, 16, 0)), tmp_path / "net.pt")
    out = tmp_path / "out"
    evaluate(tmp_path / "net.pt", out / "metrics.json", params, noise_pyramid, tmp_path / "features", "cpu", out)
    assert np.load(out / "nearest.npy").shape == (0, 4, 3, 16, 16)
    assert json.loads((out / "nearest.json").read_text())["rows"] == []


def test_few_images_give_few_rows(measure: Callable) -> None:
    images, found = measure(fresh(3), evaluate__memorisation={"images": 2, "shown": 50, "nearest": 20})
    assert images.shape == (2, 21, 3, 16, 16)
    assert [len(row["real"]) for row in found["rows"]] == [20, 20]
    assert [row["closest"] for row in found["rows"]] == [True, False]
