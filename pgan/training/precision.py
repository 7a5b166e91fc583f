"""In which arithmetic a phase computes.

fp32   IEEE single precision, on every device.
tf32   matrix products and convolutions on NVIDIA GPUs with factors of 10 bits, sums in single precision.
bf16   the networks under autocast: factors and feature maps of 8 bits, sums in single precision.  What decides over
       small differences stays in single precision: parameters, Adam and the average; images and scores, the minibatch
       standard deviation, the losses, and the gradient penalty (on NVIDIA GPUs in tf32).
       `python -m benchmarks.precision` shows what each costs.
"""

from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["fp32", "tf32", "bf16"]


def allow_tf32(precision: Precision) -> None:
    """Set, for this process, what NVIDIA GPUs do with float32."""
    # not the newer fp32_precision: once it is set, torch.export refuses to run in this process (torch 2.13)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "fp32"


def autocast(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Around the forward passes of a step on a kind of device: cpu, cuda, mps."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")
