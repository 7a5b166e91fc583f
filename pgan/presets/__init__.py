"""Ready parameter files, one per reproduced system, and `pgan preset`, which writes them."""
