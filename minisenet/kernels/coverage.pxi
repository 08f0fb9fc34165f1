# Which branches of the kernels have run. Each branch marks itself, in the loop. So a test can check that every branch runs, and
# which branches run for a shape.
#
# A branch is marked once and then only read. So a mark costs one load, and threads do not write to the same memory.

cpdef enum Branch:
    # conv.pxi
    CONV_ONE_VECTOR, CONV_TWO_VECTORS           # of output channels: the register tile
    CONV_ONE_GROUP, CONV_GROUPS                 # an image is copied row by row, or position by position
    CONV_LATTICES                               # more than one: the input gradient of a convolution with a stride
    CONV_DW_ONE_VECTOR, CONV_DW_TWO_VECTORS     # the weight gradient: of output channels
    CONV_DW_FULL_TILE, CONV_DW_TILE_OF_FOUR, CONV_DW_TILE_OF_THREE, CONV_DW_TILE_OF_ONE     # input channels
    CONV_DW_IMAGES, CONV_DW_BANDS               # more than one in a share, and more than one of an image
    # lanes.pxi
    CONV_LANES_COPIED, CONV_LANES_PERMUTED, CONV_LANES_GATHERED         # how a vector's lanes get their channels
    CONV_LANES_BANDS                            # more than one of an image
    CONV_LANES_TAPS                             # the weight gradient: more than one tile of (tap, k)
    # winograd.pxi and winograd_batch.pxi
    WINOGRAD_FORWARD, WINOGRAD_DX, WINOGRAD_DW
    WINOGRAD_PLAIN, WINOGRAD_NORMALISED, WINOGRAD_GRADIENT      # what is computed while it is read
    WINOGRAD_MOMENTS, WINOGRAD_SUMS, WINOGRAD_PLUS              # what is computed from the result, or added to it
    WINOGRAD_TWO_VECTORS, WINOGRAD_ONE_VECTOR, WINOGRAD_SMALLEST            # of output channels: the products
    WINOGRAD_DW_TWO_VECTORS, WINOGRAD_DW_ONE_VECTOR
    WINOGRAD_ODD_HEIGHT, WINOGRAD_ODD_WIDTH     # a tile of the output is partly outside
    WINOGRAD_IMAGES, WINOGRAD_DW_BLOCKS         # more than one at a time, and more than one of output channels
    # tiles.pxi and linear.pxi
    TILE_HANGS_OVER                             # only a part of a register tile is stored
    LINEAR_FULL_TILE, LINEAR_SINGLE_ROW
    # reduce.pxi and fused.pxi
    SUMS_LEFT_OVER                              # positions, after whole fours of a row
    AFFINE_ALONE, AFFINE_PLUS, AFFINE_PLUS_NORMALISED           # what is added to the affine map
    # channels.pxi
    SHUFFLE_ALONG_GROUPS, SHUFFLE_ACROSS_GROUPS # the direction of the inner loop
    BRANCHES

cdef extern from *:
    "static volatile char covered[64];"
    char[64] covered


cdef inline void cover(int branch) noexcept nogil:
    """Mark a branch."""
    if not covered[branch]:
        covered[branch] = True


def coverage():
    """The names of the branches that have run since `reset_coverage`."""
    return {name for name in all_branches() if covered[Branch.__members__[name]]}


def all_branches():
    """The names of the branches that this build has."""
    names = set(Branch.__members__) - {"BRANCHES"}
    if CHANNEL_STEP // VECTOR_LANES % 2 == 0:      # then a scratch holds whole pairs of vectors
        names -= {"WINOGRAD_ONE_VECTOR", "WINOGRAD_SMALLEST", "WINOGRAD_DW_ONE_VECTOR"}
    if not CAN_PERMUTE:
        names -= {"CONV_LANES_PERMUTED"}
    return names


def reset_coverage():
    """Forget which branches have run."""
    memset(<void*>covered, False, sizeof(covered))
