"""Images from a finished generator, wherever it came from."""
