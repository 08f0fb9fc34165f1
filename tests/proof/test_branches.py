"""Which branches each shape takes, as marked by the loops: every choice, on both sides of its limit."""
import numpy as np
import pytest

import minisenet
from backends import needs_kernels
from minisenet.backend import builds

kernels = builds.kernels
L = getattr(kernels, "LANES_F32", 1)                # lanes of a vector
T = getattr(kernels, "TILE_ROWS", 4)                # rows of a register tile two vectors wide; it has 2 T if one vector wide
S = 2 * T                                           # the smallest number of channels for Winograd's convolution
PLAIN = dict(stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1)
SAME = PLAIN | dict(padding=(1, 1))
# The branches of Winograd's products with S channels. If S is one vector, they run on one vector, with constant addresses.
SMALLEST = "WINOGRAD_SMALLEST" if S == L else "WINOGRAD_TWO_VECTORS"
ONE = "WINOGRAD_ONE_VECTOR" if S == L else "WINOGRAD_TWO_VECTORS"
DW_ONE = "WINOGRAD_DW_ONE_VECTOR" if S == L else "WINOGRAD_DW_TWO_VECTORS"

pytestmark = needs_kernels


def branches(name, *arguments, **options):
    """The branches that one call of a kernel takes. A tuple means an array of ones of that shape."""
    arrays = [np.ones(a, np.float32) if isinstance(a, tuple) else a for a in arguments]
    kernels.reset_coverage()
    getattr(kernels, name)(*arrays, **options)
    return kernels.coverage()


def forward(out_channels, width, **options):
    """A 3x3 convolution with three channels per group and an output of this width."""
    per_group = 3
    x = 1, 4, width + 2, per_group * options.get("groups", 1)
    return ("conv2d", x, (out_channels, per_group, 3, 3)), PLAIN | options


def weight(channels, out_channels, n=1, height=1, width=3):
    """The weight gradient of a 1x1 convolution."""
    return ("conv2d_backward_weight", (n, height, width, out_channels), (n, height, width, channels)), PLAIN | dict(
        w_shape=(out_channels, channels, 1, 1))


def by_lane(height, width, depth=1, **options):
    """A convolution with two output channels, each a group with `depth` input channels."""
    return ("conv2d", (1, height, width, 2 * depth), (2, depth, 3, 3)), SAME | dict(groups=2) | options


