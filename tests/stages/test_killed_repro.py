"""`dvc repro` killed in the middle of training, with all that it started."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

from miniature import Pipeline
from test_interruption import OUTPUTS, wait_for_rows


def test_repro_killed_again_and_again_ends_with_the_same_bytes(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.change("phases.stabilize_8.kimg", 4.0)
    shutil.copytree(pipeline.path, tmp_path / "undisturbed", symlinks=True)
    undisturbed = Pipeline(tmp_path / "undisturbed", pipeline.environment)
    undisturbed.repro("train@stabilize_8")

    moments = random.Random(0)
    live = pipeline.path / "data/logs/stabilize_8.csv"
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        process = pipeline.start("dvc", "repro", "train@stabilize_8")
        wait_for_rows(live, 12)
        time.sleep(moments.uniform(0, 0.5))
        os.killpg(process.pid, number)
        process.communicate(timeout=60)
        assert process.returncode != 0
    assert pipeline.repro("train@stabilize_8") == ["train@stabilize_8"]
    theirs, ours = undisturbed.hashes(), pipeline.hashes()
    assert {path: ours[path] for path in OUTPUTS} == {path: theirs[path] for path in OUTPUTS}
    assert list((pipeline.path / ".pgan/snapshots").iterdir()) == []
