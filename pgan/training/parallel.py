"""One phase trained by several processes, its ranks: each takes its share of every batch, and all take the same steps.

`torchrun` or `srun` starts the same command several times and tells each process its rank by environment variables.
Every rank holds both networks, draws the random numbers of the whole batch, and keeps its share of them; the gradients
are averaged between `backward` and Adam's step.  There they are plain tensors: the gradient penalty, compiled or not,
knows nothing of it.  So all ranks hold the same weights at every moment, and together compute what one process would,
up to the rounding of sums.  Rank 0 alone writes.

Nothing of this changes what a phase is: the number of ranks belongs to the machine.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from pgan.errors import InputError, PganError, RunError, out_of_memory
from pgan.training.interrupt import STOPS

if TYPE_CHECKING:
    import torch
    from torch.distributed import Store

T = TypeVar("T")

LAUNCHERS = {
    "torchrun": ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    "srun": ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
}
"""The variables in which a launcher tells a process its rank, the number of ranks, and its rank on its machine."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is. One alone exchanges nothing."""

    rank: int = 0
    count: int = 1
    local: int = 0
    """The rank among the processes of the same machine."""
    launcher: int = field(default_factory=os.getppid)
    """The process that started this one."""

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    @property
    def share(self) -> slice:
        """Which samples of a batch are this rank's: each `count`-th.

        The minibatch stddev groups sample i with i + N/group, i + 2N/group, …  As `count` divides N/group, a rank has
        whole groups.  Their samples are N/group/count apart there, so it finds the groups of the whole batch.
        """
        return slice(self.rank, None, self.count)

    @property
    def abandoned(self) -> bool:
        """Whether the launcher has died, which would pass on signals."""
        return self.count > 1 and os.getppid() != self.launcher

    def check_batch(self, batch: int, group: int, whole: list[str], accumulate: int = 1) -> None:
        """Whether this batch can be shared, of which each rank computes its share in `accumulate` parts.

        Raises:
            ValueError: the ranks cannot have as many whole minibatch-stddev groups of `group` (0: images) each, or the
                networks have layers, named in `whole`, that look at all of a batch.
        """
        if self.count > 1 and whole:
            raise ValueError(
                f"{' and '.join(whole)} cannot do with a share of it; train in one process, without torchrun"
            )
        parts, what = batch, "images"
        if group:
            parts, what = batch // min(group, batch), f"minibatch-stddev groups of {min(group, batch)}"
        parts //= accumulate
        what += f" for each of {accumulate} parts" if accumulate > 1 else ""
        if parts % self.count:
            fitting = " or ".join(str(n) for n in range(1, self.count) if parts % n == 0)
            reason = f"{batch} makes {parts} {what}, which {self.count} processes cannot share evenly"
            raise ValueError(f"{reason}; start {fitting} of them, or change the batch")

    def check_device(self, device: "torch.device") -> None:
        """Raises InputError where ranks would have to share a GPU, or exchange what cannot be exchanged."""
        import torch

        if self.count == 1 or device.type == "cpu":
            return
        if device.type != "cuda":
            raise InputError(f"device '{device}': for a single process only; choose --device cpu")
        if device.index is not None:
            raise InputError(f"device '{device}': one GPU for {self.count} processes; say cuda, and each takes its own")
        if self.local >= torch.cuda.device_count():
            have = torch.cuda.device_count()
            raise InputError(
                f"process {self.local + 1} of this machine finds {have} GPUs; start one process for each GPU"
            )

    def check_same(self, key: str) -> None:
        """Raises InputError where rank 0 has another `key`: each rank reads its own machine's files."""
        if self.from_leader(lambda: key) != key:
            what = "parameters, parent, data, code, versions or kind of device"
            raise InputError(f"process {self.rank} has other {what} than process 0: give all machines the same")

    def average(self, tensors: "list[torch.Tensor]") -> None:
        """Replace each tensor by its mean over the ranks: one exchange for all of them."""
        if self.count == 1:
            return
        import torch
        import torch.distributed as dist
        from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

        bucket = _flatten_dense_tensors(tensors)
        with _lost_ranks():
            dist.all_reduce(bucket)
        torch._foreach_copy_(tensors, list(_unflatten_dense_tensors(bucket.div_(self.count), tensors)))

    def largest(self, *numbers: int) -> list[int]:
        """The largest of each number over all ranks, which so come to the same decision.

        Between the hosts, also where the networks are on GPUs: no rank waits for its GPU.
        """
        if self.count == 1:
            return list(numbers)
        import torch
        import torch.distributed as dist

        found = torch.tensor(numbers)
        with _lost_ranks():
            dist.all_reduce(found, dist.ReduceOp.MAX)
        return found.tolist()

    def from_leader(self, make: Callable[[], T]) -> T:
        """What rank 0 makes, on all ranks."""
        if self.count == 1:
            return make()
        import torch
        import torch.distributed as dist

        made = [make() if self.leads else None]
        with _lost_ranks():
            dist.broadcast_object_list(made, src=0, device=torch.device("cpu"))
        return made[0]  # type: ignore[return-value]