def weight_by_lane(kernel_width):
    """The weight gradient of a depthwise convolution."""
    return ("conv2d_backward_weight", (1, 3, 5, 2), (1, 3, 5, 2)), PLAIN | dict(
        w_shape=(2, 1, 3, kernel_width), padding=(1, kernel_width // 2), groups=2)


def linear(n, out):
    return ("linear", (n, 5), (out, 5)), {}


def winograd(c_in, c_out, n=1, height=8, width=8):
    return ("conv2d", (n, height, width, c_in), (c_out, c_in, 3, 3)), SAME


def normalised(height, width):
    """The forward pass of the fused convolution, from S channels to S."""
    return ("conv2d_normalised", (1, height, width, S), (S, S, 3, 3), (S,), (S,), (S,)), SAME


def normalised_backward(height, width, plus=None, norm=True, upstream=True, channels=S):
    """The backward pass of the fused convolution."""
    c, image, like_w = (S,), (1, height, width, S), (S, channels, 3, 3)
    x, of_x = (1, height, width, channels), (channels,)
    return ("conv2d_normalised_backward", image, x, like_w, *((of_x,) * 3 if norm else (None,) * 3),
            *((image, c, (1, S), (1, S), c) if upstream else (None,) * 5), plus), SAME | dict(input_gradient=True)


FORWARD = {"WINOGRAD_FORWARD", "WINOGRAD_PLAIN"}
NORMALISED = {"WINOGRAD_FORWARD", "WINOGRAD_NORMALISED", "WINOGRAD_MOMENTS", SMALLEST}
BACKWARD = {"WINOGRAD_DX", "WINOGRAD_DW", "WINOGRAD_GRADIENT", "WINOGRAD_NORMALISED", "WINOGRAD_SUMS", SMALLEST, DW_ONE}
ODD_WIDTH = {"WINOGRAD_ODD_WIDTH", "SUMS_LEFT_OVER"}
PART = {"TILE_HANGS_OVER"}
PERMUTED = "CONV_LANES_PERMUTED" if kernels and "CONV_LANES_PERMUTED" in kernels.all_branches() else "CONV_LANES_GATHERED"

TAKEN = [
    (forward(L, 8), {"CONV_ONE_VECTOR", "CONV_ONE_GROUP"}),
    (forward(L, 9), {"CONV_ONE_VECTOR", "CONV_ONE_GROUP"} | PART),
    (forward(L, 7), {"CONV_ONE_VECTOR", "CONV_ONE_GROUP"} | PART),
    (forward(2 * L, T), {"CONV_TWO_VECTORS", "CONV_ONE_GROUP"}),
    (forward(4 * L, 2 * T), {"CONV_TWO_VECTORS", "CONV_ONE_GROUP"}),
    (forward(2 * L + 1, T), {"CONV_TWO_VECTORS", "CONV_ONE_GROUP"} | PART),
    (forward(L + 1, T + 1), {"CONV_TWO_VECTORS", "CONV_ONE_GROUP"} | PART),
    (forward(2 * L, 8, groups=2), {"CONV_ONE_VECTOR", "CONV_GROUPS"} if L > 1 else {"CONV_LANES_GATHERED"}),
    (forward(4 * L, T, groups=2), {"CONV_TWO_VECTORS", "CONV_GROUPS"}),
    ((("conv2d_backward_input", (1, 3, 6, 2), (2, L, 3, 3)), PLAIN | dict(x_shape=(1, 5, 8, L))),
     {"CONV_ONE_VECTOR", "CONV_ONE_GROUP"}),
    ((("conv2d_backward_input", (1, 2, 7, 2), (2, L, 3, 3)), PLAIN | dict(x_shape=(1, 5, 16, L), stride=(2, 2))),
     {"CONV_ONE_VECTOR", "CONV_ONE_GROUP", "CONV_LATTICES"}),
    ((("conv2d_backward_input", (1, 3, 3, 2), (2, L, 3, 3)), PLAIN | dict(x_shape=(1, 5, 8, L), stride=(1, 2))),
     {"CONV_ONE_VECTOR", "CONV_ONE_GROUP", "CONV_LATTICES"} | PART),
    (weight(2 * T, L), {"CONV_DW_ONE_VECTOR", "CONV_DW_FULL_TILE"}),
    (weight(2 * T + 7, L), {"CONV_DW_ONE_VECTOR", "CONV_DW_FULL_TILE", "CONV_DW_TILE_OF_FOUR", "CONV_DW_TILE_OF_THREE"}),
    (weight(2 * T + 4, L), {"CONV_DW_ONE_VECTOR", "CONV_DW_FULL_TILE", "CONV_DW_TILE_OF_FOUR"}),
    (weight(2 * T - 1, L), {"CONV_DW_ONE_VECTOR", "CONV_DW_TILE_OF_FOUR", "CONV_DW_TILE_OF_THREE"}),
    (weight(5, L), {"CONV_DW_ONE_VECTOR", "CONV_DW_TILE_OF_FOUR", "CONV_DW_TILE_OF_ONE"}),
    (weight(3, L), {"CONV_DW_ONE_VECTOR", "CONV_DW_TILE_OF_THREE"}),
    (weight(2, L), {"CONV_DW_ONE_VECTOR", "CONV_DW_TILE_OF_ONE"}),
    (weight(T, L + 1), {"CONV_DW_TWO_VECTORS", "CONV_DW_FULL_TILE"}),
    (weight(3, L, n=16), {"CONV_DW_ONE_VECTOR", "CONV_DW_TILE_OF_THREE"}),
    (weight(3, L, n=17), {"CONV_DW_ONE_VECTOR", "CONV_DW_TILE_OF_THREE", "CONV_DW_IMAGES"}),
    (weight(3, L, width=4096 // L), {"CONV_DW_ONE_VECTOR", "CONV_DW_TILE_OF_THREE"}),
    (weight(3, L, width=4096 // L, height=2), {"CONV_DW_ONE_VECTOR", "CONV_DW_TILE_OF_THREE", "CONV_DW_BANDS"}),
    (by_lane(3, 3), {"CONV_LANES_COPIED"}),
    (by_lane(200, 250), {"CONV_LANES_COPIED", "CONV_LANES_BANDS"}),
    (by_lane(3, 3, depth=2), {PERMUTED}),                               # the four channels of both groups are in a vector
    (by_lane(3, 3, depth=L + 1), {"CONV_LANES_GATHERED"}),              # those of one are not
    (weight_by_lane(3), {"CONV_LANES_COPIED"}),
    (weight_by_lane(5), {"CONV_LANES_COPIED", "CONV_LANES_TAPS"}),
    (linear(8, L), {"LINEAR_FULL_TILE"}),
    (linear(7, L), {"LINEAR_SINGLE_ROW"}),
    (linear(9, 2 * L + 1), {"LINEAR_FULL_TILE", "LINEAR_SINGLE_ROW"} | (PART if L > 1 else set())),
    (winograd(S, S), FORWARD | {SMALLEST}),
    (winograd(S, 2 * S), FORWARD | {"WINOGRAD_TWO_VECTORS"}),
    (winograd(2 * S, S), FORWARD | {ONE}),
    (winograd(S, 3 * S), FORWARD | {"WINOGRAD_TWO_VECTORS", ONE}),
    (winograd(S, S, height=9), FORWARD | {SMALLEST, "WINOGRAD_ODD_HEIGHT"}),
    (winograd(S, S, width=9), FORWARD | {SMALLEST, "WINOGRAD_ODD_WIDTH"}),
    (winograd(S, S, n=16), FORWARD | {SMALLEST}),
    (winograd(S, S, n=17), FORWARD | {SMALLEST, "WINOGRAD_IMAGES"}),
    (normalised(8, 8), NORMALISED),
    (normalised(9, 8), NORMALISED | {"WINOGRAD_ODD_HEIGHT"}),
    (normalised(9, 9), NORMALISED | {"WINOGRAD_ODD_HEIGHT"} | ODD_WIDTH),
    (normalised_backward(8, 8), BACKWARD),
    (normalised_backward(8, 9), BACKWARD | ODD_WIDTH),
    (normalised_backward(8, 10), BACKWARD | {"SUMS_LEFT_OVER"}),
    (normalised_backward(8, 8, plus=(1, 8, 8, S)), BACKWARD | {"WINOGRAD_PLUS"}),
    (normalised_backward(8, 8, norm=False), BACKWARD - {"WINOGRAD_NORMALISED", "WINOGRAD_SUMS"} | {"WINOGRAD_PLAIN"}),
    (normalised_backward(8, 8, upstream=False), BACKWARD - {"WINOGRAD_GRADIENT"} | {"WINOGRAD_PLAIN"}),
    ((("conv2d_backward_weight", (1, 8, 8, 8 * S), (1, 8, 8, 256)), SAME | dict(w_shape=(8 * S, 256, 3, 3))),
     {"WINOGRAD_DW", "WINOGRAD_PLAIN", "WINOGRAD_DW_TWO_VECTORS", "WINOGRAD_DW_BLOCKS"}),
    ((("squeeze", (1, 2, 2, L)), {}), set()),
    ((("squeeze", (1, 3, 3, L)), {}), {"SUMS_LEFT_OVER"}),
    ((("gradient_sums", (1, 2, 4, L), (1, 2, 4, L), (L,), (1, 2, 4, L)), {}), set()),
    ((("gradient_sums", (1, 3, 5, L), (1, 3, 5, L), (L,), (1, 3, 5, L)), {}), {"SUMS_LEFT_OVER"}),
    ((("channel_shuffle", (1, 1, 2, 6), 3), {}), {"SHUFFLE_ACROSS_GROUPS"}),
    ((("channel_shuffle", (1, 1, 2, 9), 3), {}), {"SHUFFLE_ALONG_GROUPS"}),
    ((("affine_add", (1, 3, 3, L), (L,), (L,), (L,)), dict(relu=False)), {"AFFINE_ALONE"}),
    ((("affine_add", (1, 3, 3, L), (L,), (L,), (L,), (1, 3, 3, L)), dict(relu=True)), {"AFFINE_PLUS"}),
    ((("affine_add", (1, 3, 3, L), (L,), (L,), (L,), (1, 3, 3, L), (L,), (L,), (L,)), dict(relu=True)),
     {"AFFINE_PLUS_NORMALISED"}),
]


@pytest.mark.parametrize("call, expected", TAKEN, ids=[f"{call[0]}{i}" for i, ((call, _), _) in enumerate(TAKEN)])
def test_the_branches_that_a_shape_takes(call, expected):
    (name, *arguments), options = call
    assert branches(name, *arguments, **options) == expected


def test_these_shapes_take_every_branch():
    assert set().union(*(expected for _, expected in TAKEN)) == kernels.all_branches()


@pytest.mark.parametrize("threads", [1, 3])
def test_marks_come_from_every_thread_and_are_forgotten(threads):
    minisenet.set_num_threads(threads)
    before = kernels.set_work_per_thread(1)
    try:
        assert branches("squeeze", (7, 3, 3, 5)) == {"SUMS_LEFT_OVER"}
    finally:
        kernels.set_work_per_thread(before)
    kernels.reset_coverage()
    assert kernels.coverage() == set()
