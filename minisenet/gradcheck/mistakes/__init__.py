"""The mistakes that have a name, each as the formula that an answer has instead of the right one.

A mistake is named only if its formula gives the very numbers that the answer gave, in every case tried. So an entry needs no
search in the answer's text and no guess: what is wrong, what one can learn from it, and the wrong formula.

    Wrong(functions, output, name, says, lesson, formula)          formula(v): the value of `output` that such an answer has

The planted bugs of `bugs.py` are used in the same way. `TERMS` takes results apart that are sums, so that a term that is
missing, doubled, of the wrong sign or of the wrong size has a name without an entry of its own.
"""
from minisenet.gradcheck.mistakes import (
    activation, batch_norm, block, convolution, cross_entropy, excitation, linear, networks, pooling, residual_block, scale, sgd,
    squeeze)

TABLES = (convolution, batch_norm, squeeze, excitation, scale, block, residual_block, activation, linear, cross_entropy, sgd,
          pooling, networks)
WRONG = [entry for table in TABLES for entry in table.WRONG]

TERMS = {
    ("conv2d", "y"): convolution.terms,
    ("batch_norm", "y"): batch_norm.forward_terms,
    ("batch_norm_inference", "y"): batch_norm.forward_terms,
    ("batch_norm_backward", "dx"): batch_norm.backward_terms,
    ("se_block_backward", "du"): block.terms,
    ("residual_block_backward", "du"): block.terms,
    ("linear", "y"): linear.terms,
    ("softmax_cross_entropy_backward", "dlogits"): cross_entropy.backward_terms,
    ("sgd_step", "velocity"): sgd.velocity_terms,
}
