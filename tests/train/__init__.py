"""Training: fit, run folders, gates, progress."""
