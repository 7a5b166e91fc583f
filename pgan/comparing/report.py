"""What `pgan compare` says: the lines for the console, and all of it as JSON."""

import platform
from importlib.metadata import version as version_of
from typing import Any

from pgan.comparing.comparison import Comparison, Measured
from pgan.comparing.request import letters
from pgan.comparing.table import table
from pgan.comparing.verdict import Row, rows, summary
from pgan.errors import readable
from pgan.significance import figure, shown
from pgan.version import version


def lines(found: Comparison) -> list[str]:
    """For the console: the sets, the table, and which set is better in what."""
    names = list(letters(len(found.sets)))
    table_rows = rows([each.metrics for each in found.sets], found.doubtful)
    fresh = None if found.fresh is None else [figure(found.fresh.metrics, row.value.name) for row in table_rows]
    text = [readable(f"{name}  {_described(each)}") for name, each in zip(names, found.sets, strict=True)]
    text.append(readable(f"real images  {_reference_described(found)}"))
    r = found.terms.resolution
    text += [f"compared at {r}×{r} pixels, {_space(found)}", ""]
    text += table(table_rows, names, fresh)
    text += [f"  {name}: {reason}" for name, reason in found.doubtful.items() if _is_shown(name, table_rows)]
    if conclusion := summary(table_rows, names):
        text += ["", conclusion]
    return text


def title(name: str, each: Measured, short: str) -> str:
    """Over the grid of a set."""
    distance = figure(each.metrics, "frechet")
    return f"{name}  {short}" + (f"  Fréchet {shown(distance)}" if distance else "")


def content(found: Comparison) -> dict[str, Any]:
    """Everything, as JSON has it. The same images, parameters and versions give the same content."""
    names = list(letters(len(found.sets)))
    table_rows = rows([each.metrics for each in found.sets], found.doubtful)
    return {
        "resolution": found.terms.resolution,
        "channels": found.terms.channels,
        "space": found.features.space,
        "seed": found.terms.seed,
        "images": found.params.images,
        "sets": [{"name": name} | _set(each) for name, each in zip(names, found.sets, strict=True)],
        "reference": {
            "path": str(found.reference.source.path),
            "kind": found.reference.source.kind,
            "size": found.reference.source.size,
            "images": found.reference.count,
            "of": found.reference.source.count,
            "features": str(found.request.features) if found.request.features else None,
            "skipped": _skipped(found.reference.images.skipped),
            "pixels_sha256": found.reference_digest if found.request.features is None else None,
        },
        "other_real_images": None if found.fresh is None else {"metrics": found.fresh.metrics},
        "clearly_best": {row.value.name: None if row.best is None else names[row.best] for row in table_rows},
        "not_to_be_trusted": found.doubtful,
        "notes": found.notes,
        "parameters": found.params.model_dump(include={"metrics", *found.params.metrics}),
        "versions": {
            "pgan": version(),
            "python": platform.python_version(),
            **{name: version_of(name) for name in ("torch", "numpy", "pillow")},
        },
        "device": found.request.device.type,
    }


def _set(each: Measured) -> dict[str, Any]:
    return {
        "path": str(each.source.path),
        "kind": each.source.kind,
        "size": each.source.size,
        "images": each.count,
        "of": each.source.count,
        "skipped": _skipped(each.skipped),
        "pixels_sha256": each.digest,
        "metrics": each.metrics,
    }


def _skipped(skipped: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"file": readable(name), "reason": readable(reason)} for name, reason in skipped]


def _described(each: Measured) -> str:
    size = f"{each.source.size}×{each.source.size}"
    if each.source.count is None:
        return f"{each.source.path}: generator of {size}, {each.count} images drawn"
    return f"{each.source.path}: {each.source.kind} of {size}, {each.count} of {each.source.count} images"


def _reference_described(found: Comparison) -> str:
    source = found.reference.source
    return f"{source.path}: {source.kind}, {found.reference.count} of {source.count} images"


def _space(found: Comparison) -> str:
    return "without a feature space" if found.features.space == "none" else f"in the space {found.features.space}"


def _is_shown(name: str, table_rows: list[Row]) -> bool:
    return any(name in (row.metric, row.value.name) for row in table_rows)
