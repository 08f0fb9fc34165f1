# Types and memory: the float type, its vectors, and how they are loaded and stored.
#
# `real` is float32. setup.py compiles the same C code a second time with REAL=double, for float64. `vec` is as many of them as
# the widest register of this build holds: a GCC vector type, on which +, * and a scalar operand work lane by lane. Cython
# believes that it is a number wider than `real`, so that real * vec is a vec; the C compiler sees the vector. Without such a
# compiler (MSVC), or with -DMINISENET_SCALAR, a vector has one lane, and every kernel is still correct.

cdef extern from *:
    r"""
    #include <string.h>
    #ifndef REAL
      #define REAL float
    #endif
    typedef REAL real;
    #if defined(__AVX512F__)
      #define VECTOR_BYTES 64
    #elif defined(__AVX__)
      #define VECTOR_BYTES 32
    #else
      #define VECTOR_BYTES 16
    #endif
    #if defined(__GNUC__) && !defined(MINISENET_SCALAR)
      /* aligned(): NumPy promises no more than the alignment of one element */
      typedef real vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
      /* v where keep > 0 or is NaN, lane by lane, else 0: the comparison gives a mask of all ones or all zeros */
      #define WHERE_POSITIVE(keep, v) ((vec)(~((keep) <= 0) & (__typeof__((keep) <= 0))(v)))
    #else
      typedef real vec;
      #define WHERE_POSITIVE(keep, v) ((keep) <= 0 ? 0 : (v))
    #endif
    static inline vec where_positive(vec keep, vec v) { return WHERE_POSITIVE(keep, v); }
    enum {
      VECTOR_LANES = sizeof(vec) / sizeof(real),
    /* Rows of the register tile: the 32 registers of AVX-512 and of NEON hold twice the accumulators that 16 do. */
    #if defined(__AVX512F__) || defined(__ARM_NEON)
      TILE = 8,
    #else
      TILE = 4,
    #endif
      TILE_VECTORS = 2,
      CACHE_LINE = 64
    };
    """
    ctypedef float real
    ctypedef double vec
    vec where_positive(vec keep, vec v) noexcept nogil
    enum: VECTOR_LANES, TILE, TILE_VECTORS, CACHE_LINE

DTYPE = np.float32 if sizeof(real) == 4 else np.float64
LANES, TILE_ROWS = VECTOR_LANES, TILE


cdef inline Py_ssize_t vectors_of(Py_ssize_t count) noexcept nogil:
    """How many vectors hold `count` numbers; the last may be partly filled."""
    return (count + VECTOR_LANES - 1) // VECTOR_LANES


cdef inline vec zero() noexcept nogil:
    """A vector of zeros. (memset of an array of vectors would keep the array out of the registers.)"""
    cdef vec v
    memset(&v, 0, sizeof(v))
    return v


cdef inline vec load(const void* p, Py_ssize_t count) noexcept nogil:
    """The vector at p. If the row has only `count` more numbers: these, and zeros. Nothing is read beyond them."""
    cdef vec v
    if count >= VECTOR_LANES:
        return (<const vec*>p)[0]
    memset(&v, 0, sizeof(v))
    memcpy(&v, p, count * sizeof(real))
    return v


cdef inline void store(void* p, vec v, Py_ssize_t count) noexcept nogil:
    """Write the vector to p, or only its first `count` numbers."""
    if count >= VECTOR_LANES:
        (<vec*>p)[0] = v
    else:
        memcpy(p, &v, count * sizeof(real))
