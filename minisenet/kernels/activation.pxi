# ReLU and its gradient: one pass over flat arrays, in pieces of a fixed size. A comparison with NaN is false, so `<= 0` lets
# NaN through where `> 0` would not.

cdef enum:
    FLAT_PIECE = 32768


cdef inline void keep_positive(const real* values, const real* deciding, real* out, Py_ssize_t size, vec* _) noexcept nogil:
    """out = values where deciding > 0 (or is NaN), else 0."""
    cdef Py_ssize_t i, b
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for b in range(vectors_of(size, _)):
            i = b * lanes(_)
            store(out + i, where_positive(load(deciding + i, size - i, _), load(values + i, size - i, _)), size - i)


def keep_positive_pieces(const real[::1] values, const real[::1] deciding, real[::1] out,
                         Py_ssize_t first, Py_ssize_t last, int threads):
    """Pieces of FLAT_PIECE numbers."""
    cdef Py_ssize_t p, i, size
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        i = p * FLAT_PIECE
        size = min(FLAT_PIECE, values.shape[0] - i)
        if real is float:
            keep_positive(&values[i], &deciding[i], &out[i], size, <vec_f32*>NULL)
        else:
            keep_positive(&values[i], &deciding[i], &out[i], size, <vec_f64*>NULL)


def relu(x):
    """As `minisenet.functional.relu`."""
    return relu_backward(x, x)


def relu_backward(dy, y):
    """As `minisenet.functional.relu_backward`."""
    dx = np.empty_like(dy)
    run(keep_positive_pieces, -(-dy.size // FLAT_PIECE), (dy.reshape(-1), y.reshape(-1), dx.reshape(-1)), dy.size)
    return dx
