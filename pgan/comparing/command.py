"""`pgan compare`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pgan.errors import InputError
from pgan.files import check_output
from pgan.process import user_errors

MOST_SAMPLES = 100_000
"""Images of each set; the field uses 50,000."""
PYRAMID = Path("data/pyramid")


@user_errors
def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B …",
            help="Folders, zip or tar archives of pictures, .npy arrays, pyramids, checkpoints, exported generators, "
            "official pickles.",
            show_default=False,
        ),
    ],
    reference: Annotated[
        Path, typer.Option(help="The real images: a pyramid, folder, archive or .npy array.")
    ] = PYRAMID,
    out: Annotated[
        Path | None,
        typer.Option(help="Write all figures to this .json, and the grids to a .png beside it.", show_default=False),
    ] = None,
    grid: Annotated[
        Path | None,
        typer.Option(help="Write the grids, side by side, to this .png.", show_default="beside --out"),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=2, max=MOST_SAMPLES, help="Most images of each set, chosen evenly over it.")
    ] = 2000,
    reference_samples: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=MOST_SAMPLES,
            help="Most real images to compare with. Copies of others are not found.",
            show_default="--samples",
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            min=4,
            max=1024,
            help="Pixels a side at which all images are compared.",
            show_default="the largest of A, B …, if the real images have it",
        ),
    ] = None,
    space: Annotated[
        Literal["imagenet", "none"], typer.Option(help="The feature space. none: SWD alone.")
    ] = "imagenet",
    inception: Annotated[
        Path | None,
        typer.Option(help="Take the space of this Inception file (TorchScript, 2015) instead.", show_default=False),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Take the space of this folder, which `pgan features` made of --reference, and all real images.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=2**31,
            help="Of all choices. Generators draw with 0 the first seeds of `pgan sample`, with 1 the next.",
        ),
    ] = 0,
    batch: Annotated[
        int | None,
        typer.Option(min=1, max=2**16, help="Images that a generator computes at once.", show_default="by their size"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that decode pictures.", show_default="PGAN_WORKERS, or one for each core"),
    ] = None,
    device: Annotated[str, typer.Option(envvar="PGAN_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Measure generators and sets of images against the same real images: which one is better?

    Prints a table of metrics with standard errors, and marks the best where the difference is more than chance.
    With --out, it also writes JSON, and a picture of all sets side by side. The same command gives the same figures.

    Example: pgan compare mine.pt theirs.zip --reference data/pyramid --out compare.json
    """
    _check_endings(out, grid)
    if grid is None and out is not None:
        grid = out.with_suffix(".png")
    for path in filter(None, (out, grid)):
        check_output(path, *paths, reference)
        _check_outside(path, [*paths, reference])
    if features is not None and reference_samples is not None:
        raise InputError("--reference-samples with --features: the folder has the features of all real images already")

    import tempfile

    from pgan.comparing.comparison import compare as measure
    from pgan.comparing.outputs import write
    from pgan.comparing.report import lines
    from pgan.comparing.request import Request
    from pgan.networks.sampling import pick_device
    from pgan.prepare.processes import processes

    request = Request(
        paths=paths,
        reference=reference,
        samples=samples,
        reference_samples=reference_samples,
        resolution=resolution,
        space=space,
        inception=inception,
        features=features,
        seed=seed,
        batch=batch,
        workers=processes(workers),
        device=pick_device(device),
    )
    with tempfile.TemporaryDirectory(prefix=".pgan-compare-", dir=_scratch(out or grid)) as scratch:
        found = measure(request, Path(scratch))
        write(found, out, grid)
    for line in lines(found):
        typer.echo(line)


def _check_endings(out: Path | None, grid: Path | None) -> None:
    if out is not None and out.suffix.lower() != ".json":
        raise InputError(f"{out}: the name of --out must end in .json")
    if grid is not None and grid.suffix.lower() != ".png":
        raise InputError(f"{grid}: the name of --grid must end in .png")


def _check_outside(output: Path, compared: list[Path]) -> None:
    """A picture among the images of a folder would be one of them the next time."""
    for folder in compared:
        if folder.is_dir() and output.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{output}: lies in {folder}, whose images are compared; name another place")


def _scratch(out: Path | None) -> Path | None:
    """Beside the output, as /tmp is often small; None for the system's own place."""
    if out is None:
        return None
    return next(folder for folder in out.absolute().parents if folder.is_dir())
