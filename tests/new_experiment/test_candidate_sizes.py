"""Resolutions that images allow."""

from collections.abc import Callable

import pytest
from photographs import Photos

from pgan.errors import InputError
from pgan.new_experiment.findings import Findings
from pgan.new_experiment.sizes import Size, candidates, check, fit
from pgan.new_experiment.wishes import Wishes

Look = Callable[..., Findings]


@pytest.mark.parametrize(
    ("side", "sizes"),
    [
        (28, [Size(14, 7), Size(28, 7)]),
        (32, [Size(16, 4), Size(32, 4)]),
        (48, [Size(24, 6), Size(48, 6)]),
        (100, [Size(16, 4), Size(32, 4), Size(64, 4)]),
        (8, [Size(8, 4)]),
        (9, [Size(8, 4)]),
        (5, [Size(8, 4)]),
    ],
)
def test_sizes_follow_from_the_images(side: int, sizes: list[Size], photos: Photos, look: Look) -> None:
    assert candidates(look(photos(20, size=(side, side))), Wishes()) == sizes


def test_a_few_small_images_do_not_lower_the_resolution(photos: Photos, look: Look) -> None:
    folder = photos(57, size=(40, 40))
    photos(3, size=(8, 8), first=100)
    assert candidates(look(folder), Wishes())[-1] == Size(40, 5)
    photos(3, size=(8, 8), first=110)
    assert candidates(look(folder), Wishes())[-1] == Size(8, 4)


def test_a_wish_finds_its_base() -> None:
    for resolution, base in ((64, None), (28, None), (96, None), (160, None), (36, 9)):
        check(Wishes(resolution=resolution, base=base))


@pytest.mark.parametrize(
    ("resolution", "base", "reason"),
    [(100, None, "take 96 or 112"), (9, None, "take 8 or 10"), (100, 4, "must be 4 × 2.k; take 64 or 128")],
)
def test_a_wish_without_a_base_is_refused(resolution: int, base: int | None, reason: str) -> None:
    with pytest.raises(InputError, match=f"--resolution {resolution}: .*{reason}"):
        check(Wishes(resolution=resolution, base=base))


def test_strips_are_padded_and_others_cropped(photos: Photos, look: Look) -> None:
    assert fit(look(photos(20, "wide", size=(96, 40))), Wishes()) == "pad"
    assert fit(look(photos(20, "narrow", size=(40, 60))), Wishes()) == "crop"
    assert candidates(look(photos(20, "wide", size=(96, 40))), Wishes())[-1] == Size(96, 6)
