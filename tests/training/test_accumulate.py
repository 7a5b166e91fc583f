"""A batch in parts: the undivided step to rounding, in double precision, for every loss and on every path."""

from typing import Any

import pytest
import torch
import yaml
from one_phase import TRAIN, Experiment
from torch import Tensor

from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.networks.layers import minibatch_stddev
from pgan.phases import Phase
from pgan.training import losses
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


def batches(networks: Networks, fade: float | None) -> tuple[CriticBatch, GeneratorBatch]:
    """In double precision."""
    g = torch.Generator().manual_seed(1)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=g).double()

    labels = torch.arange(N) % max(1, networks.classes)
    alpha = 1.0 if fade is None else torch.tensor(fade).double()
    reals, augmentation = normal(N, networks.channels, 8, 8).tanh(), torch.rand(N, DRAWS, generator=g).double()
    mix = torch.rand(N, 1, 1, 1, generator=g).double()
    first = CriticBatch(reals, labels, normal(N, networks.latent_dimensions), mix, alpha, augmentation)
    return first, GeneratorBatch(normal(N, networks.latent_dimensions), labels, alpha, augmentation, reals)


def trained(
    networks: Networks, training: Training, parts: int, fade: float | None, updates: tuple[str, ...], engine: Engine
) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    """All weights and Adam's moments after the updates, and the loss terms of each."""
    made = checkpoint.fresh(networks, 8, seed=0)
    for network in (made.generator, made.critic, made.ema):
        network.double()
    step = Step(made.generator, made.critic, made.ema, training, LR, DECAY, engine, accumulate=parts)
    critic, generator = batches(networks, fade)
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
    """Adam divides by the root of its second moment, so that a gradient of nothing but rounding moves a weight: the
    moments are compared, and weights as far as they follow from them."""
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


def test_a_part_has_whole_groups() -> None:
    x = torch.randn(N, 3, 4, 4, dtype=torch.float64)
    whole = minibatch_stddev(x, 4)
    batch = GeneratorBatch(x, torch.arange(N), 1.0)
    for part in in_parts(batch, 4):
        assert torch.allclose(minibatch_stddev(part.latents, 4), whole[part.labels], rtol=1e-14)


def test_a_phase_in_parts_is_the_phase(experiment: Experiment) -> None:
    """The real command: checkpoints differ in rounding alone; those of `accumulate: 1` not at all."""

    def phase(**keys: int) -> dict[str, Tensor]:
        experiment.lay("grow, labels", steps=6)
        path = experiment.folder / "params.yaml"
        content = yaml.safe_load(path.read_text())
        content["phases"]["p"] |= keys
        path.write_text(yaml.safe_dump(content))
        assert experiment.run(*TRAIN)[0] == 0
        made = torch.load(experiment.folder / "data/train/p/checkpoint.pt", weights_only=True)
        return {f"{part}.{k}": v for part in ("generator", "critic", "ema") for k, v in made[part].items()}

    plain, one, two = phase(), phase(accumulate=1), phase(accumulate=2)
    assert all(torch.equal(one[name], value) for name, value in plain.items())
    assert not all(torch.equal(two[name], value) for name, value in plain.items())
    for name, value in plain.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4)


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
