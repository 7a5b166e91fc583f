"""The progressive generator and critic, and their checkpoints."""
