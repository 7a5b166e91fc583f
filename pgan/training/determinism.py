"""What makes a phase bit-identical: deterministic kernels on CUDA, and the same kind of machine."""

import os

import torch


def is_wanted() -> bool:
    """What $PGAN_DETERMINISTIC says: Typer reads it for a command line, but not for a stage, which calls a function."""
    return os.environ.get("PGAN_DETERMINISTIC", "").lower() in ("1", "t", "true", "y", "yes", "on")


def make_deterministic() -> None:
    """Let every kernel add in a fixed order; one that cannot is an error. On the CPU nothing changes."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS chooses among streams otherwise
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


def machine(device: torch.device) -> dict[str, str]:
    """What of this machine decides over the last digits of a sum."""
    if device.type == "cuda":
        strict = torch.are_deterministic_algorithms_enabled()
        return {"device": torch.cuda.get_device_name(device), "deterministic": str(strict)}
    if device.type == "mps":
        return {"device": "MPS"}
    return {"threads": str(torch.get_num_threads()), "instructions": torch.backends.cpu.get_cpu_capability()}
