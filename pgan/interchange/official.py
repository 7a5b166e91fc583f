"""Networks of the official TensorFlow code (github.com/tkarras/progressive_growing_of_gans) as a checkpoint."""

import reprlib
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from pgan.config import first_problem
from pgan.errors import InputError
from pgan.interchange.official_pickle import Official, read_official
from pgan.interchange.variables import variables_of
from pgan.networks.architectures import check_resolution
from pgan.networks.checkpoint import Checkpoint, Progress
from pgan.networks.progressive import Progressive
from pgan.networks.progressive.networks import Critic, Generator
from pgan.untrusted.weights import empty

BOTH: dict[str, Any] = {
    "fmap_base": 8192,
    "fmap_decay": 1.0,
    "fmap_max": 512,
    "use_wscale": True,
    "fused_scale": True,
    "dtype": "float32",
}
G_DEFAULTS = BOTH | {
    "normalize_latents": True,
    "use_pixelnorm": True,
    "pixelnorm_epsilon": 1e-8,
    "use_leakyrelu": True,
}
D_DEFAULTS = BOTH | {"mbstd_group_size": 4}
"""The official functions' own defaults, for what the variables do not show."""

WITHOUT_EFFECT = {"structure", "is_template_graph", "latent_size", *G_DEFAULTS, *D_DEFAULTS}
"""Arguments that change no value, and arguments that only one of the two functions uses."""

SLOPE = 0.2
"""Of the official leaky ReLU."""
LIMIT = 2**31
"""No number among the options is larger."""

NetworkT = TypeVar("NetworkT", Generator, Critic)


def import_official(path: Path) -> tuple[Checkpoint, float]:
    """An official pickle as a checkpoint of the full resolution, and the level of detail that it was saved at.

    Raises:
        InputError: no official pickle, or one of networks that ours cannot represent; the option is named.
    """
    g, d, gs = read_official(path)
    try:
        return to_checkpoint(g, d, gs), gs.lod
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def to_checkpoint(g: Official, d: Official, gs: Official) -> Checkpoint:
    """The three networks as ours, at the full resolution whatever their level of detail.

    Blocks above that level are there as the official code left them: still at their first values.
    """
    config, resolution = architecture(g, d, gs)
    generator, ema = (_fill(Generator, config, resolution, network) for network in (g, gs))
    critic = _fill(Critic, config, resolution, d)
    progress = Progress("imported", "stabilize", 0, 0)
    return Checkpoint(generator, critic, ema.eval().requires_grad_(False), progress)


def architecture(g: Official, d: Official, gs: Official) -> tuple[Progressive, int]:
    """Our parameters of the official networks, and their full resolution.

    What the variables show is read from them, and must be what the keyword arguments say where they say anything.
    """
    generator, average, critic = _options(g, G_DEFAULTS), _options(gs, G_DEFAULTS), _options(d, D_DEFAULTS)
    for key, value in average.items():
        _same(key, "Gs", value, "G", generator[key])
    for key, value in critic.items():
        if key in generator and key != "fused_scale":  # fused or not, the generator is the same function
            _same(key, "D", value, "G", generator[key])
    if not generator["use_pixelnorm"] and not generator["normalize_latents"]:
        generator["pixelnorm_epsilon"] = 1e-8  # of no effect
    for key, only in (("dtype", "float32"), ("pixelnorm_epsilon", 1e-8)):
        if generator[key] != only:
            raise InputError(f"G: {key}={generator[key]!r} cannot be represented, only {only!r}")
    try:
        config = Progressive(
            base_size=4,
            channels=generator["num_channels"],
            classes=int(generator["label_size"]),
            latent_size=int(generator["latent_size"]),
            fmap_base=int(generator["fmap_base"]),
            fmap_decay=float(generator["fmap_decay"]),
            fmap_max=int(generator["fmap_max"]),
            fused_scale=critic["fused_scale"],
            equalized_lr=generator["use_wscale"],
            pixel_norm=generator["use_pixelnorm"],
            normalize_latents=generator["normalize_latents"],
            leaky_slope=SLOPE if generator["use_leakyrelu"] else 0.0,
            critic_leaky_slope=None if generator["use_leakyrelu"] else SLOPE,  # the official critic is always leaky
            tanh=False,
            minibatch_stddev=int(critic["mbstd_group_size"]),
        )
        check_resolution(config, generator["resolution"])
    except pydantic.ValidationError as error:
        raise InputError(f"networks that cannot be represented: {first_problem(error)}") from None
    except ValueError as error:
        raise InputError(str(error)) from None
    return config, generator["resolution"]


