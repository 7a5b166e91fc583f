"""The networks of all architectures, and their checkpoints.

The import registers the architectures, so that `Networks.model_validate` knows each by its name.
"""

from pgan.networks import architectures as architectures
