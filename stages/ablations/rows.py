"""The file of an ablation: a base and rows of overrides -> the parameters of each (row, seed)."""

import copy
import re
import tarfile
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from pgan.config import Section, read_yaml, validate
from pgan.errors import InputError, redacted
from pgan.experiment import Experiment, check_experiment
from pgan.prepare.signatures import HEAD, ZSTD, identify
from pgan.presets.catalogue import names, read_preset
from pgan.untrusted.inputs import open_file
from pgan.untrusted.strict_yaml import parse

FOLDER = Path(__file__).parent
MOST_SEEDS = 1000
PUBLISHED = re.compile(r"swd(_\d+)?|ms_ssim|frechet")
"""Metrics that have a column in the table."""
NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Characters that DVC allows in an experiment's name."""
OF_THE_DATA = ("prepare", "features", "evaluate", "render")
"""Sections that `--data` replaces: the images, and how results on them are measured and drawn."""

Parameters = dict[str, Any]
"""The content of a params.yaml."""


class Row(Section):
    """One row of the table."""

    label: str
    """Its name in the table."""
    like: str | None = None
    """Another row, whose overrides are applied first."""
    set: dict[str, Any] = Field(default={})
    """Dotted parameter → value; `phases.*.batch` sets the batch of every phase."""
    total_kimg: float | None = Field(default=None, gt=0)
    """The row's own, if it differs from the ablation's."""
    published: dict[str, float] = Field(default={})
    """Published figures, by metric: swd ×10³, ms_ssim, frechet."""


class Ablation(Section):
    """A table to be made."""

    title: str
    source: str
    """What it reproduces."""
    published_source: str = ""
    """Where the published figures are from, and how far they can be compared."""
    base: str
    """The preset that all rows begin with."""
    total_kimg: float = Field(gt=0)
    """The length of all phases together; the last phase is as long as that requires."""
    set: dict[str, Any] = Field(default={})
    """Overrides that all rows share."""
    rows: dict[str, Row] = Field(min_length=1)


@dataclass(frozen=True)
class Choice:
    """The options of the command line."""

    rows: list[str] | None = None
    """Keys; None for all."""
    seeds: int = 1
    budget_kimg: float | None = None
    data: str | None = None
    overrides: tuple[tuple[str, Any], ...] = ()
    """(parameter, value), applied after the rows' own."""


@dataclass(frozen=True)
class Cell:
    """One run of the ablation: a row with a seed."""

    row: str
    seed: int
    parameters: Parameters


def conditions(cells: Collection[Cell], overrides: Iterable[tuple[str, Any]]) -> str:
    """How the runs were made, for the table: images, length, and what was set for all rows."""
    images = {(cell.parameters["prepare"]["path"], cell.parameters["prepare"]["resolution"]) for cell in cells}
    lengths: dict[float, list[str]] = {}
    for cell in cells:
        kimg = sum(phase["kimg"] for phase in cell.parameters["phases"].values())
        rows = lengths.setdefault(float(f"{kimg:.6g}"), [])
        if cell.row not in rows:
            rows.append(cell.row)
    said = [f"{path} at {size}×{size}" for path, size in sorted(images)]
    said += [f"{kimg:g} kimg ({', '.join(rows)})" for kimg, rows in lengths.items()]
    return redacted("; ".join(said + [f"{key}={value}" for key, value in overrides]))


def read_ablation(name: str) -> tuple[str, Ablation]:
    """The name and content of a built-in ablation, or of a YAML file.

    Raises:
        InputError: there is no such ablation, or something in it is wrong.
    """
    path = FOLDER / f"{name}.yaml"
    ours = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    if name not in ours:
        path = Path(name)
        if not path.is_file():
            raise InputError(f"{name}: neither one of the ablations ({', '.join(ours)}) nor a file")
    if not NAME.fullmatch(path.stem):
        raise InputError(
            f"{path}: its name becomes part of DVC's names of experiments; use letters, digits, - and _ only"
        )
    ablation = validate(read_yaml(path), Ablation, path)
    for key in ablation.rows:
        if not (key.isidentifier() and key.isascii()):
            what = "a row's key must be of letters, digits and _, and not begin with a digit"
            raise InputError(f"{path}: rows.{key}: {what}")
        for metric in ablation.rows[key].published:
            if not PUBLISHED.fullmatch(metric):
                raise InputError(
                    f"{path}: rows.{key}.published.{metric}: expected swd, swd_<pixels>, ms_ssim or frechet"
                )
        _check_likeness(ablation, key, path)
    return path.stem, ablation


def _check_likeness(ablation: Ablation, key: str, path: Path) -> None:
    """Raise InputError if a row is like a missing one, or like itself through others."""
    seen, row = {key}, ablation.rows[key]
    while row.like is not None:
        if row.like not in ablation.rows or row.like in seen:
            what = "like itself" if row.like in seen else f"like '{row.like}', which is no row"
            raise InputError(f"{path}: rows.{key}.like: it is {what}; name another row, or leave it out")
        seen.add(row.like)
        row = ablation.rows[row.like]


