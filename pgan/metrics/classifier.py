"""A small convolutional classifier, whose last hidden layer is a feature space that is valid at every resolution.

The field measures digits and MNIST this way, where Inception's photographs teach nothing. Every training image is
shown at a random level of the pyramid, so that a digit of 8 pixels is judged by a network that has seen such digits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgan.data.pyramid import PREPARE, open_labels, read_meta
from pgan.errors import InputError, shown
from pgan.metrics.config import ClassifierParams
from pgan.metrics.digit_channels import DIGITS, channels_apart, digits_apart, has_modes
from pgan.metrics.progress import counted
from pgan.metrics.reals import open_reals
from pgan.metrics.sizes import classifier_problem, held_out
from pgan.networks import checkpoint
from pgan.randomness import derive
from pgan.untrusted.recognise import refusal
from pgan.untrusted.weights import check_tensor

FORMAT = "pgan classifier 1"
FEATURES = "make the features again with `pgan features`, or `dvc repro features`"
LARGEST = 2**16
"""No number of a classifier's shape is larger."""


class Classifier(nn.Module):
    """Four convolutions with batch norm and ReLU, a mean over the pixels, and a linear layer."""

    def __init__(self, channels: int, classes: int, width: int, resolution: int) -> None:
        super().__init__()
        self.shape = {"channels": channels, "classes": classes, "width": width, "resolution": resolution}
        self.resolution = resolution
        self.body = nn.Sequential(
            *_block(channels, width),
            nn.AvgPool2d(2),
            *_block(width, 2 * width),
            nn.AvgPool2d(2),
            *_block(2 * width, 4 * width),
            *_block(4 * width, 4 * width),
        )
        self.head = nn.Linear(4 * width, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, 4 · width) and logits (N, classes) of images in [0, 255], (N, C, r, r), of any resolution r."""
        x = resize(images.float(), self.resolution) / 127.5 - 1
        features = self.body(x).mean((2, 3))
        return features, self.head(features)


def _block(channels: int, width: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]


def resize(images: Tensor, resolution: int) -> Tensor:
    """Images (N, C, r, r) at another resolution: averaged down as the pyramid is, or interpolated up."""
    if images.shape[-1] > resolution:
        return F.interpolate(images, size=(resolution, resolution), mode="area")
    if images.shape[-1] < resolution:
        return F.interpolate(images, size=(resolution, resolution), mode="bilinear")
    return images


@dataclass(frozen=True)
class _Data:
    """The labelled pyramid as the training loop sees it."""

    levels: list[np.ndarray]
    labels: np.ndarray
    train: np.ndarray
    """Indices of the training images."""
    held_out: np.ndarray
    classes: int


def train_classifier(
    pyramid: Path, params: ClassifierParams, mirror: bool, seed: int, device: torch.device
) -> tuple[Classifier, dict[str, float]]:
    """Train on the pyramid's levels up to the input size, mixed; the same seed gives the same weights.

    Of images with a digit in each channel (source `mnist-rgb`), the classifier learns to read one channel.

    Returns:
        The classifier in evaluation mode, and its accuracy on the held-out images: `accuracy_<r>` at each level,
        `accuracy` at the largest of those levels.

    Raises:
        InputError: no labels, fewer than two classes, or no level as small as the input size.
    """
    data = _open(pyramid, params, seed)
    shape = {"channels": data.levels[0].shape[1], "classes": data.classes}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "classifier"))
        model = Classifier(**shape, width=params.width, resolution=params.resolution).to(device)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on a CPU
    with _one_thread(), torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        _fit(model, data, params, mirror, seed, device)
    model.eval()
    accuracy = {f"accuracy_{images.shape[-1]}": _accuracy(model, images, data, params.batch) for images in data.levels}
    return model, {**accuracy, "accuracy": accuracy[f"accuracy_{data.levels[-1].shape[-1]}"]}


def _open(pyramid: Path, params: ClassifierParams, seed: int) -> _Data:
    meta = read_meta(pyramid)
    if len(meta.classes) < 2:
        raise InputError(
            f"{pyramid}: features.space 'classifier' needs labels of at least two classes, found {len(meta.classes)}; "
            "use features.space imagenet"
        )
    levels = [level for level in meta.levels if level <= params.resolution]
    if not levels:
        lowest = f"{params.resolution} is below every level of {pyramid}; raise it to {meta.levels[0]} or more"
        raise InputError(f"features.classifier.resolution: {lowest}")
    labels, classes = np.array(open_labels(pyramid)), len(meta.classes)
    if len(labels) != meta.count or labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"{pyramid}: labels do not fit the {meta.count} images of {classes} classes; {PREPARE}")
    images = [open_reals(pyramid, meta, level) for level in levels]
    if has_modes(meta):
        images, labels, classes = list(map(channels_apart, images)), digits_apart(labels), DIGITS
    if problem := classifier_problem(params, len(labels)):
        raise InputError(": ".join(problem))
    order = np.random.default_rng(derive(seed, "held out")).permutation(len(labels))
    split = held_out(params, len(labels))
    return _Data(images, labels, train=order[split:], held_out=np.sort(order[:split]), classes=classes)


def _fit(
    model: Classifier, data: _Data, params: ClassifierParams, mirror: bool, seed: int, device: torch.device
) -> None:
    """AdamW over all epochs, with a learning rate that rises and falls once (Smith & Topin 2018)."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.lr, weight_decay=0.01)
    steps = params.epochs * (len(data.train) // params.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=params.lr, total_steps=steps)
    for images, labels in _batches(model, data, params, mirror, seed):
        _, logits = model(images.to(device, memory_format=torch.channels_last))
        loss = F.cross_entropy(logits, labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


@contextmanager
def _one_thread() -> Iterator[None]:
    """A gradient is a sum, and its last bits depend on how many threads share it: one thread gives the same weights
    everywhere. The network is so small that a second thread would save little.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _batches(
    model: Classifier, data: _Data, params: ClassifierParams, mirror: bool, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented batches of all epochs: float images (batch, C, r, r) at the input size, and labels."""
    random = np.random.default_rng(derive(seed, "classifier batches"))
    per_epoch = len(data.train) // params.batch * params.batch  # batch norm dislikes a small last batch
    orders = (random.permutation(data.train)[:per_epoch].reshape(-1, params.batch) for _ in range(params.epochs))
    batches = (np.sort(batch) for order in orders for batch in order)  # ascending: kinder to a memory map
    for indices in counted(batches, params.epochs * per_epoch, "train classifier"):
        images = _at_random_levels(data, indices, params.resolution, random)
        yield augment(images, params.shift, mirror, random), torch.from_numpy(data.labels[indices])


def _at_random_levels(data: _Data, indices: np.ndarray, resolution: int, random: np.random.Generator) -> Tensor:
    """The images, each taken from a level of its own, at the input size, (N, C, r, r) float32."""
    images = torch.empty(len(indices), data.levels[0].shape[1], resolution, resolution)
    chosen = random.integers(0, len(data.levels), len(indices))
    for level, source in enumerate(data.levels):
        mask = chosen == level
        if mask.any():
            images[torch.from_numpy(mask)] = resize(torch.from_numpy(source[indices[mask]]).float(), resolution)
    return images


def augment(images: Tensor, shift: int, mirror: bool, random: np.random.Generator) -> Tensor:
    """Each image moved by up to `shift` pixels, its edge repeated, and with `mirror` flipped by a fair coin."""
    count, _, height, width = images.shape
    rows = _moved(height, shift, count, random)
    columns = _moved(width, shift, count, random)
    if mirror:
        flipped = torch.from_numpy(random.random(count) < 0.5)
        columns[flipped] = columns[flipped].flip(1)
    place = torch.arange(count)[:, None, None]
    return images.permute(0, 2, 3, 1)[place, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _moved(size: int, shift: int, count: int, random: np.random.Generator) -> Tensor:
    """Source coordinates of each pixel along one axis, (count, size)."""
    offsets = torch.from_numpy(random.integers(-shift, shift + 1, count))
    return (torch.arange(size) + offsets[:, None]).clamp(0, size - 1)


@torch.no_grad()
def _accuracy(model: Classifier, images: np.ndarray, data: _Data, batch: int) -> float:
    """Share of the held-out images of one level that the classifier names rightly."""
    device = model.head.weight.device
    right = 0
    for i in range(0, len(data.held_out), batch):
        chosen = data.held_out[i : i + batch]
        _, logits = model(torch.from_numpy(images[chosen]).to(device))
        right += int((logits.argmax(1).cpu() == torch.from_numpy(data.labels[chosen])).sum())
    return right / len(data.held_out)


def save_classifier(model: Classifier, path: Path) -> None:
    """Write shape and weights."""
    weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    checkpoint.save({"format": FORMAT, "shape": model.shape, "weights": weights}, path)


def load_classifier(path: Path, device: torch.device) -> Classifier:
    """A classifier in evaluation mode. Raises InputError when the file holds none."""
    content: Any = checkpoint.read(path, device, _not_a_classifier)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _not_a_classifier(path)
    shape, weights = content.get("shape"), content.get("weights")
    if not isinstance(shape, dict) or shape.keys() != {"channels", "classes", "width", "resolution"}:
        raise InputError(f"{path}: a damaged classifier: its shape is missing; {FEATURES}")
    if not all(type(number) is int and 1 <= number <= LARGEST for number in shape.values()):
        raise InputError(f"{path}: a damaged classifier: a shape of {shown(shape)}; {FEATURES}")
    with torch.device("meta"):  # nothing is allocated for what the file claims
        model = Classifier(**shape)
    wanted = model.state_dict()
    if not isinstance(weights, dict) or weights.keys() != wanted.keys():
        raise InputError(f"{path}: a damaged classifier: other weights than its shape has; {FEATURES}")
    for name, value in weights.items():
        check_tensor(value, wanted[name].shape, f"{path}: {name}", wanted[name].dtype)
    model.load_state_dict(weights, assign=True)
    return model.to(device).eval().requires_grad_(False)


def _not_a_classifier(path: Path) -> InputError:
    wanted = "a classifier that `pgan features` made"
    return refusal(path, wanted, FEATURES, missing=f"no classifier here; {FEATURES}")
