"""Memory of this machine: what is free, and the most that a piece of work takes."""

import ctypes
import resource
import sys

import psutil
import torch

from pgan.planning.control_group import room


def free_memory(device: str) -> int:
    """Bytes that this process can still take of the device's memory."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return int(min(psutil.virtual_memory().available, room()))


def forget_peak(device: torch.device) -> int:
    """Begin to measure a peak; returns the bytes in use now, from which it counts.

    On a CPU, memory that is free but kept is given back first, so that the next work takes all of its own.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")  # sets the peak to what is in use now
        except OSError:
            pass
    return host_peak()


def peak(device: torch.device) -> int:
    """Bytes of the device since `forget_peak`; on a CPU, of this process."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else host_peak()


def host_peak() -> int:
    """The most bytes of the host's memory that this process had, since `forget_peak` where the system can tell."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            sizes = dict(line.split(":", 1) for line in file)
        return int(sizes["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
