"""Decisions, on a machine whose speed is known."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photographs import Photos, photo
from PIL import Image, ImageDraw

from pgan.errors import InputError
from pgan.experiment import check_experiment
from pgan.networks.config import Networks
from pgan.networks.progressive import Progressive
from pgan.new_experiment.asymmetry import Asymmetry
from pgan.new_experiment.findings import Findings
from pgan.new_experiment.proposal import Proposal, propose
from pgan.new_experiment.sizes import candidates, why_not_larger
from pgan.new_experiment.training_section import fmap_base, full_width_up_to, may_be_mirrored
from pgan.new_experiment.wishes import Wishes
from pgan.presets.catalogue import read_preset
from pgan.presets.checked import experiment_of
from pgan.untrusted.strict_yaml import parse

Look = Callable[..., Findings]
DAY = 86_400.0
PARAMS = Path("params.yaml")


def proposed(found: Findings, **wishes: Any) -> Proposal:
    options = {"seconds": DAY} | wishes
    return propose(found, Wishes(**options), device="cpu", look_per_second=1000.0, where=PARAMS, by="pgan new x")


def parameters(found: Findings, **wishes: Any) -> Any:
    return check_experiment(parse(proposed(found, **wishes).text), PARAMS)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Four classes of scikit-learn's digits, white on black."""
    from sklearn.datasets import load_digits

    data = load_digits()
    for number, (image, target) in enumerate(zip(data.images, data.target, strict=True)):
        if target < 4:
            folder = tmp_path / "digits" / str(target)
            folder.mkdir(parents=True, exist_ok=True)
            small = Image.fromarray((image * 15.9).astype("uint8"))
            small.resize((28, 28), Image.Resampling.NEAREST).save(folder / f"{number}.png")
    return tmp_path / "digits"


def test_every_proposal_names_its_reasons(photos: Photos, look: Look, machine: Any) -> None:
    text = proposed(look(photos(120))).text
    assert text.startswith("# 120 images, up to 32×32 pixels: proposed by `pgan new x`.\n#\n")
    for line in (
        "resolution: 32            # the largest that nearly all images have",
        "channels: 3               # 120 of 120 images in colour",
        "space: imagenet           # needs no labels",
        "diff_augment: [color, translation, cutout]  # with so few images, expect copies all the same",
    ):
        assert line in text


def test_photographs_are_mirrored_and_digits_are_not(photos: Photos, digits: Path, look: Look, machine: Any) -> None:
    assert parameters(look(photos(120))).training.mirror
    assert not parameters(look(digits)).training.mirror
    assert parameters(look(digits), mirror=True).training.mirror


def test_with_few_images_nobody_can_tell(photos: Photos, look: Look, machine: Any) -> None:
    found = look(photos(40))
    assert found.asymmetry is None
    assert not parameters(found).training.mirror


def test_digits_are_grey_labelled_and_judged_by_a_classifier(digits: Path, look: Look, machine: Any) -> None:
    e = parameters(look(digits))
    assert (e.prepare.channels, e.prepare.base, e.prepare.resolution) == (1, 7, 28)
    assert (e.prepare.labels, e.networks.classes) == (True, 4)
    assert e.features.space == "classifier"
    assert "classes" in e.evaluate.metrics


def test_small_classes_are_not_drawn_on_demand(photos: Photos, look: Look, machine: Any) -> None:
    photos(60, "tree/cat")
    found = look(photos(20, "tree/dog", first=60).parent)
    assert parameters(found).networks.classes == 0
    assert parameters(found).prepare.labels
    assert parameters(found, conditional=True).networks.classes == 2


def test_few_labels_are_said_to_be_too_few_for_a_classifier(photos: Photos, look: Look, machine: Any) -> None:
    photos(60, "tree/cat")
    text = proposed(look(photos(60, "tree/dog", first=60).parent)).text
    assert "# fewer than 500 labelled images: too few to train a classifier" in text


def test_no_class_can_be_drawn_where_there_are_none(photos: Photos, look: Look, machine: Any) -> None:
    with pytest.raises(InputError, match="--conditional: there are no classes; put the images of each class into"):
        parameters(look(photos(20)), conditional=True)
    assert parameters(look(photos(20)), conditional=False).networks.classes == 0


def test_the_number_of_images_is_not_said_to_follow_a_time_that_was_not_given(
    photos: Photos, look: Look, machine: Any
) -> None:
    text = proposed(look(photos(120)), kimg=0.5).text
    assert "in proportion to --kimg" in text
    assert "as the time allows" not in text


def test_metrics_that_so_few_images_do_not_allow_are_left_out(photos: Photos, look: Look, machine: Any) -> None:
    assert parameters(look(photos(40))).evaluate.metrics == ["kid", "memorisation", "swd", "ms_ssim"]
    many = parameters(look(photos(400, "more"))).evaluate.metrics
    assert {"frechet", "precision_recall", "density_coverage", "memorisation"} <= set(many)


