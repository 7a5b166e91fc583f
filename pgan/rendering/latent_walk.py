"""A walk through the latent space on great circles (Shoemake 1985; for GANs: White, arXiv 1609.04468, section 2.1)."""

import torch
from torch import Tensor


def slerp(a: Tensor, b: Tensor, fraction: float) -> Tensor:
    """Between a (fraction 0) and b (1), at constant angular speed; the norm goes linearly from a's to b's.

    A straight line would cut through the middle of the sphere, where a normal latent of many dimensions never lies.

    Args:
        a, b: (..., D), any norm.

    Returns:
        (..., D). Where a and b are parallel or opposite, no great circle is defined: the straight line.
    """
    norm_a, norm_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    unit_a, unit_b = a / norm_a, b / norm_b
    cosine = (unit_a * unit_b).sum(-1, keepdim=True).clamp(-1, 1)
    angle, sine = cosine.acos(), (1 - cosine**2).sqrt()
    arc = (unit_a * ((1 - fraction) * angle).sin() + unit_b * (fraction * angle).sin()) / sine
    line = a + (b - a) * fraction
    return torch.where(sine > 1e-4, arc * (norm_a + (norm_b - norm_a) * fraction), line)


def open_walk(begin: Tensor, end: Tensor, steps: int) -> Tensor:
    """From one latent to the other, both included.

    Args:
        begin, end: (walkers, D).
        steps: at least 2.

    Returns:
        (walkers, steps, D).
    """
    return torch.stack([slerp(begin, end, step / (steps - 1)) for step in range(steps)], dim=1)


def closed_walk(stops: Tensor, frames_between: int) -> Tensor:
    """From each stop to the next and from the last back to the first, without showing any point twice.

    Args:
        stops: (K, walkers, D) latents.

    Returns:
        (K · frames_between, walkers, D).
    """
    following = stops.roll(-1, dims=0)
    steps = [slerp(stops, following, frame / frames_between) for frame in range(frames_between)]
    return torch.stack(steps, dim=1).flatten(0, 1)


def pairs_by_angle(latents: Tensor, count: int, farthest: bool = False) -> tuple[Tensor, Tensor]:
    """The pairs with the smallest angles between them, or the largest, in this order; no latent is in two of them.

    Args:
        latents: (N, D).
        count: of pairs, at most N / 2.

    Returns:
        (count, D) each: the first and the second of each pair.
    """
    unit = latents / latents.norm(dim=1, keepdim=True)
    worst = 2.0  # no cosine
    distance = (unit @ unit.T) * (1 if farthest else -1)
    distance.fill_diagonal_(worst)
    pairs = []
    for _ in range(count):
        pair = divmod(int(distance.argmin()), len(latents))
        pairs.append(pair)
        distance[pair, :] = distance[:, pair] = worst
    first, second = zip(*pairs, strict=True)
    return latents[list(first)], latents[list(second)]
