"""Every architecture and ingredient through all commands: trained, killed, gone on with, measured, drawn, exported."""

import pytest
import torch
import yaml
from one_phase import EVERY_STEP, KILLED_AFTER, OFTEN, Experiment

from pgan.config import read_yaml
from pgan.interchange.source import open_source
from pgan.networks import checkpoint

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


@pytest.mark.parametrize("folder", CASES, indirect=True)
def test_a_phase_that_is_killed_ends_with_the_same_bytes_and_all_commands_take_it(folder, experiment):
    expected = experiment.undisturbed()
    experiment.run(*OFTEN, before=EVERY_STEP + KILLED_AFTER.format(steps=2))
    experiment.run("train", "p")
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
    z, labels = torch.randn(5, 6), torch.arange(5) if "classes: 10" in (folder / "params.yaml").read_text() else None
    ema = checkpoint.load(trained).ema
    for format in ("safetensors", "torchscript", "onnx"):
        images = open_source(folder / f"out.{format}", CPU).images(z, labels)
        assert torch.allclose(images, ema(z, labels), atol=1e-4), format
