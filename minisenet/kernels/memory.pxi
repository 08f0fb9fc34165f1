# Memory: blocks that are used again, so that a pure function may return a fresh array and still cost no fresh memory.
#
# Memory is quick to ask for and slow to touch: at the first write to each page of it the processor stops, and the operating
# system finds a page and fills it with zeros. A training step, though, makes arrays of the same sizes in the same order as
# the step before. NumPy lets a program bring its own malloc and free (NEP 49, a handler), and this is ours: a freed block of
# LARGE bytes or more waits in a list, and the next array of its size gets it, pages and all.
#
#     raw: what malloc gave               block: what NumPy gets, on a cache line
#     v                                   v
#     | up to 63 bytes | Header: raw, size | the array's bytes, rounded up to one of eight sizes for each power of two |
#
# - The list is short, and in the order in which its blocks were freed. The newest of the right size is taken (the cache may
#   still hold it), and the oldest are given back to the system where the list has grown beyond its bound: twice what was in
#   use at once. So blocks of sizes that are no longer asked for leave by themselves.
# - An array may outlive all this, and be freed by any thread. NumPy keeps the handler with each array, so the handler is
#   static and never ends; what is freed when nobody uses the list goes to the system. One lock guards the list, and not the
#   GIL, which a free-threaded Python has not. Nothing that could wait for the GIL is done under it.
# - `free` is told a size by NumPy, but trusts the header alone.

from cpython.pycapsule cimport PyCapsule_New
from cpython.pythread cimport (PyThread_acquire_lock, PyThread_allocate_lock, PyThread_release_lock, PyThread_type_lock,
                               WAIT_LOCK)
from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memmove

cdef extern from "numpy/arrayobject.h":
    int _import_array() except -1
    object PyDataMem_SetHandler(object handler)
    ctypedef struct PyDataMemAllocator:
        void* ctx
        void* (*malloc)(void* ctx, size_t size) noexcept nogil
        void* (*calloc)(void* ctx, size_t count, size_t size) noexcept nogil
        void* (*realloc)(void* ctx, void* block, size_t size) noexcept nogil
        void (*free)(void* ctx, void* block, size_t size) noexcept nogil
    ctypedef struct PyDataMem_Handler:
        char name[127]
        unsigned char version
        PyDataMemAllocator allocator

cdef extern from *:
    """
    #if defined(__linux__)
      #include <sys/mman.h>
    #endif
    enum {
      LARGE = 1 << 16,              /* bytes; smaller blocks are malloc's business, which is good at it */
      HUGE_PAGE = 1 << 21,
      IDLE_BLOCKS = 1024
    };
    /* Pages of 2 MB instead of 4 kB where the system has them, as NumPy's own handler asks for. */
    static void wish_for_huge_pages(char *begin, size_t size) {
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
      size_t skip = -(size_t)begin & 4095;
      if (size >= 2 * HUGE_PAGE) madvise(begin + skip, size - skip, MADV_HUGEPAGE);
    #endif
    }
    """
    enum: LARGE, HUGE_PAGE, IDLE_BLOCKS
    void wish_for_huge_pages(char* begin, size_t size) noexcept nogil

cdef struct Header:
    void* raw                       # for the system's free
    size_t size                     # bytes from the block on

cdef struct Idle:
    Header* header
    size_t size                     # a copy: to search the list is not to touch its blocks

cdef struct Heap:                   # of LARGE bytes or more
    Idle idle[IDLE_BLOCKS]          # the oldest first
    Py_ssize_t count
    size_t idle_bytes
    size_t used_bytes               # by arrays, at this moment
    size_t most_used_bytes          # and at most
    Py_ssize_t users                # contexts that want the list now
    Py_ssize_t reused               # how many arrays got a block of the list,
    Py_ssize_t fresh                # and how many got one from the system

cdef Heap heap                      # all zeros
cdef PyThread_type_lock heap_lock = PyThread_allocate_lock()


# ---- the list: to be called under the lock -------------------------------------------------------------------------------

cdef void heap_give_back(size_t bytes_left, Py_ssize_t blocks_left) noexcept nogil:
    """Free the oldest idle blocks until no more than so many bytes in so many blocks are left."""
    cdef Py_ssize_t gone = 0
    while gone < heap.count and (heap.idle_bytes > bytes_left or heap.count - gone > blocks_left):
        heap.idle_bytes -= heap.idle[gone].size
        free(heap.idle[gone].header.raw)
        gone += 1
    heap.count -= gone
    if gone:
        memmove(&heap.idle[0], &heap.idle[gone], heap.count * sizeof(Idle))


cdef Header* heap_take(size_t size) noexcept nogil:
    """The newest idle block of exactly this size, or NULL."""
    cdef Header* header
    cdef Py_ssize_t i = heap.count - 1
    while i >= 0 and heap.idle[i].size != size:
        i -= 1
    if i < 0:
        return NULL
    header = heap.idle[i].header
    heap.count -= 1
    heap.idle_bytes -= size
    memmove(&heap.idle[i], &heap.idle[i + 1], (heap.count - i) * sizeof(Idle))
    return header


cdef void heap_use(size_t size) noexcept nogil:
    heap.used_bytes += size
    heap.most_used_bytes = max(heap.most_used_bytes, heap.used_bytes)


