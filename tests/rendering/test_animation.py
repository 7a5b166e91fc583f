"""GIFs of training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pgan.config import Parameters
from pgan.errors import InputError
from pgan.phases import read_phases
from pgan.rendering.animation import format_kimg, phase_frames, snapshots, write_gif
from pgan.rendering.caption import FAINT, TEXT, caption, caption_width, text_size, timeline
from pgan.rendering.config import Render
from pgan.rendering.grid import GROUND, gap_of, grid
from pgan.rendering.phases import read_trained

Experiment = Callable[..., Path]
CHAIN = {
    "stabilize_4": ("stabilize", "init", 4),
    "grow_8": ("grow", "stabilize_4", 8),
    "stabilize_8": ("stabilize", "grow_8", 8),
}


@pytest.mark.parametrize(
    ("count", "limit", "skip", "expected"),
    [
        (1, 5, False, [0]),
        (1, 5, True, [0]),
        (4, 10, False, [0, 1, 2, 3]),
        (4, 10, True, [1, 2, 3]),
        (9, 3, False, [0, 4, 8]),
        (9, 1, False, [8]),
        (9, 2, True, [1, 8]),
    ],
)
def test_snapshots_are_spread_evenly_and_end_with_the_last(
    count: int, limit: int, skip: bool, expected: list[int]
) -> None:
    assert snapshots(count, limit, skip) == expected


@pytest.mark.parametrize(("kimg", "text"), [(0.0, "0"), (0.5, "0.5"), (9.0, "9"), (42.3, "42"), (12000.0, "12,000")])
def test_kimg_is_written_for_readers(kimg: float, text: str) -> None:
    assert format_kimg(kimg) == text


def test_frames_show_the_same_latents_at_the_same_size(experiment: Experiment, settings: Render) -> None:
    root = experiment(CHAIN)
    phases = read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")
    frames = phase_frames(phases, settings, classes=0)
    assert len(frames) == 3 + 3 + 3  # all but the first snapshot of grow_8 and stabilize_8
    assert len({frame.size for frame in frames}) == 1
    first, last = (np.load(root / "train" / name / "samples.npy") for name in ("stabilize_4", "stabilize_8"))
    for frame, image, zoom in ((frames[0], first[0, 4], 4), (frames[-1], last[-1, 4], 2)):
        expected = image[0].repeat(zoom, 0).repeat(zoom, 1)
        assert _contains(frame, expected, tile=16, row=1, column=1, columns=3, rows=2)


def _contains(
    frame: Image.Image, tile_pixels: np.ndarray, tile: int, row: int, column: int, columns: int, rows: int
) -> bool:
    """Whether the grid in the frame, centred under its caption, shows these pixels at a place."""
    gap = gap_of(tile)
    width = columns * (tile + gap) + gap
    top, left = 2 * text_size(width), (frame.width - width) // 2
    y, x = top + gap + row * (tile + gap), left + gap + column * (tile + gap)
    return bool((np.asarray(frame)[y : y + tile, x : x + tile] == tile_pixels).all())


def test_a_conditional_generators_classes_get_a_column_each(experiment: Experiment, settings: Render) -> None:
    """Snapshot i shows class i % 2, so that 3 columns would mix them."""
    root = experiment({"stabilize_4": ("stabilize", "init", 4)}, classes=2)
    phases = read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")
    samples = np.load(root / "train" / "stabilize_4" / "samples.npy")
    for number in range(8):
        samples[:, number] = 60 if number % 2 else 200
    np.save(root / "train" / "stabilize_4" / "samples.npy", samples)
    frame = phase_frames(phases, settings, classes=2)[0]
    for column, value in enumerate((200, 60)):
        for row in range(2):
            assert _contains(frame, np.full((16, 16), value), tile=16, row=row, column=column, columns=2, rows=2)


def test_more_classes_than_columns_show_the_first_classes(experiment: Experiment, settings: Render) -> None:
    root = experiment({"stabilize_4": ("stabilize", "init", 4)}, classes=5, samples=10)
    phases = read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")
    samples = np.load(root / "train" / "stabilize_4" / "samples.npy")
    frame = phase_frames(phases, settings, classes=5)[-1]
    for place, number in enumerate((0, 1, 2, 5, 6, 7)):
        expected = samples[-1, number, 0].repeat(4, 0).repeat(4, 1)
        assert _contains(frame, expected, tile=16, row=place // 3, column=place % 3, columns=3, rows=2)


def test_phases_of_other_latents_are_refused(experiment: Experiment, settings: Render) -> None:
    root = experiment(CHAIN)
    path = root / "train" / "grow_8" / "samples.npy"
    np.save(path, np.load(path)[:, :5])
    phases = read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")
    with pytest.raises(InputError, match=r"grow_8/samples\.npy: 5 images of 1 channels, but 'stabilize_4' has 8 of 1"):
        phase_frames(phases, settings, classes=0)


def test_a_grey_gif_keeps_its_greys_and_holds_its_last_frame(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [grid(rng.integers(0, 256, (4, 1, 8, 8), np.uint8), 2) for _ in range(3)]
    path = tmp_path / "a.gif"
    write_gif(frames, path, 100, 900)
    with Image.open(path) as gif:
        assert gif.info["loop"] == 0
        assert gif.n_frames == 3
        for i, frame in enumerate(frames):
            gif.seek(i)
            assert gif.info["duration"] == (900 if i == 2 else 100)
            error = np.abs(np.asarray(gif.convert("L")).astype(int) - np.asarray(frame))
            assert error.max() <= 2


def test_an_rgb_gif_comes_close_to_its_colours(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    image = np.stack([np.tile(ramp, (32, 1)), np.tile(ramp[:, None], (1, 32)), np.full((32, 32), 128, np.uint8)])
    frames = [grid(np.stack([image, 255 - image]), 2), grid(np.stack([255 - image, image]), 2)]
    write_gif(frames, tmp_path / "a.gif", 100, 100)
    with Image.open(tmp_path / "a.gif") as gif:
        for i, frame in enumerate(frames):
            gif.seek(i)
            error = np.abs(np.asarray(gif.convert("RGB")).astype(int) - np.asarray(frame))
            assert error.mean() < 6


def test_a_caption_is_written_in_both_corners_and_makes_room_for_itself() -> None:
    picture = Image.new("L", (40, 20), 128)
    width = caption_width(picture, "stabilize_1024   1024 × 1024", "12,000 kimg")
    framed = caption(picture, "stabilize_1024   1024 × 1024", "12,000 kimg", width)
    assert framed.width == width > 40
    strip = np.asarray(framed)[: framed.height - 20]
    written = np.flatnonzero((strip > GROUND + 60).any(axis=0))
    assert 0 < written[0] < 15
    assert width - 15 < written[-1] < width - 1
    assert np.diff(written).max() > text_size(40)  # the gap between the two parts


def test_the_timeline_fills_up() -> None:
    picture = Image.new("RGB", (100, 50))
    bars = [np.asarray(timeline(picture, [], position))[53, 4:96, 0] for position in (0.0, 0.5, 1.0)]
    assert [(bar == TEXT).mean().round(1) for bar in bars] == [0.0, 0.5, 1.0]
    assert (bars[0] == FAINT).all()
    assert (np.asarray(timeline(picture, [0.5], 1.0))[53, 4:96, 0] == GROUND).sum() == 2
