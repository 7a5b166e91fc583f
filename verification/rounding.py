"""Gradients that depend on the sign of an activation near 0: computed again with other rounding."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from verification.pair import Pair
from verification.rows import Row

NOISES = tuple(2.0**-25 * 2 ** (i / 4) for i in range(24))
"""Relative noise on the inputs, by attempt: from a fraction of float32's last digit to twenty times that digit."""


def retried(rows_of: Callable[[Pair], Iterator[Row]], pair: Pair) -> list[Row]:
    """Rows of gradients, or of changes by Adam; a row that misses its tolerance is tried again with other rounding.

    The slope of leaky ReLU jumps at 0.  Where an activation lies so close to 0 that rounding decides its sign, two
    correct programs may take either slope, and their gradients differ.  Changing the last digits of the inputs brings
    up both sides in turn.  A quantity is held if all its arrays are within the tolerance in the same try.

    Only what rounding may explain is tried again: no loss, which has no such jump, and no row far from its tolerance.
    The precision stays the pair's own, since a fault of float32 alone is a fault.
    """
    rows = list(rows_of(pair))
    for noise in NOISES:
        if not any(row.excusable for row in rows):
            break
        again = {row.quantity: row for row in rows_of(replace(pair, noise=noise))}
        for i, row in enumerate(rows):
            other = again[row.quantity]
            if row.excusable and other.held:
                rows[i] = replace(other, plain=row, noise=noise)
    return rows
