"""Bit-identical training on CUDA."""

import os

import torch


def is_wanted() -> bool:
    """What $PGAN_DETERMINISTIC says: the command reads it by itself only where it is called from a command line."""
    return os.environ.get("PGAN_DETERMINISTIC", "").lower() in ("1", "t", "true", "y", "yes", "on")


def make_deterministic() -> None:
    """Let every kernel add in a fixed order; one that cannot is an error. On the CPU nothing changes."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS chooses among streams otherwise
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)