ALONE = Ranks()
"""The only process, as without a launcher."""


def ranks() -> Ranks:
    """This process's place, as the launcher's variables say. Raises InputError when they make no sense.

    MASTER_ADDR must be there too, as torchrun sets it: variables of a batch job alone do not ask for anything.
    """
    for launcher, names in LAUNCHERS.items():
        values = [os.environ.get(name, "") for name in names]
        if not all(values) or "MASTER_ADDR" not in os.environ:
            continue
        if not all(value.isdecimal() for value in values) or int(values[0]) >= int(values[1]):
            said = ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
            raise InputError(f"{said}: not what {launcher} says; unset them to train in one process")
        return Ranks(*map(int, values))
    return ALONE


def distributed(command: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command so that its ranks connect before it and part after it, and only one of them prints an error."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        here = ranks()
        if here.count == 1:
            return command(*args, **kwargs)
        with _met(here):
            return command(*args, **kwargs)

    return run


@contextmanager
def _met(here: Ranks) -> Iterator[None]:
    """The exchange between the ranks: gloo between CPUs and hosts, NCCL between GPUs."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # a connection that is lost has our own line
    import torch
    import torch.distributed as dist

    gpus = torch.cuda.is_available() and dist.is_nccl_available()
    if gpus and here.local < torch.cuda.device_count():
        torch.cuda.set_device(here.local)
    try:
        store, _, _ = next(dist.rendezvous("env://", here.rank, here.count))
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", None, None, here.count, here.rank, store)
    except (RuntimeError, ValueError) as error:
        advice = "start all of them, with the same MASTER_ADDR and MASTER_PORT"
        raise RunError(f"the processes do not find each other ({_reason(error)}); {advice}") from None
    try:
        yield
    except BaseException as error:
        # torchrun ends the other ranks; this one is ending already
        for number in set(STOPS) - {signal.SIGINT}:
            signal.signal(number, signal.SIG_IGN)
        if not _is_first(store) and (isinstance(error, PganError | OSError) or out_of_memory(error)):
            sys.exit(error.exit_code if isinstance(error, PganError) else 1)
        if not here.leads:
            print(file=sys.stderr)  # rank 0 may have left its progress bar on this line
        raise
    dist.destroy_process_group()


def _is_first(store: "Store") -> bool:
    """Whether no other rank has failed before: the others fail in its wake, and have nothing to add."""
    with suppress(RuntimeError):  # torchrun keeps the store; else it is gone with rank 0, and everybody speaks
        return store.add("failed", 1) == 1
    return True


@contextmanager
def _lost_ranks() -> Iterator[None]:
    """Raise RunError where another rank has ended in the middle of an exchange."""
    try:
        yield
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        advice = "the same command continues from the last snapshot"
        raise RunError(f"another process of this training has ended ({_reason(error)}); {advice}") from None


def _reason(error: Exception) -> str:
    """What torch says first, without the place in its code and its musings."""
    text = str(error).strip().partition("\n")[0]
    return text[text.find("] ") + 2 if text.startswith("[") else 0 :].partition(". ")[0]
