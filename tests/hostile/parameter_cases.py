"""Parameter files: what is not YAML, what would explode, what is well typed and absurd."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import Case, Prepare
from world import COMMANDS, write_params

READERS = ("check", "prepare", "init", "train", "features", "evaluate", "render", "clean")
"""Commands that read a parameter file."""

BOMB = "a: &a0 [1, 1]\n" + "".join(f"b{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30))
MERGE_BOMB = "a: &a0 {x: 1}\n" + "".join(f"b{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 30))
SECTIONS = ("prepare", "networks", "init", "training", "phases", "features", "evaluate", "render")


def bomb_as_sections() -> str:
    """The bomb as the value of every section and the seed, so that each command meets it."""
    return BOMB + "".join(f"{name}: *a29\n" for name in ("seed", *SECTIONS))


TEXTS: dict[str, bytes] = {
    "aliases 30 deep": bomb_as_sections().encode(),
    "merges 30 deep": MERGE_BOMB.encode(),
    "an alias in itself": b"a: &a [*a]\n",
    "a merge of itself": b"a: &a {<<: *a}\n",
    "10,000 levels": b"[" * 10_000,
    "block levels": b"- " * 5000 + b"x",
    "a python tag": b"seed: !!python/object/apply:os.system ['touch witness']\n",
    "a python name": b"seed: !!python/name:os.system\n",
    "binary": bytes(range(256)) * 10,
    "UTF-16": "seed: 1\n".encode("utf-16"),
    "UTF-16 without a mark": "seed: 1\n".encode("utf-16-le"),
    "a null byte": b"seed: 1\0\n",
    "a key twice": b"seed: 1\nseed: 1\n",
    "5000 digits": b"seed: " + b"9" * 5000 + b"\n",
    "hexadecimal": b"seed: 0x" + b"f" * 5000 + b"\n",
    "base sixty": b"seed: 1" + b":59" * 3000 + b"\n",
    "no date": b"seed: 2001-99-99\n",
    "an integer of nothing": b"seed: !!int ''\n",
    "a boolean of nothing": b"seed: !!bool maybe\n",
    "binary that is none": b"seed: !!binary '%%%'\n",
    "a key that is a list": b"[1, 2]: 3\n",
    "a key that is a number": b"1: 2\nseed: 3\n",
    "a key that is null": b"~: 2\n",
    "nothing": b"",
    "a list": b"[1, 2]\n",
    "two documents": b"seed: 1\n---\nseed: 2\n",
    "tabs": b"seed:\n\t- 1\n",
    "an unknown alias": b"seed: *nothing\n",
    "300 KB": b"#" * 300_000,
    "40,000 values": b"x: [" + b"1," * 40_000 + b"]\n",
    "a JPEG": b"\xff\xd8\xff\xe0" + bytes(100),
}

FIELDS: dict[str, tuple[str, ...]] = {
    "seed": ("check", "train", "init", "features", "render", "clean"),
    "prepare": ("check", "prepare"),
    "networks": ("check", "init", "train", "clean"),
    "training": ("check", "train", "clean"),
    "phases.grow_8": ("check", "train", "clean"),
    "features": ("check", "features", "evaluate"),
    "evaluate": ("check", "evaluate"),
    "render": ("check", "render"),
}
"""Which commands read which part."""

EVEN = {"low": 1.0, "high": 1.0}
AUGMENTED: dict[str, Any] = {
    "rotation": 1.0,
    "shift_x": 0.1,
    "shift_y": 0.1,
    "shear": 1.0,
    "zoom": EVEN,
    "brightness": EVEN,
    "saturation": EVEN,
}
"""Nothing is absurd about it."""

ABSURD: dict[str, list[Any]] = {
    "seed": [-1, 2**64, 1e300, "x" * 1_000_000, "two\nlines \x1b[31m", [[[1]]]],
    "prepare.resolution": [2**31, 10**9, -8],
    "prepare.base": [0, 10**12],
    "prepare.max_images": [0, "many"],
    "prepare.avatars": [{"count": 0}, {"styles": [7]}, {"seed": -1}, {"background": []}, 7],
    "prepare.mnist_rgb": [{"count": 0}, {"count": 10**12}, {"count": "all"}, 7],
    "prepare.path": ["nowhere/\x00", "\ud800", "x" * 5000, 7],
    "networks.fmap_base": [10**10, 2**62],
    "networks.fmap_decay": [1e300, float("inf"), float("nan")],
    "networks.latent_size": [10**9, 0],
    "networks.classes": [10**9, -1],
    "networks.base_size": [10**9, 1],
    "networks.minibatch_stddev": [10**9],
    "networks.minibatch_discrimination": [10**9, -1],
    "networks.batch_norm": ["yes"],
    "networks.layer_norm": [1],
    "networks.architecture": ["two\nlines", 7, "dcgan", ["fish"]],
    "training.critic_steps": [10**9, 0],
    "training.loss": ["wgan", "WGAN-GP", "x" * 100_000, None, []],
    "training.simultaneous": ["yes", 1],
    "training.gradient_penalty": [float("nan"), -1.0],
    "training.gradient_target": [0.0, float("inf")],
    "training.weight_clip": [1e300, float("nan"), 0.0, 0.01],
    "training.lr_jitter": [1e300, 0.5, float("inf")],
    "training.augment_reals": [{}, [], "all", {"rotation": 25.0}, AUGMENTED | {"zoom": {"low": 1.2, "high": 0.95}}],
    "training.diff_augment": [["color"] * 2, ["color"] * 100_000, ["x" * 100_000], "color", None],
    "training.samples": [10**9],
    "training.sample_frames": [10**9],
    "training.log_every_kimg": [1e-300, 0],
    "training.adam_beta2": [1.0, 1e300],
    "phases.grow_8.kimg": [1e300, float("inf"), -1],
    "phases.grow_8.gradient_target": [0.0, float("nan"), "all"],
    "phases.grow_8.batch": [10**12, 0],
    "phases.grow_8.resolution": [2**40, 8.0, 12],
    "phases.grow_8.kind": ["x" * 100_000, ["grow"]],
    "phases.grow_8.from": ["x" * 1_000_000, 3],
    "features.batch": [10**12],
    "features.classifier.width": [10**9],
    "features.classifier.resolution": [10**9],
    "features.classifier.epochs": [10**12],
    "evaluate.images": [10**12],
    "evaluate.batch": [10**12],
    "evaluate.swd.directions": [10**12],
    "evaluate.metrics": [["frechet"] * 2, ["x" * 100_000], ["modes"]],
    "render.tile": [10**6],
    "render.rows": [10**9],
    "render.frames_per_phase": [10**9],
    "render.interpolation.walkers": [10**9],
    "render.curves.dpi": [10**9],
    "render.colors.critic_fake": ["x" * 100_000, "no\ncolour"],
}

DCGAN = {"architecture": "dcgan", "channels": 1, "classes": 10, "latent_size": 8, "label_size": 4, "width": 4}
DCGAN |= {"instance_norm": True, "leaky_slope": 0.2}
FISH = {"architecture": "fish", "channels": 1, "latent_size": 8, "width": 4, "leaky_slope": 0.2, "dropout": 0.5}
FISH |= {"minibatch_stddev": 4, "tanh": False}

TOGETHER: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "terabytes of weights": ({"networks__fmap_base": 2**20, "networks__fmap_max": 2**20}, ("check", "init")),
    "gigabytes of latents": (
        {"networks__latent_size": 2**20, "networks__fmap_base": 2**20, "networks__fmap_max": 64},
        ("check", "init"),
    ),
    "a picture of gigapixels": ({"render__rows": 64, "render__columns": 64, "render__tile": 1024}, ("check", "render")),
    "a film of gigapixels": (
        {"render__interpolation": {"latents": 100, "frames_between": 200, "walkers": 1024}},
        ("check", "render"),
    ),
    "turned, shifted and stretched out of the world": (
        {
            "training__augment_reals": AUGMENTED
            | {"rotation": 1e300, "shift_x": -1.0, "shear": 90.0, "zoom": {"low": 0.0, "high": float("inf")}}
        },
        ("check", "train"),
    ),
    "many critic steps at once": ({"training__simultaneous": True, "training__critic_steps": 5}, ("check", "train")),
    "a million pictures": ({"training__samples": 2**16, "training__sample_frames": 2**16}, ("check", "train")),
    "a phase of a long name": (
        {
            "phases": {
                "x" * 5000: {"from": "init", "kind": "stabilize", "resolution": 4, "kimg": 1, "batch": 8, "lr": 1}
            }
        },
        ("check", "render"),
    ),
    "a phase of another architecture": ({"phases__grow_8__kind": "fixed"}, ("check", "train")),
    "a wide DCGAN": ({"networks": DCGAN | {"width": 2**16}}, ("check", "init")),
    "a million embedded labels": ({"networks": DCGAN | {"classes": 2**20}}, ("check", "init")),
    "an endless embedding": ({"networks": DCGAN | {"label_size": 10**12}}, ("check", "init", "train")),
    "a wide fish": ({"networks": FISH | {"width": 2**16}}, ("check", "init")),
    "a fish of latents": ({"networks": FISH | {"latent_size": 2**20, "width": 2**10}}, ("check", "init")),
    "a fish with labels": ({"networks": FISH | {"classes": 10}}, ("check", "init", "clean")),
    "a fish that drops everything": ({"networks": FISH | {"dropout": 1.0}}, ("check", "init", "train")),
    "a fish in another's checkpoints": ({"networks": FISH}, ("check", "train")),
    "a pyramid of the width of the base": (
        {"networks__base_size": 4096, "networks__fmap_base": 512, "networks__fmap_max": 512},
        ("check", "init"),
    ),
}


def cases() -> Iterator[Case]:
    """All of them."""
    for command in READERS:
        for name, text in TEXTS.items():
            if command in ("check", "train") or hash_of(command, name) % 3 == 0:
                yield Case(command, f"params: {name}", written(command, text))
        yield Case(command, "params: a pipe", with_pipe(command))
        yield Case(command, "params: a device", elsewhere(command, "/dev/zero"))
        yield Case(command, "params: a folder", elsewhere(command, "data"))
        yield Case(command, "params: in a file", elsewhere(command, "params.yaml/params.yaml"))
        yield Case(command, "params: a strange name", elsewhere(command, "no\nsuch \x1b[31mfile \udcff"))
    for key, values in ABSURD.items():
        readers = next(commands for part, commands in FIELDS.items() if key == part or key.startswith(f"{part}."))
        for number, value in enumerate(values):
            for command in readers:
                yield Case(command, f"{key}: absurd {number}", changed(command, {key.replace(".", "__"): value}))
    for name, (changes, commands) in TOGETHER.items():
        for command in commands:
            yield Case(command, name, changed(command, changes))


def hash_of(*words: str) -> int:
    """The same in every process."""
    return sum(map(ord, "".join(words)))


def written(command: str, text: bytes) -> Prepare:
    """A parameter file with that content."""

    def prepare(folder: Path) -> list[str]:
        (folder / "params.yaml").write_bytes(text)
        return COMMANDS[command]

    return prepare


def changed(command: str, changes: dict[str, Any]) -> Prepare:
    """The world's parameters with changes."""

    def prepare(folder: Path) -> list[str]:
        embedded = {} if "prepare__path" not in changes else {"prepare__source": "folder"}
        write_params(folder, **embedded, **changes)
        return COMMANDS[command]

    return prepare


def elsewhere(command: str, path: str) -> Prepare:
    """Another path for the parameter file."""
    return lambda folder: [*COMMANDS[command], "--params", path]


def with_pipe(command: str) -> Prepare:
    """A pipe into which nobody writes."""

    def prepare(folder: Path) -> list[str]:
        os.mkfifo(folder / "pipe")
        return [*COMMANDS[command], "--params", "pipe"]

    return prepare
