"""The checker of other people's answers."""
