"""The loader of a generator that was logged in MLflow. It travels with the model, and MLflow imports it by its name.

Beside it in the model lies pgan.zip, the part of pgan that builds a generator, so that pgan need not be installed.  The
weights are safetensors: nothing is unpickled.

Input: a table with a row for each image, and these columns.

    seed        whole number: gives the same latent as `pgan sample --seeds`
    latent      or the latent itself: a list of latent_size numbers, drawn from N(0, 1)
    label       whole number, of generators with labels; where it is left out, seed modulo classes
    truncation  factor of the latent's norm; where it is left out, 1

Output: a table with the column `png`, the bytes of a PNG file.  In JSON, MLflow writes bytes as base64.
"""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if (code := Path(__file__).with_name("pgan.zip")).exists():
    sys.path.insert(0, str(code))

import numpy as np
import pandas as pd
import torch
from mlflow.exceptions import MlflowException
from PIL import Image

from pgan.interchange.generator_file import read_safetensors
from pgan.networks.architectures import ARCHITECTURES
from pgan.sampling.draw import drawn, latent_of

if TYPE_CHECKING:
    from pgan.interchange.generator_file import GeneratorFile

for _architecture in ARCHITECTURES.values():
    _architecture.load_networks()  # all at once: MLflow may delete the downloaded model while it is in use

LARGEST_SEED = 2**63 - 1


class GeneratorModel:
    """What MLflow calls."""

    def __init__(self, file: "GeneratorFile") -> None:
        self.file = file
        self.networks = file.description.networks

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Draw an image for each row. Raises MlflowException where a value is missing or wrong."""
        z = self._latents(table) * _factors(table)[:, None]
        images = [image for chunk in drawn(self.file, z, self._labels(table), 1.0, None) for image in chunk]
        return pd.DataFrame({"png": [png(image) for image in images]})

    def _latents(self, table: pd.DataFrame) -> torch.Tensor:
        """(N, latent_size)."""
        if ("seed" in table) == ("latent" in table):
            raise _invalid("the table needs one of the columns 'seed' and 'latent'")
        if "seed" in table:
            seeds = _whole(table, "seed", LARGEST_SEED)
            return torch.stack([latent_of(seed, self.networks) for seed in seeds])
        size = self.networks.latent_dimensions
        rows = [np.asarray(row, dtype=np.float32) for row in table["latent"]]
        if any(row.shape != (size,) or not np.isfinite(row).all() for row in rows):
            raise _invalid(f"'latent': expected {size} numbers in each row")
        return torch.from_numpy(np.stack(rows))

    def _labels(self, table: pd.DataFrame) -> list[int] | None:
        classes = self.networks.classes
        if "label" in table:
            if not classes:
                raise _invalid("'label': this generator was trained without labels; leave the column out")
            return _whole(table, "label", classes - 1)
        if classes and "seed" not in table:
            raise _invalid(f"'label': latents need labels, from 0 to {classes - 1}")
        return [seed % classes for seed in _whole(table, "seed", LARGEST_SEED)] if classes else None


def png(image: np.ndarray) -> bytes:
    """A PNG file of an image (C, r, r), uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def _factors(table: pd.DataFrame) -> torch.Tensor:
    """Truncation of each row, (N,)."""
    factors = np.asarray(table["truncation"] if "truncation" in table else np.ones(len(table)), dtype=np.float32)
    if not np.isfinite(factors).all() or (factors < 0).any():
        raise _invalid("'truncation': expected numbers from 0, 1 for none")
    return torch.from_numpy(factors)


def _whole(table: pd.DataFrame, column: str, largest: int) -> list[int]:
    numbers = [int(number) for number in table[column]]
    if any(not 0 <= number <= largest for number in numbers):
        raise _invalid(f"'{column}': expected whole numbers from 0 to {largest}")
    return numbers


def _invalid(reason: str) -> MlflowException:
    """A mistake of the caller: a server answers with status 400."""
    error: MlflowException = MlflowException.invalid_parameter_value(reason)
    return error


def _load_pyfunc(path: str) -> Any:
    """MLflow's name for a loader; `path` is the file of the weights."""
    return GeneratorModel(read_safetensors(Path(path), torch.device("cpu")))
