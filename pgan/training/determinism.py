"""Bit-identical training on CUDA."""

import os

import torch


def make_deterministic() -> None:
    """Let every kernel add in a fixed order; one that cannot is an error. On the CPU nothing changes."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS chooses among streams otherwise
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)
