"""Standard errors by the jackknife are those of other generated images."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pgan.data.pyramid import Meta
from pgan.metrics.config import Evaluate
from pgan.metrics.feature_space import Extractor
from pgan.metrics.frechet import frechet_distance
from pgan.metrics.reals import Reals
from pgan.metrics.sample import Sample
from pgan.metrics.uncertainty import MOST_DIMENSIONS, jackknife, mean_and_error, share_and_error

IMAGES = 200


@pytest.fixture
def new_sample(sections: dict[str, Any], tmp_path: Path) -> Callable[..., Sample]:
    """A sample of noise, whose features are its pixels, or as many zeros as asked for."""

    def new(seed: int = 0, images: int = IMAGES, dimensions: int = 16, labels: torch.Tensor | None = None) -> Sample:
        generated = np.random.default_rng(seed).integers(0, 256, (images, 1, 4, 4), dtype=np.uint8)
        np.save(tmp_path / "real_4.npy", np.zeros((300, dimensions), np.float32))
        network = Extractor(
            features=lambda chunk: torch.from_numpy(chunk).flatten(1).float().repeat(1, dimensions // 16),
            probabilities=lambda chunk: torch.from_numpy(chunk).flatten(1).double().softmax(1),
        )
        meta = Meta(300, 1, [4], [], "test", "0")
        reals, settings = Reals(tmp_path, tmp_path, False), Evaluate.model_validate(sections["evaluate"])
        none = np.zeros(0, np.int64)
        return Sample(generated, labels, reals, meta, none, settings, 4, seed, tmp_path, network, 64)

    return new


def brightness(sample: Sample) -> dict[str, float]:
    return {"brightness": float(sample.features.mean()), "square": float(sample.features.mean()) ** 2}


def test_of_a_mean_it_is_the_textbook_one(new_sample: Callable[..., Sample]) -> None:
    stated = [jackknife(brightness, sample := new_sample(seed), ["brightness"])["brightness_se"] for seed in range(30)]
    textbook = float(sample.features.mean(1).std()) / math.sqrt(IMAGES)
    assert np.sqrt(np.mean(np.square(stated))) == pytest.approx(textbook, rel=0.2)


def test_names_are_those_asked_for(new_sample: Callable[..., Sample]) -> None:
    assert set(jackknife(brightness, new_sample(), ["square", "missing"])) == {"square_se"}


def test_of_the_frechet_distance_it_is_that_of_other_images(new_sample: Callable[..., Sample]) -> None:
    real = torch.from_numpy(np.random.default_rng(99).normal(100, 60, (300, 16)))

    def frechet(sample: Sample) -> dict[str, float]:
        return {"frechet": frechet_distance(real, sample.features)}

    samples = [new_sample(seed) for seed in range(40)]
    deviation = float(np.std([frechet(sample)["frechet"] for sample in samples]))
    stated = [jackknife(frechet, sample, ["frechet"])["frechet_se"] for sample in samples[:15]]
    assert 0.7 < np.mean(stated) / deviation < 1.5


def test_each_image_is_left_out_once_with_its_label(new_sample: Callable[..., Sample]) -> None:
    labels = torch.arange(IMAGES)
    whole = new_sample(labels=labels)
    left_out = []
    for group in range(10):
        part = whole.without(group, 10)
        kept = part.kept(labels)
        assert len(kept) == IMAGES * 9 // 10
        assert torch.equal(part.features, whole.features[kept])
        assert torch.equal(part.probabilities, whole.probabilities[kept])
        left_out += sorted(set(labels.tolist()) - set(kept.tolist()))
    assert sorted(left_out) == labels.tolist()
    assert left_out != labels.tolist(), "at random: labels follow one another in a period"
    assert whole.left_out is None


def test_features_are_computed_once(new_sample: Callable[..., Sample]) -> None:
    calls = []
    sample = new_sample()
    assert sample.extractor is not None
    network = sample.extractor.features
    object.__setattr__(sample.extractor, "features", lambda chunk: calls.append(len(chunk)) or network(chunk))
    jackknife(brightness, sample, ["brightness"])
    assert sum(calls) == IMAGES


@pytest.mark.parametrize("changes", [{"images": 19}, {"dimensions": MOST_DIMENSIONS + 16}])
def test_there_is_none_where_it_would_mean_little_or_take_long(new_sample: Callable[..., Sample], changes: Any) -> None:
    assert jackknife(brightness, new_sample(**changes), ["brightness"]) == {}


def test_a_mean_of_one_has_no_spread() -> None:
    assert mean_and_error(torch.tensor([2.0])) == (2.0, 0.0)
    assert mean_and_error(torch.tensor([1.0, 3.0])) == (2.0, 1.0)


def test_a_share_falls_by_what_an_image_covers_alone() -> None:
    """Of four points, image 0 covers the first alone, and both the second; the others are not covered."""
    share, error = share_and_error(torch.tensor([1, 2, 0, 0]), torch.tensor([0, 1, -1, -1]), images=2)
    without = np.array([0.25, 0.5])  # without the first image, without the second
    assert share == 0.5
    assert error == pytest.approx(math.sqrt(1 / 2 * ((without - without.mean()) ** 2).sum()))
