"""A batch in parts: the undivided step to rounding, in double precision, for every loss and on every path."""

import functools
from typing import Any

import pytest
import torch
import torch._dynamo
import yaml
from one_phase import CASES, TRAIN, Experiment
from ranks import ranks
from torch import Tensor

from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.networks.layers import minibatch_stddev
from pgan.phases import Phase
from pgan.training import losses, step
from pgan.training.adversarial import LOSSES
from pgan.training.config import Training, phase_problems
from pgan.training.diff_augment import DRAWS
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.engine import PLAIN, Engine
from pgan.training.parallel import Ranks
from pgan.training.step import Step, in_parts

N, LR, DECAY = 16, 1e-3, 0.9
GROUPS = {"groups of 4": 4, "no groups": 0}
UPDATES = {"in turns": ("critic", "generator"), "at once": ("both",)}
OWN: dict[str, dict[str, Any]] = {"wgan": {"weight_clip": 0.1}}


def batches(
    networks: Networks, fade: float | None, resolution: int, dtype: torch.dtype
) -> tuple[CriticBatch, GeneratorBatch]:
    """Of 16 images."""
    g = torch.Generator().manual_seed(1)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=g).to(dtype)

    labels = torch.arange(N) % max(1, networks.classes)
    alpha = 1.0 if fade is None else torch.tensor(fade).to(dtype)
    reals = normal(N, networks.channels, resolution, resolution).tanh()
    augmentation, mix = (torch.rand(N, *size, generator=g).to(dtype) for size in ((DRAWS,), (1, 1, 1)))
    first = CriticBatch(reals, labels, normal(N, networks.latent_dimensions), mix, alpha, augmentation)
    return first, GeneratorBatch(normal(N, networks.latent_dimensions), labels, alpha, augmentation, reals)


def trained(
    networks: Networks,
    training: Training,
    parts: int,
    fade: float | None,
    updates: tuple[str, ...],
    engine: Engine,
    dtype: torch.dtype = torch.float64,
) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    """All weights and Adam's moments after the updates, and the loss terms of each."""
    resolution = max(8, networks.first_resolution)
    made = checkpoint.fresh(networks, resolution, seed=0)
    for network in (made.generator, made.critic, made.ema):
        network.to(dtype)
    step = Step(made.generator, made.critic, made.ema, training, LR, DECAY, engine, accumulate=parts)
    critic, generator = batches(networks, fade, resolution, dtype)
    terms = [getattr(step, f"update_{name}")(generator if name == "generator" else critic) for name in updates]
    found = {
        f"{part}.{name}": p
        for part in ("generator", "critic", "ema")
        for name, p in getattr(made, part).named_parameters()
    }
    for name, state in step.state().items():
        for index, moments in state["state"].items():
            found |= {f"{name}.{index}.{key}": value for key, value in moments.items()}
    return found, terms


