# The fully connected layer: W1 and W2 of eq. (3), and the classifier. Small matrices.
#
# The output and both gradients are one matrix product, out[i] = sum over t of a[i, t] b[t], which runs on the register
# tile of the convolutions:
#
#     y[n]  = sum over c of x[n, c] w^T[c]              dx[n] = sum over o of dy[n, o] w[o]
#                                                       dw[o] = sum over n of dy[n, o] x[n]
#
# The vector runs along a row of b, and a tile is NARROW_TILE rows x 1 vector. b is copied only where its rows do not fill
# vectors, or are columns (w^T). Only the order in which a is read differs. A piece is PRODUCT_ROWS rows of the result.

cdef enum:
    PRODUCT_ROWS = 16


cdef inline void product_of_rows(const real* a, Py_ssize_t a_row, Py_ssize_t a_term, const real* b, Py_ssize_t b_term,
                                 Py_ssize_t terms, real* out, Py_ssize_t out_row, Py_ssize_t rows, Py_ssize_t left,
                                 vec* _) noexcept nogil:
    """One vector of columns of out = a b, `left` of them real, for `rows` rows: full tiles, then ones."""
    cdef Py_ssize_t i
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for i in range(rows // NARROW_TILE):
            cover(LINEAR_FULL_TILE)
            multiply_tile(False, a + i * NARROW_TILE * a_row, a_row, a_term, b, b_term, terms,
                          out + i * NARROW_TILE * out_row, out_row, left, NARROW_TILE, 1, _)
        for i in range(rows - rows % NARROW_TILE, rows):
            cover(LINEAR_SINGLE_ROW)
            multiply_tile(False, a + i * a_row, a_row, a_term, b, b_term, terms, out + i * out_row, out_row, left, 1, 1, _)


def matrix_product_rows(const real[:, ::1] a, const real[:, ::1] b, real[:, ::1] out, bint transposed,
                        Py_ssize_t first, Py_ssize_t last, int threads):
    """out = a b, or with a transposed, for the pieces from first to last. b's rows fill vectors."""
    cdef Py_ssize_t columns = out.shape[1], wide = b.shape[1], terms = b.shape[0], p, i, c, k, rows
    cdef Py_ssize_t a_row = 1 if transposed else a.shape[1], a_term = a.shape[1] if transposed else 1
    cdef Py_ssize_t lane = LANES_F32 if real is float else LANES_F64
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        i = p * PRODUCT_ROWS
        rows = min(PRODUCT_ROWS, out.shape[0] - i)
        for k in range(wide // lane):
            c = k * lane
            if real is float:
                product_of_rows(&a[0, 0] + i * a_row, a_row, a_term, &b[0, c], wide, terms, &out[i, c], columns, rows,
                                columns - c, <vec_f32*>NULL)
            else:
                product_of_rows(&a[0, 0] + i * a_row, a_row, a_term, &b[0, c], wide, terms, &out[i, c], columns, rows,
                                columns - c, <vec_f64*>NULL)


cdef matrix_product(a, b, bint transposed=False):
    """a b, or with a transposed."""
    rows, columns, lane = a.shape[1] if transposed else len(a), b.shape[1], vector_lanes(b.dtype)
    wide = -(-columns // lane) * lane
    if wide > columns or not b.flags.c_contiguous:
        filled_up = np.zeros((len(b), wide), b.dtype)
        filled_up[:, :columns] = b
        b = filled_up
    out = np.empty((rows, columns), a.dtype)
    run(matrix_product_rows, -(-rows // PRODUCT_ROWS), (a, b, out, transposed), a.size * columns // PRODUCTS_PER_NUMBER)
    return out


def linear(x, w, b=None):
    """As `minisenet.functional.linear`."""
    y = matrix_product(x, w.T)
    if b is not None:
        y += b
    return y


def linear_backward(dy, x, w, *, bias):
    """As `minisenet.functional.linear_backward`."""
    return matrix_product(dy, w), matrix_product(dy, x, True), dy.sum(axis=0) if bias else None
