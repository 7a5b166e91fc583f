"""`python -m stages.ablations`: on DVC's queue, interrupted and continued, down to the table."""

import csv
import re
import signal
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml
from miniature import PHASES, Pipeline, new_repository
from mlruns import children, runs
from PIL import Image
from zygote import Zygote

ABLATION = {
    "title": "A miniature",
    "source": "nothing",
    "base": "digits",
    "total_kimg": 0.24,
    "set": {
        "phases": PHASES,
        "networks.latent_size": 8,
        "networks.fmap_base": 32,
        "networks.fmap_max": 8,
        "training.samples": 4,
        "training.log_every_kimg": 0.02,
    },
    "rows": {
        "plain": {"label": "plain", "published": {"swd": 12.5}},
        "longer": {"label": "+ longer", "total_kimg": 0.32},
    },
}
COMMAND = ("python", "-m", "stages.ablations", "tiny.yaml", "--seeds", "1", "--data", "tiny-data.yaml")


@pytest.fixture
def place(tmp_path: Path, zygote: Zygote) -> Pipeline:
    """A repository with an ablation in it; nothing has run yet."""
    pipeline = new_repository(tmp_path / "repository", zygote)
    (pipeline.path / "tiny.yaml").write_text(yaml.safe_dump(ABLATION, sort_keys=False), encoding="utf-8")
    data = pipeline.parameters()
    data["prepare"]["resolution"] = 8
    (pipeline.path / "tiny-data.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    pipeline.commit()
    return pipeline


@pytest.mark.slow
def test_an_interrupted_ablation_goes_on_and_ends_in_a_table(place: Pipeline) -> None:
    first = place.start(*COMMAND)
    wait_for(place, "train@stabilize_4")
    first.send_signal(signal.SIGINT)
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 130, output
    assert "the same command continues" in output
    assert working(place) == []
    assert list((place.path / ".dvc/tmp/exps").glob("tmp*")) == []  # copies of the repository
    assert list((place.path / ".git/refs").rglob("*.lock")) == []
    assert "does not implement kill_job" not in "".join(
        path.read_text() for path in (place.path / ".dvc/tmp/exps/celery").glob("dvc-exp-worker-*.out")
    )

    output = place.run(*COMMAND).stdout
    assert output.count("queued tiny-plain-s0-") == 1  # it was interrupted; the other still waited
    assert output.count("queued tiny-longer-s0-") == 0
    plain, longer = table(place)[:2]
    assert (plain["row"], longer["row"]) == ("plain", "longer")
    assert float(plain["swd"]) > 0
    assert plain["swd"] != longer["swd"]
    assert (plain["phases_timed"], longer["phases_timed"]) == ("3", "3")  # the first two of them shared:
    trained = Counter(run.data.tags["pgan.stage"] for run in runs(place))
    assert (trained["train@grow_8"], trained["train@stabilize_8"]) == (1, 2)
    tags = {run.info.run_id: run.data.tags for run in runs(place)}
    for row in (plain, longer):
        assert tags[row["mlflow_run"]]["dvc.exp"] == row["dvc_experiment"]
        assert place.run("git", "show", f"{row['commit']}:dvc.lock").stdout
    assert (place.path / "data/ablations/tiny/table.md").read_text() in output
    assert re.search(r"^\| plain +\|", output, re.MULTILINE)
    assert re.search(r"\| +12\.5 +\|", output)

    before = place.run("git", "for-each-ref", "refs/exps").stdout
    output = place.run(*COMMAND).stdout
    assert "queued" not in output
    assert place.run("git", "for-each-ref", "refs/exps").stdout == before
    assert place.run("git", "status", "--porcelain").stdout == ""


def wait_for(place: Pipeline, stage: str) -> None:
    """Until MLflow knows that a stage runs."""
    end = time.monotonic() + 240
    while stage not in children(place):
        assert time.monotonic() < end
        time.sleep(0.5)


def working(place: Pipeline) -> list[str]:
    """Processes that work in the repository's queue."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(place.path / ".dvc/tmp/exps") in str((process / "cwd").resolve()):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return [command for command in found if "stages.t" in command and "tracking" not in command]


def table(place: Pipeline) -> list[dict[str, str]]:
    """Of the ablation, as CSV."""
    with (place.path / "data/ablations/tiny/table.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_nothing_is_queued_where_something_is_wrong(place: Pipeline) -> None:
    for folder in ("loose", "added"):
        (place.path / folder).mkdir()
        (place.path / folder / "a.png").touch()
    place.dvc("add", "--quiet", "added")
    for arguments, message in (
        (("--rows", "nothing"), "--rows: tiny has no row 'nothing', but plain, longer"),
        (("--jobs", "0"), "--jobs: must be 1 or more, found 0"),
        (("--set", "seed"), "--set: expected KEY=VALUE such as training.drift=0, found 'seed'"),
        (("--data", "loose"), "loose: unknown to git and DVC, so that no queued experiment would find it"),
        (("--data", "added"), "added: unknown to git and DVC"),  # as git does not know added.dvc
    ):
        done = place.run(*COMMAND, *arguments, check=False)
        assert done.returncode == 2, done.stdout
        (line,) = done.stdout.strip().splitlines()
        assert line.startswith(f"error: {message}")
    assert not re.search("tiny", place.dvc("queue", "status"))


def test_an_experiment_finds_images_that_dvc_alone_knows(place: Pipeline) -> None:
    Image.new("L", (8, 8)).save(place.path / "a.png")
    with zipfile.ZipFile(place.path / "data/raw/images.zip", "w") as archive:
        for label in range(2):
            archive.write(place.path / "a.png", f"class{label}/a.png")
    place.dvc("add", "--quiet", "data/raw/images.zip")
    place.commit()
    changes = ("prepare.source=zip", "prepare.path=data/raw/images.zip", "prepare.max_images=null")
    place.dvc("exp", "run", "--temp", *(part for change in changes for part in ("-S", change)), "prepare")
