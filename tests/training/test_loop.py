"""A phase as a whole: reproducible, resumable, and stopped before it spoils anything."""

import json
import math
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import torch
from PIL import Image

from pgan.errors import RunError
from pgan.networks import checkpoint
from pgan.networks.checkpoint import Progress
from pgan.phases import Phase
from pgan.training import cadence, loop, preview
from pgan.training.interrupt import Interrupted
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.preview import LiveFiles
from pgan.training.snapshots import Snapshots, fingerprint
from pgan.training.watched_files import WatchedFiles

CPU = torch.device("cpu")


def phase(**changes):
    spec = {"from": "init", "kind": "stabilize", "resolution": 4, "kimg": 0.1, "batch": 8, "lr": 0.001}
    return Phase.model_validate(spec | changes)


def job(training, spec, name="p", classes=0, **changes):
    settings = training.model_copy(
        update={"log_every_kimg": 0.02, "samples": 4, "sample_frames": 4, "mirror": True} | changes
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 1, spec.resolution, spec.resolution), dtype=np.uint8)
    return Job(name, spec, settings, 0, images, rng.integers(0, max(classes, 1), 40))


def outputs(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def train(the_job, parent, tmp_path, out="out", **run):
    the_run = PhaseRun(the_job, parent, CPU)
    with Snapshots(tmp_path / "snapshots", the_job.name, "key") as store:
        the_run.run(store, run.get("every", 1e9), run.get("files", LiveFiles(run.get("log"))))
        the_run.write(tmp_path / out)
        store.remove()
    return tmp_path / out


@pytest.fixture
def interrupted_after(monkeypatch):
    """Make the n-th step of a run end with a request to stop, as SIGTERM would."""

    def install(steps):
        count = 0
        advance = PhaseRun.advance

        def counted(self):
            nonlocal count
            advance(self)
            count += 1
            if count == steps:
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(PhaseRun, "advance", counted)

    return install


CASES = {
    "stabilize": (phase(), 0, {}),
    "grow": (phase(kind="grow", resolution=8), 0, {}),
    "labels and critic steps": (phase(kind="grow", resolution=8), 3, {"critic_steps": 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_parameters_give_the_same_bytes(case, networks, training, tmp_path):
    spec, classes, changes = CASES[case]
    config = networks.model_copy(update={"classes": classes})
    runs = [
        train(job(training, spec, classes=classes, **changes), checkpoint.fresh(config, 4, 0), tmp_path, out)
        for out in ("a", "b")
    ]
    assert outputs(runs[0]) == outputs(runs[1])
    assert set(outputs(runs[0])) == {"checkpoint.pt", "losses.csv", "samples.npy", "summary.json"}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("steps", [1, 5])
def test_an_interrupted_phase_ends_with_the_bytes_of_an_uninterrupted_one(
    case, steps, networks, training, tmp_path, interrupted_after
):
    spec, classes, changes = CASES[case]
    config = networks.model_copy(update={"classes": classes})
    the_job = job(training, spec, classes=classes, **changes)
    whole = train(the_job, checkpoint.fresh(config, 4, 0), tmp_path, "whole")
    interrupted_after(steps)
    with pytest.raises(Interrupted) as stop:
        train(the_job, checkpoint.fresh(config, 4, 0), tmp_path, "broken")
    assert stop.value.exit_code == 143
    assert not (tmp_path / "broken").exists()
    resumed = train(the_job, checkpoint.fresh(config, 4, 0), tmp_path, "broken")
    assert outputs(resumed) == outputs(whole)


@pytest.mark.parametrize("case", CASES)
def test_pictures_for_eyes_change_no_byte(case, networks, training, tmp_path, monkeypatch, interrupted_after):
    """Drawn after every step, and in a phase that continues."""
    monkeypatch.setattr(preview.Preview, "due", lambda self: True)
    spec, classes, changes = CASES[case]
    config = networks.model_copy(update={"classes": classes})
    the_job, files = (
        job(training, spec, classes=classes, **changes),
        LiveFiles(None, tmp_path / "x.png", tmp_path / "x"),
    )
    whole = train(the_job, checkpoint.fresh(config, 4, 0), tmp_path, "whole")
    interrupted_after(5)
    with pytest.raises(Interrupted):
        train(the_job, checkpoint.fresh(config, 4, 0), tmp_path, "seen", files=files)
    seen = train(the_job, checkpoint.fresh(config, 4, 0), tmp_path, "seen", files=files)
    assert outputs(seen) == outputs(whole)
    frames = np.load(seen / "samples.npy")
    kimg = json.loads((seen / "summary.json").read_text())["sample_kimg"]
    assert sorted(int(path.stem) for path in files.pictures.iterdir()) == [round(1000 * each) for each in kimg]
    for each, frame in zip(kimg, frames, strict=True):
        with Image.open(files.pictures / f"{round(1000 * each)}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), np.asarray(preview.sheet(frame)))


def test_a_damaged_snapshot_is_as_good_as_none(networks, training, tmp_path):
    whole = train(job(training, phase()), checkpoint.fresh(networks, 4, 0), tmp_path, "a")
    path = tmp_path / "snapshots" / "p-key" / "newest.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"damaged")
    assert outputs(train(job(training, phase()), checkpoint.fresh(networks, 4, 0), tmp_path, "b")) == outputs(whole)


def test_a_fingerprint_changes_with_parameters_and_files(tmp_path):
    def key(x):
        return fingerprint({"x": x}, WatchedFiles([tmp_path / "a"]))

    (tmp_path / "a").write_text("a")
    base = key(1)
    assert key(1) == base
    assert key(2) != base
    (tmp_path / "a").write_text("b")
    assert key(1) != base


@pytest.mark.parametrize(("lr", "limit"), [(1e6, 1e6), (1e38, 1e300)])
def test_divergence_stops_the_phase_and_names_term_and_place(lr, limit, networks, training, tmp_path):
    the_job = job(training, phase(lr=lr, kimg=2), divergence_limit=limit)
    with pytest.raises(
        RunError, match=r"p: training diverged at 0\.\d+ kimg: \w+ is .*; its parent's checkpoint stands"
    ):
        train(the_job, checkpoint.fresh(networks, 4, 0), tmp_path)
    assert not (tmp_path / "out").exists()


def test_divergence_keeps_the_last_good_snapshot(networks, training, tmp_path, monkeypatch):
    the_job = job(training, phase(kimg=1))
    update = loop.Step.update_critic

    def poisoned(self, batch):
        terms = update(self, batch)
        poisoned.count += 1
        return {k: v * float("nan") for k, v in terms.items()} if poisoned.count > 20 else terms

    poisoned.count = 0
    monkeypatch.setattr(loop.Step, "update_critic", poisoned)
    monkeypatch.setattr(cadence, "SHARE", math.inf)  # after every step
    with pytest.raises(RunError, match=r"is nan; the last good state is .*p-key; lower"):
        train(the_job, checkpoint.fresh(networks, 4, 0), tmp_path, every=0.0)
    kept = checkpoint.load(tmp_path / "snapshots" / "p-key" / "newest.pt")
    assert kept.progress.images == 20 * 8
    assert all(p.isfinite().all() for p in kept.generator.parameters())


def test_losses_csv(networks, training, tmp_path):
    parent = checkpoint.fresh(networks, 4, 0)
    parent.progress = Progress("before", "stabilize", 500, 2500)
    out = train(job(training, phase(kind="grow", resolution=8)), parent, tmp_path, log=tmp_path / "log.csv")
    header, *rows = (out / "losses.csv").read_text().splitlines()
    assert header == (
        "images,kimg,total_kimg,alpha,generator_loss,critic_real,critic_fake,critic_loss,drift,"
        "gradient_penalty,gradient_norm"
    )
    cells = [row.split(",") for row in rows]
    assert [row[0] for row in cells] == ["24", "40", "64", "80", "104"]
    assert cells[0][:4] == ["24", "0.024", "2.524", "0.24"]
    live = (tmp_path / "log.csv").read_text().splitlines()
    assert live[0] == header + ",img_per_s"
    assert [line.rsplit(",", 1)[0] for line in live[1:]] == rows


def test_summary_and_samples(networks, training, tmp_path):
    out = train(job(training, phase(kind="grow", resolution=8)), checkpoint.fresh(networks, 4, 0), tmp_path)
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["phase"], summary["kind"], summary["resolution"]) == ("p", "grow", 8)
    assert summary["kimg"] == summary["total_kimg"] == 0.104
    assert summary["sample_kimg"][0] == 0.0
    assert summary["sample_kimg"][-1] == 0.104
    samples = np.load(out / "samples.npy")
    assert samples.shape == (4, 4, 1, 8, 8)
    assert samples.dtype == np.uint8
    assert not np.array_equal(samples[0], samples[-1])


def test_all_phases_show_the_same_latents(networks, training, tmp_path):
    first = train(job(training, phase(), "one"), checkpoint.fresh(networks, 4, 0), tmp_path, "one")
    parent = checkpoint.load(first / "checkpoint.pt")
    second = train(job(training, phase(kind="grow", resolution=8), "two"), parent, tmp_path, "two")
    last, begin = np.load(first / "samples.npy")[-1], np.load(second / "samples.npy")[0]
    assert np.array_equal(last.repeat(2, 2).repeat(2, 3), begin), "a fade begins where the parent ended"


def test_adam_starts_anew_at_both_ends_of_a_fade_and_goes_on_where_nothing_changes(networks, training, tmp_path):
    def begin(parent, spec):
        return PhaseRun(job(training, spec), parent, CPU).step.optimizers["critic"].state

    one = checkpoint.load(
        train(job(training, phase(), "a"), checkpoint.fresh(networks, 4, 0), tmp_path) / "checkpoint.pt"
    )
    grow = phase(kind="grow", resolution=8)
    two = checkpoint.load(train(job(training, grow, "b"), one, tmp_path, "b") / "checkpoint.pt")
    assert not begin(one, grow), "the start of a fade"
    assert not begin(two, phase(resolution=8)), "the end of a fade"
    kept = begin(one, phase(lr=0.5))
    assert kept, "the same level of detail"
    run = PhaseRun(job(training, phase(lr=0.5)), one, CPU)
    assert {group["lr"] for group in run.step.optimizers["critic"].param_groups} == {0.5}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_exits_and_the_same_command_goes_on(number, code, params_file, zygote, tmp_path):
    text = params_file.read_text().replace("kimg: 0.1", "kimg: 400", 1)
    params_file.write_text(text)
    pyramid = tmp_path / "data" / "pyramid"
    pyramid.mkdir(parents=True)
    np.save(pyramid / "images_4.npy", np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8))
    np.save(pyramid / "labels.npy", np.zeros(40, np.int64))
    pgan = [zygote.folder / "python", "-m", "pgan"]
    subprocess.run([*pgan, "init"], cwd=tmp_path, check=True)
    command = [*pgan, "train", "stabilize_4", "--log", "log.csv"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "log.csv").exists() or len((tmp_path / "log.csv").read_text().splitlines()) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == code
    assert "continues from .pgan/snapshots/stabilize_4-" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    (folder,) = (tmp_path / ".pgan/snapshots").iterdir()
    assert checkpoint.load(folder / "newest.pt").progress.images > 0
    assert not (tmp_path / "data/train/stabilize_4").exists()


def test_weights_that_went_bad_after_the_last_loss_are_not_kept(networks, training, tmp_path, monkeypatch):
    the_job = job(training, phase())
    advance = PhaseRun.advance

    def poisoned(self):
        advance(self)
        if self.steps_done == self.schedule.steps:
            next(self.step.generator.parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(PhaseRun, "advance", poisoned)
    with pytest.raises(RunError, match="a weight of the generator is nan"):
        train(the_job, checkpoint.fresh(networks, 4, 0), tmp_path)
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_adam_s_settings_are_those_of_the_phase_even_where_its_state_goes_on(networks, training, tmp_path):
    out = train(job(training, phase(), "a"), checkpoint.fresh(networks, 4, 0), tmp_path)
    run = PhaseRun(job(training, phase(), adam_beta2=0.9), checkpoint.load(out / "checkpoint.pt"), CPU)
    (group,) = run.step.optimizers["critic"].param_groups
    assert group["betas"] == (0.0, 0.9)
    assert run.step.optimizers["critic"].state
