"""`pgan interpolate`: a closed walk through the seeds, as GIF, WebP and MP4."""

import sys

import numpy as np
import pytest
import torch
from command_line import pgan, refused
from PIL import Image, ImageSequence

from pgan.networks import checkpoint
from pgan.networks.sampling import latents, to_uint8


@pytest.fixture
def labelled(networks, tmp_path):
    """A checkpoint with three labels, in colour."""
    config = networks.model_copy(update={"classes": 3, "channels": 3})
    made = checkpoint.fresh(config, 8, seed=3)
    checkpoint.save(checkpoint.state(made), tmp_path / "a.pt")
    return made.ema


def frames(path):
    with Image.open(path) as film:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)], film.info


def test_the_walk_comes_by_the_seeds_own_images(labelled, tmp_path):
    options = ["--seeds", "4-6", "--frames", 4, "--frame-ms", 80, "--labels", "0,2", "--columns", 2]
    assert pgan("interpolate", tmp_path / "a.pt", tmp_path / "x.webp", *options).exit_code == 0
    film, info = frames(tmp_path / "x.webp")
    assert len(film) == 12
    assert info["loop"] == 0
    assert film[0].shape == (12, 22, 3)
    for number, seed in enumerate((4, 5, 6)):
        z = latents(1, labelled.latent_size, seed, "sample")
        for column, label in enumerate((0, 2)):
            own = to_uint8(labelled(z, torch.tensor([label])))[0].transpose(1, 2, 0)
            shown = film[number * 4][2:10, 2 + 10 * column : 10 + 10 * column]
            assert np.abs(shown.astype(int) - own).max() <= 1
    steps = [np.abs(a.astype(int) - b).mean() for a, b in zip(film, film[1:] + film[:1], strict=True)]
    assert min(steps) > 0, "it never rests"
    between_seeds = np.abs(film[0].astype(int) - film[4]).mean()
    assert steps[-1] < between_seeds, "the last frame leads back to the first"


@pytest.mark.parametrize("ending", ["gif", "webp", "mp4"])
def test_every_format_has_all_frames_and_the_same_bytes(labelled, tmp_path, ending):
    for name in ("one", "two"):
        result = pgan("interpolate", tmp_path / "a.pt", tmp_path / f"{name}.{ending}", "--seeds", "0-2", "--frames", 5)
        assert result.exit_code == 0, result.output
    path = tmp_path / f"one.{ending}"
    assert path.read_bytes() == (tmp_path / f"two.{ending}").read_bytes()
    if ending == "mp4":
        import imageio_ffmpeg

        count, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
        assert seconds == pytest.approx(15 * 0.05, abs=0.01)
    else:
        film, info = frames(path)
        count = len(film)
        assert ending == "webp" or info["duration"] == 50
    assert count == 15
    assert len(list(tmp_path.iterdir())) == 3, "nothing is left beside the films"


def test_without_labels_one_tile_walks_and_odd_sizes_become_even_in_mp4(networks, tmp_path):
    checkpoint.save(
        checkpoint.state(checkpoint.fresh(networks.model_copy(update={"base_size": 7}), 7, 1)), tmp_path / "a.pt"
    )
    for ending in ("gif", "mp4"):
        result = pgan("interpolate", tmp_path / "a.pt", tmp_path / f"x.{ending}", "--seeds", "0,9", "--frames", 3)
        assert result.exit_code == 0, result.output
    film, _ = frames(tmp_path / "x.gif")
    assert len(film) == 6
    assert film[0].shape == (11, 11, 3)
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(str(tmp_path / "x.mp4"))
    assert next(reader)["size"] == (12, 12)
    reader.close()


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("x.gif", ["--seeds", "3"], "at least two"),
        ("x.gif", ["--labels", "9"], "3 classes: 0 to 2"),
        ("x.mp5", [], "did you mean 'x.mp4'"),
        ("x", [], "the name must end in .gif, .webp, .mp4"),
        ("x.gif", ["--seeds", "0-9999", "--frames", "1000"], "too many"),
        (
            "x.webp",
            ["--labels", "all", "--columns", "1", "--scale", "64", "--seeds", "0-999", "--frames", "99"],
            "too many",
        ),
        ("a.pt/x.gif", ["--frames", "1"], "cannot be written"),
    ],
)
def test_wrong_input_ends_in_one_line(labelled, tmp_path, monkeypatch, out, options, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused("interpolate", "a.pt", out, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_mp4_without_its_extra_says_what_to_install_before_it_computes(labelled, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    line = refused("interpolate", tmp_path / "none.pt", tmp_path / "x.mp4", code=1)
    assert line.endswith("needs the package imageio_ffmpeg: pip install 'pgan[video]'")


def test_an_ffmpeg_that_fails_is_reported(labelled, tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/false")
    line = refused("interpolate", tmp_path / "a.pt", tmp_path / "x.mp4", "--frames", 1, code=1)
    assert "ffmpeg" in line
    assert not (tmp_path / "x.mp4").exists()
