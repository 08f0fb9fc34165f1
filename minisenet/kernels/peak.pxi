# What this machine can do at most, for `minisenet bench --ops` to hold the other kernels against. Both loops are as bare as
# they can be, in float32, in this build's vectors and on the same threads as everything else.
#
# Arithmetic: a fused multiply-add takes four or five cycles, and a core starts two in each. So up to ten must be on their
# way at any moment, each in a chain of its own; twelve chains leave some slack, and fit, with the two operands that they
# share, into the 16 registers of the older instruction sets. Nothing is loaded or stored. Each chain of each piece begins with
# a number of its own: of twelve chains that are equal, or of eight pieces, the compiler makes one. (The baseline build has no
# FMA: a product and a sum, which take six to eight cycles together.)
#
# Memory: the triad of McCalpin's STREAM, out = x + factor y, over arrays that no cache holds: two streams in and one out,
# about what a sweep does. The stores are ordinary ones, as the kernels' are.

cdef enum:
    PEAK_CHAINS = 12
    TRIAD_PIECE = 262144


cdef inline float multiply_add_chains(float start, float factor, float term, Py_ssize_t rounds) noexcept nogil:
    """acc = acc * factor + term, `rounds` times, in registers that begin at start, start + 1, …; the sum of all lanes."""
    cdef vec_f32 acc[PEAK_CHAINS]
    cdef float lane[PEAK_CHAINS * VECTOR_LANES_F32]
    cdef float total = 0
    cdef Py_ssize_t r, i
    for i in range(PEAK_CHAINS):
        acc[i] = zero(acc) + (start + i)
    for r in range(rounds):
        for i in range(PEAK_CHAINS):
            acc[i] = acc[i] * factor + term
    memcpy(lane, acc, sizeof(acc))
    for i in range(PEAK_CHAINS * VECTOR_LANES_F32):
        total = total + lane[i]
    return total


def multiply_add_pieces(float[::1] totals, float factor, float term, Py_ssize_t rounds,
                        Py_ssize_t first, Py_ssize_t last, int threads):
    """A piece is one run of the chains."""
    cdef Py_ssize_t p
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        totals[p] = multiply_add_chains(<float>p, factor, term, rounds)


def multiply_adds(Py_ssize_t pieces, Py_ssize_t rounds):
    """Do nothing but multiply-adds; how many, and each piece's sum of the results."""
    totals = np.empty(pieces, np.float32)
    run(multiply_add_pieces, pieces, (totals, 0.5, 1.0, rounds), pieces * rounds * PEAK_CHAINS * VECTOR_LANES_F32)
    return pieces * rounds * PEAK_CHAINS * VECTOR_LANES_F32, totals


cdef inline void triad_piece(const float* x, const float* y, float factor, float* out, Py_ssize_t size,
                             vec_f32* _) noexcept nogil:
    """out = x + factor y."""
    cdef Py_ssize_t b, i
    for b in range(vectors_of(size, _)):
        i = b * lanes(_)
        store(out + i, load(x + i, size - i, _) + load(y + i, size - i, _) * factor, size - i)


def triad_pieces(const float[::1] x, const float[::1] y, float factor, float[::1] out,
                 Py_ssize_t first, Py_ssize_t last, int threads):
    """Pieces of TRIAD_PIECE numbers, 1 MiB of each array."""
    cdef Py_ssize_t p, i
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        i = p * TRIAD_PIECE
        triad_piece(&x[i], &y[i], factor, &out[i], min(TRIAD_PIECE, x.shape[0] - i), <vec_f32*>NULL)


def triad(x, y, factor, out):
    """out = x + factor y, in float32 and in one dimension."""
    run(triad_pieces, -(-x.size // TRIAD_PIECE), (x, y, factor, out), x.size)
