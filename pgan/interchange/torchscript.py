"""A generator as TorchScript: one file that PyTorch runs in C++ or Python, without this project.

TorchScript rather than a `torch.export` program: `torch.export.load` unpickles what the file holds, and so runs a
stranger's code, and its files are tied to the versions of torch; `torch.jit.load` does neither.  It is deprecated since
torch 2.9, and works on all versions that this project admits.
"""

import io
import re
import warnings
import zipfile
import zlib
from pathlib import Path

import torch
from torch import Tensor, nn

from pgan.errors import InputError
from pgan.interchange.description import KEY, Description, parse
from pgan.interchange.portable import Portable, example
from pgan.untrusted.archive import check_archive
from pgan.untrusted.recognise import AGAIN

EXTRA = f"{KEY}.json"

CALLS = {
    *("_convolution", "add", "batch_norm", "cat", "conv2d", "embedding", "leaky_relu", "linear", "mean", "mul"),
    *("one_hot", "pad", "relu", "reshape", "rsqrt", "square", "tanh", "to", "upsample_nearest2d", "view"),
}
"""What the code of a generator calls.  A file that calls anything else is refused: TorchScript can touch files."""
LARGEST_CODE = 2**20
"""Bytes; a generator of 1024×1024 has some thousands."""


def to_torchscript(network: Portable, description: Description) -> bytes:
    """The file's content; the same whatever was traced before, wherever the code lies."""
    flat = _Flat(network)
    with warnings.catch_warnings(action="ignore"), torch.no_grad():  # the deprecation is no user's concern
        traced = torch.jit.trace(flat, example(description.networks), check_trace=False)
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer, _extra_files={EXTRA: description.to_json()})
    return _reproducible(buffer.getvalue())


def from_torchscript(path: Path, device: torch.device) -> tuple[Description, nn.Module]:
    """Description and module, on a device.

    Raises:
        InputError: the file is damaged, was not written by `to_torchscript`, or calls what no generator needs.
    """
    check_archive(path)
    _check_calls(path)
    extra = {EXTRA: ""}
    try:
        with warnings.catch_warnings(action="ignore"):
            module = torch.jit.load(path, map_location=device, _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: damaged, or too new for this PyTorch: {str(error).splitlines()[0][:200]}") from None
    return parse(extra[EXTRA], str(path)), module


class _Flat(nn.Module):
    """The network as one module with all of the weights: TorchScript then has one class and one function."""

    def __init__(self, network: Portable) -> None:
        super().__init__()
        self._network = [network]  # in a list: not registered, and so traced into this module's own function
        for name, weight in network.named_parameters():  # the same tensors: the tracer recognises them
            self.register_parameter(name.replace(".", "_"), weight)
        for name, statistics in network.named_buffers():
            self.register_buffer(name.replace(".", "_"), statistics)

    def forward(self, *inputs: Tensor) -> Tensor:
        images: Tensor = self._network[0](*inputs)
        return images


def _reproducible(archive: bytes) -> bytes:
    """Leave out what depends on the process and the machine.

    That is: the record of source lines with their paths, the example inputs, and the number that tells a class from one
    of the same name that was traced earlier.  There is one class, so that its plain name will do.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".debug_pkl") or "/traced_inputs" in name or "/.data/" in name:
                continue
            if "/code/" in name or name.endswith("/data.pkl"):  # in the pickle, names of classes end at a line break
                content = re.sub(rb"\.___torch_mangle_\d+", b"", content)
            new.writestr(zipfile.ZipInfo(re.sub(r"/___torch_mangle_\d+", "", name)), content)
    return out.getvalue()


def _check_calls(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            sources = [entry for entry in archive.infolist() if "/code/" in entry.filename.lower()]
            if sum(entry.file_size for entry in sources) > LARGEST_CODE:
                raise InputError(f"{path}: refused: more code than any generator has")
            code = "\n".join(archive.read(entry).decode() for entry in sources)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged TorchScript: {error}; {AGAIN}") from None
    calls = set(re.findall(r"(?<!__)torch\s*\.\s*(\w+)", code)) - CALLS
    others = {"another class"} if re.search(r"\bops\b|(?<!self: )__torch__", code) else set()
    if re.search(r"\b(while|for|if)\b", code):  # traced code is a straight line, so it always ends
        others.add("a loop or a condition")
    if re.search(r"(?<![\d.])\d{9,}(?![\d.])", code):
        others.add("a number of a hundred million")
    for call in sorted(calls | others):
        raise InputError(f"{path}: refused: its code uses '{call[:80]}', which no generator of `pgan export` does")
