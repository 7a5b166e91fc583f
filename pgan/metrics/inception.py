"""The Inception network of 2015, whose features define the FID that papers report.

The TorchScript file of StyleGAN2-ADA, EDM and clean-fid is called as
`model(images_0_to_255, return_features=True)` → (N, 2048), and with `no_output_bias=True` instead gives the class
probabilities of the inception score.
"""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgan.errors import InputError, out_of_memory
from pgan.fetch import fetch, file_digest
from pgan.metrics.config import InceptionParams
from pgan.metrics.resizing import clean_resize
from pgan.untrusted.archive import check_archive
from pgan.untrusted.recognise import Kind, recognise, refusal

INPUT = 299
"""Pixels a side of the network's input."""
ADVICE = "give features.inception the file that StyleGAN2-ADA, EDM and clean-fid use"


def find_inception(params: InceptionParams) -> tuple[Path, str]:
    """The file, downloaded at first use, and its SHA-256.

    Raises:
        InputError: no such file, or its checksum is not the one given.
        RunError: the download failed.
    """
    if params.path is not None:
        path = Path(params.path)
        if not path.is_file():
            raise InputError(f"features.inception.path: {path}: no such file; {ADVICE}")
    else:
        if params.url is None or params.sha256 is None:  # `Features` has checked this; for direct calls
            raise InputError("features.inception: needs path, or url and sha256")
        path = cache_folder() / f"inception-{params.sha256[:16]}.pt"
        if not path.is_file():
            fetch(params.url, path, params.sha256, otherwise="check url and sha256, or give features.inception.path")
    digest = file_digest(path)
    if params.sha256 not in (None, digest):
        says = f"features.inception.sha256 says {params.sha256}"
        raise InputError(f"{path}: SHA-256 is {digest}, {says}: another file; give the right one, or its sha256")
    return path, digest


def cache_folder() -> Path:
    """Where downloads are kept: $PGAN_CACHE, or ~/.cache/pgan."""
    return Path(os.environ.get("PGAN_CACHE") or "~/.cache/pgan").expanduser()


def load_inception(path: Path, device: torch.device) -> torch.jit.ScriptModule:
    """The network in evaluation mode. Raises InputError when the file is not TorchScript."""
    found = recognise(path)
    if found is None or found.kind is not Kind.TORCHSCRIPT:
        raise refusal(path, "the Inception network of 2015 in TorchScript", ADVICE)
    check_archive(path, code=True)
    try:
        return torch.jit.load(path, map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        if out_of_memory(error):
            raise
        raise InputError(f"{path}: damaged TorchScript ({str(error).partition(chr(10))[0]}); {ADVICE}") from None


@torch.no_grad()
def inception_features(model: torch.jit.ScriptModule, images: np.ndarray, device: torch.device) -> Tensor:
    """Features of uint8 images (N, C, H, W), C 1 or 3, as (N, 2048) float32 on the CPU."""
    return _call(model, images, device, return_features=True)


@torch.no_grad()
def inception_probabilities(model: torch.jit.ScriptModule, images: np.ndarray, device: torch.device) -> Tensor:
    """Class probabilities as the inception score defines them, (N, 1008) float32 on the CPU."""
    return _call(model, images, device, no_output_bias=True)


def _call(model: torch.jit.ScriptModule, images: np.ndarray, device: torch.device, **options: bool) -> Tensor:
    try:
        result = model(torch.from_numpy(clean_resize(images, INPUT)).to(device), **options)
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        line = str(error).strip().splitlines()[-1]
        raise InputError(f"features.inception: not the Inception network of 2015 ({line}); {ADVICE}") from None
    return result.float().flatten(1).cpu()
