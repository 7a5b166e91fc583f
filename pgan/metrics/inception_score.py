"""Inception score (Salimans et al. 2016, section 4)."""

import torch
from torch import Tensor

from pgan.metrics.sample import Sample


def compute(sample: Sample) -> dict[str, float]:
    """`inception_score`, by the classes of the feature network."""
    return {"inception_score": inception_score(sample.probabilities, sample.params.inception_score.splits)}


def inception_score(probabilities: Tensor, splits: int) -> float:
    """exp(E KL(p(y|x) ‖ p(y))), the mean over consecutive parts of the set; from 1 to the number of classes.

    Args:
        probabilities: p(y|x), (N, K), rows sum to 1.
        splits: number of parts, at most N.
    """
    scores = [_score(part) for part in probabilities.double().tensor_split(min(splits, len(probabilities)))]
    return float(torch.stack(scores).mean())


def _score(p: Tensor) -> Tensor:
    entropy = torch.special.entr  # -x·log x, and 0 at 0
    return (entropy(p.mean(0)).sum() - entropy(p).sum(1).mean()).exp()
