"""Images and films from a finished generator, read from any file."""
