"""A generator as ONNX (opset 18), for the runtimes of other languages and machines."""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgan.errors import InputError, RunError
from pgan.extras import require
from pgan.interchange.description import KEY, Description, parse
from pgan.interchange.portable import Portable, example
from pgan.untrusted.inputs import read_bytes

OPSET = 18
INPUTS = ("latents", "labels")
OUTPUT = "images"
LARGEST_MESSAGE = 2**31
"""Bytes that a protobuf message, and so a model in one file, can have."""


def to_onnx(network: Portable, description: Description) -> bytes:
    """The model's content, with the size of the batch left open.

    Raises:
        RunError: the packages of the extra `export` are missing, or the weights exceed the format's 2 GB.
    """
    for module in ("onnx", "onnxscript"):
        require(module, "export", "the format onnx")
    if sum(weight.numel() * weight.element_size() for weight in network.parameters()) > LARGEST_MESSAGE * 0.95:
        raise RunError("the weights exceed the 2 GB of an ONNX file; use --format safetensors")
    inputs = example(description.networks)
    batch = torch.export.Dim("N")
    with warnings.catch_warnings(action="ignore"), _quiet("torch.onnx"), torch.no_grad():
        program = torch.onnx.export(
            network,
            inputs,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=INPUTS[: len(inputs)],
            output_names=[OUTPUT],
            dynamic_shapes=tuple({0: batch} for _ in inputs),
        )
    assert program is not None
    return _reproducible(program.model_proto, description)


class OnnxGenerator:
    """An ONNX file that `pgan export` wrote, run by onnxruntime on the CPU."""

    def __init__(self, path: Path) -> None:
        """Raises InputError: the file is damaged, or another program wrote it; RunError: onnxruntime is missing."""
        runtime = require("onnxruntime", "export", f"{path}: an ONNX file")
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong comes as an exception, in one line
        try:
            self.session = runtime.InferenceSession(
                read_bytes(path, LARGEST_MESSAGE), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except OSError:
            raise
        except Exception as error:  # onnxruntime has an exception for each of its status codes, without a common base
            raise InputError(
                f"{path}: damaged, or too new for onnxruntime: {str(error).splitlines()[0][:200]}"
            ) from None
        self.description = parse(self.session.get_modelmeta().custom_metadata_map.get(KEY, "{}"), str(path))

    def __call__(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """(N, latent_size) and (N,) on the CPU -> (N, C, r, r). Raises RuntimeError when the graph does not run."""
        given = {INPUTS[0]: latents.numpy()}
        if labels is not None:
            given[INPUTS[1]] = labels.numpy()
        try:
            (images,) = self.session.run([OUTPUT], given)
        except Exception as error:
            raise RuntimeError(str(error)) from None
        return torch.from_numpy(np.asarray(images))


def _reproducible(model: Any, description: Description) -> bytes:
    """Replace the exporter's notes, which hold the paths of source files, by the description."""
    del model.metadata_props[:]
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, description.to_json()
    return bytes(model.SerializeToString(deterministic=True))


class _quiet:  # noqa: N801  (a context manager)
    """No remarks of the exporter below the level of an error."""

    def __init__(self, name: str) -> None:
        self.logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self.level = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self.logger.setLevel(self.level)
