"""How closely these networks compute what the official code computed.

    python benchmarks/fidelity.py NAME.pkl NAME.npz             one pair: official networks, and what they computed
    python benchmarks/fidelity.py NAME.pkl NAME.npz --float64   the same in double precision, with tighter tolerances
    python benchmarks/fidelity.py --all FOLDER > docs/fidelity.md

Prints a table of the largest deviation of each quantity.  Exits with 1 where a tolerance is missed, or where the .npz
file lacks an array (--partial allows that), and with 2 where a file holds something that cannot be compared.
`arrays.py` explains the names of the arrays.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from pgan.errors import InputError, PganError
from pgan.interchange.official import to_checkpoint
from pgan.interchange.official_pickle import read_official
from pgan.process import fail
from verification.adam import adam_rows
from verification.arrays import COPIES, FAMILIES, STATE, Arrays
from verification.losses import loss_rows
from verification.metrics import frechet_rows, metric_rows
from verification.names import check_inputs, known_names
from verification.networks import output_rows, variable_rows
from verification.page import INTRODUCTION, shortened, table
from verification.pair import TOLERANCES, Pair
from verification.rounding import retried
from verification.rows import Row


def main(arguments: list[str] | None = None) -> int:
    """0: every tolerance is held; 1: one is missed, or an array is missing; 2: the files are not what they should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pickle", type=Path, nargs="?", help="official networks")
    parser.add_argument("arrays", type=Path, nargs="?", help="what they computed")
    parser.add_argument("--float64", action="store_true", help="compute in double precision, with tighter tolerances")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="write docs/fidelity.md from every pair in a folder")
    parser.add_argument("--partial", action="store_true", help="allow arrays to be missing")
    options = parser.parse_args(arguments)
    if (options.all is None) == (options.arrays is None):
        parser.error("give NAME.pkl NAME.npz, or --all FOLDER")
    try:
        if options.all:
            text, held = document(options.all, options.partial)
        else:
            dtype = torch.float64 if options.float64 else torch.float32
            text, held = pair_tables(options.pickle, options.arrays, [dtype], options.partial)
    except PganError as error:
        fail(error)
    print(text, end="")
    return 0 if held else 1


def document(folder: Path, partial: bool) -> tuple[str, bool]:
    """docs/fidelity.md: the tables of every pair in a folder, and of its metrics.npz."""
    pairs = [path for path in sorted(folder.glob("*.pkl")) if path.with_suffix(".npz").is_file()]
    if not pairs:
        raise InputError(f"{folder}: no pair of NAME.pkl and NAME.npz here")
    both = [torch.float32, torch.float64]
    found = [pair_tables(path, path.with_suffix(".npz"), both, partial) for path in pairs]
    if (folder / "metrics.npz").is_file():
        found.append(metric_table(folder / "metrics.npz", partial))
    return "\n".join([INTRODUCTION, *(text for text, _ in found)]), all(held for _, held in found)


def pair_tables(pickle: Path, arrays: Path, dtypes: list[torch.dtype], partial: bool) -> tuple[str, bool]:
    """The tables of a pair, and whether every tolerance is held and nothing is missing."""
    official = read_official(pickle)
    texts, held = [], True
    for dtype in dtypes:
        pair = Pair(official, to_checkpoint(*official), Arrays(arrays), dtype, TOLERANCES[dtype])
        rows = compare(pair)
        if not rows:
            raise InputError(f"{arrays}: holds nothing that could be compared")
        precision = str(dtype).removeprefix("torch.")
        texts.append(table(f"{arrays.stem}, {precision}", rows, pair.arrays, precision))
        held = held and all(row.held for row in rows) and report_missing(arrays, pair.arrays, partial)
    return "\n".join(texts), held


def compare(pair: Pair) -> list[Row]:
    """All rows of a pair; InputError where an array's name or shape is none of these networks'."""
    known = known_names(pair)
    placed = {*known, *STATE}
    if "lods" not in pair.arrays:  # they have their place, but it is not known which
        placed |= {name for name in pair.arrays if name.startswith(("G_lod", "Gs_lod", "D_scores_lod", "D_labels_lod"))}
    unknown = [name for name in pair.arrays if (name.startswith(FAMILIES) or "_lod" in name) and name not in placed]
    if unknown:
        raise InputError(f"{', '.join(unknown)}: not arrays of these networks; correct their names, or leave them out")
    pair.arrays.missing += [name for name in known if name not in pair.arrays]
    check_inputs(pair)
    return [*variable_rows(pair), *output_rows(pair), *retried(loss_rows, pair), *retried(adam_rows, pair)]


def metric_table(path: Path, partial: bool = False) -> tuple[str, bool]:
    """The table of the metrics, and whether every tolerance is held and nothing is missing."""
    arrays = Arrays(path)
    with tempfile.TemporaryDirectory() as folder:
        rows = [*metric_rows(arrays, Path(folder)), *frechet_rows()]
    return table(path.stem, rows, arrays), all(row.held for row in rows) and report_missing(path, arrays, partial)


def report_missing(path: Path, arrays: Arrays, partial: bool) -> bool:
    """`complete`; a line to stderr where it is not."""
    if not complete(arrays, partial):
        print(f"{path}: lacks {', '.join(shortened(arrays))}; with --partial it is compared without", file=sys.stderr)
    return complete(arrays, partial)


def complete(arrays: Arrays, partial: bool) -> bool:
    """Whether nothing that is needed is missing; copies of the pickle's own variables are not."""
    return partial or all(name.startswith(COPIES) for name in arrays.missing)
