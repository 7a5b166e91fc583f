"""The arrays that the official code computed, in an .npz file.

- `latents`, `labels` (one-hot), `reals`, `mix` (the gradient penalty's mixing factors): the inputs.
- `lods`: levels of detail. `G_lod0`, `Gs_lod0`, `D_scores_lod0`, `D_labels_lod0`: the outputs at the first of them;
  with 1, at the second; and so on.
- `loss_lod`: the level of detail of the losses. `loss_real_scores`, …: their terms. `D_loss`, `G_loss`: their means.
- `D_grad/NAME`, `G_grad/NAME`: the gradients of the losses, by official variable.
- `D_adam5/NAME`: the critic after five steps of Adam. `D_adam_losses`: its loss before each step.
- `G_var/NAME`, `D_var/NAME`, `Gs_var/NAME`: copies of the variables in the pickle.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pgan.errors import InputError

INPUTS = ("latents", "labels", "lods", "reals", "mix", "loss_lod")
STATE = ("G_var/lod", "D_var/lod", "Gs_var/lod")
"""The current level of detail of the official networks: known, with nothing to compare."""
COPIES = ("G_var/", "D_var/", "Gs_var/")
FAMILIES = (*COPIES, "D_grad/", "G_grad/", "D_adam5/")


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an .npz file.  It remembers which ones were wanted and missing, and which ones were never used."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                self._arrays = {name: file[name] for name in file.files}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except Exception as error:  # numpy and zipfile raise a dozen kinds on a file that is no .npz
            raise InputError(f"{path}: not an .npz file of plain arrays ({type(error).__name__})") from None
        for name, array in self._arrays.items():
            if array.dtype.kind not in ("U" if name.endswith("_names") else "fiu"):
                raise InputError(f"{path}: {name} is of type {array.dtype}, and should be numbers")
        self.missing: list[str] = []
        self._used: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray:
        self._used.add(name)
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def holds(self, *names: str) -> bool:
        """Whether all are there; missing ones are remembered."""
        missing = [name for name in names if name not in self._arrays]
        self.missing += [name for name in missing if name not in self.missing]
        return not missing

    @property
    def unused(self) -> list[str]:
        """The arrays that were not compared."""
        return [name for name in self._arrays if name not in self._used]
