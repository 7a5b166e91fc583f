"""The endless shuffled stream: a pure function of (seed, purpose, position)."""

import functools
import operator

import numpy as np
import pytest

from pgan.data.batches import Stream


@pytest.fixture
def stream():
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    return lambda **k: Stream(images, np.arange(10) + 100, k.get("seed", 0), k.get("purpose", "p"))


def read(stream, start, size):
    images, labels = stream.batch(start, size)
    assert np.array_equal(images.reshape(-1) + 100, labels), "labels stay with their images"
    return list(images.reshape(-1))


def test_each_pass_shows_every_image_once_in_a_new_order(stream):
    first, second = read(stream(), 0, 10), read(stream(), 10, 10)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_batches_cut_the_same_stream_however_they_are_cut(stream):
    whole = read(stream(), 0, 30)
    again = stream()
    assert functools.reduce(operator.iadd, (read(again, i, 7) for i in range(0, 28, 7)), []) == whole[:28]
    assert read(stream(), 13, 9) == whole[13:22], "a position needs no history"


def test_a_batch_larger_than_the_data_runs_through_several_passes(stream):
    counts = np.bincount(read(stream(), 0, 25), minlength=10)
    assert set(counts) == {2, 3}


def test_seed_and_purpose_change_the_order(stream):
    assert read(stream(), 0, 10) != read(stream(seed=1), 0, 10)
    assert read(stream(), 0, 10) != read(stream(purpose="q"), 0, 10)
