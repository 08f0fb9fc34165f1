"""Layers, blocks and networks against the same ones in PyTorch."""
