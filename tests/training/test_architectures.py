"""Every architecture and ingredient through all commands: trained, killed, gone on with, measured, drawn, exported."""

import pytest
import torch
import yaml
from one_phase import TRAIN, Experiment

from pgan.config import read_yaml
from pgan.interchange.generator_file import open_generator_file
from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.phases import Phase
from pgan.randomness import seed_layers
from pgan.training import engine
from pgan.training.draws import CriticBatch
from pgan.training.engine import PLAIN, Engine
from pgan.training.step import Step

DCGAN = {
    "architecture": "dcgan",
    "channels": 1,
    "classes": 10,
    "latent_size": 6,
    "label_size": 3,
    "width": 2,
    "leaky_slope": 0.2,
    "instance_norm": True,
}
FISH = {
    "architecture": "fish",
    "channels": 1,
    "latent_size": 6,
    "width": 4,
    "leaky_slope": 0.2,
    "dropout": 0.5,
    "minibatch_stddev": 4,
    "tanh": False,
}
BASELINE = {  # Table 1, row a, with the discrimination of row e*
    "equalized_lr": False,
    "pixel_norm": False,
    "normalize_latents": False,
    "leaky_slope": 0.0,
    "critic_leaky_slope": 0.2,
    "tanh": True,
    "minibatch_stddev": 0,
    "minibatch_discrimination": 3,
    "batch_norm": True,
    "layer_norm": True,
    "latent_size": 6,
    "fmap_base": 32,
    "fmap_max": 8,
}
CASES = {"dcgan": (DCGAN, 64, "fixed"), "fish": (FISH, 32, "fixed"), "baseline": (BASELINE, 32, "stabilize")}
STEPS, BATCH = 4, 8
CPU = torch.device("cpu")


@pytest.fixture
def folder(request, experiment: Experiment):
    """An experiment of two phases, its images prepared, its networks made."""
    networks, size, kind = CASES[request.param]
    content = read_yaml(request.config.rootpath / "params.yaml")
    content["networks"] = networks if "architecture" in networks else content["networks"] | networks
    content["prepare"] |= {"resolution": size, "max_images": 40, "path": "."}
    content["init"] |= {"path": "params.yaml", "resolution": None if kind == "fixed" else size}
    content["training"] |= {"critic_steps": 2, "samples": 4, "sample_frames": 2, "log_every_kimg": 0.016}
    phase = {"kind": kind, "resolution": size, "kimg": STEPS * BATCH * 2 / 1000, "batch": BATCH, "lr": 0.001}
    content["phases"] = {"p": {"from": "init"} | phase, "q": {"from": "p"} | phase | {"lr": 0.0003}}
    content["features"]["space"] = "none"
    metrics = {"images": 20, "batch": 7, "target_resolution": size, "metrics": ["swd"]}
    content["evaluate"] |= metrics | {"swd": {"images": 20, "patches": 4, "directions": 8}}
    walk = {"latents": 2, "frames_between": 2, "walkers": 2}
    content["render"] |= {"rows": 1, "columns": 2, "tile": 16, "frames_per_phase": 2, "interpolation": walk}
    (experiment.folder / "params.yaml").write_text(yaml.safe_dump(content))
    for command in (("check",), ("prepare", "--workers", "1"), ("init",)):
        assert experiment.run(*command)[0] == 0, experiment.run(*command)[1]
    return experiment.folder


@pytest.mark.parametrize(
    "folder",
    [name if name == "fish" else pytest.param(name, marks=pytest.mark.slow) for name in CASES],
    indirect=True,
)
def test_a_phase_that_is_killed_ends_with_the_same_bytes_and_all_commands_take_it(folder, experiment):
    expected = experiment.undisturbed()
    experiment.break_off(2)
    code, output = experiment.run(*TRAIN)
    assert code == 0, output
    assert experiment.outputs() == expected
    trained = folder / "data/train/p/checkpoint.pt"
    for command in (
        ("train", "q"),
        ("features",),
        *(
            ("evaluate", "--checkpoint", f"data/train/{p}/checkpoint.pt", "--out", f"data/evaluate/{p}/metrics.json")
            for p in "pq"
        ),
        ("render",),
        ("sample", trained, "grid.png", "--seeds", "0-3"),
        ("interpolate", trained, "walk.gif", "--seeds", "0-1", "--frames", "2"),
        *(("export", trained, f"out.{format}") for format in ("safetensors", "torchscript", "onnx")),
    ):
        code, output = experiment.run(*map(str, command))
        assert code == 0, (command, output)
    assert (folder / "data/render/phases/q.gif").exists()
    second = checkpoint.load(folder / "data/train/q/checkpoint.pt")
    steps = {entry["step"].item() for entry in second.optimizers["critic"]["state"].values()}
    assert steps == {4 * STEPS}, "Adam goes on from one phase to the next"
    z = torch.randn(5, 6)
    ema = checkpoint.load(trained).ema
    labels = torch.arange(5) if ema.classes else None
    for format in ("safetensors", "torchscript", "onnx"):
        images = open_generator_file(folder / f"out.{format}", CPU).images(z, labels)
        assert torch.allclose(images, ema(z, labels), atol=1e-4), format


