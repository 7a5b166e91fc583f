"""Mode recovery: digits are read channel by channel, and their combinations counted."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from pgan.data.pyramid import LABELS, level_name, read_meta, write_meta
from pgan.metrics.command import evaluate, features
from pgan.metrics.digit_channels import channels_apart, digits_apart, has_modes, together
from pgan.metrics.modes import mode_metrics
from pgan.networks import checkpoint
from pgan.networks.config import Networks


def one_hot(modes: torch.Tensor) -> torch.Tensor:
    return F.one_hot(modes, 1000).float()


def test_all_modes_equally_often() -> None:
    assert mode_metrics(one_hot(torch.arange(5000) % 1000)) == {"modes": 1000, "modes_kl": pytest.approx(0, abs=1e-9)}


def test_one_mode_alone_is_as_far_from_uniform_as_can_be() -> None:
    assert mode_metrics(one_hot(torch.full((9,), 7))) == {"modes": 1, "modes_kl": pytest.approx(np.log(1000))}


def test_modes_that_differ_in_frequency() -> None:
    """KL(p ‖ uniform) = Σ p·log(1000·p)."""
    shares = np.array([0.5, 0.25, 0.25])
    found = mode_metrics(one_hot(torch.tensor([1, 1, 2, 3])))
    assert found == {"modes": 3, "modes_kl": pytest.approx(float((shares * np.log(1000 * shares)).sum()))}


def test_even_draws_have_the_divergence_that_the_docstring_says() -> None:
    drawn = torch.randint(1000, (25_600,), generator=torch.Generator().manual_seed(0))
    assert mode_metrics(one_hot(drawn)) == {"modes": 1000, "modes_kl": pytest.approx(0.0195, abs=0.002)}


def test_an_image_counts_as_its_likeliest_digits() -> None:
    images = np.arange(2 * 3 * 4).reshape(2, 3, 2, 2)
    assert np.array_equal(channels_apart(images)[:, 0], images.reshape(6, 2, 2))
    assert np.shares_memory(channels_apart(images), images)
    labels = np.array([907, 42])
    assert digits_apart(labels).tolist() == [9, 0, 7, 0, 4, 2]
    unsure = 0.6 * F.one_hot(torch.from_numpy(digits_apart(labels)), 10) + 0.04
    joint = together(unsure)
    assert joint.shape == (2, 1000)
    assert joint.argmax(1).tolist() == [907, 42]
    assert torch.allclose(joint.sum(1), torch.ones(2))
    assert joint[0, 907].item() == pytest.approx(0.64**3)


@pytest.fixture(scope="module")
def three_digits(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pyramid of scikit-learn's digits at 8 and 16 pixels, three in an image, as source `mnist-rgb` makes it."""
    folder = tmp_path_factory.mktemp("modes") / "pyramid"
    folder.mkdir()
    drawn = np.random.default_rng(0).integers(1797, size=(1500, 3))
    for resolution in (8, 16):
        np.save(folder / level_name(resolution), np.load(digits / level_name(resolution))[:, 0][drawn])
    np.save(folder / LABELS, load_digits().target[drawn] @ [100, 10, 1])
    classes = [f"{mode:03}" for mode in range(1000)]
    changes = {"count": 1500, "channels": 3, "levels": [8, 16], "classes": classes, "source": "mnist-rgb"}
    write_meta(folder, replace(read_meta(digits), **changes))
    return folder


@pytest.fixture
def network(networks: Networks, tmp_path: Path) -> Path:
    config = networks.model_copy(update={"base_size": 8, "channels": 3, "classes": 0})
    checkpoint.save(checkpoint.state(checkpoint.fresh(config, 16, 0)), tmp_path / "net.pt")
    return tmp_path / "net.pt"


def test_a_generator_that_recites_finds_the_modes_and_an_untrained_one_few(
    three_digits: Path,
    network: Path,
    write_params: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pgan.metrics import evaluation

    params = write_params(evaluate__metrics=["frechet", "inception_score", "modes"], evaluate__images=1500)
    features(params, three_digits, tmp_path / "features", "cpu")
    assert json.loads((tmp_path / "features/metrics.json").read_text())["accuracy"] > 0.95  # of one digit
    assert np.load(tmp_path / "features/real_16.npy").shape == (1500, 3 * 32)

    def measured(name: str) -> dict[str, Any]:
        evaluate(network, tmp_path / name, params, three_digits, tmp_path / "features", "cpu")
        return json.loads((tmp_path / name).read_text())

    untrained = measured("untrained.json")
    images = np.load(three_digits / level_name(16))
    monkeypatch.setattr(evaluation, "sample_images", lambda generator, count, *rest: iter([images[:count]]))
    reciting = measured("reciting.json")
    labels = np.load(three_digits / LABELS)
    assert reciting["modes"] == pytest.approx(len(set(labels.tolist())), rel=0.03)
    truth = mode_metrics(one_hot(torch.from_numpy(labels)))
    assert reciting["modes_kl"] == pytest.approx(truth["modes_kl"], abs=0.03)
    assert untrained["modes"] < reciting["modes"] / 4
    assert untrained["modes_kl"] > reciting["modes_kl"] + 1
    assert reciting["frechet"] < untrained["frechet"] / 50
    assert reciting["inception_score"] > 100  # of 1000 classes


def test_modes_of_other_images_are_refused_in_one_line(
    three_digits: Path, digits: Path, network: Path, write_params: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Another source; and features that were made of RGB images of another source."""
    other = tmp_path / "other"
    other.mkdir()
    for path in three_digits.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    np.save(other / LABELS, np.load(three_digits / LABELS) % 10)
    write_meta(other, replace(read_meta(three_digits), source="folder", classes=[str(i) for i in range(10)]))
    assert has_modes(read_meta(three_digits))
    assert not has_modes(read_meta(other))
    params = write_params(evaluate__metrics=["modes"], features__classifier__epochs=1, features__classifier__width=1)
    features(params, other, tmp_path / "features", "cpu")
    for pyramid, words in (
        (other, "'modes' counts the digits of source mnist-rgb"),
        (three_digits, "not the features"),
    ):
        with pytest.raises(SystemExit) as stopped:
            evaluate(network, tmp_path / "out.json", params, pyramid, tmp_path / "features", "cpu")
        assert stopped.value.code == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: ")
        assert words in error
