"""`pgan sample`: the checkpoint's own images, from every kind of source, in every form."""

import numpy as np
import pytest
import torch
from command_line import pgan, refused
from PIL import Image

from pgan.networks import checkpoint
from pgan.networks.sampling import latents, to_uint8


def written(config, path, resolution=8):
    networks = checkpoint.fresh(config, resolution, seed=3)
    checkpoint.save(checkpoint.state(networks), path)
    return networks.ema


def drawn(source, out, *options):
    result = pgan("sample", source, out, *options)
    assert result.exit_code == 0, result.output
    return np.load(out)


def expected(ema, names, factor=1.0):
    """Images of (seed, label) pairs, straight from the generator."""
    z = torch.cat([latents(1, ema.latent_size, seed, "sample") for seed, _ in names]) * factor
    labels = torch.tensor([label for _, label in names]) if ema.classes else None
    return to_uint8(ema(z, labels))


@pytest.fixture
def labelled(networks, tmp_path):
    """A checkpoint with three labels, in colour."""
    return written(networks.model_copy(update={"classes": 3, "channels": 3}), tmp_path / "a.pt")


def test_the_array_is_the_generators_own_images(networks, tmp_path):
    ema = written(networks, tmp_path / "a.pt")
    images = drawn(tmp_path / "a.pt", tmp_path / "x.npy", "--seeds", "0-4,20", "--batch", 4)
    assert images.dtype == np.uint8
    assert images.shape == (6, 1, 8, 8)
    assert np.array_equal(images[:4], expected(ema, [(seed, None) for seed in range(4)]))
    assert np.array_equal(images[4:], expected(ema, [(4, None), (20, None)]))
    assert len(np.unique(images.reshape(6, -1), axis=0)) == 6


def test_a_seed_is_the_same_image_whatever_else_is_asked_for(labelled, tmp_path):
    many = drawn(tmp_path / "a.pt", tmp_path / "x.npy", "--seeds", "0-9", "--labels", "all")
    one = drawn(tmp_path / "a.pt", tmp_path / "y.npy", "--seeds", 7, "--labels", 2)
    assert np.abs(many[7 * 3 + 2].astype(int) - one[0]).max() <= 1
    alone = drawn(tmp_path / "a.pt", tmp_path / "z.npy", "--seeds", 7)
    assert np.abs(many[7 * 3 + 7 % 3].astype(int) - alone[0]).max() <= 1


def test_labels_pair_every_seed_with_every_label(labelled, tmp_path):
    images = drawn(tmp_path / "a.pt", tmp_path / "x.npy", "--seeds", "1-2", "--labels", "2,0")
    assert np.array_equal(images, expected(labelled, [(1, 2), (1, 0), (2, 2), (2, 0)]))
    assert not np.array_equal(images[0], images[1])


@pytest.mark.parametrize("format", ["safetensors", "torchscript", pytest.param("onnx", marks=pytest.mark.slow)])
def test_an_exported_file_gives_the_same_images(labelled, tmp_path, format):
    assert pgan("export", tmp_path / "a.pt", tmp_path / f"b.{format}").exit_code == 0
    one, other = (drawn(tmp_path / name, tmp_path / "x.npy", "--labels", "all") for name in ("a.pt", f"b.{format}"))
    assert np.abs(one.astype(int) - other).max() <= (1 if format != "safetensors" else 0)


def test_an_official_network_gives_the_images_of_its_import(tmp_path, official_pickle):
    assert pgan("import", official_pickle, tmp_path / "b.pt").exit_code == 0
    options = ["--seeds", "0-3"]
    one, other = (drawn(source, tmp_path / "x.npy", *options) for source in (official_pickle, tmp_path / "b.pt"))
    assert np.array_equal(one, other)
    assert one.shape == (4, 1, 16, 16)


def test_the_grid_has_a_row_per_seed_and_a_column_per_label(labelled, tmp_path):
    assert pgan("sample", tmp_path / "a.pt", tmp_path / "x.png", "--seeds", "0-3", "--labels", "all").exit_code == 0
    picture = np.asarray(Image.open(tmp_path / "x.png"))
    assert picture.shape == (4 * 10 + 2, 3 * 10 + 2, 3)
    tile = picture[2 + 20 : 2 + 28, 2 + 10 : 2 + 18]  # seed 2, label 1
    assert np.array_equal(tile.transpose(2, 0, 1), expected(labelled, [(seed, 1) for seed in range(4)])[2])


def test_columns_and_scale_of_the_grid(networks, tmp_path):
    written(networks, tmp_path / "a.pt")
    sizes = {}
    for name, options in {"square": [], "row": ["--columns", 16], "large": ["--scale", 3]}.items():
        assert pgan("sample", tmp_path / "a.pt", tmp_path / f"{name}.PNG", *options).exit_code == 0
        picture = Image.open(tmp_path / f"{name}.PNG")
        sizes[name] = (picture.mode, *picture.size)
    assert sizes == {"square": ("L", 42, 42), "row": ("L", 162, 12), "large": ("L", 106, 106)}


