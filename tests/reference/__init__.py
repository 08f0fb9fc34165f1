"""Layers, blocks and networks, compared with the same ones in PyTorch."""
