"""Snapshots: which ones are used, what a damaged one costs, how often they are made, and how they go."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from one_phase import EVERY_STEP, KILLED_AFTER, OFTEN, TRAIN, Experiment

from pgan.networks import checkpoint
from pgan.training import snapshots, watched_files
from pgan.training.snapshots import NEWEST, PREVIOUS, fingerprint


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace(path: Path) -> None:
    path.write_text("hello")


def flip_a_bit_of_a_weight(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = [truncate, halve, empty, replace, flip_a_bit_of_a_weight]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_gives_way_to_the_one_before(damage, experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=6)
    expected = experiment.undisturbed()
    experiment.break_off(5)
    damage(experiment.snapshots() / NEWEST)
    code, output = experiment.run(*TRAIN, "--log", "log.csv")
    assert code == 0
    assert output.count("warning: damaged snapshot ignored: ") == output.count("warning") == 1
    resumed = (experiment.folder / "log.csv").read_text().splitlines()[1]
    assert resumed.endswith(",nan"), "the rows of the snapshot before are not trained again"
    experiment.assert_finished(expected)


def test_where_both_are_damaged_the_phase_begins_anew(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    expected = experiment.undisturbed()
    experiment.break_off(5)
    for name in (NEWEST, PREVIOUS):
        truncate(experiment.snapshots() / name)
    experiment.finish(expected, warnings=2)


def test_a_snapshot_of_another_phase_is_not_used_whatever_it_is_called(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    experiment.break_off(5)
    foreign = experiment.snapshots()
    change(experiment, lr=0.002)
    expected = experiment.undisturbed()
    assert foreign.exists(), "it is not this phase's to remove"
    experiment.break_off(3)
    (own,) = (path for path in foreign.parent.iterdir() if path != foreign)
    for name in (NEWEST, PREVIOUS):
        (foreign / name).replace(own / name)
    shutil.rmtree(foreign)
    experiment.finish(expected, warnings=2)


@pytest.mark.parametrize(
    "forgery",
    [{"step": -1}, {"step": 10**9}, {"rows": "x"}, {"rows": [{"images": "x"}]}, {"sums": {"a": 1.0}}, {"x": 1}],
)
def test_a_forged_snapshot_is_one_clear_line(forgery: dict[str, Any], experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    experiment.break_off(5)
    path = experiment.snapshots() / NEWEST
    content = checkpoint.read(path)
    content["run"] |= forgery
    checkpoint.dump(content, path)
    code, output = experiment.run(*TRAIN)
    assert (code, output.count("\n"), "Traceback" in output) == (2, 1, False), output
    assert f"{path.parent.relative_to(experiment.folder)}: holds no state of this phase" in output


def change(experiment: Experiment, **values) -> None:
    path = experiment.folder / "params.yaml"
    content = yaml.safe_load(path.read_text())
    content["phases"]["p"] |= values
    path.write_text(yaml.safe_dump(content))


def test_what_else_determines_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "code.py"
    code.write_text("a")
    monkeypatch.setattr(watched_files, "code_files", lambda: [code])
    keys = {fingerprint({}, watched_files.read_code())}
    code.write_text("b")
    keys.add(fingerprint({}, watched_files.read_code()))
    monkeypatch.setattr(snapshots.torch, "__version__", "0")
    keys.add(fingerprint({}, watched_files.read_code()))
    monkeypatch.setattr(snapshots.np, "__version__", "0")
    keys.add(fingerprint({}, watched_files.read_code()))
    assert len(keys) == 4


def test_all_code_that_a_phase_runs_is_in_the_fingerprint() -> None:
    names = {str(path).rsplit("/pgan/", 1)[1] for path in watched_files.code_files()}
    assert {"training/step.py", "networks/layers.py", "data/batches.py", "randomness.py", "config.py"} <= names


@pytest.mark.parametrize("threads", [1, 2])
def test_another_number_of_threads_is_said(threads: int, experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=6)
    experiment.break_off(5)
    code, output = experiment.run(*TRAIN, before=f"import torch; torch.set_num_threads({threads})")
    assert code == 0, output
    said = (
        "warning: p continues with other threads 1 → 2: its last digits may differ from those of an uninterrupted run"
    )
    assert (said in output) == (threads == 2)


STALLED_AFTER = """
import time
from pgan.training.loop import PhaseRun
step = PhaseRun.advance
def advance(self):
    if self.steps_done == {steps}:
        time.sleep(1000)
    step(self)
