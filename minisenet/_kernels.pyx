"""The hot loops of minisenet.functional, compiled. This file is the table of contents; each .pxi is one idea.

What Python does around the loops is in minisenet/kernels/*.py. Cython translates this source to C once, and setup.py compiles
the C code for each float type and each instruction set.
"""
import numpy as np

from minisenet.kernels.loops import aligned

from cython.parallel cimport prange, threadid
from libc.math cimport exp, log
from libc.string cimport memcpy, memset

include "kernels/types.pxi"            # the float type and its vectors
include "kernels/threads.pxi"          # whether there is OpenMP
include "kernels/coverage.pxi"         # which branches of the loops have run
include "kernels/tiles.pxi"            # the small matrix product in registers, for convolutions and fully connected layers
include "kernels/reduce.pxi"           # sums over the positions of an image
include "kernels/conv.pxi"             # eq. (1), forward and both gradients
include "kernels/lanes.pxi"            # eq. (1) with few channels for each group: depthwise and grouped
include "kernels/winograd.pxi"         # the same for 3x3 kernels, with 2.25 times fewer products
include "kernels/winograd_batch.pxi"   # and for whole batches, with input computed while it is read
include "kernels/linear.pxi"           # W1 and W2 of eq. (3)
include "kernels/batch_norm.pxi"
include "kernels/activation.pxi"       # delta in eq. (3)
include "kernels/se.pxi"               # eqs. (2) and (4)
include "kernels/fused.pxi"            # a residual block in a few passes: read it last
include "kernels/pooling.pxi"
include "kernels/channels.pxi"         # the channel shuffle
include "kernels/cross_entropy.pxi"
include "kernels/optim.pxi"            # the SGD step
include "kernels/augment.pxi"          # crop, flip, normalise, cut out
include "kernels/peak.pxi"             # the limits of the machine
