"""Checks of this code against other results, too slow or too large for every test run.

`fidelity.py` compares networks, losses, Adam and metrics with arrays of the official TensorFlow code. `same_results.py`
compares two commits of this repository.
"""
