"""The classifier: it learns digits at every size, the same from the same seed, and says how well."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pgan.errors import InputError
from pgan.metrics.classifier import Classifier, augment, load_classifier, resize, save_classifier, train_classifier
from pgan.metrics.config import ClassifierParams

CPU = torch.device("cpu")


@pytest.fixture
def params(sections: dict[str, Any]) -> ClassifierParams:
    return ClassifierParams(**sections["features"]["classifier"])


def quick(params: ClassifierParams) -> ClassifierParams:
    return params.model_copy(update={"epochs": 1, "width": 2, "resolution": 8})


def test_reads_digits_at_every_size(digits: Path, params: ClassifierParams) -> None:
    _, accuracy = train_classifier(digits, params, mirror=False, seed=0, device=CPU)
    assert accuracy["accuracy"] == accuracy["accuracy_16"] > 0.96
    assert accuracy["accuracy_8"] > 0.95
    assert accuracy["accuracy_4"] > 0.85


def test_weights_depend_on_the_seed_alone(digits: Path, params: ClassifierParams, tmp_path: Path) -> None:
    def trained(seed: int, threads: int, name: str) -> bytes:
        torch.manual_seed(threads)  # whatever ran before must not matter
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            model, _ = train_classifier(digits, quick(params), mirror=True, seed=seed, device=CPU)
        finally:
            torch.set_num_threads(before)
        save_classifier(model, tmp_path / name)
        return (tmp_path / name).read_bytes()

    assert trained(0, 1, "a.pt") == trained(0, 2, "b.pt")
    assert trained(0, 1, "a.pt") != trained(1, 1, "c.pt")


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Classifier(channels=3, classes=4, width=2, resolution=8).eval()
    images = torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8)
    save_classifier(model, tmp_path / "model.pt")
    again = load_classifier(tmp_path / "model.pt", CPU)
    for mine, theirs in zip(model(images), again(images), strict=True):
        assert torch.equal(mine, theirs)
    assert again(images)[0].shape == (5, 8)
    assert again(images)[1].shape == (5, 4)


def test_another_file_is_no_classifier(tmp_path: Path) -> None:
    torch.save({"format": "something else"}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="not a classifier"):
        load_classifier(tmp_path / "other.pt", CPU)
    torch.save({"format": "pgan classifier 1", "shape": {}}, tmp_path / "damaged.pt")
    with pytest.raises(InputError, match="damaged"):
        load_classifier(tmp_path / "damaged.pt", CPU)


def test_larger_images_are_averaged_down_as_the_pyramid_is() -> None:
    images = torch.rand(2, 1, 16, 16)
    blocks = images.view(2, 1, 8, 2, 8, 2).mean((3, 5))
    assert torch.allclose(resize(images, 8), blocks)
    assert resize(images, 16) is images
    assert resize(images, 32).shape == (2, 1, 32, 32)


def testaugmentation_moves_and_mirrors_whole_images() -> None:
    images = torch.arange(8.0).expand(64, 1, 8, 8).clone()
    moved = augment(images, 2, mirror=False, random=np.random.default_rng(0))
    shifts = {tuple(image[0, 0].tolist()) for image in moved}
    assert shifts == {tuple(float(min(7, max(0, i + d))) for i in range(8)) for d in range(-2, 3)}
    mirrored = augment(images, 0, mirror=True, random=np.random.default_rng(0))
    ways = [tuple(image[0, 0].tolist()) for image in mirrored]
    assert set(ways) == {tuple(range(8)), tuple(range(7, -1, -1))}
    assert 16 < ways.count(tuple(range(8))) < 48
    assert torch.equal(augment(images, 0, mirror=False, random=np.random.default_rng(0)), images)


def test_unlabelled_images_are_refused_with_advice(noise_pyramid: Path, params: ClassifierParams) -> None:
    with pytest.raises(InputError, match=r"use features\.space imagenet$"):
        train_classifier(noise_pyramid, params, mirror=False, seed=0, device=CPU)


def test_impossible_sizes_are_refused(digits: Path, params: ClassifierParams) -> None:
    with pytest.raises(InputError, match="of 1797 images 1438 are left for training"):
        train_classifier(digits, params.model_copy(update={"batch": 1500}), mirror=False, seed=0, device=CPU)
