"""`python -m stages.ablations NAME`."""

import typer

from pgan.process import begin
from stages.ablations.command import ablate

if __name__ == "__main__":
    begin()
    typer.run(ablate)
