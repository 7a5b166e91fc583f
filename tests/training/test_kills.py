"""A phase that is killed at any moment, however often, ends with the bytes of one that was left alone."""

import hashlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from zygote import Zygote

PHASE = {"from": "init", "batch": 8, "lr": 0.001}
STABILIZE = PHASE | {"kind": "stabilize", "resolution": 4}
GROW = PHASE | {"kind": "grow", "resolution": 8}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    # phase, training, classes
    "stabilize": (STABILIZE, {"ema_beta": 0.99, "ema_half_life_kimg": None}, 0),
    "stabilize, labels, critic steps, mirror": (STABILIZE, {"critic_steps": 3, "mirror": True}, 10),
    "grow, critic steps": (GROW, {"critic_steps": 2}, 0),
    "grow, labels": (GROW, {"ema_half_life_kimg": 0.05}, 10),
}
TRAIN = ("train", "p")
EVERY_STEP = "import math, pgan.training.snapshots as s; s.SHARE = math.inf; "
"""Snapshots after every step, whatever share of the time they take."""
OFTEN = (*TRAIN, "--snapshot-seconds", "0")
KILLS = 12
"""Per case."""


class Experiment:
    """A folder in which one phase, `p`, can be trained."""

    def __init__(self, zygote: Zygote, params: dict[str, Any]) -> None:
        self.zygote, self.params = zygote, params
        self.folder = zygote.folder

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
        assert self.zygote.run("init") == (0, "")

    def outputs(self) -> dict[str, str]:
        """Digests of what the phase has written."""
        files = sorted((self.folder / "data/train/p").glob("*"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def forget(self) -> None:
        """Delete what the phase has written, as DVC does before it runs a stage."""
        shutil.rmtree(self.folder / "data/train/p", ignore_errors=True)

    def undisturbed(self) -> dict[str, str]:
        """The outputs of a run that nobody disturbs."""
        code, output = self.zygote.run(*TRAIN)
        assert code == 0, output
        found = self.outputs()
        assert set(found) == {"checkpoint.pt", "losses.csv", "samples.npy", "summary.json"}
        self.forget()
        return found

    def finish(self, expected: dict[str, str]) -> None:
        """Let the command run to its end, which must be that of an undisturbed run."""
        code, output = self.zygote.run(*TRAIN)
        assert code == 0, output
        assert "warning" not in output, output
        self.assert_finished(expected)

    def assert_finished(self, expected: dict[str, str]) -> None:
        """The outputs are those expected, and neither a snapshot nor anything half written is left; forget them."""
        assert self.outputs() == expected
        assert list((self.folder / ".pgan/snapshots").iterdir()) == []
        assert not [path for path in self.folder.rglob("*") if ".part" in path.name]
        self.forget()


@pytest.fixture
def experiment(tmp_path: Path, params_file: Path) -> Iterator[Experiment]:
    params = yaml.safe_load(params_file.read_text())
    (tmp_path / "work").mkdir()
    zygote = Zygote(tmp_path / "work")
    yield Experiment(zygote, params)
    zygote.close()


@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments(case: str, experiment: Experiment) -> None:
    experiment.lay(case, steps=60)
    began = time.monotonic()
    expected = experiment.undisturbed()
    length = time.monotonic() - began
    moments = random.Random(case)
    kills = 0
    while kills < KILLS:
        child = experiment.zygote.start(*OFTEN, before=EVERY_STEP)
        time.sleep(moments.uniform(0, length / 2))
        child.send(signal.SIGKILL)
        code = child.wait()
        assert code in (0, -signal.SIGKILL), child.output.read_text()
        kills += code != 0
        if code == 0:
            experiment.assert_finished(expected)
    experiment.finish(expected)


@pytest.mark.parametrize(("number", "expected_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("case", ["stabilize, labels, critic steps, mirror", "grow, labels"])
def test_told_to_stop_at_random_moments(
    case: str, number: signal.Signals, expected_code: int, experiment: Experiment
) -> None:
    """Each time it is gone within five seconds, and nothing of what it had trained is trained again."""
    experiment.lay(case, steps=60)
    expected = experiment.undisturbed()
    moments = random.Random(case)
    stops = 0
    while stops < 5:
        child = experiment.zygote.start(*TRAIN)
        time.sleep(moments.uniform(0, 0.4))
        child.send(number)
        began = time.monotonic()
        code = child.wait()
        assert time.monotonic() - began < 5
        assert code in (0, expected_code), child.output.read_text()
        assert "Traceback" not in child.output.read_text()
        stops += code != 0
        if code == 0:
            experiment.assert_finished(expected)
    experiment.finish(expected)


AT_FILE_OPERATION = """
import os, signal, sys
left = {count}
def hook(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") and arguments:
        path = arguments[0]
        if isinstance(path, (str, bytes, os.PathLike)) and os.path.abspath(os.fsdecode(path)).startswith(os.getcwd()):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""
"""Dies just before the n-th time that it opens, renames, makes or removes something in its folder."""


@pytest.mark.parametrize("first", range(4))
def test_killed_at_each_single_file_operation(first: int, experiment: Experiment) -> None:
    """From the first step, through the writing and rotating of snapshots, to the removal of the last one."""
    experiment.lay("grow, labels", steps=4)
    expected = experiment.undisturbed()
    kills = 0
    for count in range(first + 1, 1000, 4):
        code, output = experiment.zygote.run(*OFTEN, before=EVERY_STEP + AT_FILE_OPERATION.format(count=count))
        assert code in (0, -signal.SIGKILL), output
        if code == 0:
            experiment.assert_finished(expected)
            break
        experiment.finish(expected)
        kills += 1
    assert kills >= 15


WITHIN_A_WRITE = """
import io, os, signal, torch
save, left = torch.save, {count}
def half(content, file):
    global left
    left -= 1
    if left:
        return save(content, file)
    whole = io.BytesIO()
    save(content, whole)
    file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
torch.save = half
"""
"""Dies when the n-th checkpoint or snapshot is half written."""


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_killed_within_the_write_of_a_snapshot_and_of_the_checkpoint(count: int, experiment: Experiment) -> None:
    experiment.lay("grow, critic steps", steps=4)  # four snapshots and the checkpoint
    expected = experiment.undisturbed()
    code, output = experiment.zygote.run(*OFTEN, before=EVERY_STEP + WITHIN_A_WRITE.format(count=count))
    assert code == -signal.SIGKILL, output
    experiment.finish(expected)


def test_the_real_command_killed_at_random_moments(experiment: Experiment) -> None:
    experiment.lay("grow, critic steps", steps=300)
    expected = experiment.undisturbed()
    moments = random.Random(0)
    command = [sys.executable, "-m", "pgan", *TRAIN, "--snapshot-seconds", "0", "--log", "log.csv"]
    for _ in range(3):
        (experiment.folder / "log.csv").unlink(missing_ok=True)
        process = subprocess.Popen(command, cwd=experiment.folder, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (experiment.folder / "log.csv").exists():
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.5))
        process.kill()
        process.wait()
    subprocess.run(command, cwd=experiment.folder, stderr=subprocess.DEVNULL, check=True)
    experiment.assert_finished(expected)
