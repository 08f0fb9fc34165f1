# Whether the compiler has OpenMP. Threads are explained in threads.py.

cdef extern from *:
    """
    #ifdef _OPENMP
      enum { COMPILED_WITH_OPENMP = 1 };
    #else
      enum { COMPILED_WITH_OPENMP = 0 };
    #endif
    """
    enum: COMPILED_WITH_OPENMP

OPENMP = bool(COMPILED_WITH_OPENMP)
