"""A module from its weights, whoever wrote them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pgan.errors import InputError, shown

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def with_weights(build: Callable[[], ModuleT], weights: Mapping[str, Any], where: str) -> ModuleT:
    """The module that `build` makes, with copies of these weights, in float32, on their device.

    Nothing is allocated for the sizes that a file claims: the module must fit the weights that are there.

    Raises:
        InputError: beginning with `where`: a weight is missing, has another shape, or belongs to no layer.
    """
    module = empty(build, where)
    wanted = module.state_dict()
    tensors: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name not in wanted:
            raise InputError(f"{where}: damaged: a weight '{str(name)[:80]}' that these networks do not have")
        check_tensor(value, wanted[name].shape, f"{where}: {name}")
        tensors[name] = value.detach().to(torch.float32, copy=True).contiguous()
    missing = [name for name in wanted if name not in tensors]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"{where}: damaged: the weight '{missing[0]}'{more} is missing")
    module.load_state_dict(tensors, assign=True)
    return module


def empty(build: Callable[[], ModuleT], where: str) -> ModuleT:
    """The module without memory for its weights. Raises InputError when there can be none of that size."""
    try:
        with without_memory():
            return build()
    except (RuntimeError, OverflowError, ValueError, TypeError) as error:  # sizes beyond what a tensor can have
        raise InputError(f"{where}: impossible networks: {str(error).partition(chr(10))[0]}") from None


@contextmanager
def without_memory() -> Iterator[None]:
    """What is built within has shapes and no memory, whatever its size."""
    with torch.device("meta"), _Unfilled():
        yield


class _Unfilled(TorchFunctionMode):
    """Skip torch's own initialisation: it has nothing to fill, and the first normal_() would import the compiler."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def check_tensor(value: Any, shape: torch.Size, where: str, dtype: torch.dtype | None = None) -> None:
    """Whether `value` is a tensor of that shape, all of whose numbers the file held: of `dtype`, or floating-point.

    Raises:
        InputError: it is anything else, such as one number that pretends to be millions.
    """
    if not isinstance(value, Tensor):
        raise InputError(f"{where}: expected float {tuple(shape)}, found {shown(value)}")
    right = value.is_floating_point() if dtype is None else value.dtype == dtype
    if not right or value.shape != shape or value.layout != torch.strided or value.is_meta:
        raise InputError(f"{where}: expected float {tuple(shape)}, found {str(value.dtype)[6:]} {tuple(value.shape)}")
    if value.untyped_storage().nbytes() < value.numel() * value.element_size():
        raise InputError(f"{where}: damaged: fewer numbers than its shape {tuple(shape)} claims")
