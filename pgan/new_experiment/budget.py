"""Resolution, width and length of training for the time that the user gives."""

from collections.abc import Callable
from typing import NamedTuple

from pgan.errors import InputError
from pgan.new_experiment.pace import MEMORY_SHARE, Pace
from pgan.new_experiment.phases_section import enough_kimg, kimg_by_phase, total_kimg
from pgan.new_experiment.sizes import Size
from pgan.new_experiment.wishes import Wishes
from pgan.planning.quantities import duration
from pgan.planning.quantities import size as in_words

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


def plan(sizes: list[Size], why_largest: str, pace: Pace, overhead: Overhead, wishes: Wishes) -> Plan:
    """The largest of `sizes`, ascending, that can be trained well, with the widest networks that can.

    Args:
        why_largest: why there are no larger sizes.

    Raises:
        InputError: not even the smallest can; the message says how long it would take, or how much memory.
    """
    width = wishes.width or WIDTHS[0]
    size, total, why = _largest(sizes, why_largest, width, pace, overhead, wishes)
    if wishes.kimg is None and total < LEAST * enough_kimg(size.resolution):
        raise InputError(_too_little(size, width, pace, overhead, wishes))
    width, total, why_width = _widened(size, width, total, pace, overhead, wishes)
    speeds = pace.images_per_second(width, size.levels)
    return Plan(size, width, kimg_by_phase(size.levels, total), speeds, why, why_width)


def _largest(
    sizes: list[Size], why_largest: str, width: int, pace: Pace, overhead: Overhead, wishes: Wishes
) -> tuple[Size, float, str]:
    """A size, how many kimg the budget allows at it, and why it is not larger."""
    if not pace.fits(width, sizes[0].resolution):
        raise InputError(_too_large(sizes[0], width, pace, wishes))
    best, total = sizes[0], _total(sizes[0], width, pace, overhead, wishes)
    budget = f"--kimg {wishes.kimg:g}" if wishes.kimg is not None else duration(wishes.seconds)

    def enough(size: Size) -> str:
        kimg = enough_kimg(size.resolution)
        return f"{kimg:,.0f} kimg" if wishes.kimg is not None else duration(_seconds(size, kimg, width, pace, overhead))

    is_little = total < enough_kimg(best.resolution)
    if wishes.resolution is not None:
        return best, total, "as --resolution says" + (f"; good samples take about {enough(best)}" if is_little else "")
    if is_little:
        return best, total, f"the smallest that is worth it, but good samples take about {enough(best)}"
    for size in sizes[1:]:
        if not pace.fits(width, size.resolution):
            return best, total, "the largest that fits into memory"
        left = _total(size, width, pace, overhead, wishes)
        if left < enough_kimg(size.resolution):
            r = size.resolution
            return best, total, f"the largest for which {budget} is enough; {r}×{r} takes about {enough(size)}"
        best, total = size, left
    return best, total, why_largest


def _total(size: Size, width: int, pace: Pace, overhead: Overhead, wishes: Wishes) -> float:
    if wishes.kimg is not None:
        return wishes.kimg
    return total_kimg(size.levels, pace.images_per_second(width, size.levels), wishes.seconds - overhead(size))


def _seconds(size: Size, kimg: float, width: int, pace: Pace, overhead: Overhead) -> float:
    """What so many thousands of images take, with all that is not training."""
    per_second = total_kimg(size.levels, pace.images_per_second(width, size.levels), 1.0)
    return overhead(size) + kimg / max(per_second, 1e-12)


def _widened(
    size: Size, width: int, total: float, pace: Pace, overhead: Overhead, wishes: Wishes
) -> tuple[int, float, str]:
    """Wider networks, as long as far more than enough is left for them: their width, the kimg, and why."""
    if wishes.width is not None:
        return width, total, "as --width says"
    if wishes.kimg is not None:
        return width, total, "narrow, as --kimg says nothing of time; --width 512 is the paper's"
    enough = SURPLUS * enough_kimg(size.resolution)
    for wider in WIDTHS[1:]:
        if not pace.fits(wider, size.resolution):
            return width, total, "most feature maps of a layer; wider networks do not fit into memory [paper: 512]"
        left = total / COST_OF_WIDTH
        if left >= enough:
            left = _total(size, wider, pace, overhead, wishes)
        if left < enough:
            return width, total, "most feature maps of a layer; the time allows no more [paper: 512]"
        width, total = wider, left
    return width, total, "the paper's"


def _too_large(size: Size, width: int, pace: Pace, wishes: Wishes) -> str:
    r, needed = size.resolution, in_words(pace.memory(width, size.resolution))
    lower = "a lower --resolution or --width" if wishes.resolution is not None else "a lower --width"
    free, usable = in_words(pace.free_memory), in_words(MEMORY_SHARE * pace.free_memory)
    what = f"{r}×{r} pixels need {needed} of memory, but of the {free} that are free on {pace.device}"
    return f"{what}, training should take {usable} at most; take {lower}, or close other programs"


def _too_little(size: Size, width: int, pace: Pace, overhead: Overhead, wishes: Wishes) -> str:
    enough = enough_kimg(size.resolution)
    least, good = (_seconds(size, share * enough, width, pace, overhead) for share in (LEAST, 1.0))
    smaller = ", lower --resolution" if wishes.resolution is not None else ""
    return (
        f"--time {duration(wishes.seconds)}: {size.resolution}×{size.resolution} pixels need {duration(least)} here, "
        f"and about {duration(good)} for good samples; raise --time{smaller}, or set --kimg instead"
    )
