"""The classes that a classifier sees in the generated images, their shares, and whether the labels are right."""

import math

import torch
from torch import Tensor

from pgan.metrics.sample import Sample


def compute(sample: Sample) -> dict[str, float]:
    """What `class_metrics` says of the generated images."""
    probabilities = sample.class_probabilities
    labels = None if sample.labels is None else sample.kept(sample.labels[: sample.params.images])
    frequencies = torch.from_numpy(sample.frequencies)
    return class_metrics(probabilities, sample.params.classes.min_share, frequencies, labels)


def class_metrics(
    probabilities: Tensor, min_share: float, frequencies: Tensor, labels: Tensor | None = None
) -> dict[str, float]:
    """Shares and certainty of the classes predicted.

    Args:
        probabilities: the classifier's, (N, K).
        min_share: of the images, for a class to be found where all classes are equally frequent in the data. For other
            classes it changes in proportion to their frequency.
        frequencies: images of each class in the data, (K,).
        labels: the classes that a conditional generator was asked for, (N,) int64.

    Returns:
        `classes_found`: 0 … K.
        `class_share_min`: share of the rarest class.
        `class_entropy`: 1 when all classes are equally frequent, 0 when there is only one.
        `class_kl`: KL(generated ‖ data) in nats; 0 when each class is as frequent as in the data.
        `confidence`: mean probability of the predicted class.
        `label_accuracy`, with labels: the share of images that are predicted to be of their label's class. It is a mean
        over the classes, so that a rare class counts as much as a frequent one.
    """
    confidence, predicted = probabilities.double().max(1)
    classes = probabilities.shape[1]
    shares = torch.bincount(predicted, minlength=classes).double() / len(predicted)
    expected = frequencies.clamp(min=1).double()  # a class that the data lack would make the divergence infinite
    expected /= expected.sum()
    entropy = float(torch.special.entr(shares).sum()) / math.log(classes)
    wanted = min_share * classes * expected
    found = {
        "class_entropy": max(0.0, entropy),
        "class_kl": max(0.0, float(torch.special.xlogy(shares, shares / expected).sum())),
        "class_share_min": float(shares.min()),
        "classes_found": float(((shares >= wanted) & (shares > 0)).sum()),
        "confidence": float(confidence.mean()),
    }
    if labels is not None:
        asked = torch.bincount(labels, minlength=classes)
        right = torch.bincount(labels[predicted == labels], minlength=classes)
        found["label_accuracy"] = float((right[asked > 0].double() / asked[asked > 0]).mean())
    return found
