"""The mathematics: pure functions on NumPy arrays, each forward beside its backward, one idea a file.

A backward's first argument is the upstream gradient; the others are the arrays that it needs. It returns one gradient for
each differentiable argument of its forward, in the same order. No function changes its arguments or keeps a state.

Array arguments are NumPy arrays of one dtype: float32, float64 or another floating-point dtype, or complex for the complex
step. Anything else, a list for example, is a TypeError.
"""
from minisenet.functional.activation import relu, relu_backward, sigmoid, sigmoid_backward, tanh, tanh_backward
from minisenet.functional.addition import add_relu, add_relu_backward
from minisenet.functional.batch_norm import (batch_norm, batch_norm_backward, batch_norm_inference,
                                             batch_norm_inference_backward)
from minisenet.functional.channel_shuffle import channel_shuffle, channel_shuffle_backward
from minisenet.functional.concat import concat, concat_backward
from minisenet.functional.convolution import conv2d, conv2d_backward, conv2d_backward_input, conv2d_backward_weight
from minisenet.functional.cross_entropy import softmax_cross_entropy, softmax_cross_entropy_backward
from minisenet.functional.dropout import dropout, dropout_backward
from minisenet.functional.excitation import excitation, excitation_backward
from minisenet.functional.linear import linear, linear_backward
from minisenet.functional.local_se_block import local_se_block, local_se_block_backward
from minisenet.functional.max_squeeze import max_squeeze, max_squeeze_backward
from minisenet.functional.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from minisenet.functional.scale import scale, scale_backward
from minisenet.functional.se_block import se_block, se_block_backward
from minisenet.functional.se_variant import se_variant, se_variant_backward
from minisenet.functional.shake import shake, shake_backward
from minisenet.functional.squeeze import squeeze, squeeze_backward

__all__ = [
    "add_relu", "add_relu_backward", "avg_pool2d", "avg_pool2d_backward", "batch_norm", "batch_norm_backward",
    "batch_norm_inference", "batch_norm_inference_backward", "channel_shuffle", "channel_shuffle_backward", "concat",
    "concat_backward", "conv2d", "conv2d_backward", "conv2d_backward_input", "conv2d_backward_weight", "dropout",
    "dropout_backward", "excitation", "excitation_backward", "linear", "linear_backward", "local_se_block",
    "local_se_block_backward", "max_pool2d", "max_pool2d_backward", "max_squeeze", "max_squeeze_backward", "relu",
    "relu_backward", "scale", "scale_backward", "se_block", "se_block_backward", "se_variant",
    "se_variant_backward", "shake", "shake_backward", "sigmoid",
    "sigmoid_backward", "softmax_cross_entropy", "softmax_cross_entropy_backward", "squeeze", "squeeze_backward", "tanh",
    "tanh_backward",
]
