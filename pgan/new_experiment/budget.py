"""Resolution, width and length of training for the time that the user gives."""

from collections.abc import Callable
from typing import NamedTuple

from pgan.errors import InputError
from pgan.new_experiment.pace import Pace
from pgan.new_experiment.phases_section import enough_kimg, kimg_by_phase, total_kimg
from pgan.new_experiment.sizes import Size
from pgan.new_experiment.wishes import Wishes
from pgan.planning.duration import duration

WIDTHS = (64, 128, 256, 512)
"""Most feature maps in a layer: 64 in this project's presets for a CPU, 512 in the paper."""
LEAST = 0.05
"""Share of `enough_kimg` below which training would show nothing."""
SURPLUS = 3.0
"""Multiple of `enough_kimg` that must be left for networks twice as wide."""
COST_OF_WIDTH = 2.5
"""Networks twice as wide are at least this many times as slow."""

Overhead = Callable[[Size], float]
"""Seconds of all that is not training, with a pyramid of that size."""


class Plan(NamedTuple):
    """What fits into the budget."""

    size: Size
    width: int
    kimg: dict[str, float]
    """By phase."""
    images_per_second: dict[int, float]
    """By resolution."""
    why_resolution: str
    why_width: str


def plan(sizes: list[Size], pace: Pace, overhead: Overhead, wishes: Wishes) -> Plan:
    """The largest of `sizes`, ascending, that can be trained well, with the widest networks that can.

    Raises:
        InputError: not even the smallest can; the message says how long it would take.
    """
    width = wishes.width or WIDTHS[0]
    found = [_total(size, width, pace, overhead, wishes) for size in sizes[:1]]
    for size in sizes[1:]:
        if found[-1] < enough_kimg(sizes[len(found) - 1].resolution):
            break  # a larger one takes longer
        found.append(_total(size, width, pace, overhead, wishes))
    good = [n for n, total in enumerate(found) if total >= enough_kimg(sizes[n].resolution)]
    best = good[-1] if good else 0
    size, total = sizes[best], found[best]
    if wishes.kimg is None and total < LEAST * enough_kimg(size.resolution):
        raise InputError(_too_little(size, width, pace, overhead, wishes))
    limit = len(sizes) - 1 == best
    why = _why_resolution(size, total, limit, wishes)
    if wishes.width is None:
        width, total = _widened(size, width, total, pace, overhead, wishes)
    speeds = pace.images_per_second(width, size.levels)
    return Plan(size, width, kimg_by_phase(size.levels, total), speeds, why, _why_width(width, wishes))


def _total(size: Size, width: int, pace: Pace, overhead: Overhead, wishes: Wishes) -> float:
    if wishes.kimg is not None:
        return wishes.kimg
    return total_kimg(size.levels, pace.images_per_second(width, size.levels), wishes.seconds - overhead(size))


def _widened(size: Size, width: int, total: float, pace: Pace, overhead: Overhead, wishes: Wishes) -> tuple[int, float]:
    """Wider networks, as long as far more than enough is left for them; --kimg says nothing of what they may cost."""
    enough = SURPLUS * enough_kimg(size.resolution)
    for wider in WIDTHS[1:]:
        if wishes.kimg is not None or total / COST_OF_WIDTH < enough or not pace.fits(wider, size.resolution):
            break
        left = _total(size, wider, pace, overhead, wishes)
        if left < enough:
            break
        width, total = wider, left
    return width, total


def _why_resolution(size: Size, total: float, is_largest: bool, wishes: Wishes) -> str:
    enough = enough_kimg(size.resolution)
    budget = f"--kimg {wishes.kimg:g}" if wishes.kimg is not None else duration(wishes.seconds)
    if wishes.resolution is not None:
        return "as --resolution says" + (f"; good samples take about {enough:,.0f} kimg" if total < enough else "")
    if total < enough:
        return f"the smallest that is worth it; good samples take about {enough:,.0f} kimg, more than {budget}"
    return "the largest that nearly all images have" if is_largest else f"the largest for which {budget} is enough"


def _why_width(width: int, wishes: Wishes) -> str:
    if wishes.width is not None:
        return "as --width says"
    if wishes.kimg is not None:
        return "narrow, as --kimg says nothing of time; --width 512 is the paper's"
    return "most feature maps of a layer; the time allows no more [paper: 512]" if width < 512 else "the paper's"


def _too_little(size: Size, width: int, pace: Pace, overhead: Overhead, wishes: Wishes) -> str:
    speeds = pace.images_per_second(width, size.levels)
    rest = overhead(size)
    per_kimg = 1 / max(total_kimg(size.levels, speeds, 1.0), 1e-12)
    least = rest + LEAST * enough_kimg(size.resolution) * per_kimg
    good = rest + enough_kimg(size.resolution) * per_kimg
    smaller = ", lower --resolution" if wishes.resolution is not None else ""
    return (
        f"--time {duration(wishes.seconds)}: {size.resolution}×{size.resolution} pixels need {duration(least)} here, "
        f"and about {duration(good)} for good samples; raise --time{smaller}, or set --kimg instead"
    )
