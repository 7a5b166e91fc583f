"""What a user should know of how the images were read, each a line."""

from pgan.comparing.image_set import Images, ImageSet, Terms
from pgan.comparing.image_sets import GeneratorSet, PyramidSet, TreeSet
from pgan.comparing.reference import Reference
from pgan.comparing.request import Request
from pgan.comparing.settings import defined_names
from pgan.comparing.verdict import listed
from pgan.metrics.config import Evaluate, Features


def notes_on_size(terms: Terms, real: ImageSet, sources: list[ImageSet]) -> list[str]:
    """What is enlarged or reduced: the user's question may be another one then."""
    r = terms.resolution
    enlarged: dict[int, list[str]] = {}
    reduced: dict[int, list[str]] = {}
    for source in dict.fromkeys((*sources, real)):
        if source.size < r:
            enlarged.setdefault(source.size, []).append(str(source.path))
        elif source.size > r and not isinstance(source, PyramidSet) and source is not real:
            reduced.setdefault(source.size, []).append(str(source.path))
    return [
        *(
            f"{listed(paths)}: images of {n} pixels are enlarged to {r}, and lack fine detail"
            for n, paths in enlarged.items()
        ),
        *(
            f"{listed(paths)}: images of {n} pixels are reduced to {r}; finer detail is lost"
            for n, paths in reduced.items()
        ),
    ]


def notes_on_classes(terms: Terms, sources: list[ImageSet]) -> list[str]:
    """Generators whose classes the real images do not have."""
    return [
        f"{source.path}: its {source.networks.classes} classes are drawn equally often: the real images have others"
        for source in sources
        if isinstance(source, GeneratorSet) and source.networks.classes not in (0, len(terms.frequencies))
    ]


def notes_on_metrics(params: Evaluate, terms: Terms, features: Features, count: int) -> list[str]:
    """Metrics that are not defined for so few images."""
    missing = [name for name in defined_names(terms.resolution, features) if name not in params.metrics]
    return [f"left out, as they are not defined for {count} images: {listed(missing)}"] if missing else []


def notes_on_count(
    request: Request, sources: list[ImageSet], names: list[str], read: dict[str, Images], count: int
) -> list[str]:
    notes = []
    for name, source in zip(names, sources, strict=True):
        if name in read:
            notes += _skipped(source, read[name])
    if count < request.samples:
        by_name = dict(zip(names, sources, strict=True))
        small = min(read, key=lambda name: (len(read[name].pixels), by_name[name].count))
        path = by_name[small].path
        notes.append(
            f"{path}: {count} images, so {count} of each set are compared, not {request.samples}: "
            "the distances of sets of different sizes cannot be compared"
        )
    return notes


def notes_on_reference(reference: Reference, count: int) -> list[str]:
    """What was skipped, and whether there are figures of other real images."""
    notes = _skipped(reference.source, reference.images)
    if reference.fresh is None:
        path, others = reference.source.path, (reference.source.count or 0) - reference.count
        why = f"{others} images are not compared with, and {count} are needed"
        notes.append(f"{path}: no figures of other real images: {why}")
    return notes


def _skipped(source: ImageSet, images: Images) -> list[str]:
    if not images.skipped:
        return []
    name, reason = images.skipped[0]
    several = f"{len(images.skipped)} pictures" if len(images.skipped) > 1 else "1 picture"
    kind = "folder" if isinstance(source, TreeSet) and source.kind == "folder" else source.kind
    return [f"{source.path}: {several} of this {kind} cannot be read and are left out, such as {name}: {reason}"]
