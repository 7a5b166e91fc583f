"""A run of which only what a report reads is there: summaries, metrics, meta.json and small pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from pgan.config import read_yaml
from pgan.data.pyramid import Meta, write_meta

ROOT = Path(__file__).parents[2]
PHASES = {
    "stabilize_4": {"from": "init", "kind": "stabilize", "resolution": 4, "kimg": 2.0, "batch": 8, "lr": 0.001},
    "grow_8": {"from": "stabilize_4", "kind": "grow", "resolution": 8, "kimg": 2.0, "batch": 8, "lr": 0.001},
    "side_8": {"from": "stabilize_4", "kind": "grow", "resolution": 8, "kimg": 2.0, "batch": 8, "lr": 0.001},
    "last_8": {"from": "grow_8", "kind": "stabilize", "resolution": 8, "kimg": 2.0, "batch": 8, "lr": 0.001},
}
TOTAL = {"stabilize_4": 2.0, "grow_8": 4.0, "side_8": 4.0, "last_8": 6.0}
STILLS = ("samples", "real_vs_fake", "transitions", "nearest", "losses", "metrics")
FILMS = ("progress", "interpolation", *(f"phases/{name}" for name in PHASES))


def picture(seed: int, size: int = 24) -> Image.Image:
    """Noise in colour."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8))


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes the folders of a run in the working directory."""
    monkeypatch.chdir(tmp_path)

    def make(**meta: Any) -> Path:
        content = read_yaml(ROOT / "params.yaml") | {"phases": PHASES}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        for name, phase in PHASES.items():
            _write_phase(tmp_path / "data", name, phase)
        (tmp_path / "data/pyramid").mkdir()
        described = {"count": 40, "channels": 1, "levels": [4, 8], "classes": [], "source": "digits"} | meta
        write_meta(tmp_path / "data/pyramid", Meta(**described, source_digest="0" * 64))
        (tmp_path / "data/render/phases").mkdir(parents=True)
        for number, name in enumerate(STILLS):
            picture(number).save(tmp_path / f"data/render/{name}.png")
        for name in FILMS:
            frames = [picture(number) for number in range(3)]
            frames[0].save(tmp_path / f"data/render/{name}.gif", save_all=True, append_images=frames[1:], duration=50)
        return tmp_path

    return make


def _write_phase(data: Path, name: str, phase: dict[str, Any]) -> None:
    summary = {"phase": name, "kind": phase["kind"], "resolution": phase["resolution"], "total_kimg": TOTAL[name]}
    summary |= {"sample_kimg": [TOTAL[name]], "steps": 250, "generator_parameters": 1234, "critic_parameters": 1000}
    error = {"frechet_se": 0.1, "precision_se": 0.01, "recall_se": 0.01}
    metrics = {"frechet": 30 / TOTAL[name], "frechet_target": 36 / TOTAL[name], "precision": 0.8, "recall": 0.5} | error
    for folder, file, content in (("train", "summary", summary), ("evaluate", "metrics", metrics)):
        (data / folder / name).mkdir(parents=True)
        (data / folder / name / f"{file}.json").write_text(json.dumps(content), encoding="utf-8")
