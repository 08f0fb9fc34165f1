# Threads: every kernel divides its work into pieces, whose number follows from the shapes alone. A piece writes what no other
# piece writes (its part of the output, or a partial sum of its own, added up afterwards in a fixed order). So the result has
# the same bits for every number of threads.
#
# Where the compiler has OpenMP, a kernel's loop over its pieces is an OpenMP loop. Where it has not (Apple's clang), the same
# loop is a serial one without the GIL, and `run` calls it from Python threads, each with its share of the pieces.
#
# A forked child has only the thread that forked. GNU's OpenMP does not know that, and waits for the others forever. So a child
# uses Python threads too, from a pool of its own.

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

cdef int THREADS = 1
cdef Py_ssize_t WORK_PER_THREAD = 32768
cdef object POOL = None
cdef bint FORKED = False


def after_fork():
    """In the child of a fork: no thread of the parent's is there."""
    global POOL, FORKED
    POOL, FORKED = None, True


if hasattr(os, "register_at_fork"):                 # not on Windows, which does not fork
    os.register_at_fork(after_in_child=after_fork)


def set_num_threads(int n):
    """Let the kernels use n threads."""
    global THREADS, POOL
    THREADS, POOL = n, None


def set_work_per_thread(Py_ssize_t n):
    """How many numbers a thread must have to work on to be worth waking: a few times 10 microseconds' worth. Returns the
    former value. (With 1 every kernel takes all the threads it has pieces for, however small: the tests do that.)"""
    global WORK_PER_THREAD
    before, WORK_PER_THREAD = WORK_PER_THREAD, n
    return before


cdef run(loop, Py_ssize_t pieces, tuple args, Py_ssize_t work):
    """loop(*args, first, last, threads) over all the pieces, on as many threads as `work`, counted in numbers, is worth."""
    global POOL
    cdef int threads = max(1, min(THREADS, pieces, work // WORK_PER_THREAD))
    if threads == 1 or OPENMP and not FORKED:
        loop(*args, 0, pieces, threads)
        return
    if POOL is None:
        POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="minisenet")
    shares = [(pieces * t // threads, pieces * (t + 1) // threads) for t in range(threads)]
    for future in [POOL.submit(loop, *args, first, last, 1) for first, last in shares]:
        future.result()
