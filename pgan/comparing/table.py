"""The table that `pgan compare` prints."""

from pgan.comparing.verdict import Row
from pgan.significance import ERRORS, MISSING, Figure, shown

BEST, DOUBTFUL, REALS = "*", "~", "other reals"
MARKS = {
    BEST: f"clearly best: differs from every other by more than {ERRORS} standard errors of the difference",
    DOUBTFUL: "too few images to be trusted",
    REALS: "as many real images that are not compared with: what a perfect generator would reach",
}


def table(rows: list[Row], names: list[str], reals: list[Figure | None] | None) -> list[str]:
    """Lines: a row for each value, a column for each set, and one for real images.

    Args:
        names: of the sets.
        reals: the figures of other real images, for each row; None where there are none.
    """
    header = ["", "better", *names, *([REALS] if reals else [])]
    lines = [header]
    for number, row in enumerate(rows):
        better = row.value.better if row.is_judged or row.is_doubtful else None
        cells = [row.value.name + DOUBTFUL * row.is_doubtful, better or MISSING]
        cells += [shown(each) + BEST * (row.best == i) for i, each in enumerate(row.figures)]
        lines.append(cells + ([shown(reals[number])] if reals else []))
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    used = "".join("".join(line) for line in lines)
    return text + [f"{mark}: {meaning}" for mark, meaning in MARKS.items() if mark in used]
