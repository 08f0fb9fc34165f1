"""The kernels: compiled loops (NAME.pxi) and what Python does around them. This file is the list of what they export.

Every public function here has the name and the result of a function of the package, which has checked and normalised the
arguments: C-contiguous arrays of one dtype, float32 or float64, and pairs for strides and paddings. Kernels check nothing.
"""
from minisenet.kernels import loops
from minisenet.kernels.convolution import (conv2d, conv2d_backward_input, conv2d_backward_weight, conv2d_normalised,
                                           conv2d_normalised_backward)
from minisenet.kernels.loops import all_branches, coverage, reset_coverage
from minisenet.kernels.small import (augment, linear, linear_backward, multiply_adds, sgd_step, softmax_cross_entropy,
                                     softmax_cross_entropy_backward, triad)
from minisenet.kernels.passes import (affine_add, affine_gradient, affine_gradient_map, avg_pool2d, avg_pool2d_backward, batch_norm,
                                      batch_norm_backward, batch_norm_inference, batch_norm_inference_backward, channel_shuffle,
                                      gradient_sums, image_moments, max_pool2d, max_pool2d_backward,
                                      merge_moments, relu, relu_backward, scale, scale_backward, squeeze)
from minisenet.kernels.threads import set_num_threads, set_work_per_thread


def use(single, double):
    """From now on these compiled modules hold the loops for float32 and float64."""
    loops.use(single, double)
    globals().update(LANES_F32=single.LANES, TILE_ROWS=single.TILE_ROWS, OPENMP=single.OPENMP)
