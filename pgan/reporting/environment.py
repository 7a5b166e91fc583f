"""What a report was made with: versions and kinds, but no date, host name or path, so that it can be made again."""

import platform
from importlib.metadata import version as version_of

import torch

from pgan.version import version


def environment(device: torch.device) -> dict[str, str]:
    """Names and values, for people."""
    packages = ", ".join(f"{name} {version_of(name)}" for name in ("numpy", "pillow", "matplotlib"))
    return {
        "pgan": version(),
        "Python": platform.python_version(),
        "torch": str(torch.__version__),
        "other packages": packages,
        "system": f"{platform.system()}, {platform.machine()}",
        "processor": f"{torch.backends.cpu.get_cpu_capability()} instructions, {_threads()}",
        "device": _device(device),
    }


def _threads() -> str:
    count = torch.get_num_threads()
    return "1 thread" if count == 1 else f"{count} threads"


def _device(device: torch.device) -> str:
    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type
