"""What each metric does with too few images: refused with what is allowed, or called biased."""

from typing import Any

import pytest

from pgan.metrics.config import Evaluate, Features
from pgan.metrics.sizes import Sizes, biased_features, biased_swd, classifier_problem, impossible


@pytest.fixture
def make(sections: dict[str, Any]) -> Any:
    """Both sections, with some values of `evaluate` and `features` changed."""

    def make(evaluate: dict[str, Any] | None = None, features: dict[str, Any] | None = None) -> tuple[Any, Any]:
        return (
            Evaluate.model_validate(sections["evaluate"] | (evaluate or {})),
            Features.model_validate(sections["features"] | (features or {})),
        )

    return make


def test_enough_images_are_no_problem(make) -> None:
    assert impossible(*make(), reals=1797) == []
    assert impossible(*make(), reals=None) == []


PRECISION = {"metrics": ["precision_recall"]}


@pytest.mark.parametrize(
    ("evaluate", "features", "reals", "key", "words"),
    [
        ({"inception_score": {"splits": 300}}, {}, None, "evaluate.inception_score.splits", "take 200 at most"),
        (
            {"precision_recall": {"neighbours": 200, "images": 500}},
            {},
            None,
            "evaluate.precision_recall.neighbours",
            "200 of 200 generated images (evaluate.images); take 199 at most",
        ),
        (
            {"precision_recall": {"neighbours": 3, "images": 3}},
            {},
            None,
            "evaluate.precision_recall.neighbours",
            "3 of 3 images (evaluate.precision_recall.images); take 2 at most",
        ),
        (
            {"metrics": ["density_coverage"], "images": 2},
            {},
            5,
            "evaluate.density_coverage.neighbours",
            "5 of 5 real images; take 4 at most",
        ),
        (PRECISION, {}, 2, "evaluate.precision_recall.neighbours", "3 of 2 real images; take 1 at most"),
        (PRECISION, {}, 3, "evaluate.precision_recall.neighbours", "3 of 3 real images; take 2 at most"),
        (
            PRECISION,
            {"real_images": 2},
            500,
            "evaluate.precision_recall.neighbours",
            "3 of 2 real images (features.real_images); take 1 at most",
        ),
        ({}, {}, 1, "prepare", "1 image, but metrics compare sets of at least 2; add images"),
        ({"metrics": ["swd"]}, {"space": "none"}, 1, "prepare", "at least 2"),
    ],
)
def test_what_means_nothing_is_refused(make, evaluate, features, reals, key: str, words: str) -> None:
    ((found, reason),) = impossible(*make(evaluate, features), reals=reals)
    assert found == key
    assert words in reason


def test_what_is_not_asked_for_is_not_looked_at(make) -> None:
    assert impossible(*make({"metrics": ["frechet"]}), reals=2) == []
    assert impossible(*make(features={"space": "none"}), reals=2) == []


ENOUGH = Sizes(reals=1797, dimensions=32, classes=10, rarest=0.1)


def biased(make, evaluate: dict[str, Any], **sizes: Any) -> dict[str, str]:
    return biased_features(make(evaluate)[0], {"classes", "modes"}, Sizes(**(vars(ENOUGH) | sizes)))


def test_enough_images_are_not_biased(make) -> None:
    assert biased(make, {}) == {}
    assert biased_swd(make()[0], 100) == {}


@pytest.mark.parametrize(
    ("evaluate", "sizes", "metric", "words"),
    [
        ({}, {"reals": 100, "dimensions": 100}, "frechet", "both sides need more than 100"),
        ({}, {"dimensions": 200}, "frechet", "200 generated and 1797 real images"),
        ({}, {"reals": 99}, "kid_std", "subsets of 99 images"),
        ({"kid": {"subsets": 5, "subset_size": 201}}, {}, "kid_std", "subsets of 200 images"),
        ({}, {"reals": 59}, "precision_recall", "200 generated and 59 real images for 3 neighbours"),
        (
            {"precision_recall": {"neighbours": 3, "images": 59}},
            {},
            "precision_recall",
            "59 generated and 59 real images",
        ),
        ({}, {"reals": 99}, "density_coverage", "200 generated and 99 real images for 5 neighbours"),
        ({}, {"reals": 19}, "copying", "200 generated and 19 real images; both sides need at least 20"),
        ({}, {"reals": 199}, "copying_ct", "200 generated and 199 real images in 10 cells"),
        ({"memorisation": {"images": 99, "cells": 2}}, {}, "near_copies", "1% of 99 real images is not one image"),
        ({}, {"classes": 101}, "inception_score", "each part needs at least 101"),
        ({}, {"rarest": 1 / 201}, "classes_found", "one image of 201"),
        ({"metrics": ["modes"]}, {"classes": 1000}, "modes", "cannot show all 1000 modes"),
    ],
)
def test_what_is_biased_is_called_so(make, evaluate, sizes, metric: str, words: str) -> None:
    found = biased(make, evaluate, **sizes)
    assert words in found[metric]


def test_a_distance_to_fewer_images_than_asked_for_is_biased(make) -> None:
    assert "99 images per side" in biased_swd(make()[0], 99)["swd"]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "of 1 images 0 are left for training (features.classifier.held_out); add images"),
        (2, "of 2 images 1 are left for training (features.classifier.held_out); add images"),
        (79, "of 79 images 63 are left for training (features.classifier.held_out); the largest value is 63"),
    ],
)
def test_a_classifier_needs_a_batch(make, count: int, words: str) -> None:
    problem = classifier_problem(make()[1].classifier, count)
    assert problem is not None
    assert problem[0] == "features.classifier.batch"
    assert words in problem[1]
    assert classifier_problem(make()[1].classifier, 80) is None
