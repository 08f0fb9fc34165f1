# The machine's limits: `minisenet bench --ops` compares the other kernels with them. Both loops do as little else as possible, in
# float32, with this build's vectors and on the same threads as all kernels.
#
# Arithmetic: a fused multiply-add takes four or five cycles, and a core starts two in each cycle. So up to ten must overlap, each in
# its own chain. Twelve chains leave some slack. With the two operands that they share, they fit into the 16 registers of the older
# instruction sets. Nothing is loaded or stored. Each chain of each piece begins with a different number: the compiler would merge
# equal chains, or equal pieces. (The baseline build has no FMA: a product and a sum take six to eight cycles together.)
#
# Memory: the triad of McCalpin's STREAM, out = x + factor y, on arrays larger than every cache. It has two streams in and one out,
# about as many as a pass over maps. Its stores are ordinary ones, like the kernels' own.

cpdef enum:
    PEAK_CHAINS = 12
    TRIAD_PIECE = 262144


cdef inline real multiply_add_chains(real start, real factor, real term, Py_ssize_t rounds) noexcept nogil:
    """acc = acc * factor + term, `rounds` times, in registers that begin at start, start + 1, …; the sum of all lanes."""
    cdef vec acc[PEAK_CHAINS]
    cdef real lane[PEAK_CHAINS * VECTOR_LANES]
    cdef real total = 0
    cdef Py_ssize_t r, i
    for i in range(PEAK_CHAINS):
        acc[i] = zero() + (start + i)
    for r in range(rounds):
        for i in range(PEAK_CHAINS):
            acc[i] = acc[i] * factor + term
    memcpy(lane, acc, sizeof(acc))
    for i in range(PEAK_CHAINS * VECTOR_LANES):
        total = total + lane[i]
    return total


def multiply_add_pieces(real[::1] totals, real factor, real term, Py_ssize_t rounds,
                        Py_ssize_t first, Py_ssize_t last, int threads):
    """A piece is one run of the chains."""
    cdef Py_ssize_t p
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        totals[p] = multiply_add_chains(<real>p, factor, term, rounds)


cdef inline void triad_piece(const real* x, const real* y, real factor, real* out, Py_ssize_t size) noexcept nogil:
    """out = x + factor y."""
    cdef Py_ssize_t b, i
    for b in range(vectors_of(size)):
        i = b * VECTOR_LANES
        store(out + i, load(x + i, size - i) + load(y + i, size - i) * factor, size - i)


def triad_pieces(const real[::1] x, const real[::1] y, real factor, real[::1] out,
                 Py_ssize_t first, Py_ssize_t last, int threads):
    """Pieces of TRIAD_PIECE numbers, 1 MiB of each array."""
    cdef Py_ssize_t p, i
    for p in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        i = p * TRIAD_PIECE
        triad_piece(&x[i], &y[i], factor, &out[i], min(TRIAD_PIECE, x.shape[0] - i))
