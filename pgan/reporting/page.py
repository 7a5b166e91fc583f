"""The page: everything that the other modules say, in the template page.html."""

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pgan.config import MISSING, Parameters
from pgan.data.pyramid import read_meta
from pgan.errors import HIDDEN, readable
from pgan.phases import Phases, read_phases
from pgan.rendering.metrics import Metrics, read_metrics
from pgan.rendering.phases import TrainedPhase, final_chain, read_trained
from pgan.reporting import data, measured, reproducing, training
from pgan.reporting.embedding import Picture, embed, relative, size
from pgan.reporting.environment import environment
from pgan.reporting.findings import read_findings
from pgan.reporting.parameters import as_text, compare
from pgan.reporting.words import EMBEDDED, NETWORKS, SOURCES, WORDS, meaning
from pgan.significance import ERRORS

TEMPLATES, TEMPLATE = Path(__file__).parent, "page.html"
PICTURES = {
    "progress": "progress.gif",
    "samples": "samples.png",
    "real_vs_fake": "real_vs_fake.png",
    "transitions": "transitions.png",
    "interpolation": "interpolation.gif",
    "losses": "losses.png",
    "metrics": "metrics.png",
}
NEAREST = "nearest.png"
"""A picture that a run may lack."""
NO_TITLES = ("", "data", "images", "raw", "train")
"""Names of folders that say nothing of the images in them."""
COPYING = ("copying", "near_copies")


@dataclass(frozen=True)
class Places:
    """The folders of a run, and the page."""

    train: Path
    evaluate: Path
    pyramid: Path
    pictures: Path
    findings: Path
    page: Path


def page(parameters: Parameters, places: Places, device: torch.device) -> str:
    """A whole HTML document.

    Raises:
        InputError: a file is missing or damaged.
    """
    for key in map(str, parameters.content):
        parameters.get(key)  # the page shows all of them
    phases = read_phases(parameters)
    trained = read_trained(phases, places.train)
    metrics = [read_metrics(places.evaluate, each.name) for each in trained]
    return _template().render(
        about_training(parameters, phases, trained, metrics)
        | about_metrics(trained, metrics)
        | about_data(parameters, places)
        | about_pictures(phases, places)
        | about_parameters(parameters.content)
        | {
            "environment": environment(device),
            "commands": _lines(reproducing.stages(phases)),
            "uses": _lines(reproducing.uses(phases)),
        }
    )


def about_training(
    parameters: Parameters, phases: Phases, trained: list[TrainedPhase], metrics: list[Metrics]
) -> dict[str, Any]:
    """How the generator came about."""
    architecture = parameters.value("networks.architecture", str)
    by_name = {each.name: found for each, found in zip(trained, metrics, strict=True)}
    return {
        "network": NETWORKS.get(architecture, "A GAN"),
        "architecture": architecture,
        "conditional": parameters.get("networks.classes") not in (0, MISSING),  # an architecture may lack it
        "loss": parameters.value("training.loss", str),
        "space": parameters.value("features.space", str),
        "seed": parameters.value("seed", int),
        "training": training.describe(phases, trained),
        "progress": _progress([by_name[each.name] for each in final_chain(trained)]),
    }


def about_metrics(trained: list[TrainedPhase], metrics: list[Metrics]) -> dict[str, Any]:
    """What was measured."""
    last, rows = metrics[-1], measured.table(metrics)
    names = [name for name in WORDS if any(name in found for found in metrics)]
    return {
        "final": trained[-1].name,
        "headlines": measured.headlines(last),
        "copies": [f"{WORDS[name].name}: {meaning(name, last[name])}" for name in COPYING if name in last],
        "table": rows,
        "errors": ERRORS,
        "marks": {
            "best": any(row.best is not None for row in rows),
            "doubtful": any(any(row.is_doubtful) for row in rows),
            "error": any("±" in cell for row in rows for cell in row.cells),
        },
        "meanings": [(WORDS[name].name, meaning(name, _latest(name, metrics))) for name in names],
    }


def about_data(parameters: Parameters, places: Places) -> dict[str, Any]:
    """What the training images are."""
    source, path = parameters.value("prepare.source", str), parameters.get("prepare.path")
    title, words = SOURCES.get(source, ("", "images"))
    return {
        "subject": title or _title(str(path)),
        "source_words": words,
        "data": data.describe(read_meta(places.pyramid)),
        "findings": read_findings(places.findings, parameters.get("prepare")),
        "images_path": None if source in EMBEDDED else path,
    }


def about_pictures(phases: Phases, places: Places) -> dict[str, Any]:
    """The pictures, and links to the films of single phases."""
    folder, page = places.pictures, places.page
    pictures: dict[str, Picture | None] = {name: embed(folder / file, page) for name, file in PICTURES.items()}
    pictures["nearest"] = embed(folder / NEAREST, page) if os.path.lexists(folder / NEAREST) else None
    films = [path for name in phases if (path := folder / "phases" / f"{name}.gif").is_file()]
    return {
        "pictures": pictures,
        "phase_films": [(path.stem, relative(path, page), size(path.stat().st_size)) for path in films],
    }


def about_parameters(content: dict[str, Any]) -> dict[str, Any]:
    """The whole file, and what differs from the nearest preset."""
    text = as_text(content)
    file = base64.b64encode(text.encode("utf-8", "backslashreplace")).decode("ascii")
    return {
        "compared": compare(content),
        "parameters_text": _lines(text),
        "parameters_file": Markup(f"data:text/yaml;base64,{file}"),
        "hides_passwords": HIDDEN in text,
    }


def _title(path: str) -> str:
    """A title for images by their path."""
    name = Path(path).stem
    return "Images" if name in NO_TITLES else name


def _progress(chain: list[Metrics]) -> str:
    """How the distance to the real images changed up to the final phase; empty where it was not measured."""
    name = "frechet_target" if "frechet_target" in chain[-1] else "frechet"
    if name not in chain[-1]:
        return ""
    first, last = chain[0].get(name), chain[-1][name]
    if name == "frechet" or first is None or first <= last:
        return f" is {last:.3g} in the end"
    return f" fell from {first:.3g} after the first phase to {last:.3g}"


def _latest(name: str, metrics: list[Metrics]) -> float:
    """The value in the last phase that has it."""
    return next(found[name] for found in reversed(metrics) if name in found)


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # names of files and classes are the user's
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE)


def _lines(text: str) -> Markup:
    """Several lines, each of which can be shown as it is."""
    return Markup(escape(text))


def _printable(value: Any) -> Any:
    """Any text as a page can show it; what is markup already stays as it is."""
    return readable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
