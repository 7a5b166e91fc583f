"""How good are the generated images: feature spaces, and one file per metric."""
