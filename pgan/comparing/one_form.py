"""The form to which all images are brought: one size, grey or RGB."""

from pathlib import Path

from pgan.comparing.image_set import LARGEST, SMALLEST, ImageSet, Terms
from pgan.comparing.image_sets import PyramidSet
from pgan.comparing.request import Request
from pgan.errors import InputError


def terms_of(request: Request, real: ImageSet, sources: list[ImageSet], scratch: Path) -> Terms:
    """The form of all images. Raises InputError where there is none that fits."""
    return Terms(
        _resolution(request, real, sources),
        3 if any(source.channels == 3 for source in (real, *sources)) else 1,
        request.seed,
        real.frequencies(),
        scratch,
        request.workers,
        request.batch,
    )


def _resolution(request: Request, real: ImageSet, sources: list[ImageSet]) -> int:
    """As asked for; else the size of the largest set, but of a pyramid the level nearest to it, and no more than the
    reference has.
    """
    for source in (real, *sources):
        if source.size < SMALLEST:
            raise InputError(f"{source.path}: images of {source.size} pixels; at least {SMALLEST} a side are needed")
    wanted = request.resolution or max(source.size for source in sources)
    if isinstance(real, PyramidSet):
        levels = [level for level in real.meta.levels if SMALLEST <= level <= LARGEST]
        if request.resolution and request.resolution not in levels:
            found = ", ".join(map(str, levels)) or "none"
            raise InputError(f"--resolution {request.resolution}: {real.path} has no such level; its levels: {found}")
        if not levels:
            raise InputError(f"{real.path}: no level from {SMALLEST} to {LARGEST} pixels")
        return min(levels, key=lambda level: (abs(level - wanted), -level))
    if request.resolution is None:
        wanted = min(wanted, real.size, LARGEST)
    return wanted
