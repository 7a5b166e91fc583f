"""Several processes train one phase: what one would compute, whatever befalls them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from one_phase import CASES, EVERY_STEP, KILLED_AFTER, OFTEN, TRAIN, Experiment
from ranks import on_rank, ranks

from pgan.errors import InputError
from pgan.networks.checkpoint import fresh
from pgan.networks.layers import minibatch_stddev
from pgan.training import parallel
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.parallel import Ranks
from pgan.training.step import Step

CODES = "codes: "
UNDISTURBED: dict[tuple[str, int], dict[str, str]] = {}


def clear(output: str, *lines: str) -> list[int]:
    """The ranks' exit codes; beside the progress bar, these lines and no other were printed."""
    *said, codes = [line for line in output.replace("\r", "\n").splitlines() if line and "img/s" not in line]
    assert len(said) == len(lines), output
    for text, line in zip(said, lines, strict=True):
        assert line in text, output
    assert codes.startswith(CODES), output
    return [int(code) for code in codes.removeprefix(CODES).strip("[]").split(",")]


# --- what is computed


@pytest.mark.parametrize("count", [2, 4])
def test_the_ranks_find_the_stddev_groups_of_the_whole_batch(count: int) -> None:
    x = torch.randn(16, 3, 4, 4, dtype=torch.float64)
    whole = minibatch_stddev(x, 4)
    for rank in range(count):
        share = Ranks(rank, count).share
        assert torch.allclose(minibatch_stddev(x[share], 4), whole[share], rtol=1e-14)


def test_layers_that_look_at_the_whole_batch_are_refused(networks) -> None:
    alone, two = Ranks(), Ranks(0, 2)
    for key, value in (("batch_norm", True), ("minibatch_discrimination", 5)):
        config = networks.model_copy(update={key: value})
        alone.check_batch(16, config.group, config.uses_whole_batch)
        with pytest.raises(ValueError, match=f"networks.{key} cannot do with a share"):
            two.check_batch(16, config.group, config.uses_whole_batch)
    two.check_batch(16, networks.group, networks.uses_whole_batch)


