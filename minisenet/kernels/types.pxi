# Types and memory: the two float types, their vectors, and aligned scratch.
#
# `real` is float32 or float64. `vec` is as many of them as the widest register of this build holds: a GCC vector type, on
# which +, * and a scalar operand work lane by lane. To Cython it is a float of unknown size; the C compiler sees the vector.
# Without such a compiler (MSVC), or with -DMINISENET_SCALAR, a vector has one lane, and every kernel is still correct.
#
# A function that needs both types is written once, for the fused `real` and the fused `vec`. Cython then makes all four
# combinations; `if same_type` keeps the two that mean something.

cdef extern from *:
    r"""
    #include <string.h>
    #if defined(__AVX512F__)
      #define VECTOR_BYTES 64
    #elif defined(__AVX__)
      #define VECTOR_BYTES 32
    #else
      #define VECTOR_BYTES 16
    #endif
    #if defined(__GNUC__) && !defined(MINISENET_SCALAR)
      /* aligned(): NumPy promises no more than the alignment of one element */
      typedef float  vec_f32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
      typedef double vec_f64 __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
      /* v where keep > 0 or is NaN, lane by lane, else 0: the comparison gives a mask of all ones or all zeros */
      typedef int       mask_f32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
      typedef long long mask_f64 __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
      static inline vec_f32 where_f32(vec_f32 keep, vec_f32 v) { return (vec_f32)(~(mask_f32)(keep <= 0) & (mask_f32)v); }
      static inline vec_f64 where_f64(vec_f64 keep, vec_f64 v) { return (vec_f64)(~(mask_f64)(keep <= 0) & (mask_f64)v); }
    #else
      typedef float  vec_f32;
      typedef double vec_f64;
      static inline vec_f32 where_f32(vec_f32 keep, vec_f32 v) { return keep <= 0 ? 0 : v; }
      static inline vec_f64 where_f64(vec_f64 keep, vec_f64 v) { return keep <= 0 ? 0 : v; }
    #endif
    enum {
      VECTOR_LANES_F32 = sizeof(vec_f32) / sizeof(float),
      VECTOR_LANES_F64 = sizeof(vec_f64) / sizeof(double),
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
    ctypedef float vec_f32
    ctypedef double vec_f64
    vec_f32 where_f32(vec_f32 keep, vec_f32 v) noexcept nogil
    vec_f64 where_f64(vec_f64 keep, vec_f64 v) noexcept nogil
    enum: VECTOR_LANES_F32, VECTOR_LANES_F64, TILE, TILE_VECTORS, CACHE_LINE

ctypedef fused real:
    float
    double

ctypedef fused vec:
    vec_f32
    vec_f64

LANES_F32, LANES_F64, TILE_ROWS = VECTOR_LANES_F32, VECTOR_LANES_F64, TILE


cdef inline Py_ssize_t lanes(vec* _) noexcept nogil:
    """How many numbers one vector holds."""
    return VECTOR_LANES_F32 if vec is vec_f32 else VECTOR_LANES_F64


cdef inline Py_ssize_t vectors_of(Py_ssize_t count, vec* _) noexcept nogil:
    """How many vectors hold `count` numbers; the last may be partly filled."""
    return (count + lanes(_) - 1) // lanes(_)


cdef inline Py_ssize_t vector_count(Py_ssize_t count, Py_ssize_t lane) noexcept nogil:
    """The same, for a known number of lanes."""
    return (count + lane - 1) // lane


cdef inline vec zero(vec* _) noexcept nogil:
    """A vector of zeros. (memset of an array of vectors would keep the array out of the registers.)"""
    cdef vec v
    memset(&v, 0, sizeof(v))
    return v


cdef inline vec load(const void* p, Py_ssize_t count, vec* _) noexcept nogil:
    """The vector at p; where only `count` numbers are left in the row, those, and zeros: nothing is read beyond them."""
    cdef vec v
    if count >= lanes(_):
        return (<const vec*>p)[0]
    memset(&v, 0, sizeof(v))
    memcpy(&v, p, count * (sizeof(float) if vec is vec_f32 else sizeof(double)))
    return v


cdef inline void store(void* p, vec v, Py_ssize_t count) noexcept nogil:
    """Write the vector to p, or only its first `count` numbers."""
    if count >= lanes(&v):
        (<vec*>p)[0] = v
    else:
        memcpy(p, &v, count * (sizeof(float) if vec is vec_f32 else sizeof(double)))


cdef inline vec where_positive(vec keep, vec v) noexcept nogil:
    """v in the lanes where keep > 0 (or is NaN, so that NaN passes on), else 0."""
    if vec is vec_f32:
        return where_f32(keep, v)
    else:
        return where_f64(keep, v)


cdef aligned(shape, dtype, bint zeros=True):
    """np.zeros(shape, dtype), or np.empty, that starts on a cache line, so that no vector load straddles two."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = (np.zeros if zeros else np.empty)(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start:start + size].view(dtype).reshape(shape)


cdef vector_lanes(dtype):
    """How many numbers of a NumPy dtype one vector holds."""
    return LANES_F32 if dtype == np.float32 else LANES_F64
