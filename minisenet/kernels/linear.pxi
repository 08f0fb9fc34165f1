# The fully connected layer: W1 and W2 of eq. (3), and the classifier. Small matrices, which nothing has to be packed for.
#
# - Forward: y[n, o] is the dot product of two rows, x[n] and w[o], whose numbers lie side by side. So the vector runs along
#   the row, a register tile is 4 rows of x by 4 of w, and the lanes are added up at the end.
# - Both gradients are sums of rows: dx[n] = sum over o of dy[n, o] w[o], and dw[o] = sum over n of dy[n, o] x[n]. The vector
#   runs along the row again, and a register tile is 4 sums by 1 vector: for each term a row is loaded and 4 numbers of dy are
#   broadcast. Only the order in which dy is read differs.
# - A piece is LINEAR_ROWS rows of the result.

cdef enum:
    LINEAR_TILE = 4
    LINEAR_ROWS = 16


cdef inline void dot_tile(const real* x, const real* w, const real* b, real* y, Py_ssize_t columns, Py_ssize_t y_row,
                          int rows, int out, vec* _) noexcept nogil:
    """y[i, j] = x[i] . w[j] + b[j] for `rows` x `out` pairs: constants where this is inlined."""
    cdef vec acc[LINEAR_TILE * LINEAR_TILE]
    cdef vec v[LINEAR_TILE]
    cdef vec u
    cdef Py_ssize_t k, c
    cdef int i, j, lane
    cdef real total
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for i in range(rows * out):
            acc[i] = zero(_)
        for k in range(vectors_of(columns, _)):
            c = k * lanes(_)
            for j in range(out):
                v[j] = load(w + j * columns + c, columns - c, _)
            for i in range(rows):
                u = load(x + i * columns + c, columns - c, _)
                for j in range(out):
                    acc[i * out + j] = acc[i * out + j] + u * v[j]
        for i in range(rows):
            for j in range(out):
                total = b[j]
                for lane in range(lanes(_)):
                    total = total + (<real*>&acc[i * out + j])[lane]
                y[i * y_row + j] = total


cdef inline void dot_rows(const real* x, const real* w, const real* b, real* y, Py_ssize_t rows, Py_ssize_t out,
                          Py_ssize_t columns, vec* _) noexcept nogil:
    """All pairs of rows, tile by tile; those that no tile takes, one by one."""
    cdef Py_ssize_t i = 0, j
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        while i < rows:
            j = 0
            while j < out:
                if i + LINEAR_TILE <= rows and j + LINEAR_TILE <= out:
                    dot_tile(x + i * columns, w + j * columns, b + j, y + i * out + j, columns, out, LINEAR_TILE, LINEAR_TILE, _)
                    j = j + LINEAR_TILE
                elif i + LINEAR_TILE <= rows:
                    dot_tile(x + i * columns, w + j * columns, b + j, y + i * out + j, columns, out, LINEAR_TILE, 1, _)
                    j = j + 1
                else:
                    dot_tile(x + i * columns, w + j * columns, b + j, y + i * out + j, columns, out, 1, 1, _)
                    j = j + 1
            i = i + (LINEAR_TILE if i + LINEAR_TILE <= rows else 1)


def linear_rows(const real[:, ::1] x, const real[:, ::1] w, const real[::1] b, real[:, ::1] y,
                Py_ssize_t first, Py_ssize_t last, int threads):
    """y = x w^T + b for the pieces from first to last."""
    cdef Py_ssize_t p, n, rows
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        n = p * LINEAR_ROWS
        rows = min(LINEAR_ROWS, x.shape[0] - n)
        if real is float:
            dot_rows(&x[n, 0], &w[0, 0], &b[0], &y[n, 0], rows, w.shape[0], x.shape[1], <vec_f32*>NULL)
        else:
            dot_rows(&x[n, 0], &w[0, 0], &b[0], &y[n, 0], rows, w.shape[0], x.shape[1], <vec_f64*>NULL)


cdef inline void sum_tile(const real* a, const real* b, real* out, Py_ssize_t terms, Py_ssize_t a_row, Py_ssize_t a_term,
                          Py_ssize_t columns, Py_ssize_t left, int rows, vec* _) noexcept nogil:
    """One vector of out[i] = sum over terms t of a[i, t] b[t], for `rows` rows i: a constant where this is inlined."""
    cdef vec acc[LINEAR_TILE]
    cdef vec v
    cdef Py_ssize_t t
    cdef int i
    if (real is float and vec is vec_f32) or (real is double and vec is vec_f64):
        for i in range(rows):
            acc[i] = zero(_)
        for t in range(terms):
            v = load(b + t * columns, left, _)
            for i in range(rows):
                acc[i] = acc[i] + v * a[i * a_row + t * a_term]
        for i in range(rows):
            store(out + i * columns, acc[i], left)


def sum_rows(const real[:, ::1] dy, const real[:, ::1] b, real[:, ::1] out, bint transposed,
             Py_ssize_t first, Py_ssize_t last, int threads):
    """out[i] = sum over t of dy[i, t] b[t]; `transposed`: of dy[t, i] b[t]. For the pieces from first to last."""
    cdef Py_ssize_t columns = b.shape[1], terms = b.shape[0], p, i, c, end, k
    cdef Py_ssize_t a_row = 1 if transposed else dy.shape[1], a_term = dy.shape[1] if transposed else 1
    cdef Py_ssize_t lane = LANES_F32 if real is float else LANES_F64
    cdef const real* a
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        end = min((p + 1) * LINEAR_ROWS, out.shape[0])
        for k in range(vector_count(columns, lane)):
            c = k * lane
            i = p * LINEAR_ROWS
            while i < end:
                a = &dy[0, 0] + i * a_row
                if real is float:
                    if i + LINEAR_TILE <= end:
                        sum_tile(a, &b[0, c], &out[i, c], terms, a_row, a_term, columns, columns - c, LINEAR_TILE, <vec_f32*>NULL)
                    else:
                        sum_tile(a, &b[0, c], &out[i, c], terms, a_row, a_term, columns, columns - c, 1, <vec_f32*>NULL)
                else:
                    if i + LINEAR_TILE <= end:
                        sum_tile(a, &b[0, c], &out[i, c], terms, a_row, a_term, columns, columns - c, LINEAR_TILE, <vec_f64*>NULL)
                    else:
                        sum_tile(a, &b[0, c], &out[i, c], terms, a_row, a_term, columns, columns - c, 1, <vec_f64*>NULL)
                i = i + (LINEAR_TILE if i + LINEAR_TILE <= end else 1)


cdef pieces_of(Py_ssize_t rows):
    return (rows + LINEAR_ROWS - 1) // LINEAR_ROWS


def linear(x, w, b=None):
    """As `minisenet.functional.linear`."""
    y = np.empty((len(x), len(w)), x.dtype)
    run(linear_rows, pieces_of(len(x)), (x, w, np.zeros(len(w), x.dtype) if b is None else b, y),
        x.size * len(w) // PRODUCTS_PER_NUMBER)
    return y


def linear_backward(dy, x, w, *, bias):
    """As `minisenet.functional.linear_backward`."""
    dx, dw, work = np.empty_like(x), np.empty_like(w), x.size * len(w) // PRODUCTS_PER_NUMBER
    run(sum_rows, pieces_of(len(dx)), (dy, w, dx, False), work)
    run(sum_rows, pieces_of(len(dw)), (dy, x, dw, True), work)
    return dx, dw, dy.sum(axis=0) if bias else None
