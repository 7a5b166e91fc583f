"""`pgan sample` and `pgan interpolate`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.errors import InputError
from pgan.process import user_errors

GeneratorPath = Annotated[
    Path,
    typer.Argument(
        help="A checkpoint, a snapshot, an official pickle, or a file that `pgan export` wrote.",
        show_default=False,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(help="Classes: one, a list such as 0,2-4, or 'all'.", show_default="seed modulo classes"),
]
Truncation = Annotated[
    float,
    typer.Option(min=0, help="Factor of the latent's norm; below 1: less variety, more typical images."),
]
Columns = Annotated[
    int | None, typer.Option(min=1, help="Columns of the grid.", show_default="one per label, or square")
]
Scale = Annotated[int, typer.Option(min=1, max=64, help="Whole factor that enlarges the images.")]
Batch = Annotated[
    int | None, typer.Option(min=1, max=2**16, help="Images computed at once.", show_default="by their size")
]
Device = Annotated[str, typer.Option(envvar="PGAN_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")]


@user_errors
def sample(
    generator: GeneratorPath,
    out: Annotated[
        Path,
        typer.Argument(
            help="NAME.png: a grid; NAME.npy: one uint8 array (N, C, H, W); else a folder of .png files.",
            show_default=False,
        ),
    ],
    seeds: Annotated[
        str, typer.Option(help="Numbers and ranges such as 0-15,20. The same seed always gives the same latent.")
    ] = "0-15",
    labels: Labels = None,
    truncation: Truncation = 1.0,
    columns: Columns = None,
    scale: Scale = 1,
    batch: Batch = None,
    device: Device = "auto",
) -> None:
    """Draw images from a generator: as a grid, as single files, or as an array.

    With --labels, every seed is drawn once per label, in a row of the grid.

    Example: pgan sample data/train/stabilize_32/checkpoint.pt samples.png --seeds 0-9 --labels all
    """
    from pgan.sampling.choice import check_ending, pair, parse_labels, parse_seeds

    numbers = parse_seeds(seeds)
    folder = out.is_dir() or not out.suffix
    ending = "" if folder else check_ending(out, (".png", ".npy"), ", or have no ending for a folder")

    import torch

    from pgan.interchange.generator_file import open_generator_file
    from pgan.networks.sampling import pick_device
    from pgan.sampling import stills
    from pgan.sampling.draw import check_truncation, draw, latent_of

    opened = open_generator_file(generator, pick_device(device))
    networks, r = opened.description.networks, opened.description.resolution
    asked = parse_labels(labels, networks.classes)
    names = pair(numbers, asked, networks.classes)
    in_a_row = columns or (len(asked) if asked and len(asked) > 1 else square(len(names)))
    shape = (len(names), networks.channels, r, r)

    z = torch.stack([latent_of(seed, networks) for seed in numbers]).repeat_interleave(len(asked or [0]), 0)
    given = _given([label for _, label in names])
    check_truncation(truncation, opened, z, given)
    chunks = draw(opened, z, given, truncation, batch)
    if folder:
        stills.write_folder(chunks, names, networks.classes, out, scale)
    elif ending == ".npy":
        stills.write_array(chunks, shape, out)
    else:
        stills.write_grid(chunks, shape, in_a_row, out, scale)
    typer.echo(f"{out}: {len(names)} images, {opened.description.summary()}")


@user_errors
def interpolate(
    generator: GeneratorPath,
    out: Annotated[Path, typer.Argument(help="NAME.gif, NAME.webp or NAME.mp4.", show_default=False)],
    seeds: Annotated[str, typer.Option(help="The latents that the film visits: at least two, such as 0-7.")] = "0-7",
    labels: Labels = None,
    truncation: Truncation = 1.0,
    frames: Annotated[int, typer.Option(min=1, max=1000, help="Frames from one seed to the next.")] = 24,
    frame_ms: Annotated[
        int, typer.Option(min=20, max=10000, help="Milliseconds per frame; GIFs round to tens of milliseconds.")
    ] = 50,
    columns: Columns = None,
    scale: Scale = 1,
    batch: Batch = None,
    device: Device = "auto",
) -> None:
    """Film a walk through the latents of the seeds, along great circles, and from the last seed back to the first.

    With --labels, the same walk is shown once per label, side by side.

    Example: pgan interpolate data/train/stabilize_32/checkpoint.pt walk.gif --seeds 0-3 --frames 12
    """
    from pgan.sampling.choice import MOST_IMAGES, check_ending, pair, parse_labels, parse_seeds
    from pgan.sampling.film import ENDINGS, LARGEST_SIDE, check_film, write_film

    numbers = parse_seeds(seeds)
    if len(numbers) < 2:
        raise InputError(f"--seeds {seeds}: a walk needs at least two, such as 0-7")
    ending = check_ending(out, ENDINGS, "")
    check_film(ending, out)

    import numpy as np
    import torch

    from pgan.interchange.generator_file import open_generator_file
    from pgan.networks.sampling import pick_device
    from pgan.rendering.grid import grid
    from pgan.rendering.grid import scale as enlarge
    from pgan.rendering.latent_walk import closed_walk
    from pgan.sampling.draw import check_truncation, draw, latent_of
    from pgan.sampling.stills import MOST_PIXELS, check_size

    opened = open_generator_file(generator, pick_device(device))
    networks, r = opened.description.networks, opened.description.resolution
    asked = parse_labels(labels, networks.classes)
    tiles = [label for _, label in pair(numbers[:1], asked, networks.classes)]
    count = len(numbers) * frames
    in_a_row = columns or square(len(tiles))
    check_size(len(tiles), in_a_row, r * scale, out, LARGEST_SIDE[ending])
    if count * len(tiles) > MOST_IMAGES or count * len(tiles) * (r * scale) ** 2 > 2 * MOST_PIXELS:
        raise InputError(f"{out}: {count} frames of {len(tiles)} images are too many; lower --frames or --scale")

    stops = torch.stack([latent_of(seed, networks) for seed in numbers])
    path = closed_walk(stops.unsqueeze(1), frames).squeeze(1).repeat_interleave(len(tiles), 0)
    given = _given(tiles * count)
    check_truncation(truncation, opened, path, given)
    chunks = draw(opened, path, given, truncation, batch)
    images = enlarge(np.concatenate(list(chunks)), r * scale)
    pictures = [grid(images[i : i + len(tiles)], in_a_row) for i in range(0, len(images), len(tiles))]
    write_film(pictures, ending, out, frame_ms)
    typer.echo(f"{out}: {count} frames, {opened.description.summary()}")


def square(count: int) -> int:
    """Columns of a grid that is about as wide as high."""
    return -int(-(count**0.5) // 1)


def _given(labels: list[int | None]) -> list[int] | None:
    """The labels, or None where there are none."""
    return [label for label in labels if label is not None] or None