def test_a_folder_of_single_images_keeps_what_is_in_it(labelled, tmp_path):
    for out in ("new", "there.d"):
        if out == "there.d":  # a folder that exists is one, whatever its name
            (tmp_path / out).mkdir()
            (tmp_path / out / "notes.txt").write_text("mine")
        assert pgan("sample", tmp_path / "a.pt", tmp_path / out, "--seeds", "3,12345", "--labels", "1-2").exit_code == 0
        names = sorted(path.name for path in (tmp_path / out).glob("*.png"))
        assert names == [f"seed{seed}_label{label}.png" for seed in ("0003", "12345") for label in (1, 2)]
        image = np.asarray(Image.open(tmp_path / out / "seed0003_label2.png")).transpose(2, 0, 1)
        assert np.array_equal(image, expected(labelled, [(3, 1), (3, 2), (12345, 1), (12345, 2)])[1])
    assert (tmp_path / "there.d" / "notes.txt").read_text() == "mine"


def test_the_same_command_writes_the_same_bytes(labelled, tmp_path):
    for ending in ("png", "npy"):
        for name in ("one", "two"):
            assert pgan("sample", tmp_path / "a.pt", tmp_path / f"{name}.{ending}").exit_code == 0
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".npy", ".npy", ".png", ".png", ".pt"]


def test_truncation_scales_the_latents_norm(networks, labelled, tmp_path):
    names = [(seed, seed % 3) for seed in range(4)]
    half = drawn(tmp_path / "a.pt", tmp_path / "x.npy", "--seeds", "0-3", "--truncation", 0.5)
    assert np.array_equal(half, expected(labelled, names, factor=0.5))
    assert not np.array_equal(half, expected(labelled, names))

    free = networks.model_copy(update={"normalize_latents": False, "pixel_norm": False})
    written(free, tmp_path / "b.pt")
    spread = []
    for truncation in (0, 0.5, 1):
        images = drawn(tmp_path / "b.pt", tmp_path / "x.npy", "--truncation", truncation)
        spread.append(images.astype(float).std(axis=0).mean())
    assert spread[0] == 0, "all at the mean latent"
    assert spread[0] < spread[1] < spread[2]


def test_truncation_is_refused_where_it_has_no_effect(networks, tmp_path):
    written(networks, tmp_path / "a.pt")
    assert "no effect" in refused("sample", tmp_path / "a.pt", tmp_path / "x.png", "--truncation", 0.7)
    assert "no effect" in refused("interpolate", tmp_path / "a.pt", tmp_path / "x.gif", "--truncation", 0.7)
    assert pgan("sample", tmp_path / "a.pt", tmp_path / "x.png", "--truncation", 1).exit_code == 0
    assert "expected a number" in refused("sample", tmp_path / "a.pt", tmp_path / "x.png", "--truncation", "inf")


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("x.png", ["--seeds", "3-1"], "--seeds 3-1"),
        ("x.png", ["--labels", "3"], "3 classes: 0 to 2"),
        ("x.jpg", [], "the name must end in .png, .npy, or have no ending for a folder"),
        ("x.ong", [], "did you mean 'x.png'"),
        ("x.png", ["--device", "gpu"], "device 'gpu'"),
        ("x.png", ["--seeds", "0-89999", "--columns", "90000"], "too large"),
        ("a.pt/x.png", [], "cannot be written"),
        ("a.pt/x.npy", [], "cannot be written"),
        ("a.pt/folder", [], "cannot be written"),
        ("plain", [], "it is a file; name a folder"),
    ],
)
def test_wrong_input_ends_in_one_line(labelled, tmp_path, monkeypatch, out, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").write_text("mine")
    assert message in refused("sample", "a.pt", out, *options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt", "plain"]


def test_labels_of_an_unconditional_generator_are_refused(networks, tmp_path):
    written(networks, tmp_path / "a.pt")
    assert "without labels" in refused("sample", tmp_path / "a.pt", tmp_path / "x.png", "--labels", "all")


def test_a_failure_halfway_leaves_what_was_there(networks, tmp_path, monkeypatch):
    written(networks, tmp_path / "a.pt")
    (tmp_path / "x.npy").write_bytes(b"old")
    from pgan.interchange.generator_file import GeneratorFile

    real, calls = GeneratorFile.images, []

    def second_fails(self, z, labels):
        calls.append(len(z))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(self, z, labels)

    monkeypatch.setattr(GeneratorFile, "images", second_fails)
    line = refused("sample", tmp_path / "a.pt", tmp_path / "x.npy", "--batch", 8, code=1)
    assert "No space left" in line
    assert calls == [8, 8]
    assert (tmp_path / "x.npy").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt", "x.npy"]


def test_too_little_memory_ends_in_one_line(networks, tmp_path, monkeypatch):
    written(networks, tmp_path / "a.pt")
    from pgan.networks.progressive.networks import Generator

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(Generator, "forward", full)
    assert "lower --batch" in refused("sample", tmp_path / "a.pt", tmp_path / "x.npy", code=1)
