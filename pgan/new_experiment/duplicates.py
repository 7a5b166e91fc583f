"""Exact and near duplicates among the images of a source, without comparing each with each."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

FARTHEST = 5
"""Bits of 64 in which the hashes of near duplicates may differ."""
BANDS = [(64 * k // (FARTHEST + 1), 64 * (k + 1) // (FARTHEST + 1)) for k in range(FARTHEST + 1)]
"""Hashes that differ in so few bits agree in at least one of these ranges of bits (pigeonhole principle)."""
ALIKE = 0.99
"""Correlation of two thumbnails from which on the images count as near duplicates: hashes alone take many handwritten
digits and other simple shapes for one."""
FLAT = 2.0
"""Standard deviation, of 255 levels, below which a thumbnail shows nothing that could be compared."""
MOST_COMPARISONS = 10**9
"""Of hashes; about ten seconds. Beyond, only those next to each other in order are compared."""
MOST_CANDIDATES = 10**7
"""Pairs of thumbnails that are compared."""

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
    pairs = [pair for pair in _candidates(hashes) if pair.size]
    if not pairs:
        return []
    first, second = np.concatenate(pairs, axis=1)[:, :MOST_CANDIDATES]
    alike = np.concatenate([_correlation(normal, *part) for part in _portions(first, second)]) >= ALIKE
    first, second = first[alike], second[alike]
    count = len(hashes)
    graph = coo_matrix((np.ones(len(first), np.int8), (first, second)), (count, count))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [group.tolist() for group in groups if len(group) > 1]


def _candidates(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs (2, m) of indices whose hashes differ in at most FARTHEST bits; a pair may come several times."""
    count = len(hashes)
    widest = max(1, MOST_COMPARISONS // max(1, count * len(BANDS)))
    by_hash = np.argsort(hashes, kind="stable")
    for low, high in BANDS:
        band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = by_hash[np.argsort(band[by_hash], kind="stable")]
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
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length > FLAT * flat.shape[1] ** 0.5, flat / np.maximum(length, 1e-9), 0)


def _portions(first: np.ndarray, second: np.ndarray, size: int = 2**16) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(first), size):
        yield first[start : start + size], second[start : start + size]


def _correlation(normal: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", normal[first], normal[second])
