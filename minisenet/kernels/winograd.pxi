# Winograd's convolution, F(2x2, 3x3): for a 3x3 kernel with stride 1 and padding 1 (Lavin and Gray 2016; Winograd 1980).
#
# Directly, 2x2 outputs of a 3x3 kernel need 36 products for each pair of channels. Each dimension is a product of polynomials, and
# a polynomial of degree 3 is determined by its values at 4 points. So 4 x 4 = 16 products are enough, 2.25 times fewer. With
#
#           [1  0 -1  0]            [ 1    0    0 ]            [1  0]
#     B^T = [0  1  1  0]        G = [1/2  1/2  1/2]        A = [1  1]
#           [0 -1  1  0]            [1/2 -1/2  1/2]            [1 -1]
#           [0  1  0 -1]            [ 0    0    1 ]            [0 -1]
#
# for each 4x4 patch d of a channel, which overlaps its neighbours by two, each 3x3 kernel g and each 2x2 tile y of the output:
#
#     forward           y  = A^T [ sum over input channels of (G g G^T) (B^T d B) ] A         element by element inside [ ]
#     weight gradient   dg = G^T [ sum over all tiles of (A dy A^T) (B^T d B) ] G
#
# The input gradient is a forward too: the correlation of dy with the kernels turned by 180 degrees and their channels exchanged. The
# transforms are additions, and the sums over channels or tiles are 16 matrix products, one for each point. The transforms add
# rounding errors: the tests state how large they may be.
#
# - Layout: an image is in a zero-padded scratch [row][column][channel], its channels filled up to a multiple of CHANNEL_STEP. A block
#   of tile rows at a time is transformed to v[point][tile][channel], which fits into the first- and second-level cache. Each
#   point's plane ends with an odd cache line: 16 stores a power of two apart would use the same few lines of the cache.
# - Register tile of the products: TILE tiles x 2 vectors of output channels, or 2 TILE x 1, as in the direct convolution.
# - Loop order: block of tiles; point; vectors of output channels; tile; inside, the input channels.
# - While it multiplies, the kernel prefetches the memory that it needs next (`fetch`): memory would be idle otherwise.

cdef extern from *:
    """
    #if defined(__GNUC__)
      /* clang accepts only literals here */
      #define PREFETCH(p, write) ((write) ? __builtin_prefetch(p, 1, 2) : __builtin_prefetch(p, 0, 2))
    #else
      #define PREFETCH(p, write) ((void)0)
    #endif
    """
    void PREFETCH(const void* p, int write) noexcept nogil

cpdef enum:
    POINTS = 16
    CHANNEL_STEP = 2 * TILE      # a whole number of vectors, in every build, and of the rows of both register tiles

cdef enum:
    BLOCK_NUMBERS = 512          # tiles x channels of a block: its 16 planes take 32 KiB of float32 ...
    BLOCK_TILES = 32             # ... but at least so many tiles, for each of which a kernel that was read is used


cdef inline Py_ssize_t filled(Py_ssize_t channels) noexcept nogil:
    """The channels of a scratch: up to the next multiple of CHANNEL_STEP."""
    return (channels + CHANNEL_STEP - 1) // CHANNEL_STEP * CHANNEL_STEP


