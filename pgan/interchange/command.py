"""`pgan import`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.files import check_output
from pgan.process import user_errors


@user_errors
def import_(
    official: Annotated[
        Path, typer.Argument(help="A pickle of the official TensorFlow code, holding (G, D, Gs).", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(help="The checkpoint to write.", show_default=False)],
) -> None:
    """Convert networks of the official TensorFlow code to a checkpoint.

    No code in the pickle is run: a pickle that holds anything but containers, arrays and networks is refused. If the
    networks here lack one of its options, the message names it. To continue training, set `init` in params.yaml.

    Example: pgan import karras2018iclr-celebahq-1024x1024.pkl celebahq.pt
    """
    check_output(out, official)
    from pgan.interchange.official import import_official
    from pgan.networks import checkpoint
    from pgan.networks.progressive import Progressive

    networks, lod = import_official(official)
    checkpoint.save(checkpoint.state(networks), out)
    r, config = networks.resolution, networks.config
    assert isinstance(config, Progressive)
    parts = [f"{r}×{r}", "grey" if config.channels == 1 else "RGB", f"latent {config.latent_size}"]
    parts += [f"{config.classes} labels"] * (config.classes > 0) + ["fused"] * config.fused_scale
    late = f"; saved at level of detail {lod:g}, thus trained up to {r >> int(lod)}×{r >> int(lod)}" if lod else ""
    typer.echo(f"{out}: {', '.join(parts)}{late}")
