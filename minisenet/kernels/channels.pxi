# The channel shuffle: at each position it transposes a table of G x K channels. Nothing is computed, so only the order of the
# copies matters. A piece is one image. The inner loop runs along the longer side of the table: K numbers in a row are written G
# apart, or numbers that are K apart are written in a row. All of them lie in the few cache lines of one position, so no larger
# tile is needed.

def channel_shuffle_images(const real[:, :, ::1] x, real[:, :, ::1] y, Py_ssize_t groups, Py_ssize_t first, Py_ssize_t last,
                           int threads):
    """y[k G + g] = x[g K + k] at each position."""
    cdef Py_ssize_t n, p, g, k, size = x.shape[2] // groups
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        for p in range(x.shape[1]):
            if size >= groups:
                cover(SHUFFLE_ALONG_GROUPS)
                for g in range(groups):
                    for k in range(size):
                        y[n, p, k * groups + g] = x[n, p, g * size + k]
            else:
                cover(SHUFFLE_ACROSS_GROUPS)
                for k in range(size):
                    for g in range(groups):
                        y[n, p, k * groups + g] = x[n, p, g * size + k]