# --- the training step


def made(networks, training, chosen=PLAIN, batch=8):
    """A step of double precision, and a batch for the critic."""
    config = Networks.model_validate(networks)
    start = checkpoint.fresh(config, config.first_resolution, seed=0)
    for network in (start.generator, start.critic, start.ema):
        network.double()
    step = Step(start.generator, start.critic, start.ema, training, 1e-3, 0.9, chosen)
    g, r = torch.Generator().manual_seed(1), start.resolution
    reals = torch.randn(batch, 1, r, r, generator=g, dtype=torch.float64)
    z = torch.randn(batch, config.latent_dimensions, generator=g, dtype=torch.float64)
    mix = torch.rand(batch, 1, 1, 1, generator=g, dtype=torch.float64)
    return step, CriticBatch(reals, torch.arange(batch) % max(1, config.classes), z, mix, alpha=1.0)


def progressive(parameters):
    return parameters["networks"] | BASELINE | {"base_size": 8}


@pytest.mark.parametrize("chosen", [PLAIN, Engine(channels_last=True)], ids=["plain", "channels last"])
@pytest.mark.parametrize("name", CASES)
def test_the_critic_s_loss_is_that_of_its_definition(name, chosen, parameters, training):
    networks = {"dcgan": DCGAN, "fish": FISH | {"dropout": 0.0}, "baseline": progressive(parameters)}[name]
    step, batch = made(networks, training, chosen)
    reals, labels, z, mix, *_ = batch
    loss, terms = step.critic_loss(batch)
    fakes, critic = step.generator(z, labels).detach(), step.critic.conditioned_on(labels)
    assert terms["critic_real"].item() == pytest.approx(critic(reals)[0].mean().item(), rel=1e-9)
    assert terms["critic_fake"].item() == pytest.approx(critic(fakes)[0].mean().item(), rel=1e-9)
    mixed = (reals + (fakes - reals) * mix).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(mixed)[0].sum(), mixed)
    penalty = 10 * (gradient.flatten(1).norm(dim=1) - 1).square().mean()
    assert terms["gradient_penalty"].item() == pytest.approx(penalty.item(), rel=1e-9)
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in step.critic.parameters())
    assert "label_real" not in terms, "told the labels, a critic does not tell them"


def test_another_label_is_another_score_and_another_image(training):
    step, (reals, labels, z, *_) = made(DCGAN, training)
    other = (labels + 1) % 10
    assert not torch.allclose(step.critic.conditioned_on(labels)(reals)[0], step.critic.conditioned_on(other)(reals)[0])
    assert not torch.allclose(step.generator(z, labels), step.generator(z, other))
    swapped = [1, 0, *range(2, 8)]
    expected = step.critic.conditioned_on(labels)(reals)[0][swapped]
    assert torch.allclose(step.critic.conditioned_on(labels[swapped])(reals[swapped])[0], expected), (
        "each with its own label"
    )
    with pytest.raises(ValueError, match="needs labels"):
        step.critic(reals)


def test_the_average_takes_over_batch_norm_s_statistics(training):
    step, batch = made(DCGAN, training)
    step.update_critic(batch)
    averaged = dict(step.ema.named_buffers())
    for name, statistics in step.generator.named_buffers():
        assert torch.equal(statistics, averaged[name])
        assert not torch.equal(statistics, torch.full_like(statistics, float(name.endswith("variance")))), "none is new"
    z, labels = batch.latents, batch.labels
    one_by_one = torch.cat([step.ema(z[i : i + 1], labels[i : i + 1]) for i in range(8)])
    assert torch.allclose(step.ema(z, labels), one_by_one), "in evaluation an image depends on its own latent alone"


def test_dropout_is_fresh_in_each_update_and_only_while_training(training):
    step, (reals, *_) = made(FISH, training)
    seed_layers(0, "p", 1)
    one, two = step.critic(reals)[0], step.critic(reals)[0]
    seed_layers(0, "p", 1)
    assert torch.equal(step.critic(reals)[0], one)
    assert not torch.equal(one, two)
    step.critic.eval()
    assert torch.equal(step.critic(reals)[0], step.critic(reals)[0])


# --- how it is computed


@pytest.mark.parametrize("name", CASES)
def test_what_torch_cannot_follow_is_never_compiled(name, parameters, training):
    networks = {"dcgan": DCGAN, "fish": FISH, "baseline": progressive(parameters)}[name]
    config = Networks.model_validate(networks)
    kind = config.kinds[0]
    spec = {"from": "init", "kind": kind, "resolution": config.first_resolution, "kimg": 1e6, "batch": 8, "lr": 0.1}
    for device in ("cpu", "cuda"):
        always = training.model_copy(update={"compile": "always"})
        assert not engine.choose(config, always, Phase.model_validate(spec), device).compiled


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_fixed_networks_are_computed_plainly(device, training):
    for networks in (FISH, DCGAN):
        config = Networks.model_validate(networks)
        spec = {"from": "init", "kind": "fixed", "resolution": config.size, "kimg": 1, "batch": 8, "lr": 0.1}
        assert engine.choose(config, training, Phase.model_validate(spec), device) == PLAIN