cdef void heap_keep(Header* header) noexcept nogil:
    """Add a freed block, if anybody wants the list, and what is too old for the bound goes."""
    if not heap.users:
        free(header.raw)
        return
    heap_give_back(2 * heap.most_used_bytes - header.size, IDLE_BLOCKS - 1)
    heap.idle[heap.count].header = header
    heap.idle[heap.count].size = header.size
    heap.count += 1
    heap.idle_bytes += header.size


# ---- what NumPy calls, with the GIL or without ---------------------------------------------------------------------------

cdef size_t rounded(size_t size) noexcept nogil:
    """The next multiple of an eighth of a power of two: a block is at most 1/8 larger than what it was first made for."""
    cdef size_t step = LARGE // 8
    if size < LARGE:
        return size
    while size > 16 * step:             # NumPy asks for no more than half of what a size_t can hold, so this ends
        step *= 2
    return (size + step - 1) // step * step


cdef Header* from_system(size_t size, bint zeros) noexcept nogil:
    """A block between a Header and its end, on a cache line, or NULL."""
    cdef size_t whole = size + sizeof(Header) + CACHE_LINE - 1
    cdef char* raw = <char*>(calloc(1, whole) if zeros else malloc(whole))
    cdef char* block
    if raw == NULL:
        return NULL
    block = raw + sizeof(Header)
    block += -<uintptr_t>block % CACHE_LINE
    wish_for_huge_pages(block, size)
    (<Header*>block - 1).raw = raw
    (<Header*>block - 1).size = size
    return <Header*>block - 1


cdef Header* from_list(size_t size) noexcept nogil:
    cdef Header* header
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    header = heap_take(size)
    if header != NULL:
        heap.reused += 1
        heap_use(size)
    PyThread_release_lock(heap_lock)
    return header


cdef Header* fresh_block(size_t size, bint zeros) noexcept nogil:
    """A large block from the system. Where it has none, what lies idle may be what is missing."""
    cdef Header* header = from_system(size, zeros)
    if header == NULL:
        PyThread_acquire_lock(heap_lock, WAIT_LOCK)
        heap_give_back(0, 0)
        PyThread_release_lock(heap_lock)
        header = from_system(size, zeros)
    if header != NULL:
        PyThread_acquire_lock(heap_lock, WAIT_LOCK)
        heap.fresh += 1
        heap_use(size)
        PyThread_release_lock(heap_lock)
    return header


cdef void* new_block(size_t asked, bint zeros) noexcept nogil:
    cdef size_t size = rounded(asked)
    cdef Header* header = from_list(size) if size >= LARGE else NULL
    if header != NULL:
        if zeros:
            memset(header + 1, 0, asked)
        return header + 1
    header = fresh_block(size, zeros) if size >= LARGE else from_system(size, zeros)
    return NULL if header == NULL else header + 1


cdef void* handler_malloc(void* _, size_t size) noexcept nogil:
    return new_block(size, False)


cdef void* handler_calloc(void* _, size_t count, size_t size) noexcept nogil:
    if size and count > (<size_t>-1 // 2) // size:
        return NULL
    return new_block(count * size, True)


cdef void handler_free(void* _, void* block, size_t __) noexcept nogil:
    cdef Header* header = <Header*>block - 1
    if block == NULL:
        return
    if header.size < LARGE:
        free(header.raw)
        return
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    heap.used_bytes -= header.size
    heap_keep(header)
    PyThread_release_lock(heap_lock)


cdef void* handler_realloc(void* _, void* block, size_t size) noexcept nogil:
    """A block of another size with the same content, as far as it goes."""
    cdef size_t before
    cdef void* other
    if block == NULL:
        return new_block(size, False)
    before = (<Header*>block - 1).size
    if rounded(size) == before:
        return block
    other = new_block(size, False)
    if other != NULL:
        memcpy(other, block, min(size, before))
        handler_free(_, block, before)
    return other


# ---- for _dispatch.reuse_memory ------------------------------------------------------------------------------------------

_import_array()
cdef PyDataMem_Handler handler      # all zeros
memcpy(handler.name, b"minisenet", 9)
handler.version = 1
handler.allocator.malloc = handler_malloc
handler.allocator.calloc = handler_calloc
handler.allocator.realloc = handler_realloc
handler.allocator.free = handler_free
cdef object HANDLER = PyCapsule_New(&handler, "mem_handler", NULL)         # the name that NumPy asks for


def begin_reuse():
    """From now on NumPy takes this context's arrays from the list. Returns the handler there was, for `end_reuse`."""
    before = PyDataMem_SetHandler(HANDLER)
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    if not heap.users:
        heap.most_used_bytes = heap.used_bytes
    heap.users += 1
    PyThread_release_lock(heap_lock)
    return before


def end_reuse(before):
    """Put the former handler back; the last to leave empties the list."""
    PyDataMem_SetHandler(before)
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    heap.users -= 1
    if not heap.users:
        heap_give_back(0, 0)
    PyThread_release_lock(heap_lock)


def memory_statistics():
    """As `minisenet._dispatch.memory_statistics`."""
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    cdef Heap now = heap
    PyThread_release_lock(heap_lock)
    return dict(reused=now.reused, fresh=now.fresh, idle_blocks=now.count, idle_bytes=now.idle_bytes,
                used_bytes=now.used_bytes, most_used_bytes=now.most_used_bytes)


def _forget_after_fork():
    """In the child: another thread of the parent may have held the lock, and it is not here to release it."""
    global heap_lock
    heap_lock = PyThread_allocate_lock()
    heap.count, heap.idle_bytes = 0, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
