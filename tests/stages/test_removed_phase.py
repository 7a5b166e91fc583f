"""A phase removed, renamed and added; and litter: the graph is up to date here and in a fresh clone."""

import shutil
from pathlib import Path

from miniature import PHASES, UNTRACKED, Pipeline

UP_TO_DATE = "Data and pipelines are up to date."
REPORT = ("python", "-m", "stages.tracking.report")


def test_phases_come_and_go_and_a_fresh_clone_is_up_to_date(pipeline: Pipeline, tmp_path: Path) -> None:
    before = pipeline.hashes()
    renamed = {name: PHASES[name] for name in ("stabilize_4", "grow_8")}
    renamed["grow_8"] = renamed["grow_8"]
    renamed["steady_8"] = PHASES["stabilize_8"]
    pipeline.change("phases", renamed)
    output = pipeline.dvc("repro", **UNTRACKED)
    for kind in ("train", "evaluate"):
        line = f"data/{kind}/stabilize_8 -> data/removed/{kind}/stabilize_8: params.yaml has no such phase"
        assert output.count(line) == 1, output
    assert_up_to_date(pipeline)
    assert sorted(path.name for path in (pipeline.path / "data/train").iterdir()) == [
        *("grow_8", "init", "stabilize_4", "steady_8")
    ]
    pipeline.commit()

    clone = Pipeline(tmp_path / "clone", pipeline.environment, pipeline.zygote)
    pipeline.run("git", "clone", "--quiet", ".", str(clone.path))
    clone.dvc("cache", "dir", "--local", str(pipeline.path / ".dvc/cache"))
    clone.dvc("checkout")
    assert_up_to_date(clone)
    shown = clone.run(*REPORT).stdout
    assert "steady_8" in shown
    assert "stabilize_8" not in shown

    litter(pipeline.path)
    assert_up_to_date(pipeline)

    pipeline.change("phases", PHASES)
    assert "train@steady_8" not in pipeline.repro(**UNTRACKED)
    assert_up_to_date(pipeline)
    assert pipeline.repro() == []
    after = pipeline.hashes()
    assert {path: after[path] for path in before} == before, "back from the cache, to the last byte"


def assert_up_to_date(pipeline: Pipeline) -> None:
    assert UP_TO_DATE in pipeline.dvc("status")


def litter(root: Path) -> None:
    """What desktops and people leave behind."""
    for folder in ("data/raw", "data/pyramid", "data/features", "data/train", "data/train/grow_8", "data/render"):
        for name in (".DS_Store", "Thumbs.db", "@eaDir/thumb.jpg"):
            (root / folder / name).parent.mkdir(exist_ok=True)
            (root / folder / name).write_text("litter")
        if folder != "data/raw":
            (root / folder / "notes.txt").write_text("mine")
    shutil.copytree(root / "data/train/grow_8", root / "data/train/grow_8 (copy)")
    (root / "pgan/training/notes.txt").write_text("mine")
    (root / "data/evaluate/.DS_Store").write_text("litter")
