"""A generator as safetensors: its weights by name, as trained, and its description as JSON."""

from pathlib import Path

from pgan.errors import InputError
from pgan.extras import require
from pgan.interchange.description import KEY, LARGEST_TEXT, Description, parse
from pgan.networks.architectures import build_generator
from pgan.networks.network import Generator
from pgan.untrusted.inputs import read_bytes
from pgan.untrusted.recognise import AGAIN, recognise
from pgan.untrusted.weights import with_weights


def to_safetensors(generator: Generator, description: Description) -> bytes:
    """The file's content; the description is in its metadata. Raises RunError without the package safetensors."""
    require("safetensors", "export", "the format safetensors")
    from safetensors.torch import save

    weights = {name: weight.cpu().contiguous() for name, weight in generator.state_dict().items()}
    return save(weights, metadata={KEY: description.to_json()})


def from_safetensors(path: Path) -> Generator:
    """The generator, on the CPU; where the metadata are gone, described by the JSON file beside it.

    Raises:
        InputError: the file is damaged, or weights and description do not fit each other.
        RunError: the package safetensors is missing.
    """
    require("safetensors", "export", f"{path}: a safetensors file")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, ValueError, RuntimeError):
        raise InputError(f"{path}: safetensors, cut off or damaged; {AGAIN}") from None
    d = parse(text, str(path)) if text else _beside(path)
    return (
        with_weights(lambda: build_generator(d.networks, d.resolution), weights, str(path)).eval().requires_grad_(False)
    )


def description_path(path: Path) -> Path:
    """The JSON file beside a safetensors file."""
    return path.with_suffix(".json")


def _beside(path: Path) -> Description:
    beside = description_path(path)
    try:
        return parse(read_bytes(beside, LARGEST_TEXT), str(beside))
    except (FileNotFoundError, IsADirectoryError):
        found = recognise(path)
        what = found.what if found else "safetensors"
        raise InputError(
            f"{path}: {what} with no description of pgan's in its metadata, and no {beside.name} beside it; "
            "of safetensors, pgan reads what `pgan export` wrote"
        ) from None
