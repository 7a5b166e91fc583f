"""The site builds without a warning, shows every parameter, and asks no other server for anything."""

import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from fences import ROOT

ASSET = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^"'\s>]+""")


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """One test, because it takes seconds: its pages are looked at below."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_every_document_is_in_the_navigation(tmp_path)
    assert_nothing_is_loaded_from_another_server(tmp_path)
    assert_the_reference_has_every_room(tmp_path)
    assert_a_parameter_is_shown_with_meaning_type_and_default(tmp_path)


def assert_every_document_is_in_the_navigation(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    pages = [path.stem for path in (ROOT / "docs").glob("*.md")] + ["architecture", "contributing", "changelog"]
    for page in pages:
        assert f'href="{page}.html"' in home, f"{page} is not in the nav of mkdocs.yml"


def assert_nothing_is_loaded_from_another_server(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert ASSET.findall(path.read_text(encoding="utf-8")) == [], path


def assert_the_reference_has_every_room(site: Path) -> None:
    rooms = {path.parent.name for path in (ROOT / "pgan").glob("*/__init__.py")}
    assert {f"pgan.{room}.html" for room in rooms} <= {path.name for path in (site / "api").iterdir()}
    assert "pgan.training.losses" in (site / "api/pgan.training.html").read_text(encoding="utf-8")


def assert_a_parameter_is_shown_with_meaning_type_and_default(site: Path) -> None:
    page = (site / "parameters.html").read_text(encoding="utf-8")
    text = re.sub(r"(\s|&nbsp;)+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "adam_beta1 Adam's decay of the mean of gradients. number, ≥ 0, &lt; 1 0.0" in text
    assert "null uses all. whole number or null , ≥ 1 null null" in text


# --- the page of the parameters


@pytest.fixture(scope="module")
def hook() -> Any:
    """docs/hooks/parameters.py, which mkdocs loads by its path."""
    spec = spec_from_file_location("parameters", ROOT / "docs/hooks/parameters.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_parameter_has_a_docstring(hook: Any, parameters: dict[str, Any]) -> None:
    seen = list(hook.sections(parameters))
    assert {"", "prepare", "networks", "training", "phases.NAME", "evaluate.kid"} <= {key for _, key, _, _ in seen}
    for _, key, model, _ in seen:
        assert model.__doc__, f"{model.__name__} has no docstring"
        for name in model.model_fields:
            assert hook.description(model, name), f"{key}.{name} ({model.__name__}) has no docstring"
