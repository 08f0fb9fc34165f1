"""Tests of whole networks. A printed counterexample needs only `from topologies import *`, with tests/ on the path."""
from .comparing import check
from .language import Node, Topology

__all__ = ["Node", "Topology", "check"]
