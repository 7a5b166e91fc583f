"""Checks of this code against what other programs computed, kept as files: too slow or too large for every test run.

`fidelity.py` compares networks, losses, Adam and metrics with arrays of the official TensorFlow code.
"""