@pytest.mark.parametrize(("classes", "alpha"), [(0, 1.0), (10, 0.3)])
def test_gradients_and_terms_are_those_of_one_process(
    classes: int, alpha: float, networks, training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In double precision, to 1e-9: the mean over the ranks' shares, both ranks computed here, one after the other."""
    networks = networks.model_copy(update={"classes": classes})
    n = 8
    torch.manual_seed(0)
    reals, mix = torch.rand(n, 1, 8, 8).double() * 2 - 1, torch.rand(n, 1, 1, 1).double()
    z, labels, fade = torch.randn(n, 8).double(), torch.arange(n) % 10, torch.tensor(alpha).double()

    def gradients(here: Ranks) -> dict[str, torch.Tensor]:
        """What is handed over for averaging, by network."""
        found: dict[str, torch.Tensor] = {}
        made = fresh(networks, 8, seed=0)
        for network in (made.generator, made.critic, made.ema):
            network.double()
        step = Step(made.generator, made.critic, made.ema, training, 0.0, 0.9, ranks=here)

        def collect(_: Ranks, tensors: list[torch.Tensor]) -> None:
            found["critic" if not found else "generator"] = torch.cat([t.flatten() for t in tensors])

        with monkeypatch.context() as patch:
            patch.setattr(Ranks, "average", collect)
            s = here.share
            step.update_critic(CriticBatch(reals[s], labels[s], z[s], mix[s], fade))
            step.update_generator(GeneratorBatch(z[s], labels[s], fade))
        return found

    whole, parts = gradients(Ranks()), [gradients(Ranks(rank, 2)) for rank in (0, 1)]
    for name, expected in whole.items():
        found = (parts[0][name] + parts[1][name]) / 2
        assert (found - expected).abs().max() < 1e-9 * expected.abs().max(), name


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_what_one_does(case: str, experiment: Experiment) -> None:
    experiment.lay(case, steps=6)
    assert experiment.run(*TRAIN)[0] == 0
    one = results(experiment)
    experiment.forget()
    code, output = experiment.run(*TRAIN, before=ranks(2))
    assert (code, clear(output)) == (0, [0, 0])
    two = results(experiment)
    assert one.keys() == two.keys()
    for name, expected in one.items():
        assert np.allclose(two[name], expected, rtol=1e-3, atol=1e-4), name


def results(experiment: Experiment) -> dict[str, np.ndarray]:
    """Weights, Adam's state and losses of the finished phase."""
    out = experiment.folder / "data/train/p"
    content = torch.load(out / "checkpoint.pt", weights_only=True)
    found = {f"{part}.{k}": v.numpy() for part in ("generator", "critic", "ema") for k, v in content[part].items()}
    return found | {"losses": np.loadtxt(out / "losses.csv", delimiter=",", skiprows=1)}


def test_two_processes_end_with_the_same_bytes_each_time(experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=20)
    assert trained(experiment, 2) == trained(experiment, 2)


def undisturbed(experiment: Experiment, count: int) -> dict[str, str]:
    """The outputs of so many processes that nobody disturbs: trained once for all tests."""
    key = experiment.digest(), count
    if key not in UNDISTURBED:
        UNDISTURBED[key] = trained(experiment, count)
    return UNDISTURBED[key]


def trained(experiment: Experiment, count: int) -> dict[str, str]:
    """The outputs of so many processes; they are deleted."""
    code, output = experiment.run(*TRAIN, before=ranks(count))
    assert (code, clear(output)) == (0, [0] * count)
    found = experiment.outputs()
    experiment.forget()
    return found


# --- what disturbs


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_that_is_killed_ends_all_and_the_phase_goes_on(victim: int, experiment: Experiment) -> None:
    experiment.lay("stabilize, labels, critic steps, mirror", steps=20)
    expected = undisturbed(experiment, 2)
    fault = on_rank(victim, KILLED_AFTER.format(steps=7))
    began = time.monotonic()
    _, output = experiment.run(*OFTEN, before=ranks(2) + EVERY_STEP + fault)
    assert time.monotonic() - began < 30
    codes = clear(output, "error: another process of this training has ended (")
    assert codes == ([-signal.SIGKILL, 1] if victim == 0 else [1, -signal.SIGKILL])
    assert "the same command continues from the last snapshot" in output
    code, output = experiment.run(*TRAIN, "--log", "log.csv", before=ranks(2))
    assert (code, clear(output)) == (0, [0, 0])
    assert (experiment.folder / "log.csv").read_text().splitlines()[1].endswith(",nan"), "the snapshot was used"
    experiment.assert_finished(expected)


@pytest.mark.parametrize(
    ("told", "number", "code"),
    [
        ("all", signal.SIGINT, 130),
        pytest.param("all", signal.SIGTERM, 143, marks=pytest.mark.slow),
        ("one", signal.SIGTERM, 143),
    ],
)
def test_told_to_stop_all_stop_after_the_same_step(
    told: str, number: signal.Signals, code: int, experiment: Experiment
) -> None:
    """Also where only one of them was told."""
    experiment.lay("grow, labels", steps=30)
    expected = undisturbed(experiment, 2)
    stop = KILLED_AFTER.replace("SIGKILL", number.name)
    fault = stop.format(steps=9) if told == "all" else on_rank(1, stop.format(steps=9))
    _, output = experiment.run(*TRAIN, before=ranks(2) + fault)
    assert (
        clear(output, f"p: stopped ({number.name}); the same command continues from .pgan/snapshots/p-") == [code] * 2
    )
    position = torch.load(experiment.snapshots() / "newest.pt", weights_only=True)["run"]
    assert position["step"] == 9
    assert experiment.run(*TRAIN, before=ranks(2))[0] == 0
    experiment.assert_finished(expected)


def test_without_their_launcher_the_ranks_stop(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=100_000)
    child = experiment.start(*TRAIN, "--log", "log.csv", before=ranks(2))
    wait_for(lambda: (experiment.folder / "log.csv").exists())
    child.send(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    wait_for(lambda: "stopped (SIGHUP); the same command continues" in child.output.read_text())


def wait_for(condition) -> None:
    """Poll."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_another_number_of_processes_goes_on(before: int, after: int, experiment: Experiment) -> None:
    experiment.lay("grow, labels", steps=12)
    assert experiment.run(*TRAIN)[0] == 0
    expected = results(experiment)
    experiment.forget()
    dies = EVERY_STEP + KILLED_AFTER.format(steps=6)
    experiment.run(*OFTEN, before=(ranks(2) if before == 2 else "") + dies)
    code, output = experiment.run(*TRAIN, before=ranks(2) if after == 2 else "")
    assert code == 0
    said = f"warning: p continues with other processes {before} → {after}: its last digits may differ"
    assert output.count("warning") == output.count(said) == 1, output
    for name, value in results(experiment).items():
        assert np.allclose(value, expected[name], rtol=1e-3, atol=1e-4), name


# --- errors: told once, by whom they befall


def test_bad_parameters_are_told_once(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=4)
    (experiment.folder / "params.yaml").write_text("seed: none\n")
    _, output = experiment.run(*TRAIN, before=ranks(2))
    assert clear(output, "error: params.yaml: seed: ") == [2, 2]


def test_a_batch_that_cannot_be_shared_is_told_once(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=4)
    _, output = experiment.run(*TRAIN, before=ranks(3))
    line = "error: params.yaml: phases.p.batch: 8 makes 2 minibatch-stddev groups of 4, which 3 processes cannot share"
    assert clear(output, line) == [2, 2, 2]


@pytest.mark.parametrize("victim", [0, 1])
def test_a_failure_of_one_rank_is_told_once_and_ends_all(victim: int, experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=1000)
    fault = """
from pgan.training.loop import PhaseRun
step = PhaseRun.advance
def advance(self):
    if self.steps_done == 5:
        raise MemoryError
    step(self)
PhaseRun.advance = advance
"""
    _, output = experiment.run(*TRAIN, before=ranks(2) + on_rank(victim, fault))
    assert clear(output, "error: p: a batch of 8 at 4×4 pixels on cpu: out of memory") == [1, 1]


def test_a_loss_beyond_the_limit_is_told_once(experiment: Experiment) -> None:
    experiment.params["training"]["divergence_limit"] = 1e-9
    experiment.lay("stabilize", steps=20)
    _, output = experiment.run(*TRAIN, before=ranks(2))
    assert clear(output, "error: p: training diverged at ") == [1, 1]


def test_a_machine_with_other_files_is_refused(experiment: Experiment) -> None:
    experiment.lay("stabilize", steps=4)
    fault = "import pgan.training.watched_files as w; w.code_files = lambda: iter([])"
    _, output = experiment.run(*TRAIN, before=ranks(2) + on_rank(1, fault))
    assert clear(output, "error: process 1 has other parameters, parent, data, code, versions") == [1, 2]


# --- launchers


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (0, 1, 0)),
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "MASTER_ADDR": "a"}, (3, 8, 1)),
        ({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "6", "SLURM_LOCALID": "2", "MASTER_ADDR": "a"}, (5, 6, 2)),
        ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "6", "SLURM_LOCALID": "0"}, (0, 1, 0)),  # nothing was asked for
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "6", "SLURM_LOCALID": "0", "MASTER_ADDR": "a"}, (0, 1, 0)),  # no srun
    ],
)
def test_the_launchers_variables(variables, expected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel.os, "environ", variables)
    here = parallel.ranks()
    assert (here.rank, here.count, here.local) == expected


@pytest.mark.parametrize(("rank", "count"), [("2", "2"), ("-1", "2"), ("one", "2")])
def test_variables_that_make_no_sense(rank: str, count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": "0", "MASTER_ADDR": "a"}
    monkeypatch.setattr(parallel.os, "environ", said)
    with pytest.raises(InputError, match=f"RANK={rank}, WORLD_SIZE=2, LOCAL_RANK=0: not what torchrun says"):
        parallel.ranks()


def test_devices_that_ranks_cannot_share() -> None:
    with pytest.raises(InputError, match="one GPU for 2 processes"):
        Ranks(0, 2).check_device(torch.device("cuda:1"))
    with pytest.raises(InputError, match="for a single process only"):
        Ranks(0, 2).check_device(torch.device("mps"))
    Ranks().check_device(torch.device("cuda:1"))


@pytest.mark.slow  # torchrun is a start of three processes; tests/stages/test_launch.py has it in every run
def test_torchrun(experiment: Experiment) -> None:
    """The real one, of whose store and signals `ranks` is an image."""
    experiment.lay("grow, labels", steps=20)
    expected = undisturbed(experiment, 2)
    command = [Path(sys.executable).parent / "torchrun", "--nproc-per-node", "2", "-m", "pgan", *TRAIN]
    done = subprocess.run(command, cwd=experiment.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    experiment.assert_finished(expected)