def _options(network: Official, defaults: dict[str, Any]) -> dict[str, Any]:
    """Every option that matters: what the variables show, what the arguments say, and the official defaults."""
    given, role, shown = network.arguments, network.role, _shown(network)
    for key, value in shown.items():
        if given.get(key) is not None:
            _same(key, f"the arguments of {role}", given[key], "its variables", value)
    options = defaults | {key: given[key] for key in defaults if key in given} | shown
    for key, value in given.items():
        # the official functions ignore what they do not know; but the source in the pickle might not be theirs
        if key not in options and key not in WITHOUT_EFFECT and value not in (None, False):
            raise InputError(f"{role}: the option {key}={reprlib.repr(value)} is not known, thus cannot be represented")
    for key in defaults:
        _check_type(f"{role}: {key}", options[key], type(defaults[key]))
    if role == "D":
        options["mbstd_group_size"] = _group(network, options["mbstd_group_size"], "mbstd_group_size" in given)
    return options


def _shown(network: Official) -> dict[str, Any]:
    """The options that the variables' names and shapes show."""
    head, fused = ("FromRGB", "/Conv1_down/") if network.role == "D" else ("ToRGB", "/Conv0_up/")
    heads = [name for name in network.variables if name.startswith(f"{head}_lod") and name.endswith("/weight")]
    shown: dict[str, Any] = {"resolution": 2 << len(heads)}
    if len(heads) > 1:  # 4×4 alone scales nothing
        shown["fused_scale"] = any(fused in name for name in network.variables)
    if network.role == "D":
        outputs = _shape(network, "4x4/Dense1/weight", 2)[1]
        return shown | {"num_channels": _shape(network, "FromRGB_lod0/weight", 4)[2], "label_size": outputs - 1}
    labels = network.arguments.get("label_size") or 0
    _check_type(f"{network.role}: label_size", labels, int)
    inputs = _shape(network, "4x4/Dense/weight", 2)[0]
    channels = _shape(network, "ToRGB_lod0/weight", 4)[3]
    return shown | {"num_channels": channels, "label_size": labels, "latent_size": inputs - labels}


def _shape(network: Official, name: str, dimensions: int) -> tuple[int, ...]:
    if name not in network.variables:
        raise InputError(f"{network.role}: the variable {name} is missing")
    shape = network.variables[name].shape
    if len(shape) != dimensions:
        raise InputError(f"{network.role}: the variable {name} has the shape {shape}, not {dimensions} dimensions")
    return shape


def _group(critic: Official, size: int, given: bool) -> int:
    """The minibatch standard deviation's group; 0 without it, as the width of the layer after it shows."""
    inputs, width = _shape(critic, "4x4/Conv/weight", 4)[2:]
    there = inputs == width + 1
    if given and there != (size > 1):
        raise InputError(f"D: mbstd_group_size={size}, but 4x4/Conv/weight has {inputs} inputs and {width} outputs")
    return size if there else 0


def _check_type(what: str, value: Any, kind: type) -> None:
    """Whether an option is of its type; whole numbers may come as floats, and floats as whole numbers."""
    number = kind in (int, float) and type(value) in (int, float)
    if not number and type(value) is not kind:
        raise InputError(f"{what}={reprlib.repr(value)} should be of type {kind.__name__}")
    if number and (not abs(value) < LIMIT or (kind is int and value != int(value))):
        raise InputError(f"{what}={reprlib.repr(value)} is out of range")


def _same(key: str, one: str, value: Any, other: str, expected: Any) -> None:
    if value != expected:
        raise InputError(
            f"{key}: {one} has {reprlib.repr(value)}, {other} {reprlib.repr(expected)}: it must be the same"
        )


def _fill(kind: type[NetworkT], config: Progressive, resolution: int, official: Official) -> NetworkT:
    """Our network with the official variables: each must be there in the right shape, and no others."""
    role, values = official.role, official.variables
    variables = variables_of(role, resolution, values)
    known = {variable.name for variable in variables}
    if missing := sorted(known - values.keys()):
        raise InputError(f"{role}: the variable {missing[0]} is missing")
    if unknown := sorted(values.keys() - known):
        raise InputError(f"{role}: the variable {unknown[0][:100]} cannot be represented")
    network = empty(lambda: kind(config, resolution), role)  # allocates nothing of the size that the options claim
    wanted, parameters = network.state_dict(), {}
    for variable in variables:
        shape = tuple(wanted[variable.parameter].shape)
        try:
            tensor = variable.tensor(values[variable.name]).float()
            fits = tuple(tensor.shape) == shape
        except RuntimeError:  # another number of dimensions
            fits = False
        if not fits:
            raise InputError(
                f"{role}: the variable {variable.name} has the shape {values[variable.name].shape}, which is not what "
                "the options (fmap_base, fmap_decay, fmap_max, latent_size, label_size) make it"
            )
        parameters[variable.parameter] = tensor
    network.load_state_dict(parameters, assign=True)
    return network
