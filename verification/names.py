"""The names and shapes of the arrays that a file should hold."""

import numpy as np

from pgan.errors import InputError
from pgan.interchange.variables import variables_of
from verification.arrays import FAMILIES, INPUTS
from verification.pair import Pair
from verification.rows import check_shape


def known_names(pair: Pair) -> list[str]:
    """Every array that can be compared, in the file's order."""
    classes = pair.ours.config.classes
    outputs = ["G", "Gs", "D_scores", *(["D_labels"] if classes or any("D_labels_" in n for n in pair.arrays) else [])]
    lods = range(pair.arrays["lods"].size if "lods" in pair.arrays else 0)
    terms = ["real_scores", "fake_scores", "mixed_scores", "mixed_norms", "gradient_penalty", "drift"]
    terms += ["label_penalty_reals", "label_penalty_fakes"] if classes else []
    names = [*INPUTS, *(f"{output}_lod{i}" for i in lods for output in outputs), *(f"loss_{term}" for term in terms)]
    names += ["D_loss", "G_loss", "D_adam_losses"]
    variables = {o.role: variables_of(o.role, pair.ours.resolution, o.variables) for o in pair.official}
    return names + [f"{family}{v.name}" for family in FAMILIES for v in variables[family[: family.index("_")]]]


def check_inputs(pair: Pair) -> None:
    """The shapes of what the networks are given."""
    arrays, config = pair.arrays, pair.ours.config
    given = [name for name in ("latents", "labels", "reals", "mix") if name in arrays]
    count = max((arrays[name].shape[0] for name in given if arrays[name].ndim), default=0)
    shapes = {
        "latents": (count, config.latent_dimensions),
        "labels": (count, config.classes),
        "reals": (count, config.channels, pair.ours.resolution, pair.ours.resolution),
        "mix": (count, 1, 1, 1),
    }
    for name in given:
        check_shape(name, arrays[name].shape, shapes[name])
    for name, wanted in (("lods", 1), ("loss_lod", 0)):
        if name in arrays and (arrays[name].ndim != wanted or not np.isfinite(arrays[name]).all()):
            raise InputError(f"{name}: should be {'one finite number' if not wanted else 'a row of finite numbers'}")
