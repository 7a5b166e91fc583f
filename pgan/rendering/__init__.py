"""Pictures of what training left behind: grids, animations, latent walks and curves."""
