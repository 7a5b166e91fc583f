"""The page *Parameters*: a table for each section of params.yaml, made from the models and their docstrings."""

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import annotated_types
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pgan.config import PathText, Section
from pgan.experiment import Experiment
from pgan.networks.config import Networks

PAGE = "parameters.md"
MARK = "<!-- tables -->"
"""Where they stand in the page."""
WORDS = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`", type(None): "`null`"}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}
LONG = 10_000
"""Bounds beyond it only keep absurd values out, and are left away."""

Named = tuple[str, str, type[Section], Any]
"""Heading, key in params.yaml, model, the demo's values."""


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the tables into their page."""
    if page.file.src_uri != PAGE:
        return markdown
    demo = yaml.safe_load((Path(config.config_file_path).parent / "params.yaml").read_text(encoding="utf-8"))
    return markdown.replace(MARK, "\n\n".join(_table(*section) for section in sections(demo)))


def sections(demo: dict[str, Any]) -> Iterator[Named]:
    """All models of params.yaml, in the order of the file; a section comes before the sections in it."""
    yield from _nested("The file", "", Experiment, demo)


def _nested(heading: str, key: str, model: type[Section], demo: Any) -> Iterator[Named]:
    yield heading, key, model, demo
    for name, field in model.model_fields.items():
        name = field.alias or name
        inner, full = _section_in(field.annotation), f"{key}.{name}" if key else name
        value = demo.get(name) if isinstance(demo, dict) else None
        if inner is Networks:
            for architecture in _leaves(Networks):
                chosen = typing.get_args(architecture.model_fields["architecture"].annotation)[0]
                values = value if value and value.get("architecture") == chosen else None
                yield from _nested(f"`{full}`, architecture `{chosen}`", full, architecture, values)
        elif inner is not None:
            mapping = typing.get_origin(field.annotation) is dict
            first = next(iter(value.values()), None) if mapping and value else value
            title = f"{full}.NAME" if mapping else full
            yield from _nested(f"`{title}`", title, inner, first)


def _section_in(annotation: Any) -> type[Section] | None:
    """The model that a parameter is, may be, or maps names to."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, typing.get_args(annotation))), None)


def _leaves(model: type[Section]) -> list[type[Section]]:
    """The models derived from one that nothing is derived from."""
    below = model.__subclasses__()
    return [leaf for one in below for leaf in _leaves(one)] if below else [model]


def description(model: type[Section], name: str) -> str | None:
    """The docstring of a parameter: where it is declared, in the model that this one extends, or of the section."""
    for one in model.__mro__:
        if issubclass(one, Section) and name in one.model_fields and one.model_fields[name].description:
            return one.model_fields[name].description
    section = _section_in(model.model_fields[name].annotation)
    return section.__doc__ if section else None


def _table(heading: str, key: str, model: type[Section], demo: Any) -> str:
    level = "##" if key.count(".") == 0 else "###"
    rows = ["| parameter | meaning | type | default | demo |", "|---|---|---|---|---|"]
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        value = demo.get(name, PydanticUndefined) if isinstance(demo, dict) else PydanticUndefined
        meaning = _prose(description(model, attribute) or "")
        if not key and _section_in(field.annotation):
            continue  # each has a heading of its own
        cells = [f"`{name}`", meaning, _type(field), _value(field.default), _value(value)]
        rows.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join([f"{level} {heading}", "", _prose(model.__doc__ or ""), "", *rows])


def _prose(text: str) -> str:
    """A docstring in one line."""
    return "<br>".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _value(value: Any) -> str:
    """A scalar or a list as YAML has it; nothing for a section, or where there is none."""
    if value is PydanticUndefined or value is ... or isinstance(value, dict | Section):
        return ""
    flow = yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True)
    return f"`{flow.removesuffix('...' + chr(10)).strip()}`"


def _type(field: FieldInfo) -> str:
    bounds = [f"{BOUNDS[name]}&nbsp;{value:g}" for name, value in _bounds(field) if abs(value) <= LONG]
    return ", ".join([_words(field.annotation), *bounds])


def _bounds(field: FieldInfo) -> Iterator[tuple[str, float]]:
    for one in field.metadata:
        for name in BOUNDS:
            if isinstance(one, annotated_types.BaseMetadata) and hasattr(one, name):
                yield name, getattr(one, name)


def _words(annotation: Any) -> str:
    """A type, in words."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in WORDS:
        return WORDS[annotation]
    if origin is typing.Annotated:
        return "path" if annotation == PathText else _words(inner[0])
    if origin is typing.Literal:
        return ", ".join(_value(one) for one in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(one) for one in inner)
    if origin is list:
        return f"list of {_words(inner[0])}"
    if origin is dict:
        return "mapping of names"
    return "section"
