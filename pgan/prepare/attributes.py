"""attributes.csv: what is drawn in each image of a pyramid."""

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pgan.data.pyramid import ATTRIBUTES


@contextmanager
def attribute_rows(folder: Path, columns: list[str]) -> Iterator[Callable[[Mapping[str, str]], object]]:
    """Yields the function that adds the row of the next image; without columns there is no file, and it does nothing.

    A cell stays empty where a row has no such attribute.
    """
    if not columns:
        yield lambda row: None
        return
    with (folder / ATTRIBUTES).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        yield writer.writerow
