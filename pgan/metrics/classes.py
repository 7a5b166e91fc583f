"""What a classifier sees in the generated images: which classes, how evenly, how surely, and whether as asked."""

import math

import torch
from torch import Tensor


def class_metrics(probabilities: Tensor, min_share: float, labels: Tensor | None = None) -> dict[str, float]:
    """Shares and certainty of the classes predicted.

    Args:
        probabilities: the classifier's, (N, K).
        min_share: a class is found when at least this share of the images falls into it.
        labels: the classes that a conditional generator was asked for, (N,) int64.

    Returns:
        `classes_found` (0 … K), `class_share_min`, `class_entropy` (1: all classes equally often, 0: only one),
        `confidence` (mean probability of the predicted class), and with labels `label_accuracy`.
    """
    confidence, predicted = probabilities.double().max(1)
    shares = torch.bincount(predicted, minlength=probabilities.shape[1]).double() / len(predicted)
    entropy = float(torch.special.entr(shares).sum()) / math.log(len(shares))
    found = {
        "class_entropy": max(0.0, entropy),
        "class_share_min": float(shares.min()),
        "classes_found": float((shares >= min_share).sum()),
        "confidence": float(confidence.mean()),
    }
    if labels is not None:
        found["label_accuracy"] = float((predicted == labels).double().mean())
    return found
