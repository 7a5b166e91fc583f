"""Inception score and what is said of the classes: the extremes are known."""

import math

import pytest
import torch
import torch.nn.functional as F

from pgan.metrics.classes import class_metrics
from pgan.metrics.inception_score import inception_score


def test_inception_score_runs_from_one_to_the_number_of_classes() -> None:
    sure = F.one_hot(torch.arange(100) % 10, 10).float()
    assert inception_score(sure, 1) == pytest.approx(10)
    assert inception_score(sure, 10) == pytest.approx(10)
    assert inception_score(torch.full((100, 10), 0.1), 5) == pytest.approx(1)
    assert inception_score(sure[:1].expand(50, 10), 5) == pytest.approx(1)  # sure, but always the same class


def test_inception_score_is_the_mean_over_its_parts() -> None:
    sure = F.one_hot(torch.arange(40) // 20, 4).float()  # first half class 0, second half class 1
    assert inception_score(sure, 1) == pytest.approx(2)
    assert inception_score(sure, 2) == pytest.approx(1)


def even(classes: int) -> torch.Tensor:
    return torch.full((classes,), 7)


def test_all_classes_equally_often() -> None:
    found = class_metrics(F.one_hot(torch.arange(50) % 5, 5).float(), 0.01, even(5))
    assert found == pytest.approx(
        {"class_entropy": 1.0, "class_kl": 0.0, "class_share_min": 0.2, "classes_found": 5, "confidence": 1.0}
    )


def test_one_class_only() -> None:
    found = class_metrics(torch.tensor([[0.7, 0.2, 0.1]]).expand(20, 3), 0.01, even(3))
    expected = {"class_entropy": 0.0, "class_kl": math.log(3), "class_share_min": 0.0, "classes_found": 1}
    assert found == pytest.approx(expected | {"confidence": 0.7}, abs=1e-6)


def test_a_class_below_the_share_is_not_found() -> None:
    sure = F.one_hot(torch.tensor([0] * 97 + [1] * 3), 2).float()
    assert class_metrics(sure, 0.03, even(2))["classes_found"] == 2
    assert class_metrics(sure, 0.04, even(2))["classes_found"] == 1


def test_a_rare_class_needs_a_smaller_share() -> None:
    """99:1 in the data, as in the images: both classes are there, and each as often as it should be."""
    sure = F.one_hot(torch.tensor([0] * 99 + [1]), 2).float()
    found = class_metrics(sure, 0.1, torch.tensor([9900, 100]))
    assert found["classes_found"] == 2
    assert found["class_kl"] == pytest.approx(0, abs=1e-12)
    assert class_metrics(sure, 0.1, even(2))["classes_found"] == 1
    assert class_metrics(sure[:99], 0.1, torch.tensor([9900, 100]))["classes_found"] == 1  # not one image of it


def test_a_class_that_the_data_lack_leaves_the_divergence_finite() -> None:
    sure = F.one_hot(torch.tensor([0, 1, 2, 2]), 3).float()
    found = class_metrics(sure, 0.01, torch.tensor([500, 500, 0]))["class_kl"]
    assert found == pytest.approx(2 * 0.25 * math.log(0.25 * 1001 / 500) + 0.5 * math.log(0.5 * 1001))


def test_labels_asked_for_are_compared() -> None:
    sure = F.one_hot(torch.tensor([0, 1, 2, 2]), 3).float()
    found = class_metrics(sure, 0.01, even(3), torch.tensor([0, 1, 2, 0]))
    assert found["label_accuracy"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert "label_accuracy" not in class_metrics(sure, 0.01, even(3))


def test_a_rare_class_counts_as_much_as_a_frequent_one() -> None:
    """Who always makes the frequent class is right 95 times of 100, and has still learnt one class of two."""
    always_first = F.one_hot(torch.zeros(100, dtype=torch.int64), 2).float()
    asked = torch.tensor([0] * 95 + [1] * 5)
    assert class_metrics(always_first, 0.01, torch.tensor([95, 5]), asked)["label_accuracy"] == 0.5
