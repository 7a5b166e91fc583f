"""The two commands, end to end on digits, for each feature space."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgan.metrics.command import evaluate, features
from pgan.metrics.outputs import rounded
from pgan.networks import checkpoint
from pgan.networks.config import Networks


@pytest.fixture(scope="module")
def folder(digits: Path, tmp_path_factory: pytest.TempPathFactory, sections: dict[str, Any]) -> Path:
    """Features of the digits in the classifier's space, made once."""
    root = tmp_path_factory.mktemp("features")
    (root / "params.yaml").write_text(json.dumps(sections))  # JSON is YAML
    features(params=root / "params.yaml", pyramid=digits, out=root / "features", device="cpu")
    return root / "features"


def save_network(networks: Networks, resolution: int, path: Path, **changes: Any) -> Path:
    config = networks.model_copy(update={"base_size": 4, "channels": 1, "classes": 0} | changes)
    checkpoint.save(checkpoint.state(checkpoint.fresh(config, resolution, 0)), path)
    return path


def read(path: Path) -> dict[str, float]:
    return json.loads(path.read_text())


def test_features_folder(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == [
        "classifier.pt", "metrics.json", "real_16.npy", "real_4.npy", "real_8.npy", "space.json",
    ]  # fmt: skip
    assert read(folder / "metrics.json")["accuracy"] > 0.95
    real = np.load(folder / "real_8.npy")
    assert real.dtype == np.float32
    assert real.shape == (1797, 32)
    assert sorted(p.name for p in folder.parent.iterdir()) == ["features", "params.yaml"]


def test_evaluate_writes_all_metrics_and_the_same_again(
    folder: Path, digits: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path
) -> None:
    network = save_network(networks, 16, tmp_path / "net.pt", classes=10)
    for name in ("a.json", "b.json"):
        evaluate(network, tmp_path / "out" / name, write_params(), digits, folder, "cpu")
    found = read(tmp_path / "out" / "a.json")
    names = "class_entropy class_kl class_kl_se class_share_min classes_found confidence copying copying_ct copying_se"
    names += " coverage coverage_se density density_se frechet frechet_se frechet_target frechet_target_se"
    names += " inception_score inception_score_se kid kid_se kid_std label_accuracy label_accuracy_se ms_ssim"
    names += " ms_ssim_real ms_ssim_se near_copies near_copies_se precision precision_se recall recall_se swd swd_16"
    assert list(found) == names.split()
    assert found["frechet"] == found["frechet_target"] > 1
    assert (tmp_path / "out" / "a.json").read_bytes() == (tmp_path / "out" / "b.json").read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 2  # no scratch is left


def test_small_phases_are_compared_at_their_size_and_at_the_target(
    folder: Path, digits: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path
) -> None:
    network = save_network(networks, 4, tmp_path / "net.pt")
    params = write_params(evaluate__target_resolution=8)
    evaluate(network, tmp_path / "out.json", params, digits, folder, "cpu")
    found = read(tmp_path / "out.json")
    assert found["frechet"] != found["frechet_target"]
    assert not [name for name in found if name.startswith(("swd", "ms_ssim"))]  # not defined at 4 pixels


def test_real_digits_score_far_better_than_untrained_networks(
    folder: Path, digits: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A generator that recites the data is nearly perfect on every metric; random weights are not."""
    from pgan.metrics import evaluation

    network = save_network(networks, 16, tmp_path / "net.pt")
    params = write_params(evaluate__images=1000, evaluate__swd__images=1000, evaluate__metrics=["frechet", "kid",
        "precision_recall", "density_coverage", "memorisation", "classes", "swd", "ms_ssim"])  # fmt: skip
    evaluate(network, tmp_path / "untrained.json", params, digits, folder, "cpu")
    order = np.random.default_rng(0).permutation(1797)
    images = np.load(digits / "images_16.npy")[order]
    monkeypatch.setattr(evaluation, "sample_images", lambda generator, count, *rest: iter([images[:count]]))
    evaluate(network, tmp_path / "reciting.json", params, digits, folder, "cpu")
    bad, good = read(tmp_path / "untrained.json"), read(tmp_path / "reciting.json")
    assert good["frechet"] < bad["frechet"] / 50
    assert good["kid"] < bad["kid"] / 50
    assert good["swd"] < bad["swd"] / 3
    assert min(good["precision"], good["recall"]) > 0.9 > bad["precision"]
    assert good["density"] > 0.9
    assert good["coverage"] > 0.9 > bad["coverage"]
    assert good["near_copies"] == good["copying"] == 1
    assert good["copying_ct"] < -3 < 3 < bad["copying_ct"]
    assert bad["near_copies"] == 0
    assert good["classes_found"] == 10
    assert good["confidence"] > 0.9
    assert good["ms_ssim"] == pytest.approx(good["ms_ssim_real"], abs=0.1)


def test_the_space_none_leaves_metrics_without_features(
    noise_pyramid: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    params = write_params(features__space="none")
    features(params, noise_pyramid, tmp_path / "features", "cpu")
    assert sorted(p.name for p in (tmp_path / "features").iterdir()) == ["metrics.json", "space.json"]
    network = save_network(networks, 16, tmp_path / "net.pt", channels=3, base_size=8)
    evaluate(network, tmp_path / "out.json", params, noise_pyramid, tmp_path / "features", "cpu")
    assert list(read(tmp_path / "out.json")) == [
        "ms_ssim", "ms_ssim_real", "ms_ssim_se", "swd", "swd_16", "swd_biased",
    ]  # fmt: skip
    words = capsys.readouterr().err
    left_out = "frechet, kid, precision_recall, density_coverage, memorisation, inception_score, classes"
    assert f"note: left out, as features.space is none: {left_out}\n" in words
    assert "note: swd is biased: 40 images per side, as many as the data have, where evaluate.swd.images asks" in words


def test_the_space_inception(
    noise_pyramid: Path,
    networks: Networks,
    write_params: Callable[..., Path],
    tmp_path: Path,
    save_stand_in: Callable[[Path, int], Path],
) -> None:
    save_stand_in(tmp_path / "inception.pt", 0)
    params = write_params(
        features__space="inception",
        features__inception__path=str(tmp_path / "inception.pt"),
        features__real_images=30,
        evaluate__images=20,
    )
    features(params, noise_pyramid, tmp_path / "features", "cpu")
    assert np.load(tmp_path / "features" / "real_8.npy").shape == (30, 48)
    network = save_network(networks, 16, tmp_path / "net.pt", channels=3, base_size=8)
    evaluate(network, tmp_path / "out.json", params, noise_pyramid, tmp_path / "features", "cpu")
    found = read(tmp_path / "out.json")
    assert {"frechet", "inception_score", "swd"} <= set(found)
    flags = {name for name in found if name.endswith("_biased")}
    on_features = {"frechet_biased", "kid_std_biased", "precision_recall_biased", "copying_ct_biased"}
    assert flags == on_features | {"density_coverage_biased", "near_copies_biased", "swd_biased"}
    assert "confidence" not in found  # Inception's classes are not the data's

    save_stand_in(tmp_path / "inception.pt", 1)
    with pytest.raises(SystemExit) as stopped:
        evaluate(network, tmp_path / "out2.json", params, noise_pyramid, tmp_path / "features", "cpu")
    assert stopped.value.code == 2


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory, new_pyramid: Callable[..., Path]) -> Path:
    """Classes 95:5, dark and bright, at 4 and 8 pixels."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.repeat([0, 1], [190, 10]))
    images = (190 * labels + 20)[:, None, None, None] + random.integers(0, 20, (200, 1, 8, 8))
    return new_pyramid(tmp_path_factory.mktemp("uneven") / "pyramid", images, labels, ["dark", "bright"], 4)


def test_a_conditional_generator_is_asked_for_the_classes_of_the_data(
    uneven: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A generator that makes just what it is asked for is nearly perfect, also where classes are 95:5."""
    from pgan.metrics import evaluation

    asked = []

    def perfect(generator, count, seed, purpose, batch, device, labels):
        asked.append(labels.numpy())
        pool = {label: np.load(uneven / "images_8.npy")[np.load(uneven / "labels.npy") == label] for label in (0, 1)}
        random = np.random.default_rng(1)
        return iter([np.stack([random.choice(pool[label]) for label in labels.numpy()])])

    monkeypatch.setattr(evaluation, "sample_images", perfect)
    params = write_params(evaluate__images=400, features__classifier__resolution=8)
    features(params, uneven, tmp_path / "features", "cpu")
    network = save_network(networks, 8, tmp_path / "net.pt", classes=2)
    evaluate(network, tmp_path / "out.json", params, uneven, tmp_path / "features", "cpu")
    assert np.bincount(asked[0][:400]).tolist() == [380, 20]
    found, apart = read(tmp_path / "out.json"), np.load(tmp_path / "features/real_8.npy")
    labels = np.load(uneven / "labels.npy")
    between = np.square(apart[labels == 0].mean(0) - apart[labels == 1].mean(0)).sum()
    assert found["frechet"] < between / 100  # labels dealt evenly would put the means 0.45 of the way apart
    assert found["kid"] < 0.05
    assert found["label_accuracy"] == 1
    assert found["classes_found"] == 2
    assert found["class_kl"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("classes", [1, 3, 10])
def test_networks_of_other_classes_than_the_data_are_refused(
    uneven: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str], classes: int,
) -> None:  # fmt: skip
    network = save_network(networks, 8, tmp_path / "net.pt", classes=classes)
    with pytest.raises(SystemExit) as stopped:
        evaluate(network, tmp_path / "out.json", write_params(), uneven, tmp_path / "features", "cpu")
    assert stopped.value.code == 2
    assert f"the generator's classes are {classes}, but the data have 2; set it to 2" in capsys.readouterr().err


@pytest.mark.parametrize("space", ["classifier", "none"])
def test_features_of_one_image_are_refused_at_once(
    write_params: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    new_pyramid: Callable[..., Path], space: str,
) -> None:  # fmt: skip
    lonely = new_pyramid(tmp_path / "one", np.zeros((1, 1, 8, 8)), np.zeros(1), ["a", "b"], 4)
    with pytest.raises(SystemExit) as stopped:
        features(write_params(features__space=space), lonely, tmp_path / "features", "cpu")
    assert stopped.value.code == 2
    assert "1 image, but metrics compare sets of at least 2; add images" in capsys.readouterr().err
    assert not (tmp_path / "features").exists()


def test_two_reals_have_no_third_neighbour(
    noise_pyramid: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path,
    save_stand_in: Callable[[Path, int], Path], capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    save_stand_in(tmp_path / "inception.pt", 0)
    params = write_params(
        features__space="inception", features__inception__path=str(tmp_path / "inception.pt"), features__real_images=2
    )
    features(params, noise_pyramid, tmp_path / "features", "cpu")
    network = save_network(networks, 16, tmp_path / "net.pt", channels=3, base_size=8)
    with pytest.raises(SystemExit) as stopped:
        evaluate(network, tmp_path / "out.json", params, noise_pyramid, tmp_path / "features", "cpu")
    assert stopped.value.code == 2
    assert "neighbours: 3 of 2 real images (features.real_images); take 1 at most" in capsys.readouterr().err


def test_mirrored_reals_follow_training(digits: Path, write_params: Callable[..., Path], tmp_path: Path) -> None:
    from pgan.metrics.reals import real_chunks

    indices = np.arange(200)
    plain, mirrored = (
        np.concatenate(list(real_chunks(digits, 8, indices, mirror, seed=0, batch=64))) for mirror in (False, True)
    )
    flipped = [not np.array_equal(a, b) for a, b in zip(plain, mirrored, strict=True)]
    assert 70 < sum(flipped) < 130
    for is_flipped, a, b in zip(flipped, plain, mirrored, strict=True):
        np.testing.assert_array_equal(a[..., ::-1] if is_flipped else a, b)
    some = np.concatenate(list(real_chunks(digits, 8, indices[50:90], True, seed=0, batch=7)))
    np.testing.assert_array_equal(some, mirrored[50:90])


def _change_space(arguments: dict[str, Any], **changes: Any) -> dict[str, Any]:
    path = arguments["features"] / "space.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return arguments


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda a: a | {"checkpoint": a["out"]}, "no such checkpoint"),
        (lambda a: a | {"pyramid": a["out"]}, "no pyramid here"),
        (lambda a: a | {"features": a["out"]}, "no features here"),
        (lambda a: a | {"params": a["out"]}, "no such file"),
        (lambda a: a | {"device": "tpu"}, "unknown"),
        (lambda a: (a["features"] / "real_16.npy").unlink() or a, "no real features at 16 pixels"),
        (lambda a: (a["features"] / "real_16.npy").write_bytes(b"x") and a, "not a plain .npy array"),
        (lambda a: (a["features"] / "space.json").write_text("{") and a, "not a description of features"),
        (lambda a: _change_space(a, channels=3), "other channels"),
        (lambda a: _change_space(a, space="none"), "features.space is 'classifier'"),
        (lambda a: (a["features"] / "classifier.pt").write_text("{") and a, "classifier.pt"),
    ],
)
def test_what_is_missing_or_broken_is_one_line(
    folder: Path, digits: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str], break_it: Callable[[dict[str, Any]], dict[str, Any]], words: str,
) -> None:  # fmt: skip
    arguments = {
        "checkpoint": save_network(networks, 8, tmp_path / "net.pt"),
        "out": tmp_path / "out.json",
        "params": write_params(),
        "pyramid": digits,
        "features": Path(shutil.copytree(folder, tmp_path / "features")),
        "device": "cpu",
    }
    with pytest.raises(SystemExit) as stopped:
        evaluate(**break_it(arguments))
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert stopped.value.code == 2
    assert error.startswith("error: ")
    assert words in error
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("resolution", "changes", "words"), [(8, {"channels": 3}, "channels"), (32, {}, "no level of 32")]
)
def test_a_generator_of_another_kind_is_refused(
    folder: Path, digits: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str], resolution: int, changes: dict[str, Any], words: str,
) -> None:  # fmt: skip
    network = save_network(networks, resolution, tmp_path / "net.pt", **changes)
    with pytest.raises(SystemExit) as stopped:
        evaluate(network, tmp_path / "out.json", write_params(), digits, folder, "cpu")
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_metrics_are_rounded_sorted_and_finite() -> None:
    assert list(rounded({"b": 1.23456789, "a": 123456789.0}).items()) == [("a", 123457000.0), ("b", 1.23457)]
    with pytest.raises(Exception, match="metric x is nan"):
        rounded({"x": float("nan")})


def test_attributes_of_the_real_images_are_kept_and_read(
    digits: Path,
    networks: Networks,
    write_params: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the images whose features are kept; what features cannot show is named."""
    pyramid = shutil.copytree(digits, tmp_path / "pyramid")
    labels = np.load(pyramid / "labels.npy")
    coin = np.random.default_rng(0).integers(2, size=len(labels))
    rows = [f"digit,{label},{side}" for label, side in zip(labels, coin, strict=True)]
    (pyramid / "attributes.csv").write_text("\n".join(["style,number,coin", *rows, ""]))
    params = write_params(features__real_images=900, evaluate__metrics=["attributes"], evaluate__images=300)
    features(params, pyramid, tmp_path / "features", "cpu")
    kept = (tmp_path / "features" / "attributes.csv").read_text().splitlines()
    assert len(kept) == 901
    assert set(kept[1:]) <= set(rows)
    network = save_network(networks, 16, tmp_path / "net.pt")
    evaluate(network, tmp_path / "out.json", params, pyramid, tmp_path / "features", "cpu")
    found = read(tmp_path / "out.json")
    assert found["attribute_accuracy"] > 0.9
    assert found["attribute_values"] < 1, "an untrained network shows few digits"
    assert "cannot be read from the features are left out: style, coin" in capsys.readouterr().err
