"""What the figures mean: every verdict with its evidence and its rule."""
