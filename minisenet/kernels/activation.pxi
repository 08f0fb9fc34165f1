# ReLU and its gradient: one pass over flat arrays, in pieces of a fixed size. A comparison with NaN is false, so `<= 0` keeps
# NaN and `> 0` would not.

cpdef enum:
    FLAT_PIECE = 32768


cdef inline void keep_positive(const real* values, const real* deciding, real* out, Py_ssize_t size) noexcept nogil:
    """out = values where deciding > 0 (or is NaN), else 0."""
    cdef Py_ssize_t i, b
    for b in range(vectors_of(size)):
        i = b * VECTOR_LANES
        store(out + i, where_positive(load(deciding + i, size - i), load(values + i, size - i)), size - i)


def keep_positive_pieces(const real[::1] values, const real[::1] deciding, real[::1] out,
                         Py_ssize_t first, Py_ssize_t last, int threads):
    """Pieces of FLAT_PIECE numbers."""
    cdef Py_ssize_t p, i, size
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        i = p * FLAT_PIECE
        size = min(FLAT_PIECE, values.shape[0] - i)
        keep_positive(&values[i], &deciding[i], &out[i], size)
