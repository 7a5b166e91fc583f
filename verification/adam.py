"""The critic after five of Adam's steps."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pgan.training.step import Step
from verification.losses import OFFICIAL, batch, official_settings
from verification.pair import Pair, both_tensors
from verification.rows import Row, largest, relative

LEARNING_RATE = 0.001
STEPS = 5


def adam_rows(pair: Pair) -> Iterator[Row]:
    """The critic after five of Adam's steps on the one batch: the change of each tensor.

    TensorFlow adds ε before the second moment's bias is corrected, torch after: its ε is TensorFlow's over √(1 - β2^t).
    With ε so set, torch's Adam is TensorFlow's.  The last row shows how far torch's own way is from it.
    """
    arrays, tolerance = pair.arrays, pair.tolerance
    needed = ("loss_lod", "mix", "reals", "latents", "labels")
    if not arrays.holds(*needed) or not any(name.startswith("D_adam") for name in arrays):
        return
    changes, losses = adam_steps(pair, as_tensorflow=True)
    if arrays.holds("D_adam_losses"):
        found = {"D_adam_losses": relative("D_adam_losses", losses, pair.tensor("D_adam_losses"))}
        yield from largest("critic's loss over five Adam steps", "relative norm", tolerance["losses"], found)
    measure = "relative norm of the change"
    both = both_tensors(pair, "D", "D_adam5", changes, pair.ours.critic.state_dict())
    found = {name: relative(name, mine, theirs) for name, (mine, theirs) in both.items()}
    yield from largest("D after five Adam steps", measure, tolerance["adam"], found, retry=True)
    changes, _ = adam_steps(pair, as_tensorflow=False)
    both = both_tensors(pair, "D", "D_adam5", changes, pair.ours.critic.state_dict())
    found = {name: relative(name, mine, theirs) for name, (mine, theirs) in both.items()}
    yield from largest("the same with torch's ε", measure, None, found)


def adam_steps(pair: Pair, as_tensorflow: bool) -> tuple[dict[str, Tensor], Tensor]:
    """The critic's changes by our training step, and its loss before each update."""
    level = pair.level(float(pair.arrays["loss_lod"]))
    step = Step(level.generator, level.critic, level.ema, official_settings(level), LEARNING_RATE, 0.999)
    before = {name: parameter.detach().clone() for name, parameter in level.critic.named_parameters()}
    shown, _ = batch(pair, level)
    losses = []
    for t in range(1, STEPS + 1):
        correction = float(np.sqrt(1 - OFFICIAL.adam_beta2**t)) if as_tensorflow else 1.0
        step.optimizers["critic"].param_groups[0]["eps"] = OFFICIAL.adam_epsilon / correction
        terms = step.update_critic(shown)
        parts = ("critic_fake", "gradient_penalty", "drift", "label_real", "label_fake")
        losses.append(sum(terms[part] for part in parts if part in terms) - terms["critic_real"])
    return {name: p.detach() - before[name] for name, p in level.critic.named_parameters()}, torch.stack(losses)
