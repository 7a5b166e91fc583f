"""A phase ends well only where its parameters, code and inputs are still there; its training is kept in any case."""

import pytest
import yaml
from one_phase import TRAIN, Experiment
from ranks import ranks

EDIT_AT = """
import os
from pathlib import Path
import yaml
from pgan.training.loop import PhaseRun
def edit():
    {edit}
def change(**values):
    content = yaml.safe_load(Path("params.yaml").read_text())
    for key, value in values.items():
        place = content
        *above, name = key.split("__")
        for part in above:
            place = place[part]
        place[name] = value
    Path("params.yaml").write_text(yaml.safe_dump(content))
step = PhaseRun.advance
def advance(self):
    if self.steps_done == {steps}:
        edit()
    step(self)
PhaseRun.advance = advance
"""
NO_STEP = """
from pgan.training.loop import PhaseRun
def advance(self):
    raise AssertionError("trained again")
PhaseRun.advance = advance
"""
WITH_CODE = """
from pathlib import Path
import pgan.training.watched_files
pgan.training.watched_files.code_files = lambda: [Path("code.py")]
"""
"""The phase's code is a file that a test may edit."""
TRAINED = "while p trained; put it back to continue, or start again with the new one; the trained phase is kept in "
READ = "while training read it; put it back to continue, or start again with the new one; the trained phase is kept in "
EDITS = {
    "the phase": ("change(phases__p__lr=0.5)", f"params.yaml: phases.p.lr: changed from 0.001 to 0.5 {TRAINED}"),
    "a section": ("change(training__drift=1.0)", f"params.yaml: training.drift: changed from 0.001 to 1.0 {TRAINED}"),
    "the seed": ("change(seed=1)", f"params.yaml: seed: changed from 0 to 1 {TRAINED}"),
    "the phase taken out": ("change(phases={})", "params.yaml: phases.p: changed from {"),
    "no file": (
        "os.unlink('params.yaml')",
        f"params.yaml: gone, or no longer a parameter file, since it was read {TRAINED}",
    ),
    "no YAML": ("Path('params.yaml').write_text('a: [')", "params.yaml: gone, or no longer a parameter file, since"),
    "code": ("Path('code.py').write_text('# other')", f"code.py: changed {READ}"),
    "code taken out": ("os.unlink('code.py')", f"code.py: changed {READ}"),
}


def edited(edit: str, steps: int = 5) -> str:
    """Code to run before `pgan`: the edit, in the midst of training."""
    return WITH_CODE + EDIT_AT.format(edit=edit, steps=steps)


def lay(experiment: Experiment) -> dict[str, bytes]:
    """The files that a test edits, in a folder with a phase of twelve steps."""
    experiment.lay("grow, labels", steps=12)
    (experiment.folder / "code.py").write_text("# code")
    return {name: (experiment.folder / name).read_bytes() for name in ("params.yaml", "code.py")}


def error_line(output: str) -> str:
    """The only error, without a traceback."""
    assert "Traceback" not in output, output
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    return line.removeprefix("error: ")


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_under_training_is_said_and_costs_nothing(name: str, experiment: Experiment) -> None:
    edit, message = EDITS[name]
    files = lay(experiment)
    expected = experiment.undisturbed()
    code, output = experiment.run(*TRAIN, before=edited(edit))
    assert code == 1
    assert error_line(output).startswith(message)
    assert error_line(output).endswith(f"kept in {experiment.snapshots().relative_to(experiment.folder)}")
    assert experiment.outputs() == {}
    for path, content in files.items():
        (experiment.folder / path).write_bytes(content)
    code, output = experiment.run(*TRAIN, before=WITH_CODE + NO_STEP)
    assert code == 0, output
    experiment.assert_finished(expected)


@pytest.mark.parametrize(
    "edit",
    [
        "change(evaluate__images=7, render__rows=1, phases__q={'from': 'p'})",
        "content = Path('params.yaml').read_text(); Path('params.yaml').write_text('# a comment\\n' + content)",
        "content = Path('code.py').read_bytes(); os.unlink('code.py'); Path('code.py').write_bytes(content)",
    ],
    ids=["other parameters", "a comment", "the same content"],
)
def test_what_the_phase_does_not_use_may_be_edited(edit: str, experiment: Experiment) -> None:
    lay(experiment)
    expected = experiment.undisturbed()
    code, output = experiment.run(*TRAIN, before=edited(edit))
    assert code == 0, output
    experiment.assert_finished(expected)


def test_an_edit_that_is_taken_back_in_time_is_none(experiment: Experiment) -> None:
    lay(experiment)
    expected = experiment.undisturbed()
    there_and_back = "change(phases__p__lr=0.5); change(seed=1); change(phases__p__lr=0.001, seed=0)"
    code, output = experiment.run(*TRAIN, before=edited(there_and_back))
    assert code == 0, output
    experiment.assert_finished(expected)


def test_an_edit_while_the_outputs_are_written_keeps_the_snapshot(experiment: Experiment) -> None:
    files = lay(experiment)
    expected = experiment.undisturbed()
    late = """
write = PhaseRun.write
def write_and_edit(self, out):
    write(self, out)
    edit()
PhaseRun.write = write_and_edit
"""
    code, output = experiment.run(*TRAIN, before=edited("change(seed=1)", steps=-1) + late)
    assert (code, error_line(output).startswith("params.yaml: seed: changed from 0 to 1 while p trained; ")) == (
        1,
        True,
    )
    assert experiment.outputs() == expected, "whole"
    (experiment.folder / "params.yaml").write_bytes(files["params.yaml"])
    code, output = experiment.run(*TRAIN, before=WITH_CODE + NO_STEP)
    assert code == 0, output
    experiment.assert_finished(expected)


def test_one_who_starts_it_may_keep_the_snapshot_for_longer(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=6)
    expected = experiment.undisturbed()
    code, output = experiment.run(*TRAIN, "--finished", "finished")
    assert code == 0, output
    assert experiment.outputs() == expected
    kept = experiment.snapshots()
    assert (experiment.folder / (experiment.folder / "finished").read_text()) == kept
    assert (kept / "newest.pt").exists()


def test_all_ranks_end_after_an_edit(experiment: Experiment) -> None:
    lay(experiment)
    _, output = experiment.run(*TRAIN, before=ranks(2) + edited("change(phases__p__lr=0.5)"))
    assert error_line(output).startswith("params.yaml: phases.p.lr: changed from 0.001 to 0.5 while p trained; ")
    assert "codes: [1, 0]" in output
    assert experiment.outputs() == {}
    assert (experiment.snapshots() / "newest.pt").exists()


def test_a_command_refuses_what_was_edited_since_it_was_asked_for(experiment: Experiment) -> None:
    """As a stage asks for it, perhaps by way of a launcher."""
    from pgan.config import EXPECTED, Parameters

    experiment.lay("stabilize", steps=6)
    path = experiment.folder / "params.yaml"
    asked = Parameters.read(path)
    asked.get("phases.p")
    expecting = f"import os; os.environ[{EXPECTED!r}] = {asked.expectation()!r}\n"
    content = yaml.safe_load(path.read_text())
    content["seed"] = 5  # nobody asked for it
    path.write_text(yaml.safe_dump(content))
    assert experiment.run(*TRAIN, before=expecting)[0] == 0
    content["phases"]["p"]["lr"] = 0.5
    path.write_text(yaml.safe_dump(content))
    code, output = experiment.run(*TRAIN, before=expecting)
    assert code == 1
    assert error_line(output) == "params.yaml: phases.p: changed while this started; run it again"
