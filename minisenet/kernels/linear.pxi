# The fully connected layer: W1 and W2 of eq. (3), and the classifier. Small matrices.
#
# The output and both gradients are one matrix product, out[i] = sum over t of a[i, t] b[t], which runs on the register
# tile of the convolutions:
#
#     y[n]  = sum over c of x[n, c] w^T[c]              dx[n] = sum over o of dy[n, o] w[o]
#                                                       dw[o] = sum over n of dy[n, o] x[n]
#
# The vector runs along a row of b, and a tile is NARROW_TILE rows x 1 vector. b is copied only if its rows do not fill vectors,
# or are columns (w^T). Only the order in which a is read differs. A piece is PRODUCT_ROWS rows of the result.

cpdef enum:
    PRODUCT_ROWS = 16


cdef inline void product_of_rows(const real* a, Py_ssize_t a_row, Py_ssize_t a_term, const real* b, Py_ssize_t b_term,
                                 Py_ssize_t terms, real* out, Py_ssize_t out_row, Py_ssize_t rows, Py_ssize_t left) noexcept nogil:
    """One vector of columns of out = a b, `left` of them real, for `rows` rows: full tiles, then ones."""
    cdef Py_ssize_t i
    for i in range(rows // NARROW_TILE):
        cover(LINEAR_FULL_TILE)
        multiply_tile(False, a + i * NARROW_TILE * a_row, a_row, a_term, b, b_term, terms,
                      out + i * NARROW_TILE * out_row, out_row, left, NARROW_TILE, 1)
    for i in range(rows - rows % NARROW_TILE, rows):
        cover(LINEAR_SINGLE_ROW)
        multiply_tile(False, a + i * a_row, a_row, a_term, b, b_term, terms, out + i * out_row, out_row, left, 1, 1)


def matrix_product_rows(const real[:, ::1] a, const real[:, ::1] b, real[:, ::1] out, bint transposed,
                        Py_ssize_t first, Py_ssize_t last, int threads):
    """out = a b, or with a transposed, for the pieces from first to last. b's rows fill vectors."""
    cdef Py_ssize_t columns = out.shape[1], wide = b.shape[1], terms = b.shape[0], p, i, c, k, rows
    cdef Py_ssize_t a_row = 1 if transposed else a.shape[1], a_term = a.shape[1] if transposed else 1
    cdef Py_ssize_t lane = VECTOR_LANES
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        i = p * PRODUCT_ROWS
        rows = min(PRODUCT_ROWS, out.shape[0] - i)
        for k in range(wide // lane):
            c = k * lane
            product_of_rows(&a[0, 0] + i * a_row, a_row, a_term, &b[0, c], wide, terms, &out[i, c], columns, rows,
                            columns - c)
