"""Progressively grown GANs: a library and a command line, useful with or without the DVC pipeline around them."""
