"""`dvc repro` killed in the middle of training, with all that it started."""

import os
import random
import signal
import time
from dataclasses import replace

import pytest
from miniature import Pipeline
from test_interruption import OUT, contents, undisturbed, wait_for_rows


@pytest.mark.slow
def test_repro_killed_again_and_again_ends_with_the_same_bytes(pipeline: Pipeline) -> None:
    """The real programs."""
    pipeline = replace(pipeline, zygote=None)
    pipeline.change("phases.stabilize_8.kimg", 4.0)
    expected = undisturbed(pipeline)
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
    assert contents(pipeline.path / OUT) == expected
    assert list((pipeline.path / ".pgan/snapshots").iterdir()) == []
