"""`python -m pgan`."""

from pgan.cli import main

main()
