"""The multi-resolution pyramid on disk, and batches read from it."""
