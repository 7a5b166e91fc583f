"""Variables, images, scores and label logits."""

from collections.abc import Iterator

import torch

from pgan.interchange.variables import variables_of
from verification.pair import Pair, official_tensor
from verification.rows import Row, absolute, check_shape, largest, relative


def variable_rows(pair: Pair) -> Iterator[Row]:
    """The pickle's variables as they came to lie in our networks, against the fixture's own copies."""
    networks = (pair.ours.generator, pair.ours.critic, pair.ours.ema)
    found = {}
    for official, network in zip(pair.official, networks, strict=True):
        parameters = network.state_dict()
        for variable in variables_of(official.role, pair.ours.resolution, official.variables):
            name = f"{official.role}_var/{variable.name}"
            if name in pair.arrays:
                theirs = official_tensor(pair, official, variable, name).float()
                found[name] = absolute(name, parameters[variable.parameter], theirs)
    yield from largest("variables", "absolute", 0.0, found)


@torch.no_grad()
def output_rows(pair: Pair) -> Iterator[Row]:
    """Images, scores and label logits at every level of detail."""
    arrays, tolerance = pair.arrays, pair.tolerance
    found: dict[str, dict[str, float]] = {"G": {}, "Gs": {}, "scores": {}, "labels": {}}
    lods = arrays["lods"].tolist() if arrays.holds("lods") else []
    for i, lod in enumerate(lods):
        level, at = pair.level(lod), f"lod {lod:g}"
        for role, generator in (("G", level.generator), ("Gs", level.ema)):
            if arrays.holds(f"{role}_lod{i}", "latents", "labels"):
                images = level.enlarge(generator(pair.tensor("latents"), pair.labels(), level.alpha))
                name = f"{role}_lod{i}"
                found[role][at] = absolute(name, images, pair.tensor(name))
        if arrays.holds("reals"):
            scores, logits = level.critic(level.reduce(pair.tensor("reals")), level.alpha)
            name = f"D_scores_lod{i}"
            if arrays.holds(name):
                found["scores"][at] = relative(name, scores, pair.column(name))
            name = f"D_labels_lod{i}"
            if pair.ours.config.classes and arrays.holds(name):
                found["labels"][at] = relative(name, logits, pair.tensor(name))
            elif name in arrays:
                check_shape(name, arrays[name].shape, (len(scores), 0))
    yield from largest("images of G", "absolute", tolerance["images"], found["G"])
    yield from largest("images of Gs", "absolute", tolerance["images"], found["Gs"])
    yield from largest("scores of D", "relative norm", tolerance["scores"], found["scores"])
    yield from largest("label logits of D", "relative norm", tolerance["scores"], found["labels"])
