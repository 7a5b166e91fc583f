"""A phase that is killed at any moment, however often, ends with the bytes of one that was left alone."""

import random
import signal
import subprocess
import sys
import time

import pytest
from one_phase import CASES, EVERY_STEP, OFTEN, TRAIN, Experiment


@pytest.mark.parametrize(
    ("case", "most"),
    [
        *((case, 2) for case in ("stabilize, labels, critic steps, mirror", "grow, at once, augmented, drawn lr")),
        *(pytest.param(case, 12, marks=pytest.mark.slow) for case in CASES),
    ],
)
def test_killed_at_random_moments(case: str, most: int, experiment: Experiment) -> None:
    experiment.lay(case, steps=60)
    expected = experiment.undisturbed()
    moments = random.Random(case)
    kills = 0
    while kills < most:
        child = experiment.start(*OFTEN, before=EVERY_STEP)
        time.sleep(moments.uniform(0, experiment.seconds / 2))
        child.send(signal.SIGKILL)
        code = child.wait()
        assert code in (0, -signal.SIGKILL), child.output.read_text()
        kills += code != 0
        if code == 0:
            experiment.assert_finished(expected)
    experiment.finish(expected)


BEFORE_THE_OUTPUTS = """
import os, signal
from pgan.training.loop import PhaseRun
PhaseRun.write = lambda self, folder: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("case", CASES)
def test_killed_between_the_last_step_and_the_outputs(case: str, experiment: Experiment) -> None:
    """Nothing is left to train: what the outputs hold beside the networks comes from the snapshot."""
    experiment.lay(case, steps=3)
    expected = experiment.undisturbed()
    code, output = experiment.run(*OFTEN, before=EVERY_STEP + BEFORE_THE_OUTPUTS)
    assert code == -signal.SIGKILL, output
    experiment.finish(expected)


@pytest.mark.parametrize("most", [2, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("case", "number", "expected_code"),
    [("stabilize, labels, critic steps, mirror", signal.SIGTERM, 143), ("grow, labels", signal.SIGINT, 130)],
)
def test_told_to_stop_at_random_moments(
    case: str, number: signal.Signals, expected_code: int, most: int, experiment: Experiment
) -> None:
    """Each time it is gone within five seconds, and says how it ended."""
    experiment.lay(case, steps=60)
    expected = experiment.undisturbed()
    moments = random.Random(case)
    stops = 0
    while stops < most:
        child = experiment.start(*TRAIN)
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


@pytest.mark.parametrize(
    ("first", "every"), [(1, 9), *(pytest.param(first, 4, marks=pytest.mark.slow) for first in (1, 2, 3, 4))]
)
def test_killed_at_each_single_file_operation(first: int, every: int, experiment: Experiment) -> None:
    """From the first step, through the writing and rotating of snapshots, to the removal of the last one.

    Every ninth of them; where there is time, each, in four parts.
    """
    experiment.lay("grow, labels", steps=4)
    expected = experiment.undisturbed()
    kills = 0
    for count in range(first, 1000, every):
        code, output = experiment.run(*OFTEN, before=EVERY_STEP + AT_FILE_OPERATION.format(count=count))
        assert code in (0, -signal.SIGKILL), output
        if code == 0:
            experiment.assert_finished(expected)
            break
        experiment.finish(expected)
        kills += 1
    print(f"{kills} kills")  # for docs/reliability.md: pytest -rP
    assert kills * every >= 60


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


@pytest.mark.parametrize("count", [1, 5, *(pytest.param(count, marks=pytest.mark.slow) for count in (2, 3))])
def test_killed_within_the_write_of_a_snapshot_and_of_the_checkpoint(count: int, experiment: Experiment) -> None:
    experiment.lay("grow, critic steps", steps=4)  # four snapshots and the checkpoint
    expected = experiment.undisturbed()
    code, output = experiment.run(*OFTEN, before=EVERY_STEP + WITHIN_A_WRITE.format(count=count))
    assert code == -signal.SIGKILL, output
    experiment.finish(expected)


@pytest.mark.slow
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