def cells(name: str, ablation: Ablation, choice: Choice) -> list[Cell]:
    """All runs, seed by seed, each with its checked parameters.

    Raises:
        InputError: a row, a seed, the data, or an override is wrong; it names the row and the parameter.
    """
    wanted = list(ablation.rows) if choice.rows is None else choice.rows
    for key in wanted:
        if key not in ablation.rows:
            raise InputError(f"--rows: {name} has no row '{key}', but {', '.join(ablation.rows)}")
    if not 1 <= choice.seeds <= MOST_SEEDS:
        raise InputError(f"--seeds: {choice.seeds} is not between 1 and {MOST_SEEDS}")
    if choice.budget_kimg is not None and not 0 < choice.budget_kimg < 1e9:
        raise InputError(f"--budget-kimg: {choice.budget_kimg} is not above 0 and below 10^9")
    base: Parameters = parse(read_preset(ablation.base).text)
    _override(base, ablation.set.items(), f"{name}: set")
    if choice.data is not None:
        _change_data(base, choice.data)
    made = {key: _row_parameters(base, name, ablation, key, choice) for key in wanted}
    return [Cell(key, seed, made[key] | {"seed": seed}) for seed in range(choice.seeds) for key in wanted]


def _row_parameters(base: Parameters, name: str, ablation: Ablation, key: str, choice: Choice) -> Parameters:
    content = copy.deepcopy(base)
    for row in _lineage(ablation, key):
        _override(content, row.set.items(), f"{name}: rows.{key}.set")
    _override(content, choice.overrides, "--set")
    place = Path(f"{name}, row {key}")
    content = _plain(validate(content, Experiment, place))  # each section by itself; the phases do not fit yet
    total = ablation.rows[key].total_kimg or ablation.total_kimg
    _fit_phases(content, total, (choice.budget_kimg or ablation.total_kimg) / ablation.total_kimg, place)
    return _plain(check_experiment(content, place))


def _plain(experiment: Experiment) -> Parameters:
    content: Parameters = experiment.model_dump(mode="json", by_alias=True)
    return content


def _lineage(ablation: Ablation, key: str) -> list[Row]:
    """A row after the rows that it is like, in the order in which their overrides apply."""
    row = ablation.rows[key]
    return [*(_lineage(ablation, row.like) if row.like else []), row]


def _override(content: Parameters, overrides: Any, where: str) -> None:
    """Set dotted parameters. Raises InputError if something above the last part is no mapping."""
    for key, value in overrides:
        *path, last = key.split(".")
        found = list(_places(content, path))
        if not found:
            raise InputError(f"{where}: {key}: there is no '{'.'.join(path)}' to set it in")
        for place in found:
            place[last] = copy.deepcopy(value)


def _places(content: Any, path: list[str]) -> Iterator[Parameters]:
    """The mappings at a path; `*` stands for every key."""
    if not isinstance(content, dict):
        return
    if not path:
        yield content
        return
    for key in content if path[0] == "*" else content.keys() & {path[0]}:
        yield from _places(content[key], path[1:])


# --- the images


def _change_data(content: Parameters, data: str) -> None:
    """Take images and their measurement from a preset or parameter file, or just images from a folder or archive."""
    path = Path(data)
    if data in names() or path.suffix in (".yaml", ".yml"):
        other = parse(read_preset(data).text) if data in names() else read_yaml(path)
        made = check_experiment(other, Path(data)).prepare
        if made.base != content["prepare"]["base"]:
            own = content["prepare"]["base"]
            raise InputError(f"--data: {data}: its prepare.base is {made.base}, but the ablation's is {own}")
        content |= {section: other[section] for section in OF_THE_DATA}
        content["networks"]["channels"] = made.channels
        content["training"]["mirror"] = other["training"]["mirror"]
    elif (kind := _kind(path)) is not None:
        content["prepare"] |= {"source": kind, "path": data, "labels_path": None}
    else:
        raise InputError(f"--data: {data}: no preset, no parameter file, and no folder, zip or tar of images")


def _kind(path: Path) -> str | None:
    """The `prepare.source` for a folder or an archive of images; None for anything else."""
    if path.is_dir():
        return "folder"
    if not path.is_file():
        return None
    return "zip" if zipfile.is_zipfile(path) else "tar" if tarfile.is_tarfile(path) or _is_zstd(path) else None


def _is_zstd(path: Path) -> bool:
    """Whether a file may be a tar archive in zstd: `prepare` can unpack it, but tarfile only from Python 3.14 on."""
    with open_file(path) as file:
        return identify(file.read(HEAD)) == ZSTD


# --- the phases


def _fit_phases(content: Parameters, total_kimg: float, factor: float, place: Path) -> None:
    """Make the phases end at the data's resolution and at `total_kimg`, and multiply all lengths by `factor`.

    Phases of a higher resolution are removed.  If the first phase has a higher one, it gets the data's.
    """
    largest = content["prepare"]["resolution"]
    content["init"]["resolution"] = _at_most(content["init"]["resolution"], largest)
    phases = content["phases"]
    for key, phase in list(phases.items()):
        if phase["from"] == "init":
            phase["resolution"] = _at_most(phase["resolution"], largest)
        elif phase["resolution"] > largest:
            del phases[key]
    _fit_targets(content)
    *before, last = phases.values()
    used = sum(phase["kimg"] for phase in before)
    if used >= total_kimg:
        what = f"{total_kimg:g}, but the phases before the last take {used:g}"
        raise InputError(f"{place}: total_kimg: {what}; raise it, or shorten them")
    last["kimg"] = total_kimg - used
    for phase in phases.values():
        phase["kimg"] = phase["kimg"] * factor


def _fit_targets(content: Parameters) -> None:
    """Give the last phase the gradient target of `training`, and scale the targets of the others with it.

    The presets' targets grow with the distance from the largest size, and that size may have been removed.
    """
    common, phases = content["training"]["gradient_target"], content["phases"].values()
    excess = (list(phases)[-1].get("gradient_target") or common) / common
    for phase in phases:
        if excess > 1 and phase.get("gradient_target") is not None:
            phase["gradient_target"] /= excess


def _at_most(resolution: int | None, largest: int) -> int | None:
    return None if resolution is None else min(resolution, largest)
