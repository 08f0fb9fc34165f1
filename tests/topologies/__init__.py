"""Tests over whole networks. `from topologies import *`, with tests/ on the path, is all that a counterexample needs."""
from .comparing import check
from .language import Node, Topology

__all__ = ["Node", "Topology", "check"]