def assert_same(
    networks: Networks, training: Training, fade: float | None, updates: tuple[str, ...], engine: Engine = PLAIN
) -> None:
    """All that a step changes, to rounding. The settings need a large adam_epsilon: without it, Adam makes a step of
    full length of a gradient that is nothing but rounding."""
    whole, wanted = trained(networks, training, 1, fade, updates, engine)
    for parts in (2, 4):
        divided, terms = trained(networks, training, parts, fade, updates, engine)
        assert divided.keys() == whole.keys()
        for name, expected in whole.items():
            close = {"rtol": 1e-9, "atol": 1e-12}
            torch.testing.assert_close(divided[name], expected, **close, msg=f"{name}, {parts} parts")
        for one, other in zip(terms, wanted, strict=True):
            assert one.keys() == other.keys()
            for name, value in other.items():
                assert one[name].item() == pytest.approx(value.item(), rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("fade", [None, 0.3], ids=["no fade", "fade"])
@pytest.mark.parametrize("order", UPDATES)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_parts_make_the_whole_step(
    loss: str, group: str, order: str, fade: float | None, networks: Networks, training: Training
) -> None:
    config = networks.model_copy(update={"minibatch_stddev": GROUPS[group], "classes": 3})
    settings = training.model_copy(update={"loss": loss, "adam_epsilon": 1e-3, **OWN.get(loss, {})})
    assert_same(config, settings, fade, UPDATES[order])


@pytest.mark.parametrize("path", ["autograd", "fast", "fast, in one pass"])
def test_on_every_path_to_the_penalty(
    path: str, networks: Networks, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "choose_path", lambda *_: path)
    for loss in ("wgan-gp", "relativistic"):
        settings = training.model_copy(update={"loss": loss, "adam_epsilon": 1e-3})
        assert_same(networks.model_copy(update={"minibatch_stddev": 4}), settings, 0.3, UPDATES["in turns"])


@pytest.mark.parametrize(
    "engine",
    [Engine(channels_last=True, fuse_upsampling_from=8), Engine(recompute=True)],
    ids=["rearranged", "recompute"],
)
def test_with_augmentation_in_every_layout(engine: Engine, networks: Networks, training: Training) -> None:
    settings = training.model_copy(update={"diff_augment": ["color", "translation", "cutout"], "adam_epsilon": 1e-3})
    assert_same(networks, settings, 0.3, UPDATES["in turns"], engine)


@pytest.mark.parametrize(
    "keys",
    [
        {"layer_norm": True},
        {"fused_scale": True, "tanh": True},
        {"equalized_lr": False, "pixel_norm": False, "leaky_slope": 0.0},
        {"minibatch_stddev": 2, "channels": 3},
        {"architecture": "fish", "width": 4, "latent_size": 8, "leaky_slope": 0.2, "tanh": True, "dropout": 0.0},
    ],
    ids=lambda keys: " ".join(keys),
)
@pytest.mark.parametrize("order", UPDATES)
def test_with_other_layers(keys: dict[str, Any], order: str, networks: Networks, training: Training) -> None:
    shared = {"channels": 1, "classes": 0, "minibatch_stddev": 4} if "architecture" in keys else networks.model_dump()
    settings = training.model_copy(update={"adam_epsilon": 1e-3, "drift": 0.1})
    assert_same(Networks.model_validate(shared | keys), settings, None, UPDATES[order])


def test_a_part_has_whole_groups() -> None:
    x = torch.randn(N, 3, 4, 4, dtype=torch.float64)
    whole = minibatch_stddev(x, 4)
    batch = GeneratorBatch(x, torch.arange(N), 1.0)
    for part in in_parts(batch, 4):
        assert torch.allclose(minibatch_stddev(part.latents, 4), whole[part.labels], rtol=1e-14)


# --- compiled


@torch._dynamo.config.patch(error_on_recompile=True)
def test_compiled_parts_make_the_eager_step(
    networks: Networks, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced as torch.compile does, then run as it is: compiling takes longer. The parts are of one shape: each loss
    is compiled once."""
    torch._dynamo.reset()
    traced = functools.partial(torch.compile, backend="aot_eager", fullgraph=True, dynamic=False)
    monkeypatch.setattr(step, "compiled", traced)
    settings = training.model_copy(update={"adam_epsilon": 1e-3})
    config = networks.model_copy(update={"classes": 3, "minibatch_stddev": 4})
    whole, _ = trained(config, settings, 1, 0.3, UPDATES["in turns"], PLAIN)
    divided, _ = trained(config, settings, 2, 0.3, UPDATES["in turns"], Engine(compiled=True))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2
    for name, expected in whole.items():
        torch.testing.assert_close(divided[name], expected, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.slow
def test_really_compiled_parts_make_the_eager_step(networks: Networks, training: Training) -> None:
    torch._dynamo.reset()
    settings, single = training.model_copy(update={"adam_epsilon": 1e-2}), torch.float32
    whole, _ = trained(networks, settings, 1, 0.3, UPDATES["in turns"], PLAIN, single)
    divided, _ = trained(networks, settings, 2, 0.3, UPDATES["in turns"], Engine(compiled=True), single)
    for name, expected in whole.items():
        torch.testing.assert_close(divided[name], expected, rtol=1e-3, atol=1e-5, msg=name)


# --- the real command


def phase_of(experiment: Experiment, case: str, before: str = "", **keys: int) -> dict[str, Tensor]:
    """All weights after six steps of 16 images by `pgan train`."""
    experiment.lay(case, steps=12)
    path = experiment.folder / "params.yaml"
    content = yaml.safe_load(path.read_text())
    content["phases"]["p"] |= {"batch": 16} | keys
    path.write_text(yaml.safe_dump(content))
    code, output = experiment.run(*TRAIN, before=before)
    assert code == 0, output
    made = torch.load(experiment.folder / "data/train/p/checkpoint.pt", weights_only=True)
    return {f"{part}.{k}": v for part in ("generator", "critic", "ema") for k, v in made[part].items()}


@pytest.mark.parametrize("case", CASES)
def test_a_phase_in_parts_is_the_phase(case: str, experiment: Experiment) -> None:
    """Checkpoints differ in rounding alone; those of `accumulate: 1` not at all."""
    plain, one, two = (phase_of(experiment, case, **keys) for keys in ({}, {"accumulate": 1}, {"accumulate": 2}))
    assert all(torch.equal(one[name], value) for name, value in plain.items())
    assert not all(torch.equal(two[name], value) for name, value in plain.items())
    for name, value in plain.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", ["grow, labels", "grow, at once, augmented, drawn lr"])
def test_two_ranks_in_parts_train_what_one_process_does(case: str, experiment: Experiment) -> None:
    alone = phase_of(experiment, case)
    shared = phase_of(experiment, case, before=ranks(2), accumulate=2)
    for name, value in alone.items():
        torch.testing.assert_close(shared[name], value, rtol=1e-3, atol=1e-4)


# --- what is refused, and what stays the same

PHASE = {"from": "init", "kind": "stabilize", "resolution": 4, "kimg": 1.0, "batch": 16, "lr": 0.001}


@pytest.mark.parametrize(
    ("changes", "keys", "reason"),
    [
        (
            {"minibatch_stddev": 4},
            {"accumulate": 3},
            "16 has 4 minibatch-stddev groups of 4, which 3 parts cannot share; take 1 or 2",
        ),
        ({"minibatch_stddev": 4}, {"accumulate": 8}, "which 8 parts cannot share; take 1 or 2"),
        ({"minibatch_stddev": 0}, {"accumulate": 3}, "16 has 16 images, which 3 parts cannot share; take 1 or 2"),
        ({"batch_norm": True}, {"accumulate": 2}, "networks.batch_norm cannot do with a part of a batch; set it to 1"),
        ({"minibatch_discrimination": 5}, {"accumulate": 2}, "networks.minibatch_discrimination cannot do with a part"),
    ],
)
def test_what_cannot_be_divided_is_refused(
    changes: dict[str, Any], keys: dict[str, int], reason: str, networks: Networks
) -> None:
    config = networks.model_copy(update=changes)
    ((key, found),) = phase_problems(Phase.model_validate(PHASE | keys), config, 4)
    assert key == "accumulate"
    assert reason in found
    assert phase_problems(Phase.model_validate(PHASE | {"accumulate": 1}), config, 4) == []


def test_ranks_share_the_parts() -> None:
    Ranks(0, 2).check_batch(16, 4, [], 2)
    with pytest.raises(ValueError, match="2 minibatch-stddev groups of 4 for each of 2 parts, which 4 processes"):
        Ranks(0, 4).check_batch(16, 4, [], 2)


def test_one_part_leaves_no_trace_in_what_is_kept() -> None:
    """Fingerprints of snapshots, and names of runs."""
    plain = Phase.model_validate(PHASE).model_dump(by_alias=True)
    assert plain == Phase.model_validate(PHASE | {"accumulate": 1}).model_dump(by_alias=True)
    assert "accumulate" not in plain
    assert Phase.model_validate(PHASE | {"accumulate": 2}).model_dump(by_alias=True)["accumulate"] == 2