PhaseRun.advance = advance
"""


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_processes_may_train_the_same_phase(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=150)
    expected = experiment.undisturbed()
    first = experiment.start(*OFTEN, before=EVERY_STEP + STALLED_AFTER.format(steps=20))
    wait_for(lambda: any(experiment.folder.glob(f".pgan/snapshots/*/{PREVIOUS}")))
    log = experiment.folder / "log.csv"
    second = experiment.start(*OFTEN, "--log", log.name, before=EVERY_STEP)
    wait_for(lambda: "another process trains this very phase; it keeps the snapshots" in second.output.read_text())
    first.send(9)
    first.wait()
    code, output = second.end()
    assert code == 0, output
    assert log.read_text().splitlines()[1].endswith(",nan"), "it began with the other's snapshot"
    experiment.assert_finished(expected)


def test_clean_removes_orphans_and_says_what_and_how_much(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    experiment.break_off(5)
    orphan = experiment.snapshots()
    size = sum(path.stat().st_size for path in orphan.iterdir())
    change(experiment, lr=0.002)
    experiment.break_off(5)
    (own,) = (path for path in orphan.parent.iterdir() if path != orphan)

    for arguments, verb in ((("--dry-run",), "would be deleted"), ((), "deleted")):
        assert orphan.exists()
        code, output = experiment.run("clean", *arguments)
        lines = dict(line.split("  ", 1) for line in output.splitlines()[:-1])
        assert code == 0, output
        assert lines[f".pgan/snapshots/{orphan.name}"].startswith(f"{size / 1e6:.1f} MB")
        assert lines[f".pgan/snapshots/{orphan.name}"].endswith("an orphan")
        assert lines[f".pgan/snapshots/{own.name}"].endswith("kept: p continues from it")
        assert output.splitlines()[-1] == f"1 {verb}, {size / 1e6:.1f} MB"
    assert [path.name for path in own.parent.iterdir()] == [own.name]
    assert experiment.run("clean")[1].splitlines()[-1] == "0 deleted, 0.0 MB"


def test_clean_leaves_what_it_cannot_judge_and_what_is_in_use(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    experiment.break_off(5)
    kept = experiment.snapshots()
    parent = experiment.folder / "data/train/init/checkpoint.pt"
    parent.rename(parent.with_name("away"))
    code, output = experiment.run("clean")
    assert "kept: what p continues or reads is not there yet, so it cannot be judged" in output
    parent.with_name("away").rename(parent)

    change(experiment, kimg=1000.0)
    running = experiment.start(*OFTEN)
    wait_for(lambda: len(list(kept.parent.glob(f"*/{NEWEST}"))) == 2)
    change(experiment, lr=0.5)
    code, output = experiment.run("clean")
    assert (code, output.count("kept: a process is training with it")) == (0, 1), output
    assert output.splitlines()[-1].startswith("1 deleted")
    running.send(9)
    running.wait()
    assert experiment.run("clean")[1].splitlines()[-1].startswith("1 deleted")


def test_clean_deletes_nothing_but_snapshots(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    home = experiment.folder / "home"
    for name in ("my-photos", "p-0123456789abcdef"):
        (home / name).mkdir(parents=True)
        (home / name / "mine").write_text("precious")
    (home / "p-fedcba9876543210").symlink_to(home / "my-photos")
    assert experiment.run("clean", "--snapshots", "home") == (0, "0 deleted, 0.0 MB\n")
    assert len(list(home.rglob("mine"))) == 2
    code, output = experiment.run("clean", "--snapshots", "params.yaml")
    assert (code, output.count("\n")) == (2, 1)


def test_clean_keeps_what_a_command_with_other_files_goes_on_from(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    expected = experiment.undisturbed()
    init = experiment.folder / "data/train/init"
    init.rename(experiment.folder / "elsewhere")
    (experiment.folder / "params.yaml").rename(experiment.folder / "mine.yaml")
    own = ("--params", "mine.yaml", "--parent", "elsewhere/checkpoint.pt")
    code, output = experiment.run(*OFTEN, *own, before=EVERY_STEP + KILLED_AFTER.format(steps=5))
    assert code == -9, output
    (experiment.folder / "elsewhere").rename(init)
    shutil.copytree(init, experiment.folder / "elsewhere")
    shutil.copy(experiment.folder / "mine.yaml", experiment.folder / "params.yaml")
    change(experiment, lr=0.5)
    code, output = experiment.run("clean")
    assert (code, output.count("kept: p continues from it")) == (0, 1), output
    (experiment.folder / "mine.yaml").rename(experiment.folder / "params.yaml")
    experiment.finish(expected)


def test_a_snapshot_of_other_parameters_is_told_of(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    experiment.break_off(5)
    change(experiment, lr=0.002)
    code, output = experiment.run(*TRAIN)
    assert (code, output.count("note: snapshots of p that are there are not used")) == (0, 1), output


def test_clean_without_anything_to_do(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    assert experiment.run("clean") == (0, "0 deleted, 0.0 MB\n")
    assert experiment.run("clean", "--params", "none.yaml")[0] == 2
