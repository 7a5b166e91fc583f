"""Images from any source, made into a multi-resolution pyramid on disk."""
