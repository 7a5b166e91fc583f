"""A generator from its description and its weights, whoever wrote them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pgan.errors import InputError
from pgan.interchange.description import Description
from pgan.networks.progressive import Generator


def build(description: Description, weights: Mapping[str, Any], where: str) -> Generator:
    """The generator with these weights, in float32, ready to generate.

    Nothing is allocated for what the description claims: it must fit the weights that are there.

    Raises:
        InputError: beginning with `where`: a weight is missing, has another shape, or belongs to no layer.
    """
    try:
        with torch.device("meta"):
            generator = Generator(description.networks, description.resolution)
    except (RuntimeError, OverflowError, ValueError) as error:  # sizes beyond what a tensor can have
        raise InputError(f"{where}: impossible networks: {str(error).splitlines()[0]}") from None
    wanted = generator.state_dict()
    tensors: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name not in wanted:
            raise InputError(f"{where}: a weight '{str(name)[:80]}' that these networks do not have")
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.shape != wanted[name].shape:
            found = (
                f"{str(value.dtype)[6:]} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            )
            raise InputError(f"{where}: {name}: expected float {tuple(wanted[name].shape)}, found {found}")
        tensors[name] = value.float().contiguous()
    missing = [name for name in wanted if name not in tensors]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"{where}: damaged: the weight '{missing[0]}'{more} is missing")
    generator.load_state_dict(tensors, assign=True)
    return generator.eval().requires_grad_(False)
