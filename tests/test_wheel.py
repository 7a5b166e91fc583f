"""The wheel, installed into an environment of its own, runs every command far from the repository: about a minute."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
BUILT_FROM = ("pgan", "pyproject.toml", "README.md", "LICENSE")
SMALL = {
    "prepare": {"path": ".", "resolution": 8, "max_images": 120},
    "networks": {"latent_size": 4, "fmap_base": 16, "fmap_max": 4},
    "init": {"path": "params.yaml"},
    "training": {"samples": 4, "sample_frames": 2, "log_every_kimg": 0.02, "compile": "never"},
    "evaluate": {"images": 40, "target_resolution": 4, "metrics": ["frechet"]},
    "render": {"rows": 2, "columns": 2, "tile": 8, "frames_per_phase": 2},
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of a fresh environment, which finds the packages of this one, but not this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source, environment = folder / "source", folder / "environment"
    for name in BUILT_FROM:  # a build leaves folders behind
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    call(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    call(sys.executable, "-m", "venv", "--without-pip", environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (wheel,) = folder.glob("*.whl")
    call(*pip, "--python", environment / "bin/python", "install", "--no-deps", "--no-index", "--force-reinstall", wheel)
    return environment / "bin/pgan"


def call(*command: object, folder: Path | None = None) -> str:
    """What a command prints; it must succeed. Nothing leads it to this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PGAN_"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=kept | {"PGAN_DEVICE": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_every_command_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    def pgan(*arguments: object) -> str:
        return call(installed, *arguments, folder=tmp_path)

    where = call(installed.parent / "python", "-c", "import pgan; print(pgan.__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parents[1])
    assert pgan("--version").startswith("pgan ")

    presets = pgan("preset", "--list")
    assert all(path.stem in presets for path in (ROOT / "pgan/presets").glob("*.yaml"))
    pgan("preset", "digits", "--yes")
    params = tmp_path / "params.yaml"
    content = yaml.safe_load(params.read_text(encoding="utf-8"))
    for section, values in SMALL.items():
        content[section] |= values
    content["phases"] = {"stabilize_4": content["phases"]["stabilize_4"] | {"kimg": 0.016, "batch": 8}}
    content["features"]["classifier"] |= {"resolution": 8, "width": 2, "epochs": 1}
    params.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    checkpoint = "data/train/stabilize_4/checkpoint.pt"
    pgan("check")
    pgan("prepare")
    pgan("init")
    pgan("train", "stabilize_4")
    pgan("features")
    pgan("evaluate", "--checkpoint", checkpoint, "--out", "data/evaluate/stabilize_4/metrics.json")
    pgan("render")
    pgan("report")
    pgan("sample", checkpoint, "grid.png")
    pgan("interpolate", checkpoint, "walk.gif", "--seeds", "0-1", "--frames", "2")
    pgan("export", checkpoint, "digits.safetensors")
    pgan("clean")
    for made in ("data/render/progress.gif", "data/render/report.html", "grid.png", "walk.gif", "digits.safetensors"):
        assert (tmp_path / made).stat().st_size > 0
    for unable in ("download", "import"):  # need the network, or an official pickle
        assert f"pgan {unable}" in pgan(unable, "--help")
