"""The mistakes that can be named, each as the formula that was written instead of the right one.

A mistake is named only if its formula gives the very numbers that the answer gave, in every case that was tried. So an entry
needs no text to search for and no guess: what is wrong, the lesson, and the wrong formula.

    Wrong(functions, output, name, says, lesson, formula)          formula(v): what such an answer gives for `output`

The planted bugs of `bugs.py` are used in the same way. `TERMS` takes results apart that are sums, so that a term that is
missing, doubled, of the wrong sign or of the wrong size is named without an entry of its own.
"""
import numpy as np

from minisenet.gradcheck.mistakes import (
    activation, batch_norm, block, convolution, cross_entropy, excitation, pooling, residual_block, scale, sgd, squeeze)

TABLES = (convolution, batch_norm, squeeze, excitation, scale, block, residual_block, activation, cross_entropy, sgd, pooling)
WRONG = [entry for table in TABLES for entry in table.WRONG]

TERMS = {
    ("conv2d", "y"): convolution.terms,
    ("batch_norm", "y"): batch_norm.forward_terms,
    ("batch_norm_inference", "y"): batch_norm.forward_terms,
    ("batch_norm_backward", "dx"): batch_norm.backward_terms,
    ("se_block_backward", "du"): block.terms,
    ("residual_block_backward", "du"): block.terms,
    ("linear", "y"): lambda v: {"x w^T": v.x @ v.w.T, "b": np.broadcast_to(getattr(v, "b", 0.0), v.y.shape)},
    ("softmax_cross_entropy_backward", "dlogits"): cross_entropy.backward_terms,
    ("sgd_step", "velocity"): sgd.velocity_terms,
}
