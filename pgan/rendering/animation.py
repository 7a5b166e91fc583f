"""GIFs: the same latents through one phase, or through all that led to the final one."""

from pathlib import Path

import numpy as np
from PIL import Image

from pgan.errors import InputError
from pgan.rendering.caption import caption, caption_width, timeline
from pgan.rendering.config import Render
from pgan.rendering.grid import columns_by_class, fitted, grid, scale
from pgan.rendering.phases import TrainedPhase, read_samples

PALETTE = 255
"""Colours of an RGB frame: one of the 256 stays free for "unchanged", which keeps the files small."""

GREYS = 64
"""Levels of a grey frame: the eye sees no difference to 256, and the files are a quarter smaller."""


def phase_frames(phases: list[TrainedPhase], settings: Render, classes: int) -> list[Image.Image]:
    """Frames that follow the same latents through a chain of phases, in the order given.

    All phases are shown at the same size. The first snapshot of every phase but the first one is left out: it shows the
    same as the last snapshot of its parent.

    Args:
        phases: at least one; the resolution of the last is a multiple of all the others.
        classes: labels of the generator (snapshot i shows class i % classes), 0 without.

    Raises:
        InputError: samples.npy is missing, wrong, or of other latents than in the phase before.
    """
    tile = fitted(phases[-1].resolution, settings.tile)
    columns = columns_by_class(settings.columns, classes)
    texts, pictures, kimg = [], [], []
    for number, (phase, samples) in enumerate(zip(phases, _same_latents(phases), strict=True)):
        shown = _by_class(samples.shape[1], columns, classes)[: settings.rows * columns]
        for time in snapshots(len(samples), settings.frames_per_phase, skip_first=number > 0):
            pictures.append(grid(scale(samples[time, shown], tile), columns))
            texts.append((_title(phase), f"{format_kimg(phase.sample_kimg[time])} kimg"))
            kimg.append(phase.sample_kimg[time])
    width = max(caption_width(pictures[0], *text) for text in texts)
    start, end = phases[0].sample_kimg[0], phases[-1].sample_kimg[-1]
    length = end - start or 1.0
    marks = [(phase.sample_kimg[-1] - start) / length for phase in phases[:-1]]
    positions = [(k - start) / length if end > start else 1.0 for k in kimg]
    return [
        timeline(caption(picture, *text, width), marks, position)
        for picture, text, position in zip(pictures, texts, positions, strict=True)
    ]


def snapshots(count: int, limit: int, skip_first: bool) -> list[int]:
    """Indices of at most `limit` of `count` snapshots, evenly spread, always with the last one."""
    first = 1 if skip_first and count > 1 else 0
    chosen = np.linspace(count - 1, first, min(limit, count - first))
    return [round(float(i)) for i in chosen[::-1]]


def format_kimg(kimg: float) -> str:
    """Thousands of images, with as many digits as a reader can use: 0.5, 42, 12,000."""
    return f"{kimg:.1f}" if kimg < 10 and kimg != int(kimg) else f"{kimg:,.0f}"


def write_gif(frames: list[Image.Image], path: Path, frame_ms: int, hold_ms: int) -> None:
    """Write frames of one size, mode L or RGB, as an endless GIF; the last frame stays for `hold_ms`."""
    shown = [_with_greys(frame) if frame.mode == "L" else _with_palette(frame) for frame in frames]
    durations = [frame_ms] * (len(frames) - 1) + [hold_ms]
    shown[0].save(path, save_all=True, append_images=shown[1:], duration=durations, loop=0, optimize=False)


def _title(phase: TrainedPhase) -> str:
    return f"{phase.name}   {phase.resolution} × {phase.resolution}"


def _by_class(count: int, columns: int, classes: int) -> list[int]:
    """Snapshot i shows class i % classes: the ones that fill a grid of `columns` with one class per column."""
    return [i for i in range(count) if not classes or i % classes < columns]


def _same_latents(phases: list[TrainedPhase]) -> list[np.ndarray]:
    samples = [read_samples(phase) for phase in phases]
    for phase, array in zip(phases, samples, strict=True):
        if array.shape[1:3] != samples[0].shape[1:3]:
            raise InputError(
                f"{phase.folder / 'samples.npy'}: {array.shape[1]} images of {array.shape[2]} channels, but "
                f"'{phases[0].name}' has {samples[0].shape[1]} of {samples[0].shape[2]}; train the phases again"
            )
        if phases[-1].resolution % phase.resolution:
            raise InputError(
                f"{phase.folder / 'summary.json'}: resolution: {phase.resolution} is no part of the final "
                f"{phases[-1].resolution}; train the phases again"
            )
    return samples


def _with_greys(frame: Image.Image) -> Image.Image:
    step = 255 / (GREYS - 1)
    return frame.point([round(round(level / step) * step) for level in range(256)])


def _with_palette(frame: Image.Image) -> Image.Image:
    """The frame's own best colours; dithering would add noise that dances from frame to frame and does not compress."""
    return frame.quantize(PALETTE, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
