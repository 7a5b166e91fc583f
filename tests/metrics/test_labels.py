"""Labels of evaluated images: in the data's proportions, exactly, wherever one stops."""

import numpy as np
import pytest

from pgan.data.pyramid import read_meta
from pgan.errors import InputError
from pgan.metrics.labels import class_frequencies, proportional_labels


@pytest.mark.parametrize(
    "frequencies",
    [[285, 15], [1, 1, 1], [1000, 1, 1, 1], [3, 0, 5, 0], [5], [0, 0, 4], [1] * 7 + [50], [2, 3, 5, 7, 11, 13, 17, 19]],
)
def test_every_prefix_is_within_one_image_of_the_data(frequencies: list[int]) -> None:
    count = 500
    labels = proportional_labels(np.array(frequencies), count).numpy()
    assert labels.dtype == np.int64
    given = np.cumsum(labels[:, None] == np.arange(len(frequencies)), axis=0)
    share = np.array(frequencies) / sum(frequencies)
    assert np.abs(given - share * np.arange(1, count + 1)[:, None]).max() < 1
    assert not given[-1][np.array(frequencies) == 0].any()


@pytest.mark.parametrize("seed", range(20))
def test_so_it_is_for_random_frequencies(seed: int) -> None:
    random = np.random.default_rng(seed)
    frequencies = np.maximum(1, random.pareto(0.7, random.integers(2, 60)) * 100).astype(np.int64)
    labels = proportional_labels(frequencies, 300).numpy()
    given = np.cumsum(labels[:, None] == np.arange(len(frequencies)), axis=0)
    share = frequencies / frequencies.sum()
    assert np.abs(given - share * np.arange(1, 301)[:, None]).max() < 1


def test_equal_classes_take_turns() -> None:
    for classes in (2, 3, 10):
        labels = proportional_labels(np.full(classes, 6), 35)
        np.testing.assert_array_equal(labels, np.arange(35) % classes)


def test_ninety_five_to_five() -> None:
    assert np.bincount(proportional_labels(np.array([285, 15]), 2000)).tolist() == [1900, 100]


def test_a_longer_list_begins_with_the_shorter_one() -> None:
    frequencies = np.array([7, 90, 3])
    np.testing.assert_array_equal(proportional_labels(frequencies, 100), proportional_labels(frequencies, 1000)[:100])


def test_frequencies_of_a_pyramid(digits, noise_pyramid) -> None:
    labels = np.load(digits / "labels.npy")
    np.testing.assert_array_equal(class_frequencies(digits, read_meta(digits)), np.bincount(labels))
    assert len(class_frequencies(noise_pyramid, read_meta(noise_pyramid))) == 0


@pytest.mark.parametrize("labels", [np.zeros(39, np.int64), np.full(40, 2)])
def test_labels_that_do_not_fit_are_one_line(noise_pyramid, labels: np.ndarray) -> None:
    meta = (noise_pyramid / "meta.json").read_text().replace('"classes": []', '"classes": ["a", "b"]')
    (noise_pyramid / "meta.json").write_text(meta)
    np.save(noise_pyramid / "labels.npy", labels)
    with pytest.raises(InputError, match="does not fit its 40 images of 2 classes"):
        class_frequencies(noise_pyramid, read_meta(noise_pyramid))
