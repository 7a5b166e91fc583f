"""The files of a comparison: JSON and a picture."""

from pathlib import Path

from pgan.comparing.comparison import Comparison
from pgan.comparing.picture import picture, short
from pgan.comparing.report import content, title
from pgan.comparing.request import letters
from pgan.files import whole_file
from pgan.metrics.outputs import write_json


def write(found: Comparison, out: Path | None, grid: Path | None) -> None:
    """Write what is asked for, each file whole or not at all."""
    if grid is not None:
        grids = [(f"real  {short(found.reference.source.path)}", found.reference_tiles)]
        for name, each in zip(letters(len(found.sets)), found.sets, strict=True):
            grids.append((title(name, each, short(each.source.path)), each.tiles))
        sources = [found.reference.source, *(each.source for each in found.sets)]
        credits = list(dict.fromkeys(credit for source in sources for credit in source.credits))
        with whole_file(grid) as part:
            picture(grids, credits).save(part, format="PNG")
    if out is not None:
        write_json(content(found), out)
