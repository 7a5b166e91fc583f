"""A miniature of the pipeline in a git and DVC repository of its own, run by the real `dvc`."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from forked_python import BEFORE
from zygote import PipedChild, Zygote

ROOT = Path(__file__).parents[2]
COPIED = ("stages", "pgan", "data/README.md", "data/raw/README.md", "dvc.yaml", ".dvcignore", ".gitignore", ".dvc")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "cache", "tmp", "config.local")
PHASE = {"kimg": 0.08, "batch": 8, "lr": 0.001}
PHASES = {
    "stabilize_4": {"from": "init", "kind": "stabilize", "resolution": 4} | PHASE,
    "grow_8": {"from": "stabilize_4", "kind": "grow", "resolution": 8} | PHASE,
    "stabilize_8": {"from": "grow_8", "kind": "stabilize", "resolution": 8} | PHASE,
}
MINIATURE: dict[str, dict[str, Any]] = {
    "prepare": {"source": "digits", "path": "data/raw", "resolution": 16, "max_images": 120},
    "networks": {"latent_size": 8, "fmap_base": 32, "fmap_max": 8},
    "training": {"samples": 4, "sample_frames": 2, "log_every_kimg": 0.02},
    "evaluate": {
        "images": 40,
        "target_resolution": 8,
        "metrics": ["frechet", "precision_recall", "swd"],
        "precision_recall": {"neighbours": 3, "images": 40},
        "swd": {"images": 40, "patches": 4, "directions": 8},
    },
    "render": {"rows": 2, "columns": 2, "tile": 16, "frames_per_phase": 2},
}
CLASSIFIER = {"resolution": 8, "width": 2, "epochs": 1}
"""Every other parameter is that of the project's own params.yaml."""

OPENED = """
import os, sys

def _hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike) and not _writes(*arguments[1:]):
        path = os.path.relpath(os.fsdecode(arguments[0]))
        if path.startswith("data" + os.sep) and not os.path.isdir(path):  # a folder is opened to be synced
            line = f"{' '.join(sys.orig_argv[1:])}\\t{path}\\n"
            fd = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(fd, line.encode())
            os.close(fd)

def _writes(mode, flags):
    return any(letter in mode for letter in "wax") if mode else bool(flags & (os.O_WRONLY | os.O_RDWR))

_LOG = os.environ["OPENED_LOG"]
sys.addaudithook(_hook)
"""
"""Code that a stage runs first: writes down which file under data/ it opens for reading."""


UNTRACKED = {BEFORE: "import sys; sys.executable = 'true'"}
"""The environment of stages that start `true` as their tracker: their runs go unlogged, and no time goes to MLflow."""
Process = subprocess.Popen[str] | PipedChild


@dataclass(frozen=True)
class Pipeline:
    """A repository with the pipeline in it."""

    path: Path
    environment: dict[str, str]
    zygote: Zygote | None = None
    """Forks `dvc`, every `python -m`, and all further ones that these start; the real programs run where it is None.

    Forks have imported `pgan` from the checkout, of which a repository here holds a copy, and `stages` from the copy.
    """

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, its output in one piece; `check` fails the test where the command fails."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return done

    def start(self, *command: str, **environment: str) -> Process:
        """Start a command in it, in a process group of its own, as a shell does."""
        words = ("python", "-m", *command) if command[0] == "dvc" else command
        if self.zygote is not None and words[:2] == ("python", "-m"):
            return self.zygote.start_module(self.path, self._environment(environment), *words[2:])
        return subprocess.Popen(
            command,
            cwd=self.path,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _environment(self, further: dict[str, str]) -> dict[str, str]:
        """Of a command."""
        environment = self.environment | further
        if self.zygote is not None:
            environment["PATH"] = f"{self.zygote.folder}{os.pathsep}{environment['PATH']}"
        return environment

    def dvc(self, *arguments: str, **environment: str) -> str:
        """What `dvc …` prints."""
        return self.run("dvc", *arguments, **environment).stdout

    def repro(self, *arguments: str, **environment: str) -> list[str]:
        """The stages that `dvc repro` ran, in order."""
        return stages_run(self.dvc("repro", *arguments, **environment))

    def parameters(self) -> dict[str, Any]:
        """What params.yaml says."""
        content: dict[str, Any] = yaml.safe_load((self.path / "params.yaml").read_text(encoding="utf-8"))
        return content

    def write_parameters(self, content: dict[str, Any]) -> None:
        """Write params.yaml."""
        (self.path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def change(self, name: str, value: Any) -> None:
        """Change one parameter, such as phases.grow_8.kimg."""
        content = self.parameters()
        *sections, key = name.split(".")
        place = content
        for section in sections:
            place = place[section]
        place[key] = value
        self.write_parameters(content)

    def hashes(self) -> dict[str, str]:
        """Output → MD5, as dvc.lock has them."""
        lock = yaml.safe_load((self.path / "dvc.lock").read_text(encoding="utf-8"))
        return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}

    def commit(self) -> None:
        """Commit everything."""
        self.run("git", "add", ".")
        self.run("git", "commit", "--quiet", "-m", "test")


def stages_run(output: str) -> list[str]:
    """The stages that DVC says it ran."""
    return re.findall(r"^Running stage '([^']+)'", output, flags=re.MULTILINE)


def new_repository(path: Path, zygote: Zygote | None = None) -> Pipeline:
    """The project's pipeline with the miniature parameters, committed; nothing has run yet."""
    for name in COPIED:
        source, target = ROOT / name, path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=NOT_COPIED)
        else:
            shutil.copy(source, target)
    pipeline = Pipeline(path, isolated_environment(path.parent), zygote)
    pipeline.write_parameters(miniature_parameters())
    pipeline.run("git", "init", "--quiet", "--initial-branch", "main")
    pipeline.commit()
    return pipeline


def miniature_parameters() -> dict[str, Any]:
    """The project's own, made small."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for section, values in MINIATURE.items():
        content[section] |= values
    content["phases"] = PHASES
    content["features"]["classifier"] |= CLASSIFIER
    return content


def isolated_environment(folder: Path) -> dict[str, str]:
    """This process's, but for what this machine's git, DVC and MLflow are set to; `python` is the tests' own."""
    private = ("MLFLOW_", "DVC_", "PGAN_", "GIT_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(private)}
    author = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(folder / "dvc"),
        "DVC_SYSTEM_CONFIG_DIR": str(folder / "dvc"),
        "DVC_SITE_CACHE_DIR": str(folder / "dvc"),
        "PGAN_DEVICE": "cpu",
        "PGAN_WORKERS": "1",
        "OMP_NUM_THREADS": "1",
    }
    return kept | author | own
