"""A trained experiment in miniature: real checkpoints of untrained networks, and files as training writes them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pgan.config import validate
from pgan.rendering.config import Render

RENDER: dict[str, Any] = {
    "rows": 2,
    "columns": 3,
    "tile": 16,
    "frames_per_phase": 3,
    "frame_ms": 100,
    "hold_ms": 700,
    "interpolation": {"latents": 2, "frames_between": 3, "walkers": 4},
    "transitions": {"latents": 8, "pairs": 2},
    "curves": {"smoothing": 0.01, "dpi": 50},
    "colors": {
        "generator_loss": "green",
        "gradient_penalty": "red",
        "critic_fake": "orange",
        "critic_real": "blue",
    },
}

COLUMNS = ["images", "kimg", "total_kimg", "alpha", "generator_loss", "critic_real", "critic_fake", "gradient_penalty"]


@pytest.fixture
def settings() -> Render:
    return validate(RENDER, Render, "render")


@pytest.fixture
def write_losses_csv() -> Callable[..., Path]:
    def write(path: Path, before: float = 0.0, kimg: float = 2.0, rows: int = 20, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for row in range(1, rows + 1):
                k = kimg * row / rows
                fake, real, penalty = rng.normal(-5, 1), rng.normal(5, 1), rng.uniform(0.1, 0.5)
                writer.writerow([round(k * 1000), k, before + k, row / rows, -fake, real, fake, penalty])
        return path

    return write


@pytest.fixture
def experiment(tmp_path: Path, write_losses_csv: Callable[..., Path]) -> Callable[..., Path]:
    """Makes a folder with params.yaml, pyramid/, train/ and evaluate/ for phases given as {name: (kind, parent, r)}."""

    def make(
        phases: dict[str, tuple[str, str, int]],
        channels: int = 1,
        base: int = 4,
        classes: int = 0,
        times: int = 4,
        samples: int = 8,
        render: dict[str, Any] | None = None,
    ) -> Path:
        from pgan.data.pyramid import LABELS, Meta, level_name, write_meta
        from pgan.networks import checkpoint
        from pgan.networks.progressive import Progressive

        networks = Progressive(
            base_size=base,
            channels=1 if channels == 1 else 3,
            classes=classes,
            latent_size=8,
            fmap_base=32,
            fmap_decay=1.0,
            fmap_max=8,
            fused_scale=False,
            equalized_lr=True,
            pixel_norm=True,
            normalize_latents=True,
            leaky_slope=0.2,
            tanh=False,
            minibatch_stddev=0,
        )
        rng = np.random.default_rng(0)
        ends = {"init": 0.0}
        for name, (kind, parent, r) in phases.items():
            folder = tmp_path / "train" / name
            folder.mkdir(parents=True)
            start = ends[parent]
            ends[name] = start + 2.0
            write_losses_csv(folder / "losses.csv", start)
            np.save(folder / "samples.npy", rng.integers(0, 256, (times, samples, channels, r, r), np.uint8))
            summary = {
                "phase": name,
                "kind": kind,
                "resolution": r,
                "sample_kimg": np.linspace(start, ends[name], times).tolist(),
                "kimg": 2.0,
                "total_kimg": ends[name],
            }
            (folder / "summary.json").write_text(json.dumps(summary))
            (tmp_path / "evaluate" / name).mkdir(parents=True)
            metrics = {"frechet": 40.0 / ends[name], "precision": 0.8, "recall": 0.5}
            metrics |= {"swd": 90.0 / ends[name]} if r >= 7 else {}
            (tmp_path / "evaluate" / name / "metrics.json").write_text(json.dumps(metrics))
            checkpoint.save(checkpoint.state(checkpoint.fresh(networks, r, 0)), folder / "checkpoint.pt")
        levels = sorted({r for _, _, r in phases.values()})
        pyramid = tmp_path / "pyramid"
        pyramid.mkdir()
        for r in levels:
            np.save(pyramid / level_name(r), rng.integers(0, 256, (30, channels, r, r), np.uint8))
        np.save(pyramid / LABELS, np.arange(30, dtype=np.int64) % max(1, classes))
        write_meta(pyramid, Meta(30, channels, levels, [str(i) for i in range(classes)], "test", "0"))
        content = {
            "seed": 1,
            "phases": {
                name: {"from": parent, "kind": kind, "resolution": r, "kimg": 2.0, "batch": 8, "lr": 0.001}
                for name, (kind, parent, r) in phases.items()
            },
            "render": RENDER | (render or {}),
        }
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return tmp_path

    return make
