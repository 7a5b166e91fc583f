"""`pgan report`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.files import check_output, whole_file
from pgan.process import user_errors


@user_errors
def report(
    params: Annotated[Path, typer.Option(help="The parameter file.")] = Path("params.yaml"),
    train: Annotated[Path, typer.Option(help="Folder with the outputs of each trained phase.")] = Path("data/train"),
    evaluate: Annotated[Path, typer.Option(help="Folder with the metrics of each phase.")] = Path("data/evaluate"),
    pyramid: Annotated[Path, typer.Option(help="Folder of the training images.")] = Path("data/pyramid"),
    pictures: Annotated[Path, typer.Option(help="Folder that `pgan render` made.")] = Path("data/render"),
    findings: Annotated[Path, typer.Option(help="What `pgan new` found; may be missing.")] = Path("findings.json"),
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("data/render/report.html"),
    device: Annotated[str, typer.Option(envvar="PGAN_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Write a page about a run: one HTML file that opens anywhere, without a server and without a network.

    It has the pictures of `pgan render`, and the metrics in plain words and as a table. It describes the training
    images, lists the parameters that differ from the nearest preset, and says how to make it all again.

    Example: pgan report --out report.html
    """
    check_output(out, params, findings)

    from pgan.config import Parameters
    from pgan.networks.sampling import pick_device
    from pgan.reporting.embedding import size
    from pgan.reporting.page import Places, page

    places = Places(train, evaluate, pyramid, pictures, findings, out)
    html = page(Parameters.read(params), places, pick_device(device)).encode("utf-8", "backslashreplace")
    with whole_file(out) as part:
        part.write_bytes(html)
    typer.echo(f"{out}: {size(len(html))}; open it in a browser")
