"""One phase in a folder of its own, trained by the real command."""

import hashlib
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from zygote import Child, Zygote

PHASE = {"from": "init", "batch": 8, "lr": 0.001}
STABILIZE = PHASE | {"kind": "stabilize", "resolution": 4}
GROW = PHASE | {"kind": "grow", "resolution": 8}
AUGMENTED: dict[str, Any] = {
    "loss": "relativistic",
    "diff_augment": ["color", "translation", "cutout"],
    "augment_reals": {
        "rotation": 25.0,
        "shift_x": 0.05,
        "shift_y": 0.1,
        "shear": 10.0,
        "zoom": {"low": 0.95, "high": 1.2},
        "brightness": {"low": 0.8, "high": 1.4},
        "saturation": {"low": 0.6, "high": 1.4},
    },
}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    # phase, training, classes
    "stabilize": (STABILIZE, {"ema_beta": 0.99, "ema_half_life_kimg": None}, 0),
    "stabilize, labels, critic steps, mirror": (STABILIZE, {"critic_steps": 3, "mirror": True}, 10),
    "grow, critic steps": (GROW, {"critic_steps": 2}, 0),
    "grow, labels": (GROW, {"ema_half_life_kimg": 0.05}, 10),
    "grow, at once, augmented, drawn lr": (GROW, {"simultaneous": True, "lr_jitter": 3.0} | AUGMENTED, 0),
}


TRAIN = ("train", "p")
EVERY_STEP = "import math, pgan.training.cadence as s; s.SHARE = math.inf; "
"""Snapshots after every step, whatever share of the time they take."""
OFTEN = (*TRAIN, "--snapshot-seconds", "0")
KILLED_AFTER = """
import os, signal
from pgan.training.loop import PhaseRun
step = PhaseRun.advance
def advance(self):
    step(self)
    if self.steps_done == {steps}:
        os.kill(os.getpid(), signal.SIGKILL)
PhaseRun.advance = advance
"""
"""Dies after so many steps, before what would be saved after the last of them."""


INITIAL: dict[str, bytes] = {}
"""The checkpoint that `init` has made of a folder, by its digest: tests that lay the same phase share it."""
UNDISTURBED: dict[str, tuple[dict[str, str], float]] = {}
"""The outputs of an undisturbed phase, by the folder's digest, and how many seconds it took."""


class Experiment:
    """A folder in which one phase, `p`, can be trained."""

    def __init__(self, zygote: Zygote, folder: Path, params: dict[str, Any]) -> None:
        self.zygote, self.folder, self.params = zygote, folder, params

    def lay(self, case: str, steps: int) -> None:
        """Begin anew with a phase of so many steps."""
        phase, training, classes = CASES[case]
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        content = self.params | {"networks": self.params["networks"] | {"classes": classes}}
        content["training"] = content["training"] | training
        kimg = steps * phase["batch"] * content["training"]["critic_steps"] / 1000
        content["phases"] = {"p": phase | {"kimg": kimg}}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(content))
        pyramid = self.folder / "data/pyramid"
        pyramid.mkdir(parents=True)
        rng = np.random.default_rng(0)
        for r in (4, 8):
            np.save(pyramid / f"images_{r}.npy", rng.integers(0, 256, (40, 1, r, r), dtype=np.uint8))
        np.save(pyramid / "labels.npy", np.arange(40, dtype=np.int64) % 10)
        self._init()

    def _init(self) -> None:
        """Make the networks, or take those that the same parameters made before."""
        path, key = self.folder / "data/train/init/checkpoint.pt", self.digest()
        if key in INITIAL:
            path.parent.mkdir(parents=True)
            path.write_bytes(INITIAL[key])
        else:
            assert self.run("init") == (0, "")
            INITIAL[key] = path.read_bytes()

    def start(self, *arguments: str, before: str = "") -> Child:
        """Start `pgan …`; see `Zygote.start`."""
        return self.zygote.start(self.folder, *arguments, before=before)

    def run(self, *arguments: str, before: str = "") -> tuple[int, str]:
        """Run `pgan …`; its exit code and what it printed."""
        return self.start(*arguments, before=before).end()

    def outputs(self) -> dict[str, str]:
        """Digests of what the phase has written."""
        files = sorted((self.folder / "data/train/p").glob("*"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def snapshots(self) -> Path:
        """The folder of the only snapshots that there are."""
        (folder,) = (self.folder / ".pgan/snapshots").iterdir()
        return folder

    def forget(self) -> None:
        """Delete what the phase has written, as DVC does before it runs a stage."""
        shutil.rmtree(self.folder / "data/train/p", ignore_errors=True)

    def undisturbed(self) -> dict[str, str]:
        """The outputs of a run that nobody disturbs; `seconds` is how long it took."""
        key = self.digest()
        if key not in UNDISTURBED:
            began = time.monotonic()
            code, output = self.run(*TRAIN)
            assert code == 0, output
            UNDISTURBED[key] = self.outputs(), time.monotonic() - began
            self.forget()
        found, self.seconds = UNDISTURBED[key]
        assert set(found) == {"checkpoint.pt", "losses.csv", "samples.npy", "summary.json"}
        return found

    def digest(self) -> str:
        """Of all that the phase is made from."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        parts = [f"{path.relative_to(self.folder)}\0".encode() + path.read_bytes() for path in files]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def break_off(self, steps: int) -> None:
        """Train so many steps, with a snapshot after each but the last, and die."""
        code, output = self.run(*OFTEN, before=EVERY_STEP + KILLED_AFTER.format(steps=steps))
        assert code == -signal.SIGKILL, output

    def finish(self, expected: dict[str, str], warnings: int = 0) -> None:
        """Let the command run to its end, which must be that of an undisturbed run."""
        code, output = self.run(*TRAIN)
        assert code == 0, output
        assert output.count("warning") == warnings, output
        self.assert_finished(expected)

    def assert_finished(self, expected: dict[str, str]) -> None:
        """The outputs are those expected, and neither a snapshot nor anything half written is left; forget them."""
        assert self.outputs() == expected
        assert list((self.folder / ".pgan/snapshots").iterdir()) == []
        assert not [path for path in self.folder.rglob("*") if ".part" in path.name]
        self.forget()
