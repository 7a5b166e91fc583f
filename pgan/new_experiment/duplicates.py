"""Exact and near duplicates among the images of a source, without comparing each with each."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

FARTHEST = 5
"""Bits of 64 in which the hashes of near duplicates may differ."""
BANDS = [(64 * k // (FARTHEST + 1), 64 * (k + 1) // (FARTHEST + 1)) for k in range(FARTHEST + 1)]
"""Hashes that differ in so few bits agree in at least one of these ranges of bits (pigeonhole principle)."""
ALIKE = 0.985
"""Correlation of two thumbnails from which on the images count as near duplicates: hashes alone take many handwritten
digits and other simple shapes for one."""
FLAT = 2.0
"""Standard deviation, of 255 levels, below which a thumbnail shows nothing that could be compared."""
EQUAL_HASHES = 16
"""Images of the same hash that each is compared with."""
MOST_COMPARISONS = 3 * 10**8
"""Of hashes; a few seconds. Beyond, only those next to each other in order are compared."""
MOST_CANDIDATES = 2 * 10**6
"""Pairs of thumbnails that are compared; a few seconds, too."""
PORTION = 2**14
"""Pairs of thumbnails that are compared at once."""

_BITS = np.array([bin(value).count("1") for value in range(2**16)], np.uint8)


def exact_groups(digests: Sequence[bytes]) -> list[list[int]]:
    """Indices of equal digests, for each that occurs more than once."""
    places: dict[bytes, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        places[digest].append(index)
    return [group for group in places.values() if len(group) > 1]


def near_groups(hashes: np.ndarray, thumbnails: np.ndarray) -> list[list[int]]:
    """Indices of images that are nearly the same, each index in at most one group.

    Args:
        hashes: (n,) uint64.
        thumbnails: (n, t, t) uint8.
    """
    normal = _normalised(thumbnails)
    first, second = _pairs(hashes, normal)
    count = len(hashes)
    graph = coo_matrix((np.ones(len(first), np.int8), (first, second)), (count, count))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [group.tolist() for group in groups if len(group) > 1]


def _pairs(hashes: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(2, m) indices of images that are alike."""
    found = [np.zeros((2, 0), np.int64)]
    compared = 0
    for pairs in _candidates(hashes):
        for part in np.array_split(pairs, max(1, pairs.shape[1] // PORTION), axis=1):
            found.append(part[:, np.einsum("ij,ij->i", normal[part[0]], normal[part[1]]) >= ALIKE])
        compared += pairs.shape[1]
        if compared > MOST_CANDIDATES:
            break
    return np.concatenate(found, axis=1)


def _candidates(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs (2, m) of indices whose hashes differ in at most FARTHEST bits; a pair may come several times.

    Of equal hashes, each is paired with the next few, and one of them with the others.
    """
    order = np.argsort(hashes, kind="stable")
    for offset in range(1, min(EQUAL_HASHES, len(order) - 1) + 1):
        same = hashes[order[:-offset]] == hashes[order[offset:]]
        yield np.stack([order[:-offset][same], order[offset:][same]])
    single, first = np.unique(hashes, return_index=True)
    for pairs in _near(single):
        yield first[pairs]


def _near(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs (2, m) of indices of ascending, different hashes."""
    count = len(hashes)
    widest = max(1, MOST_COMPARISONS // max(1, count * len(BANDS)))
    for low, high in BANDS:
        band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")
        keys, values = band[order], hashes[order]
        start = np.arange(count)
        for offset in range(1, min(widest + 1, count)):
            start = start[: np.searchsorted(start, count - offset)]
            start = start[keys[start] == keys[start + offset]]
            if not start.size:
                break
            near = start[_distance(values[start], values[start + offset]) <= FARTHEST]
            yield np.stack([order[near], order[near + offset]])


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Bits in which two arrays (m,) uint64 differ."""
    return _BITS[(a ^ b).view(np.uint16)].reshape(-1, 4).sum(1)


def _normalised(thumbnails: np.ndarray) -> np.ndarray:
    """(n, t²) float32 of mean 0 and length 1; zeros for what is flat."""
    flat = thumbnails.reshape(len(thumbnails), math.prod(thumbnails.shape[1:])).astype(np.float32)  # there may be none
    flat -= flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length > FLAT * flat.shape[1] ** 0.5, flat / np.maximum(length, 1e-9), 0)
