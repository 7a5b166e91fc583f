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
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, or an official pickle.", show_default=False)],
    out: Annotated[
        Path,
        typer.Argument(help="The file to write: NAME.safetensors, NAME.torchscript or NAME.onnx.", show_default=False),
    ],
    format: Annotated[Format | None, typer.Option(help="The format.", show_default="by the ending of OUT")] = None,
) -> None:
    """Write the EMA generator for use in other programs.

    safetensors: the weights by name, and NAME.json beside them, which describes the architecture.

    torchscript, onnx (opset 18): a graph that runs without pgan.
    Inputs are `latents` (N, latent_size) float32 and, with classes, `labels` (N,) int64.
    The output is `images` (N, C, H, W) float32, about [-1, 1]. N is any number.

    Example: pgan export data/train/stabilize_32/checkpoint.pt generator.onnx
    """
    check_output(out, checkpoint)
    chosen = choose_format(out, format)

    from pgan.interchange.description import Description
    from pgan.interchange.generator_file import open_generator
    from pgan.interchange.portable import Portable

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
    """The format that `asked` or the file's ending names.

    Raises:
        InputError: the ending names no format, or not the one in `asked`.
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
    """Refuse to overwrite a JSON file that pgan did not write."""
    from pgan.interchange.description import LARGEST_TEXT, parse
    from pgan.untrusted.inputs import read_bytes

    if beside.exists():
        try:
            parse(read_bytes(beside, LARGEST_TEXT), str(beside))
        except (InputError, IsADirectoryError):
            what = "is in the way, and `pgan export` did not write it"
            raise InputError(f"{beside}: {what}; choose another name for {beside.with_suffix('').name}") from None