def test_small_and_broken_images_are_counted(photos: Photos, look: Look, machine: Any) -> None:
    folder = photos(97, size=(40, 40))
    photos(3, size=(8, 8), first=100)
    (folder / "page.jpg").write_text("<html>")
    e = parameters(look(folder), resolution=32)
    assert (e.prepare.max_skipped, e.prepare.allow_upscale) == (4, False)
    e = parameters(look(folder), resolution=64)
    assert (e.prepare.max_skipped, e.prepare.allow_upscale) == (1, True)


def test_white_drawings_on_nothing_are_shown_on_black(tmp_path: Path, look: Look, machine: Any) -> None:
    (tmp_path / "icons").mkdir()
    for number in range(20):
        icon = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
        ImageDraw.Draw(icon).ellipse((number % 7, number // 3, 24, 26 - number % 5), fill="white")
        icon.save(tmp_path / "icons" / f"{number}.png")
    assert parameters(look(tmp_path / "icons")).prepare.background == "black"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Grey scans of text, higher than wide, with the grain of paper."""
    (tmp_path / "pages").mkdir()
    for number in range(20):
        random = np.random.default_rng(number)
        page = Image.new("L", (300, 400), 240)
        for y in range(30, 370, 8):
            words = "".join(random.choice(list("aeinrst   "), size=42))
            ImageDraw.Draw(page).text((25, y), words, fill=40)
        grain = random.normal(scale=4, size=(400, 300))
        Image.fromarray((np.asarray(page) + grain).clip(0, 255).astype(np.uint8)).save(
            tmp_path / "pages" / f"{number}.png"
        )
    return tmp_path / "pages"


def test_pages_are_kept_whole_on_white_and_not_mirrored(pages: Path, look: Look, machine: Any) -> None:
    found = look(pages)
    assert found.is_drawn
    found = replace(found, asymmetry=Asymmetry(0.5, 0.01))  # lines too small for the test
    assert may_be_mirrored(found) is None
    assert may_be_mirrored(replace(found, asymmetry=Asymmetry(0.98, 0.01))) is False
    e = parameters(found, seconds=20 * DAY)
    assert (e.prepare.channels, e.prepare.fit, e.prepare.pad_value) == (1, "pad", 255)
    assert not e.training.mirror
    assert "there may be text; --mirror if there is none" in proposed(found, seconds=20 * DAY).text
    assert parameters(found, seconds=20 * DAY, mirror=True).training.mirror


def test_large_smooth_photographs_are_no_drawings(tmp_path: Path, look: Look) -> None:
    (tmp_path / "large").mkdir()
    for number in range(16):
        photo(number).resize((1024, 768), Image.Resampling.BICUBIC).save(tmp_path / "large" / f"{number}.png")
    assert not look(tmp_path / "large").is_drawn


@pytest.mark.parametrize(("seconds", "resolution"), [(DAY / 24, 16), (DAY / 2, 32), (20 * DAY, 64)])
def test_more_time_is_more_pixels(
    seconds: float, resolution: int, photos: Photos, look: Look, machine: list[tuple[int, int, int]]
) -> None:
    found = look(photos(120, size=(64, 64)))
    plan = proposed(found, seconds=seconds)
    assert plan.planned.size.resolution == resolution
    assert 0.75 * seconds < plan.training + plan.rest <= seconds


def test_much_more_time_is_wider_networks(photos: Photos, look: Look, machine: Any) -> None:
    assert parameters(look(photos(40)), seconds=DAY / 4).networks.fmap_max == 64
    assert parameters(look(photos(40)), seconds=100 * DAY).networks.fmap_max > 64


def test_larger_resolutions_are_not_measured_in_vain(
    photos: Photos, look: Look, machine: list[tuple[int, int, int]]
) -> None:
    proposed(look(photos(20, size=(256, 256))), seconds=DAY / 24)
    assert max(resolution for resolution, _, _ in machine) <= 32


def test_kimg_are_shared_among_the_phases(photos: Photos, look: Look, machine: Any) -> None:
    e = parameters(look(photos(40)), kimg=50.0, resolution=32)
    assert 45 < sum(phase.kimg for phase in e.phases.values()) <= 50
    assert len(e.phases) == 7


def test_every_wish_is_in_the_file(photos: Photos, look: Look, machine: Any) -> None:
    e = parameters(
        look(photos(120)),
        kimg=1.0,
        resolution=24,
        channels=1,
        labels=False,
        mirror=False,
        fit="pad",
        background="silver",
        max_images=50,
        width=8,
        latent=5,
        batch=12,
        lr=0.003,
        augment=False,
        features="none",
    )
    assert (e.prepare.resolution, e.prepare.base, e.prepare.channels, e.prepare.fit) == (24, 6, 1, "pad")
    assert (e.prepare.background, e.prepare.max_images) == ("silver", 50)
    assert (e.networks.fmap_max, e.networks.latent_size, e.training.mirror) == (8, 5, False)
    assert (e.training.diff_augment, e.features.space) == ([], "none")
    assert {(phase.batch, phase.lr) for phase in e.phases.values()} == {(12, 0.003)}


def test_a_budget_that_cannot_be_met_is_refused_with_what_it_takes(photos: Photos, look: Look, machine: Any) -> None:
    with pytest.raises(InputError, match=r"--time 1 s: 16×16 pixels need .* raise --time, or set --kimg instead"):
        proposed(look(photos(20)), seconds=1.0)
    with pytest.raises(InputError, match=r"256×256 pixels need .* raise --time, lower --resolution"):
        proposed(look(photos(20)), seconds=600.0, resolution=256)


def test_too_few_images_are_refused(photos: Photos, look: Look, machine: Any) -> None:
    with pytest.raises(InputError, match="1 image: training needs 16 at least"):
        proposed(look(photos(1, "one")))
    with pytest.raises(InputError, match="3 images: training needs 16 at least"):
        proposed(look(photos(3, "three")))
    folder = photos(1, "same")
    for number in range(20):
        shutil.copy(folder / "0000.png", folder / f"copy{number}.png")
    with pytest.raises(InputError, match="all 21 images are the same; add different ones"):
        proposed(look(folder))
    photos(4, "same", first=1)
    with pytest.raises(InputError, match="25 images, 5 of them different: training needs 16"):
        proposed(look(folder))


def test_a_disk_that_cannot_hold_the_pyramid_is_found_out_before(
    photos: Photos, look: Look, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10_000))
    with pytest.raises(
        InputError,
        match=r"20 images at 32 pixels needs 80 KiB, but 9.8 KiB are free; .* --resolution 16 or --max-images",
    ):
        proposed(look(photos(20)))


def test_a_batch_that_memory_cannot_hold_is_halved(
    photos: Photos, look: Look, machine: list[tuple[int, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgan.new_experiment.proposal.free_memory", lambda _: 60 * 2**20)
    e = parameters(look(photos(20)), kimg=1.0, resolution=32)
    assert [e.phases[name].batch for name in ("stabilize_4", "stabilize_32")] == [16, 4]


def test_a_batch_that_is_wanted_is_computed_in_parts(
    photos: Photos, look: Look, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgan.new_experiment.proposal.free_memory", lambda _: 60 * 2**20)
    e = parameters(look(photos(64)), kimg=1.0, resolution=32, batch=64)
    assert {phase.batch for phase in e.phases.values()} == {64}
    assert (e.phases["stabilize_4"].accumulate, e.phases["grow_32"].accumulate) == (1, 16)


def test_a_batch_of_more_than_all_images_is_refused(photos: Photos, look: Look, machine: Any) -> None:
    with pytest.raises(InputError, match="--batch 100000: more than the 22 images; take 20 at most"):
        proposed(look(photos(22)), batch=100_000)
    assert machine == []


def test_memory_limits_the_resolution(
    photos: Photos, look: Look, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgan.new_experiment.proposal.free_memory", lambda _: 60 * 2**20)
    found = look(photos(20, size=(128, 128)))
    plan = proposed(found, seconds=1000 * DAY).planned
    assert (plan.size.resolution, plan.why_resolution) == (32, "the largest that fits into memory")
    assert "do not fit into memory" in plan.why_width
    with pytest.raises(
        InputError, match=r"128×128 pixels need 88 MiB of memory, but of the 60 MiB that are free on cpu"
    ):
        proposed(found, resolution=128)


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        (5, "the smallest that can grow; most images are smaller"),
        (40, "the largest that nearly all images have"),
        (4096, "larger ones are not proposed; --resolution 2048 is possible"),
    ],
)
def test_the_reason_for_the_largest_size_is_true(side: int, reason: str, photos: Photos, look: Look) -> None:
    found = look(photos(20))
    found = replace(found, sights=[sight._replace(width=side, height=side) for sight in found.sights])
    assert why_not_larger(found, candidates(found, Wishes())[-1], Wishes()) == reason


@pytest.mark.parametrize(("width", "base"), [(64, 4), (128, 7), (512, 4), (1024, 5)])
def test_the_width_is_full_up_to_the_resolution_that_is_said(width: int, base: int) -> None:
    values = {"base_size": base, "fmap_base": fmap_base(width), "fmap_max": width}
    networks = Networks.model_validate(experiment_of(read_preset("digits")).networks.model_dump() | values)
    assert isinstance(networks, Progressive)
    full = full_width_up_to(width, base)
    assert networks.feature_maps(networks.stage(full)) == width
    assert networks.feature_maps(networks.stage(2 * full)) == width // 2


def test_more_room_on_the_disk_is_asked_for_where_no_lower_resolution_is(
    photos: Photos, look: Look, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("usage", "free")(100))
    with pytest.raises(InputError, match="100 B are free; make room, or take --max-images"):
        proposed(look(photos(20)), resolution=8)
