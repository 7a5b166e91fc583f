"""A CSV file of numbers, read while it grows."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path


def follow(path: Path | None, ended: Callable[[], bool]) -> Iterator[list[dict[str, float]]]:
    """New rows of a growing CSV file, each time that `ended` returns; the last ones after it returned True."""
    seen = 0
    while True:
        last = ended()
        rows = list(read_rows(path)) if path is not None and path.is_file() else []
        if rows[seen:]:
            yield rows[seen:]
        seen = len(rows)
        if last:
            return


def read_rows(path: Path) -> Iterator[dict[str, float]]:
    """The complete rows of a CSV file of numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if line.endswith("\n")):
            yield {key: float(value) for key, value in row.items()}
