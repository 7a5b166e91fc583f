"""Memory of this machine: what is free, and the most that a piece of work takes."""

import ctypes
import os
import resource
import sys

import torch


def free_memory(device: str) -> int:
    """Bytes that are free on the device; 0 where the system does not say."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _cached()
    except (ValueError, OSError):  # macOS does not tell
        return 0


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


def _cached() -> int:
    """Bytes of files in memory that Linux would give up."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            sizes = dict(line.split(":") for line in file)
        return int(sizes["Cached"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0
