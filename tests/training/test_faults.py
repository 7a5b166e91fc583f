"""What goes wrong around a phase costs a warning or one clear line, and never what was trained."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from one_phase import EVERY_STEP, KILLED_AFTER, OFTEN, TRAIN, Experiment
from places import small_disk

CHECKPOINT = 134_000
"""Bytes of the test's networks on disk, about."""


def error_line(output: str) -> str:
    """The last line, which must be the only error, without a traceback."""
    assert "Traceback" not in output, output
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, output
    return lines[0]


# --- disks


def test_no_room_for_snapshots_costs_a_warning_and_nothing_else(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=6)
    expected = experiment.undisturbed()
    with small_disk(experiment.folder / "disk", CHECKPOINT // 2) as disk:
        code, output = experiment.run(*OFTEN, "--snapshots", str(disk), before=EVERY_STEP)
        assert code == 0, output
        assert (
            output.count("warning: no snapshot, training continues and tries again: ") == output.count("warning") == 1
        )
        assert "No space left on device" in output or "the disk is probably full" in output
        assert list(disk.iterdir()) == []
    assert experiment.outputs() == expected


def test_where_there_is_room_for_one_snapshot_the_older_one_makes_it(experiment: Experiment) -> None:
    """Room for two, of which one is being written: with the third, the oldest goes first."""
    experiment.lay("grow, labels", steps=6)
    expected = experiment.undisturbed()
    with small_disk(experiment.folder / "disk", int(CHECKPOINT * 2.5)) as disk:
        often = (*OFTEN, "--snapshots", str(disk))
        code, output = experiment.run(*often, before=EVERY_STEP + KILLED_AFTER.format(steps=5))
        assert (code, "warning" in output) == (-signal.SIGKILL, False), output
        code, output = experiment.run(*often, "--log", "log.csv")
        assert (code, "warning" in output) == (0, False), output
        assert (experiment.folder / "log.csv").read_text().splitlines()[1].endswith(",nan"), "it was used"
    assert experiment.outputs() == expected


TOLD_TO_STOP_AFTER = KILLED_AFTER.replace("SIGKILL", "SIGTERM")


def test_a_stop_without_room_for_the_snapshot_is_a_failure(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=6)
    with small_disk(experiment.folder / "disk", CHECKPOINT // 2) as disk:
        code, output = experiment.run(*TRAIN, "--snapshots", str(disk), before=TOLD_TO_STOP_AFTER.format(steps=3))
    assert code == 1
    assert "make room, or choose another place" in error_line(output)


def test_outputs_that_find_no_room_are_written_when_there_is_some(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=6)
    expected = experiment.undisturbed()
    with small_disk(experiment.folder / "data/train/full", CHECKPOINT // 2) as disk:
        to_disk = (*TRAIN, "--out", "data/train/full/p", "--parent", "data/train/init/checkpoint.pt")
        code, output = experiment.run(*to_disk)
        assert code == 1
        assert error_line(output).startswith("error: data/train/full/p: cannot be written: ")
        assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-o", f"remount,size={10 * CHECKPOINT}", str(disk)], check=True)
        code, output = experiment.run(*to_disk, before=NO_STEP)
        assert code == 0, output
        shutil.copytree(disk / "p", experiment.folder / "data/train/p")
    experiment.assert_finished(expected)


NO_STEP = """
from pgan.training.loop import PhaseRun
def advance(self):
    raise AssertionError("trained again")
PhaseRun.advance = advance
"""


def test_a_live_log_on_a_full_disk_is_given_up(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    expected = experiment.undisturbed()
    code, output = experiment.run(*TRAIN, "--log", "/dev/full")
    assert code == 0, output
    assert output.count("warning: /dev/full: no live log, training continues: No space left on device") == 1
    experiment.assert_finished(expected)


@pytest.mark.parametrize("name", ["params.yaml", "data/pyramid/labels.npy", "data/train/init/checkpoint.pt"])
def test_a_live_log_is_not_written_over_anything_else(name: str, experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    before = (experiment.folder / name).read_bytes()
    code, output = experiment.run(*TRAIN, "--log", name, before=NO_STEP)
    assert code == 2
    assert error_line(output) == f"error: {name}: exists and is no log of `pgan train`; choose another --log"
    assert (experiment.folder / name).read_bytes() == before


def test_messages_that_nobody_can_read_do_not_end_the_training(experiment: Experiment) -> None:
    """Standard error on a full disk, and a pipe whose reader has gone."""
    experiment.lay("stabilize", steps=6)
    expected = experiment.undisturbed()
    command = [experiment.zygote.folder / "python", "-m", "pgan", *TRAIN]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=experiment.folder, stderr=full, check=False)
    assert done.returncode == 0
    experiment.assert_finished(expected)
    process = subprocess.Popen(command, cwd=experiment.folder, stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(120) == 0
    experiment.assert_finished(expected)


def test_a_live_log_that_nobody_reads_from_a_pipe_is_given_up(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    os.mkfifo(experiment.folder / "pipe")
    code, output = experiment.run(*TRAIN, "--log", "pipe")
    assert (code, output.count("warning: pipe: no live log, training continues")) == (0, 1), output


def test_a_read_only_place_is_found_before_the_training(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    with small_disk(experiment.folder / "disk", 2**20) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        elsewhere = ("--out", "disk/p", "--parent", "data/train/init/checkpoint.pt")
        code, output = experiment.run(*TRAIN, *elsewhere, before=NO_STEP)
        assert code == 2
        assert error_line(output) == "error: disk/p: cannot be written: Read-only file system"
        code, output = experiment.run(*TRAIN, "--snapshots", "disk/snapshots", before=NO_STEP)
        assert code == 2
        assert "disk/snapshots" in error_line(output)


# --- memory

LITTLE_MEMORY = """
import resource
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + {bytes}, now + {bytes}))
"""


def test_out_of_memory_says_what_to_change_and_costs_nothing(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    path = experiment.folder / "params.yaml"
    content = yaml.safe_load(path.read_text())
    content["phases"]["p"] |= {"batch": 5000, "kimg": 15.0}
    path.write_text(yaml.safe_dump(content))
    expected = experiment.undisturbed()
    experiment.break_off(2)
    code, output = experiment.run(*TRAIN, before=LITTLE_MEMORY.format(bytes=2**22))
    assert code == 1, output
    line = error_line(output)
    assert line.startswith("error: p: a batch of 5000 at 4×4 pixels on cpu: out of memory (")
    assert "set training.recompute, or lower phases.p.batch or networks.fmap_max" in line
    assert str(experiment.snapshots().relative_to(experiment.folder)) in line
    experiment.finish(expected)


# --- numbers


def test_a_loss_that_is_no_number_is_named_with_its_place(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=20)
    expected = experiment.undisturbed()
    code, output = experiment.run(*OFTEN, before=EVERY_STEP + NAN_AFTER.format(steps=10))
    assert code == 1
    folder = experiment.snapshots().relative_to(experiment.folder)
    line = error_line(output)
    assert line.startswith("error: p: training diverged at 0.088 kimg: gradient_penalty is nan; ")
    assert f"the last good state is {folder}; lower phases.p.lr" in line
    experiment.finish(expected)


NAN_AFTER = """
from pgan.training import losses, loop
step, penalty = loop.PhaseRun.advance, losses.gradient_penalty
def advance(self):
    losses.gradient_penalty = penalty if self.steps_done < {steps} else lambda *a: penalty(*a) * float("nan")
    step(self)
loop.PhaseRun.advance = advance
"""


# --- data

CHANGED_AFTER = """
import numpy as np, os
from pathlib import Path
from pgan.training.loop import PhaseRun
path = Path("data/pyramid/images_8.npy")
step = PhaseRun.advance
def advance(self):
    if self.steps_done == {steps}:
        {change}
    step(self)
PhaseRun.advance = advance
"""
CHANGES = {
    "written over": "with path.open('r+b') as file: file.seek(200); file.write(b'other')",
    "replaced": "np.save('other.npy', np.zeros((40, 1, 8, 8), np.uint8)); os.replace('other.npy', path)",
    "cut short": "os.truncate(path, 1000)",
    "longer": "with path.open('ab') as file: file.write(b'more')",
    "deleted": "path.unlink()",
}


@pytest.mark.parametrize("change", CHANGES)
def test_data_that_change_under_training_end_it_before_they_spoil_it(change: str, experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=12)
    expected = experiment.undisturbed()
    data = experiment.folder / "data/pyramid/images_8.npy"
    before = data.read_bytes()
    fault = CHANGED_AFTER.format(steps=6, change=CHANGES[change])
    code, output = experiment.run(*OFTEN, before=EVERY_STEP + fault)
    assert code == 1
    assert error_line(output).startswith(
        "error: data/pyramid/images_8.npy: changed while training read it; put it back"
    )
    assert experiment.outputs() == {}
    data.write_bytes(before)
    experiment.finish(expected)


def test_data_written_again_with_the_same_content_are_the_same_data(experiment: Experiment) -> None:
    """As `dvc checkout` does in another terminal."""
    experiment.lay("grow, labels", steps=12)
    expected = experiment.undisturbed()
    again = "content = path.read_bytes(); path.unlink(); path.write_bytes(content)"
    code, output = experiment.run(*TRAIN, before=CHANGED_AFTER.format(steps=6, change=again))
    assert code == 0, output
    experiment.assert_finished(expected)


def test_a_parent_that_changes_under_training_ends_it(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=12)
    fault = CHANGED_AFTER.format(steps=6, change="path.write_bytes(b'')").replace(
        "data/pyramid/images_8.npy", "data/train/init/checkpoint.pt"
    )
    code, output = experiment.run(*TRAIN, before=fault)
    assert code == 1
    assert "data/train/init/checkpoint.pt: changed while training read it" in error_line(output)


# --- time and signals

WILD_CLOCK = """
import random, time
now, wild = time.time, random.Random(0)
time.time = lambda: now() + wild.uniform(-1e8, 1e8)
"""


def test_a_clock_that_jumps_changes_nothing(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=12)
    expected = experiment.undisturbed()
    code, output = experiment.run(*OFTEN, before=EVERY_STEP + WILD_CLOCK + KILLED_AFTER.format(steps=6))
    assert code == -signal.SIGKILL, output
    code, output = experiment.run(*OFTEN, before=EVERY_STEP + WILD_CLOCK)
    assert (code, "warning" in output) == (0, False), output
    experiment.assert_finished(expected)


ENDLESS_STEP = """
import time
from pathlib import Path
from pgan.training.loop import PhaseRun
step = PhaseRun.advance
def advance(self):
    if self.steps_done == {steps}:
        Path("stuck").touch()
        time.sleep(1000)
    step(self)
PhaseRun.advance = advance
"""


@pytest.mark.parametrize(
    ("number", "expected_code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_step_that_takes_long_does_not_keep_a_signal_waiting(
    number: signal.Signals, expected_code: int, experiment: Experiment
) -> None:
    experiment.lay("grow, labels", steps=12)
    expected = experiment.undisturbed()
    child = experiment.start(*OFTEN, before=EVERY_STEP + ENDLESS_STEP.format(steps=6))
    wait_for(experiment.folder / "stuck")
    began = time.monotonic()
    child.send(number)
    code, output = child.end()
    assert time.monotonic() - began < 5
    assert code == expected_code
    assert f"stopped ({number.name}) within a long step; the same command continues from the last snapshot" in output
    code, output = experiment.run(*TRAIN, "--log", "log.csv")
    rows = (experiment.folder / "log.csv").read_text().splitlines()[1:]
    assert sum(row.endswith(",nan") for row in rows) == 2, "six steps, two rows, are not trained again"
    experiment.assert_finished(expected)


SLOW_SAVE = """
import time
from pathlib import Path
from pgan.networks import checkpoint
dump = checkpoint.dump
def slow(content, path):
    if not Path("saving").exists():
        Path("saving").touch()
        time.sleep(6)
    dump(content, path)
checkpoint.dump = slow
"""


def test_a_snapshot_that_is_being_written_is_not_given_up(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=12)
    expected = experiment.undisturbed()
    child = experiment.start(*OFTEN, "--log", "log.csv", before=EVERY_STEP + SLOW_SAVE)
    wait_for(experiment.folder / "saving")
    child.send(signal.SIGTERM)
    code, output = child.end()
    assert code == 143, output
    assert "stopped (SIGTERM); the same command continues from .pgan/snapshots/p-" in output
    assert (experiment.snapshots() / "newest.pt").exists()
    experiment.finish(expected)


def test_a_terminal_that_is_closed_is_a_request_to_stop(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    expected = experiment.undisturbed()
    heard = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); "  # even where the tests run under nohup
    code, output = experiment.run(*TRAIN, before=heard + KILLED_AFTER.format(steps=3).replace("SIGKILL", "SIGHUP"))
    assert code == 129, output
    experiment.finish(expected)


def test_nohup_is_respected(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    expected = experiment.undisturbed()
    ignored = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    code, output = experiment.run(*TRAIN, before=ignored + KILLED_AFTER.format(steps=3).replace("SIGKILL", "SIGHUP"))
    assert code == 0, output
    experiment.assert_finished(expected)


def test_a_second_signal_ends_the_process_at_once(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=12)
    child = experiment.start(*TRAIN, before=ENDLESS_STEP.format(steps=6))
    wait_for(experiment.folder / "stuck")
    child.send(signal.SIGTERM)
    time.sleep(1.5)
    began = time.monotonic()
    child.send(signal.SIGTERM)
    assert child.wait() == -signal.SIGTERM
    assert time.monotonic() - began < 1


def test_the_same_signal_from_terminal_and_launcher_is_one_request(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    expected = experiment.undisturbed()
    twice = TOLD_TO_STOP_AFTER.format(steps=3).replace("os.kill", "for _ in range(2): os.kill")
    code, output = experiment.run(*TRAIN, before=twice)
    assert code == 143, output
    assert "stopped (SIGTERM); the same command continues from .pgan/snapshots/p-" in output
    experiment.finish(expected)


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