cdef inline void fetch(const char* start, Py_ssize_t size, int write) noexcept nogil:
    """Prefetch `size` bytes that will soon be read, or written."""
    cdef Py_ssize_t i
    for i in range((size + CACHE_LINE - 1) // CACHE_LINE):
        PREFETCH(start + i * CACHE_LINE, write)


# ---- the three transforms ----------------------------------------------------------------------------------------------

cdef inline void transform_patch(const real* d, Py_ssize_t row, Py_ssize_t channels, real* v, Py_ssize_t plane) noexcept nogil:
    """v = B^T d B, for the 4x4 patch at d."""
    cdef vec a[POINTS]
    cdef vec b[POINTS]
    cdef Py_ssize_t c, block
    cdef int i, j
    for block in range(channels // VECTOR_LANES):
        c = block * VECTOR_LANES
        for i in range(4):
            for j in range(4):
                a[4 * i + j] = (<const vec*>(d + i * row + j * channels + c))[0]
        for j in range(4):
            b[j] = a[j] - a[8 + j]
            b[4 + j] = a[4 + j] + a[8 + j]
            b[8 + j] = a[8 + j] - a[4 + j]
            b[12 + j] = a[4 + j] - a[12 + j]
        for i in range(4):
            (<vec*>(v + (4 * i) * plane + c))[0] = b[4 * i] - b[4 * i + 2]
            (<vec*>(v + (4 * i + 1) * plane + c))[0] = b[4 * i + 1] + b[4 * i + 2]
            (<vec*>(v + (4 * i + 2) * plane + c))[0] = b[4 * i + 2] - b[4 * i + 1]
            (<vec*>(v + (4 * i + 3) * plane + c))[0] = b[4 * i + 1] - b[4 * i + 3]


cdef inline void transform_upstream(const real* dy, Py_ssize_t row, Py_ssize_t pixel, Py_ssize_t channels, real* v,
                                    Py_ssize_t plane) noexcept nogil:
    """v = A dy A^T, for the 2x2 tile at dy."""
    cdef vec a[8]
    cdef vec p, q
    cdef Py_ssize_t c, block
    cdef int i, j
    for block in range(channels // VECTOR_LANES):
        c = block * VECTOR_LANES
        for j in range(2):
            p = (<const vec*>(dy + j * pixel + c))[0]
            q = (<const vec*>(dy + row + j * pixel + c))[0]
            a[j] = p
            a[2 + j] = p + q
            a[4 + j] = p - q
            a[6 + j] = -q
        for i in range(4):
            (<vec*>(v + (4 * i) * plane + c))[0] = a[2 * i]
            (<vec*>(v + (4 * i + 1) * plane + c))[0] = a[2 * i] + a[2 * i + 1]
            (<vec*>(v + (4 * i + 2) * plane + c))[0] = a[2 * i] - a[2 * i + 1]
            (<vec*>(v + (4 * i + 3) * plane + c))[0] = -a[2 * i + 1]


cdef inline void transform_products(const real* m, Py_ssize_t plane, real* y, Py_ssize_t row, Py_ssize_t pixel,
                                    int rows, int columns, Py_ssize_t channels) noexcept nogil:
    """The tile at y = A^T m A: those of its two rows and columns that are inside the image."""
    cdef vec a[POINTS]
    cdef vec b[8]
    cdef Py_ssize_t c, block
    cdef int i, j
    if rows == 1:
        cover(WINOGRAD_ODD_HEIGHT)
    if columns == 1:
        cover(WINOGRAD_ODD_WIDTH)
    for block in range(vectors_of(channels)):
        c = block * VECTOR_LANES
        for i in range(POINTS):
            a[i] = (<const vec*>(m + i * plane + c))[0]
        for j in range(4):
            b[j] = a[j] + a[4 + j] + a[8 + j]
            b[4 + j] = a[4 + j] - a[8 + j] - a[12 + j]
        for i in range(rows):
            store(y + i * row + c, b[4 * i] + b[4 * i + 1] + b[4 * i + 2], channels - c)
            if columns == 2:
                store(y + i * row + pixel + c, b[4 * i + 1] - b[4 * i + 2] - b[4 * i + 3], channels - c)


# ---- the two products --------------------------------------------------------------------------------------------------

cdef inline void multiply_point(const real* v, const real* u, real* m, Py_ssize_t tiles, Py_ssize_t channels,
                                Py_ssize_t out_channels) noexcept nogil:
    """One point's product: m[t, c] = sum over k of v[t, k] u[k, c]. u is packed [vectors of c][k][lane]."""
    cdef Py_ssize_t c = 0, t, lane = VECTOR_LANES
    while c + 2 * lane <= out_channels:
        cover(WINOGRAD_TWO_VECTORS)
        for t in range(tiles // TILE):
            multiply_tile(False, v + t * TILE * channels, channels, 1, u + c * channels, 2 * lane, channels,
                          m + t * TILE * out_channels + c, out_channels, 2 * lane, TILE, 2)
        c = c + 2 * lane
    if c < out_channels and channels == out_channels == CHANNEL_STEP:        # the same, but all addresses a constant apart
        cover(WINOGRAD_SMALLEST)
        for t in range(tiles // (2 * TILE)):
            multiply_tile(False, v + t * 2 * TILE * CHANNEL_STEP, CHANNEL_STEP, 1, u, lane, CHANNEL_STEP,
                          m + t * 2 * TILE * CHANNEL_STEP, CHANNEL_STEP, lane, 2 * TILE, 1)
    elif c < out_channels:
        cover(WINOGRAD_ONE_VECTOR)
        for t in range(tiles // (2 * TILE)):
            multiply_tile(False, v + t * 2 * TILE * channels, channels, 1, u + c * channels, lane, channels,
                          m + t * 2 * TILE * out_channels + c, out_channels, lane, 2 * TILE, 1)


cdef inline void accumulate_point(const real* v, const real* z, real* du, Py_ssize_t tiles, Py_ssize_t channels,
                                  Py_ssize_t out_channels) noexcept nogil:
    """One point's sum over tiles: du[k, c] += sum over t of v[t, k] z[t, c]."""
    cdef Py_ssize_t c = 0, k, lane = VECTOR_LANES
    cdef real* sums
    while c + 2 * lane <= out_channels:
        cover(WINOGRAD_DW_TWO_VECTORS)
        for k in range(channels // TILE):
            sums = du + k * TILE * out_channels + c
            multiply_tile(True, v + k * TILE, 1, channels, z + c, out_channels, tiles, sums, out_channels,
                          2 * lane, TILE, 2)
        c = c + 2 * lane
    if c < out_channels:
        cover(WINOGRAD_DW_ONE_VECTOR)
        for k in range(channels // (2 * TILE)):
            sums = du + k * 2 * TILE * out_channels + c
            multiply_tile(True, v + k * 2 * TILE, 1, channels, z + c, out_channels, tiles, sums, out_channels,
                          lane, 2 * TILE, 1)


# ---- a few images ------------------------------------------------------------------------------------------------------
#
# Several small images are processed at a time, as if they were one above the other. So a block always has enough tiles.

cdef inline Py_ssize_t tiles_of(Py_ssize_t size) noexcept nogil:
    """The tiles on a side of an image."""
    return (size + 1) // 2


cdef inline Py_ssize_t padded_row(Py_ssize_t width, Py_ssize_t deep) noexcept nogil:
    """The numbers of a row of a padded image."""
    return (2 * tiles_of(width) + 2) * deep


cdef inline Py_ssize_t padded_size(Py_ssize_t height, Py_ssize_t width, Py_ssize_t deep) noexcept nogil:
    """The numbers of a padded image."""
    return (2 * tiles_of(height) + 2) * padded_row(width, deep)


cdef inline Py_ssize_t block_rows(Py_ssize_t width, Py_ssize_t deep) noexcept nogil:
    """The rows of tiles that are transformed at a time."""
    cdef Py_ssize_t tiles = max(BLOCK_TILES, BLOCK_NUMBERS // deep)
    return max(1, tiles // tiles_of(width))


cdef inline Py_ssize_t group_of(Py_ssize_t height, Py_ssize_t width, Py_ssize_t deep) noexcept nogil:
    """How many images are processed at a time, so that a block has all its rows."""
    return (block_rows(width, deep) + tiles_of(height) - 1) // tiles_of(height)


cdef inline Py_ssize_t plane_of(Py_ssize_t height, Py_ssize_t width, Py_ssize_t deep, Py_ssize_t channels) noexcept nogil:
    """The numbers from one point's plane to the next: whole register tiles, and the odd cache line. `deep` are the channels
    by which the rows of a block are chosen, `channels` those of the plane."""
    cdef Py_ssize_t tiles = block_rows(width, deep) * tiles_of(width)
    return (tiles + 2 * TILE - 1) // (2 * TILE) * (2 * TILE) * channels + CACHE_LINE // 4


cdef inline void winograd_correlate(const real* padded, const real* u, real* v, real* m, real* out, Py_ssize_t images,
                                    Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels, Py_ssize_t out_channels,
                                    const char* ahead, Py_ssize_t ahead_size) noexcept nogil:
    """out = the padded images * the transformed kernels u. `ahead` is the memory that will be read after them."""
    cdef Py_ssize_t tile_rows = tiles_of(height), columns = tiles_of(width), row = padded_row(width, channels)
    cdef Py_ssize_t wide = filled(out_channels), step = block_rows(width, channels)
    cdef Py_ssize_t v_plane = plane_of(height, width, channels, channels), m_plane = plane_of(height, width, channels, wide)
    cdef Py_ssize_t blocks = (images * tile_rows + step - 1) // step, b, r, i, j, t, p, count, tiles, part, written
    cdef const real* patch
    cdef real* tile
    cdef const char* target
    part = (ahead_size + blocks * POINTS - 1) // (blocks * POINTS)
    for b in range(blocks):
        count = min(step, images * tile_rows - b * step)
        for r in range(count):
            i = b * step + r
            patch = padded + i // tile_rows * padded_size(height, width, channels) + 2 * (i % tile_rows) * row
            for j in range(columns):
                transform_patch(patch + 2 * j * channels, row, channels, v + (r * columns + j) * channels, v_plane)
        i = b * step
        target = <const char*>(out + (i // tile_rows * height + 2 * (i % tile_rows)) * width * out_channels)
        written = 2 * count * width * out_channels * sizeof(real) // POINTS
        tiles = (count * columns + 2 * TILE - 1) // (2 * TILE) * 2 * TILE
        for p in range(POINTS):
            fetch(ahead + (b * POINTS + p) * part, part, 0)
            fetch(target + p * written, written, 1)
            multiply_point(v + p * v_plane, u + p * channels * wide, m + p * m_plane, tiles, channels, wide)
        for r in range(count):
            i = (b * step + r) % tile_rows
            tile = out + ((b * step + r) // tile_rows * height + 2 * i) * width * out_channels
            for j in range(columns):
                transform_products(m + (r * columns + j) * wide, m_plane, tile + 2 * j * out_channels,
                                   width * out_channels, out_channels, min(2, height - 2 * i), min(2, width - 2 * j),
                                   out_channels)


cdef inline void winograd_accumulate(const real* padded, const real* upstream, real* v, real* z, real* du, Py_ssize_t images,
                                     Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels, Py_ssize_t all_out,
                                     Py_ssize_t out_channels, const char* ahead, Py_ssize_t ahead_size) noexcept nogil:
    """du[point, k, c] += the products of padded images and `out_channels` channels of their padded upstream gradients."""
    cdef Py_ssize_t tile_rows = tiles_of(height), columns = tiles_of(width), step = block_rows(width, channels)
    cdef Py_ssize_t row = padded_row(width, channels), dy_row = padded_row(width, all_out)
    cdef Py_ssize_t v_plane = plane_of(height, width, channels, channels)
    cdef Py_ssize_t z_plane = plane_of(height, width, channels, out_channels)
    cdef Py_ssize_t blocks = (images * tile_rows + step - 1) // step, b, r, i, j, t, p, count, part
    cdef const real* patch
    cdef const real* tile
    part = (ahead_size + blocks * POINTS - 1) // (blocks * POINTS)
    for b in range(blocks):
        count = min(step, images * tile_rows - b * step)
        for r in range(count):
            i = b * step + r
            patch = padded + i // tile_rows * padded_size(height, width, channels) + 2 * (i % tile_rows) * row
            tile = upstream + i // tile_rows * padded_size(height, width, all_out) + (2 * (i % tile_rows) + 1) * dy_row
            for j in range(columns):
                t = r * columns + j
                transform_patch(patch + 2 * j * channels, row, channels, v + t * channels, v_plane)
                transform_upstream(tile + (2 * j + 1) * all_out, dy_row, all_out, out_channels, z + t * out_channels,
                                   z_plane)
        for p in range(POINTS):
            fetch(ahead + (b * POINTS + p) * part, part, 0)
            accumulate_point(v + p * v_plane, z + p * z_plane, du + p * channels * out_channels, count * columns,
                             channels, out_channels)


# ---- the kernels, before and after -------------------------------------------------------------------------------------

cdef inline void transform_kernels_vector(const real* w, Py_ssize_t w_k, Py_ssize_t w_c, Py_ssize_t tap, Py_ssize_t channels,
                                          Py_ssize_t count, real* u, Py_ssize_t u_k, Py_ssize_t plane) noexcept nogil:
    """u = G g G^T for one vector of output channels, `count` of them real, and each input channel."""
    cdef vec g[9]
    cdef vec e[12]
    cdef vec s
    cdef real half = 0.5
    cdef Py_ssize_t k
    cdef int i, j, t, c
    for k in range(channels):
        memset(g, 0, sizeof(g))
        for c in range(count):
            for t in range(9):
                (<real*>&g[t])[c] = w[k * w_k + c * w_c + t * tap]
        for j in range(3):
            s = g[j] + g[6 + j]
            e[j] = g[j]
            e[3 + j] = (s + g[3 + j]) * half
            e[6 + j] = (s - g[3 + j]) * half
            e[9 + j] = g[6 + j]
        for i in range(4):
            s = e[3 * i] + e[3 * i + 2]
            (<vec*>(u + (4 * i) * plane + k * u_k))[0] = e[3 * i]
            (<vec*>(u + (4 * i + 1) * plane + k * u_k))[0] = (s + e[3 * i + 1]) * half
            (<vec*>(u + (4 * i + 2) * plane + k * u_k))[0] = (s - e[3 * i + 1]) * half
            (<vec*>(u + (4 * i + 3) * plane + k * u_k))[0] = e[3 * i + 2]


def transform_kernels(const real[:, :, :, ::1] w, real[::1] u, bint turned, Py_ssize_t first, Py_ssize_t last, int threads):
    """u[point][vectors of c][k][lane] for the vectors of c from first to last. `turned` exchanges the channels, and turns
    each kernel by 180 degrees: the input gradient's."""
    cdef Py_ssize_t k_count = w.shape[0] if turned else w.shape[1], c_count = w.shape[1] if turned else w.shape[0]
    cdef Py_ssize_t channels = filled(k_count), wide = filled(c_count)
    cdef Py_ssize_t w_k = w.shape[1] * 9 if turned else 9, w_c = 9 if turned else w.shape[1] * 9, tap = -1 if turned else 1
    cdef Py_ssize_t lane = VECTOR_LANES
    cdef Py_ssize_t b, c, pair, width
    cdef const real* source
    cdef real* target
    for b in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        c = b * lane
        pair = b // 2 * 2 * lane
        width = 2 * lane if pair + 2 * lane <= wide else lane
        source = &w[0, 0, 0, 0] + c * w_c + (8 if turned else 0)
        target = &u[0] + pair * channels + c - pair
        transform_kernels_vector(source, w_k, w_c, tap, k_count, max(0, min(lane, c_count - c)), target, width,
                                 channels * wide)


cdef inline void sum_gradient_vector(const real* partial, Py_ssize_t shares, Py_ssize_t share, Py_ssize_t plane,
                                     real* dw, Py_ssize_t dw_c, Py_ssize_t count) noexcept nogil:
    """dg = G^T (sum of the partial sums) G, for one input channel and one vector of output channels."""
    cdef vec a[POINTS]
    cdef vec e[12]
    cdef vec s
    cdef vec g
    cdef real half = 0.5
    cdef Py_ssize_t n
    cdef int i, j, c
    memset(a, 0, sizeof(a))
    for n in range(shares):
        for i in range(POINTS):
            a[i] = a[i] + (<const vec*>(partial + n * share + i * plane))[0]
    for j in range(4):
        s = (a[4 + j] + a[8 + j]) * half
        e[j] = a[j] + s
        e[4 + j] = (a[4 + j] - a[8 + j]) * half
        e[8 + j] = s + a[12 + j]
    for i in range(3):
        for j in range(3):
            s = (e[4 * i + 1] + e[4 * i + 2]) * half
            if j == 0:
                g = e[4 * i] + s
            elif j == 1:
                g = (e[4 * i + 1] - e[4 * i + 2]) * half
            else:
                g = s + e[4 * i + 3]
            for c in range(count):
                dw[c * dw_c + 3 * i + j] = (<real*>&g)[c]


def sum_gradient(const real[::1] partial, real[:, :, :, ::1] dw, Py_ssize_t shares, Py_ssize_t block,
                 Py_ssize_t first, Py_ssize_t last, int threads):
    """The weight gradient, for the input channels from first to last, from partial[share][block of c][point][k][c]."""
    cdef Py_ssize_t out_channels = dw.shape[0], c_in = dw.shape[1], channels = filled(c_in), wide = filled(out_channels)
    cdef Py_ssize_t lane = VECTOR_LANES
    cdef Py_ssize_t k, b, c, o, width, size = POINTS * channels
    cdef const real* source
    for k in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        for b in range(vectors_of(out_channels)):
            c = b * lane
            o = c // block * block
            width = min(block, wide - o)
            source = &partial[0] + o * size + k * width + c - o
            sum_gradient_vector(source, shares, size * wide, channels * width, &dw[c, k, 0, 0], c_in * 9,
                                min(lane, out_channels - c))
