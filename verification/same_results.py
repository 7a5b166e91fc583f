"""Whether two commits compute the same: short graphs run with the code of each, every output compared by its digest.

    python verification/same_results.py BEFORE AFTER            # all graphs
    python verification/same_results.py BEFORE AFTER labelled   # one of them

The proof of a refactoring. Each graph runs all that makes an output (prepare, init, train, features, evaluate,
render, sample, export), on one thread. Where files differ, they are named and the exit code is 1.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

Settings = dict[str, Any]
"""Dotted keys of params.yaml and their values."""

SMALL: Settings = {
    "prepare.resolution": 16,
    "prepare.max_images": 200,
    "networks.latent_size": 8,
    "networks.fmap_base": 64,
    "networks.fmap_max": 16,
    "training.samples": 4,
    "training.sample_frames": 3,
    "training.log_every_kimg": 0.05,
    "training.compile": "never",
    "features.classifier.epochs": 2,
    "features.classifier.width": 4,
    "evaluate.images": 200,
    "evaluate.target_resolution": 8,
    "evaluate.kid": {"subsets": 4, "subset_size": 50},
    "evaluate.precision_recall": {"neighbours": 3, "images": 150},
    "evaluate.swd": {"images": 100, "patches": 16, "directions": 32},
    "evaluate.ms_ssim.pairs": 20,
    "render.interpolation": {"latents": 3, "frames_between": 2, "walkers": 3},
    "render.transitions": {"latents": 16, "pairs": 1},
}
LENGTH = {"kimg": 0.4, "batch": 16, "lr": 0.002}
GROWN = {
    "stabilize_4": {"from": "init", "kind": "stabilize", "resolution": 4} | LENGTH,
    "grow_8": {"from": "stabilize_4", "kind": "grow", "resolution": 8} | LENGTH,
    "stabilize_8": {"from": "grow_8", "kind": "stabilize", "resolution": 8} | LENGTH,
    "grow_16": {"from": "stabilize_8", "kind": "grow", "resolution": 16} | LENGTH,
}

GRAPHS: dict[str, Settings] = {
    "labelled": {"phases": GROWN, "networks.classes": 10, "training.mirror": True},
    "plain_layers": {
        "phases": GROWN,
        "networks.batch_norm": True,
        "networks.layer_norm": True,
        "networks.minibatch_stddev": 0,
        "networks.minibatch_discrimination": 4,
        "training.critic_steps": 2,
    },
    "small_data": {
        "phases": GROWN,
        "training.loss": "relativistic",
        "training.diff_augment": ["color", "translation", "cutout"],
        "training.lr_jitter": 2.0,
        "training.recompute": True,
    },
    "clipped": {"phases": GROWN, "training.loss": "wgan", "training.drift": 0.0, "training.weight_clip": 0.05},
    "simultaneous": {"phases": GROWN, "networks.fused_scale": True, "training.simultaneous": True},
    "r1": {"phases": GROWN, "training.loss": "logistic", "training.augment_reals": {"rotation": 10.0}},
}


def main() -> None:
    """Compare two commits, and say how."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="a commit, tag or branch")
    parser.add_argument("after", help="another one")
    parser.add_argument("graphs", nargs="*", default=[], help=f"of {', '.join(GRAPHS)}; all if none is named")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.graphs if name not in GRAPHS]
    if unknown:
        parser.error(f"no graph {unknown[0]!r}; there are {', '.join(GRAPHS)}")
    found = {}
    for commit in (arguments.before, arguments.after):
        with checked_out(commit) as code:
            found[commit] = {name: digests(code, GRAPHS[name]) for name in arguments.graphs or GRAPHS}
    different = 0
    for name, before in found[arguments.before].items():
        after = found[arguments.after][name]
        changed = sorted(file for file in before.keys() | after.keys() if before.get(file) != after.get(file))
        different += len(changed)
        print(f"{name}: {len(before.keys() & after.keys()) - len(changed)} files are the same, {len(changed)} differ")
        for file in changed:
            print(f"  {file}: {before.get(file, 'missing')[:12]} -> {after.get(file, 'missing')[:12]}")
    sys.exit(1 if different else 0)


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The files of a commit, in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)


def digests(code: Path, settings: Settings) -> dict[str, str]:
    """Path under data/ -> SHA-256 of each file that the commands make."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        content = yaml.safe_load((code / "params.yaml").read_text(encoding="utf-8"))
        for key, value in (SMALL | settings).items():
            put(content, key, value)
        (place / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        for command in commands(content["phases"]):
            run(code, place, command)
        made = sorted(path for path in (place / "data").rglob("*") if path.is_file())
        return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


def put(content: Settings, key: str, value: Any) -> None:
    """Set a dotted key."""
    *sections, last = key.split(".")
    for section in sections:
        content = content[section]
    content[last] = value


def commands(phases: list[str]) -> Iterator[list[str]]:
    """Those of the whole graph, in order, then those that use its last generator."""
    yield ["prepare"]
    yield ["init"]
    yield from (["train", phase] for phase in phases)
    yield ["features"]
    for phase in phases:
        checkpoint, metrics = f"data/train/{phase}/checkpoint.pt", f"data/evaluate/{phase}/metrics.json"
        yield ["evaluate", "--checkpoint", checkpoint, "--out", metrics]
    yield ["render"]
    yield ["sample", checkpoint, "data/used/grid.png", "--seeds", "0-8"]
    yield ["export", checkpoint, "data/used/generator.safetensors"]


def run(code: Path, place: Path, command: list[str]) -> None:
    """Run a command of `pgan` with the code of a tree. Ends the program where it fails."""
    own = {"PYTHONPATH": str(code), "OMP_NUM_THREADS": "1", "PGAN_DEVICE": "cpu", "PGAN_WORKERS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pgan", *command],
        cwd=place,
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"error: pgan {' '.join(command)} ended with {done.returncode}:\n{done.stdout}")


if __name__ == "__main__":
    main()
