# The register tile: a small matrix product. Every convolution and every fully connected layer consists of it.
#
#     acc[i] += sum over terms t of a[i, t] b[t]               i: the tile's rows; b[t]: one or two vectors
#
# For each term the vectors of b are loaded once, and each row's number of a is broadcast against them. The sums stay in registers
# over all terms, and they do not depend on each other. `rows` and `vectors` are constants wherever this is inlined. So the compiler
# unrolls the loops over them, every index into `acc` is a constant, and `acc` lives in registers. The rows' addresses need registers
# too, unless their distance is a constant: hence at most TILE rows, or NARROW_TILE.

cdef extern from *:
    """
    /* The return type of functions that must be inlined: otherwise rows and vectors would not be constants. */
    #if defined(__GNUC__)
      #define INLINED_VOID __attribute__((always_inline)) void
    #else
      #define INLINED_VOID void
    #endif
    /* With few rows GCC would load a vector again for each row and broadcast it: a quarter slower. */
    #if defined(__GNUC__) && defined(__x86_64__)
      #define KEEP_IN_REGISTER(v) __asm__("" : "+v"(v))
    #else
      #define KEEP_IN_REGISTER(v) ((void)0)
    #endif
    """
    ctypedef void inlined "INLINED_VOID"
    void keep_in_register "KEEP_IN_REGISTER" (...) noexcept nogil


cdef inline inlined load_tile(vec* acc, const real* start, Py_ssize_t row, int rows, int vectors) noexcept nogil:
    """acc[i] = start[i]; with a row of 0, every acc[i] = start."""
    cdef int i, v
    for i in range(rows):
        for v in range(vectors):
            acc[i * vectors + v] = (<const vec*>(start + i * row))[v]


cdef inline inlined multiply_add(vec* acc, const real* a, Py_ssize_t a_row, Py_ssize_t a_term, const real* b,
                                 Py_ssize_t b_term, Py_ssize_t terms, int rows, int vectors) noexcept nogil:
    """acc[i] += sum over t of a[i, t] b[t]."""
    cdef vec w[TILE_VECTORS]
    cdef Py_ssize_t t
    cdef int i, v
    for t in range(terms):
        for v in range(vectors):
            w[v] = (<const vec*>(b + t * b_term))[v]
            if rows < 4:
                keep_in_register(w[v])
        for i in range(rows):
            for v in range(vectors):
                acc[i * vectors + v] = acc[i * vectors + v] + w[v] * a[i * a_row]
        a = a + a_term


cdef inline inlined store_tile(const vec* acc, real* out, Py_ssize_t row, Py_ssize_t rows_left, Py_ssize_t left, int rows,
                               int vectors) noexcept nogil:
    """out[i] = acc[i] inside the matrix: `rows_left` rows, and `left` numbers of each."""
    cdef int i, v
    if rows_left >= rows and left >= vectors * VECTOR_LANES:
        for i in range(rows):
            for v in range(vectors):
                (<vec*>(out + i * row))[v] = acc[i * vectors + v]
    else:
        cover(TILE_HANGS_OVER)
        for i in range(min(rows, rows_left)):
            memcpy(out + i * row, &acc[i * vectors], min(left, vectors * VECTOR_LANES) * sizeof(real))


cdef inline inlined multiply_tile(bint accumulate, const real* a, Py_ssize_t a_row, Py_ssize_t a_term, const real* b,
                                  Py_ssize_t b_term, Py_ssize_t terms, real* out, Py_ssize_t out_row, Py_ssize_t left,
                                  int rows, int vectors) noexcept nogil:
    """out[i] = sum over t of a[i, t] b[t], or out[i] += that: `accumulate` is a constant where this is inlined."""
    cdef vec acc[2 * TILE]
    cdef int i
    if accumulate:
        load_tile(acc, out, out_row, rows, vectors)
    else:
        for i in range(rows * vectors):
            acc[i] = zero()
    multiply_add(acc, a, a_row, a_term, b, b_term, terms, rows, vectors)
    store_tile(acc, out, out_row, rows, left, rows, vectors)
