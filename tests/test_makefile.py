"""`make`, in paths of any characters, with a `python` that only writes down what it is asked to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ODD = """my gan's (v2) #1 100% $HOME x:z `x` ü "q" [a]?%20;&*\\"""
RECORDED = (
    "pip",
    "venv",
    "pgan",
    "dvc",
    "stages.tracking.report",
    "stages.tracking.ui",
    "ruff",
    "mypy",
    "pytest",
    "mkdocs",
)
PYTHON = f"""#!/bin/sh
case "$1 $2" in
{"|".join(f"'-m {name}'" for name in RECORDED)})
    echo "$@" >> "$RECORD"
    if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi
    if [ "$2" = dvc ]; then command -v python >> "$RECORD"; fi;;
'-c '*importlinter*) ;;
*) exec '{sys.executable}' "$@";;
esac
"""
SOURCES = (
    "Makefile",
    "pgan/__init__.py",
    "pgan/errors.py",
    "pgan/process.py",
    "stages/__init__.py",
    "stages/checks/places.py",
)
EMPTY = ("constraints.txt", "pyproject.toml", "dvc.yaml", "params.yaml", ".dvc/config", ".git/HEAD")


class Place:
    """A copy of what `make` needs, in which nothing is installed."""

    def __init__(self, root: Path) -> None:
        self.root, self.python, self.record = root, root.parent / "python-stub", root.parent / "record"
        for name in SOURCES + EMPTY:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name) if name in SOURCES else (root / name).touch()
        self.python.write_text(PYTHON, encoding="utf-8")
        self.python.chmod(0o755)

    def make(self, *arguments: str, code: int = 0) -> list[str]:
        """Run `make`; what its Python was asked to do, or, where it fails, what it says."""
        self.record.unlink(missing_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "PYTHON"))}
        done = subprocess.run(
            ["make", f"PYTHON={self.python}", *arguments],
            cwd=self.root,
            env=kept | {"RECORD": str(self.record), "PGAN_CACHE": str(self.root.parent / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        if code:
            return [line for line in done.stderr.splitlines() if not line.startswith("make")]
        return self.record.read_text(encoding="utf-8").splitlines() if self.record.exists() else [done.stdout]

    def environment(self) -> Path:
        """Where the only environment lies that is not in the repository itself."""
        (place,) = (self.root.parent / "cache/environments").iterdir()
        return place


@pytest.fixture(params=["plain", ODD])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """In a path of few characters, and of many."""
    return Place(tmp_path / request.param)


def test_the_demo_sets_up_what_it_lacks_and_starts_dvc_with_its_own_python(place: Place) -> None:
    asked = place.make("demo")
    assert asked[0] == f"-m venv {(place.root / '.venv').resolve()}"
    assert [line.split()[:3] for line in asked[1:3]] == [["-m", "pip", "install"]] * 2
    own = (
        place.root.resolve() / ".venv/bin/python" if place.root.name == "plain" else place.environment() / "bin/python"
    )
    assert asked[3:] == ["-m pgan check", "-m dvc repro", str(own), "-m stages.tracking.report"]
    assert place.make("demo") == asked[3:], "set up anew"


def test_the_other_targets(place: Place) -> None:
    assert "make demo" in place.make("help")[0]
    programs = [line.split()[1] for line in place.make("ui", "PORT=5001")]
    assert programs == ["venv", "pip", "pip", "stages.tracking.ui"]
    assert place.make("ui", "PORT=5001") == ["-m stages.tracking.ui --port 5001"]
    assert place.make("ui") == ["-m stages.tracking.ui --port 5000"]
    parallel = "--numprocesses 3 --dist worksteal --durations 15"
    checks = ["-m ruff check .", "-m ruff format --check .", "-m mypy", f"-m pytest {parallel}"]
    assert place.make("test", "JOBS=3")[-4:] == checks
    assert place.make("test-all", "JOBS=3") == [f"-m pytest -m slow {parallel}"]
    assert place.make("test-campaigns") == ["-m pytest -m campaign"]
    assert place.make("docs")[-1] == "-m mkdocs build --strict --quiet"
    place.make("clean")
    assert not os.path.lexists(place.root / ".venv")
    assert list((place.root.parent / "cache/environments").glob("*")) == []


def test_an_environment_may_be_a_link_to_another(place: Place, tmp_path: Path) -> None:
    place.make("test-all")
    (place.root / ".venv").resolve().rename(tmp_path / "another's environment")
    (place.root / ".venv").unlink(missing_ok=True)
    (place.root / ".venv").symlink_to(tmp_path / "another's environment")
    asked = place.make("demo")
    assert str(tmp_path / "another's environment/bin/python") in asked
    assert not any(line.startswith("-m venv") for line in asked)
    place.make("clean")
    assert (tmp_path / "another's environment").is_dir()


def test_what_cannot_be_is_refused_before_anything_is_installed(place: Place) -> None:
    (place.root / "data").touch()
    assert place.make("demo", code=2) == ["error: data: a file, where the pipeline needs a folder; move it away"]
    (place.root / "data").unlink()
    shutil.rmtree(place.root / ".git")
    (line,) = place.make("demo", code=2)
    assert "git init && git add . && git commit -m start" in line
    assert not place.record.exists()
    assert not (place.root / ".venv/bin").exists()


def test_an_old_python_is_refused(place: Place, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/sitecustomize.py").write_text("import sys; sys.version_info = (3, 10, 1)", encoding="utf-8")
    text = PYTHON.replace("exec ", f"PYTHONPATH='{tmp_path / 'old'}' exec ")
    place.python.write_text(text, encoding="utf-8")
    (line,) = place.make("demo", code=2)
    assert line == "error: pgan needs Python 3.11 or newer: make PYTHON=python3.11 …"
