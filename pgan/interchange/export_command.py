"""`pgan export`."""

import difflib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pgan.errors import InputError
from pgan.files import check_output, whole_file
from pgan.process import user_errors


class Format(StrEnum):
    """What `pgan export` writes."""

    safetensors = "safetensors"
    torchscript = "torchscript"
    onnx = "onnx"


ENDINGS = {".safetensors": Format.safetensors, ".torchscript": Format.torchscript, ".onnx": Format.onnx}


@user_errors
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, or an official pickle.")],
    out: Annotated[Path, typer.Argument(help="The file to write: NAME.safetensors, NAME.torchscript or NAME.onnx.")],
    format: Annotated[Format | None, typer.Option(help="Left out: what OUT ends in.")] = None,
) -> None:
    """Write the EMA generator for use elsewhere.

    safetensors: the weights by name, and beside them NAME.json: the architecture.

    torchscript, onnx (opset 18): a graph that needs nothing of this project.
    Inputs `latents` (N, latent_size) float32 and, with classes, `labels` (N,) int64;
    output `images` (N, C, H, W) float32, about [-1, 1]; any N.
    """
    check_output(out, checkpoint)
    chosen = choose_format(out, format)

    from pgan.interchange.description import Description
    from pgan.interchange.portable import Portable
    from pgan.interchange.source import open_generator

    generator, alpha = open_generator(checkpoint)
    if alpha < 1.0:
        raise InputError(
            f"{checkpoint}: its last resolution is faded in by {alpha:.0%} only; export the checkpoint of a whole phase"
        )
    description = Description(generator.config, generator.resolution)
    match chosen:
        case Format.safetensors:
            from pgan.interchange.tensors import description_path, to_safetensors

            content, beside = to_safetensors(generator, description), description_path(out)
            _check_ours(beside)
            with whole_file(out) as weights, whole_file(beside) as text:
                weights.write_bytes(content)
                text.write_text(description.to_json(), encoding="utf-8")
        case Format.torchscript:
            from pgan.interchange.torchscript import to_torchscript

            content = to_torchscript(Portable(generator), description)
            with whole_file(out) as part:
                part.write_bytes(content)
        case Format.onnx:
            from pgan.interchange.onnx import to_onnx

            content = to_onnx(Portable(generator), description)
            with whole_file(out) as part:
                part.write_bytes(content)
    typer.echo(f"{out}: {chosen}, {description.summary()}, {len(content) / 1e6:.1f} MB")


def choose_format(out: Path, asked: Format | None) -> Format:
    """The format that was asked for, or that the file's ending names.

    Raises:
        InputError: the ending names none, or another than was asked for.
    """
    ending = out.suffix.lower()
    if asked is None and ending not in ENDINGS:
        near = difflib.get_close_matches(ending, ENDINGS, n=1, cutoff=0.5)
        hint = f"did you mean '{out.with_suffix(near[0]).name}'?" if near else "or pass --format"
        raise InputError(f"{out}: the name must end in {', '.join(ENDINGS)}; {hint}")
    if ending == ".json":
        raise InputError(f"{out}: the weights' description would be written over them; end the name in .safetensors")
    if asked and ENDINGS.get(ending, asked) != asked:
        raise InputError(f"{out}: ends in {ending}, but --format is {asked}; make them agree")
    return asked or ENDINGS[ending]


def _check_ours(beside: Path) -> None:
    """Do not overwrite a JSON file that is somebody else's."""
    from pgan.interchange.description import LARGEST_TEXT, parse
    from pgan.untrusted.inputs import read_bytes

    if beside.exists():
        try:
            parse(read_bytes(beside, LARGEST_TEXT), str(beside))
        except (InputError, IsADirectoryError):
            what = "is in the way, and `pgan export` did not write it"
            raise InputError(f"{beside}: {what}; choose another name for {beside.with_suffix('').name}") from None
