# Memory: regions that are cut into arrays, so that a pure function may return a fresh array and still cost no fresh memory.
#
# Memory is quick to ask for and slow to touch: at the first write to each page of it the processor stops, and the operating
# system finds a page and fills it with zeros. A training step, though, makes the same arrays in the same order as the step
# before. NumPy lets a program bring its own malloc and free (NEP 49, a handler), and this is ours: arrays of LARGE bytes or
# more are pieces of regions, and what is freed is for the next array, pages and all.
#
#     Region                                                        top                                    end
#     v                                                             v                                      v
#     | Piece, its array | Piece, idle    | Piece, its array | Piece, idle | never touched, so not there yet |
#
# - A piece begins with a header of one cache line, and pieces fill whole pages. An array takes the smallest idle piece that
#   is large enough and cuts off what it does not need: a map its beginning, so that maps lie side by side, and what is
#   smaller and may stay for longer its end. A freed piece is joined with idle neighbours: two maps of 4 MB make place for
#   one of 8, and where only one lies idle, but below the top, the other half is added to it.
# - The top rises only where no idle piece will do. What lies above it costs no memory, only addresses, so a region may be
#   generous: as large as twice what was in use at once, so that soon one holds everything. Regions that lie wholly idle
#   when a new one is needed were too small, and go back to the system.
# - Measured, in training with the kernels: the tops rise to between 1.00 and 1.08 times the bytes in use at once, and nearly
#   always in the first two steps. Where arrays change places from step to step, as by the loader's thread, one may lack room
#   later and raise the top once more.
# - An array may outlive all this, and be freed by any thread. NumPy keeps the handler with each array, so the handler is
#   static and never ends. When nobody wants the heap any more its regions retire: idle pages go back to the system at once,
#   the others with their arrays. One lock guards the heap, and not the GIL, which a free-threaded Python has not. Nothing
#   that could wait for the GIL is done under it.
# - `free` is told a size by NumPy, but trusts the header alone.

from cpython.pycapsule cimport PyCapsule_New
from cpython.pythread cimport (PyThread_acquire_lock, PyThread_allocate_lock, PyThread_release_lock, PyThread_type_lock,
                               WAIT_LOCK)
from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free, malloc

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
    #if defined(__unix__) || defined(__APPLE__)
      #include <sys/mman.h>
      #include <unistd.h>
    #endif
    enum {
      LARGE = 1 << 16,              /* bytes; smaller blocks are malloc's business, which is good at it */
      UNIT = 1 << 12,               /* pieces begin and end at multiples of this: a page of most systems */
      MAP = 1 << 20,                /* arrays of so much come and go; smaller ones, such as gradients, stay longer */
      REGION = 1 << 26
    };
    /* `advice` for the whole pages between two addresses. Where a system knows no such advice, nothing happens. */
    static void advise(char *begin, char *end, int advice) {
    #if defined(MADV_DONTNEED)
      size_t page = (size_t)sysconf(_SC_PAGESIZE);
      begin += -(size_t)begin % page;
      end -= (size_t)end % page;
      if (begin < end) madvise(begin, (size_t)(end - begin), advice);
    #endif
    }
    /* Pages of 2 MB instead of 4 kB, as NumPy's own handler asks for: of a region only the one at the top is part empty. */
    static void wish_for_huge_pages(char *begin, char *end) {
    #if defined(MADV_HUGEPAGE)
      advise(begin, end, MADV_HUGEPAGE);
    #endif
    }
    static void forget_pages(char *begin, char *end) {
    #if defined(__linux__)
      advise(begin, end, MADV_DONTNEED);
    #elif defined(MADV_FREE)
      advise(begin, end, MADV_FREE);
    #endif
    }
    """
    enum: LARGE, UNIT, MAP, REGION
    void wish_for_huge_pages(char* begin, char* end) noexcept nogil
    void forget_pages(char* begin, char* end) noexcept nogil

cdef struct Piece:                  # CACHE_LINE bytes, and the array's behind them
    size_t size                     # with these
    Region* region                  # NULL where it is malloc's
    void* raw                       # then what malloc gave
    Piece* before                   # its neighbours in the region
    Piece* after
    bint idle
    Piece* previous                 # in the list of idle pieces
    Piece* next

cdef struct Region:
    Region* next
    Py_ssize_t era                  # regions of former eras are retired
    Py_ssize_t arrays
    Piece* last
    char* top                       # where the last piece ends; never touched from here on, so all zeros
    char* end

cdef struct Heap:                   # of arrays of LARGE bytes or more
    Region* regions                 # of this era
    Piece* idle
    Py_ssize_t era
    Py_ssize_t idle_blocks
    size_t idle_bytes
    size_t used_bytes               # by arrays, at this moment
    size_t most_used_bytes          # and at most
    Py_ssize_t users                # contexts that want the heap now
    Py_ssize_t reused               # how many arrays got used memory,
    Py_ssize_t fresh                # and how many, in part at least, memory that was never touched

cdef Heap heap                      # all zeros
cdef PyThread_type_lock heap_lock = PyThread_allocate_lock()


# ---- idle pieces: to be called under the lock ----------------------------------------------------------------------------

cdef void idle_add(Piece* piece) noexcept nogil:
    piece.idle, piece.previous, piece.next = True, NULL, heap.idle
    if heap.idle != NULL:
        heap.idle.previous = piece
    heap.idle = piece
    heap.idle_blocks += 1
    heap.idle_bytes += piece.size


cdef void idle_remove(Piece* piece) noexcept nogil:
    piece.idle = False
    if piece.previous != NULL:
        piece.previous.next = piece.next
    else:
        heap.idle = piece.next
    if piece.next != NULL:
        piece.next.previous = piece.previous
    heap.idle_blocks -= 1
    heap.idle_bytes -= piece.size


cdef void insert(Piece* piece, Region* region, Piece* before, Piece* after) noexcept nogil:
    """A new piece between two neighbours, of which either may be NULL: there the region begins or the pieces end."""
    piece.region, piece.before, piece.after, piece.idle = region, before, after, False
    if before != NULL:
        before.after = piece
    if after != NULL:
        after.before = piece
    else:
        region.last = piece


cdef void join_next(Piece* piece) noexcept nogil:
    """One piece of this one and the one behind it, which is in no list any more."""
    piece.size += piece.after.size
    piece.after = piece.after.after
    if piece.after != NULL:
        piece.after.before = piece
    else:
        piece.region.last = piece


cdef Piece* from_idle(size_t size) noexcept nogil:
    """The smallest idle piece that is large enough, without what is too much of it, or NULL."""
    cdef Piece* best = NULL
    cdef Piece* piece = heap.idle
    cdef size_t front
    while piece != NULL:
        if piece.size >= size and (best == NULL or piece.size < best.size or (piece.size == best.size and piece > best)):
            best = piece
        piece = piece.next
    if best == NULL:
        return NULL
    idle_remove(best)
    if best.size == size:
        return best
    front = best.size - size if size < MAP else size
    piece = <Piece*>(<char*>best + front)
    piece.size, best.size = best.size - front, front
    insert(piece, best.region, best, best.after)
    if size < MAP:
        idle_add(best)
        return piece
    idle_add(piece)
    return best


cdef Piece* from_top(size_t size, Region* region) noexcept nogil:
    """The region's last piece, if it is idle, made larger, or a new one behind it, or NULL where there is no room."""
    cdef Piece* piece = region.last
    cdef bint idle = piece != NULL and piece.idle
    if <size_t>(region.end - (<char*>piece if idle else region.top)) < size:
        return NULL
    if idle:
        idle_remove(piece)
    else:
        piece = <Piece*>region.top
        insert(piece, region, region.last, NULL)
    piece.size = size
    region.top = <char*>piece + size
    return piece


# ---- regions: under the lock too -----------------------------------------------------------------------------------------

cdef Region* new_region(size_t size) noexcept nogil:
    """A region for a piece of `size` bytes and many more to come, or if need be for it alone, or NULL."""
    cdef size_t generous = max(size, <size_t>REGION, 2 * heap.most_used_bytes) + 2 * UNIT   # its header, and up to a page
    cdef Region* region = <Region*>calloc(1, generous)      # of so much the system makes zeros when it is touched, not now
    if region == NULL:
        generous = size + 2 * UNIT
        region = <Region*>calloc(1, generous)
    if region == NULL:
        return NULL
    region.end = <char*>region + generous
    region.top = <char*>region + sizeof(Region)
    region.top += -<uintptr_t>region.top % UNIT
    region.era, region.next = heap.era, heap.regions
    heap.regions = region
    wish_for_huge_pages(region.top, region.end)
    return region


cdef void give_back_idle_regions() noexcept nogil:
    cdef Region** link = &heap.regions
    cdef Region* region = heap.regions
    while region != NULL:
        if region.arrays:
            link = &region.next
        else:
            link[0] = region.next
            if region.last != NULL:
                idle_remove(region.last)                    # the only one: all are idle, so all are joined
            free(region)
        region = link[0]


cdef void retire_regions() noexcept nogil:
    """The end of an era: what is idle goes back to the system, and what is not when it is freed."""
    cdef Piece* piece
    cdef Piece* next
    give_back_idle_regions()
    piece = heap.idle
    while piece != NULL:
        next = piece.next
        forget_pages(<char*>piece, <char*>piece + piece.size)
        piece = next
    heap.regions, heap.idle, heap.idle_blocks, heap.idle_bytes = NULL, NULL, 0, 0
    heap.era += 1


# ---- the heap: under the lock as well ------------------------------------------------------------------------------------

cdef Piece* heap_take(size_t size, size_t* dirty) noexcept nogil:
    """A piece, of which the first `dirty` bytes were used before, or NULL."""
    cdef Piece* piece = from_idle(size)
    cdef Region* region = heap.regions
    cdef char* top
    dirty[0] = size
    if piece != NULL:
        heap.reused += 1
    else:
        while region != NULL and piece == NULL:
            top = region.top
            piece = from_top(size, region)
            region = region.next
        if piece == NULL:
            give_back_idle_regions()
            region = new_region(size)
            if region == NULL:
                return NULL
            top = region.top
            piece = from_top(size, region)
        heap.fresh += 1
        dirty[0] = top - <char*>piece
    piece.region.arrays += 1
    heap.used_bytes += size
    heap.most_used_bytes = max(heap.most_used_bytes, heap.used_bytes)
    return piece


cdef void heap_free(Piece* piece) noexcept nogil:
    cdef Region* region = piece.region
    heap.used_bytes -= piece.size
    region.arrays -= 1
    if region.era != heap.era:
        if region.arrays:
            forget_pages(<char*>piece, <char*>piece + piece.size)
        else:
            free(region)
        return
    if piece.after != NULL and piece.after.idle:
        idle_remove(piece.after)
        join_next(piece)
    if piece.before != NULL and piece.before.idle:
        piece = piece.before
        idle_remove(piece)
        join_next(piece)
    idle_add(piece)
    if not heap.users:
        give_back_idle_regions()


# ---- what NumPy calls, with the GIL or without ---------------------------------------------------------------------------

cdef size_t whole(size_t size) noexcept nogil:
    """The bytes of the piece for an array of `size` bytes."""
    return (size + CACHE_LINE + UNIT - 1) // UNIT * UNIT if size >= LARGE else size + CACHE_LINE


cdef void* small_block(size_t size, bint zeros) noexcept nogil:
    """malloc's, behind a header and on a cache line, or NULL."""
    cdef size_t with_header = whole(size)
    cdef void* raw = calloc(1, with_header + CACHE_LINE - 1) if zeros else malloc(with_header + CACHE_LINE - 1)
    cdef Piece* piece
    if raw == NULL:
        return NULL
    piece = <Piece*>(<char*>raw + -<uintptr_t>raw % CACHE_LINE)
    piece.size, piece.region, piece.raw = with_header, NULL, raw
    return <char*>piece + CACHE_LINE


cdef void* new_block(size_t size, bint zeros) noexcept nogil:
    cdef Piece* piece
    cdef size_t dirty
    cdef char* block
    if size < LARGE:
        return small_block(size, zeros)
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    piece = heap_take(whole(size), &dirty)
    PyThread_release_lock(heap_lock)
    if piece == NULL:
        return NULL
    block = <char*>piece + CACHE_LINE
    if zeros and dirty:
        memset(block, 0, min(size, dirty - CACHE_LINE))
    return block


cdef void* handler_malloc(void* _, size_t size) noexcept nogil:
    return new_block(size, False)


cdef void* handler_calloc(void* _, size_t count, size_t size) noexcept nogil:
    if size and count > (<size_t>-1 // 2) // size:
        return NULL
    return new_block(count * size, True)


cdef void handler_free(void* _, void* block, size_t __) noexcept nogil:
    cdef Piece* piece = <Piece*>(<char*>block - CACHE_LINE)
    if block == NULL:
        return
    if piece.region == NULL:
        free(piece.raw)
        return
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    heap_free(piece)
    PyThread_release_lock(heap_lock)


cdef void* handler_realloc(void* _, void* block, size_t size) noexcept nogil:
    """A block of another size with the same content, as far as it goes."""
    cdef size_t before
    cdef void* other
    if block == NULL:
        return new_block(size, False)
    before = (<Piece*>(<char*>block - CACHE_LINE)).size
    if whole(size) == before:
        return block
    other = new_block(size, False)
    if other != NULL:
        memcpy(other, block, min(size, before - CACHE_LINE))
        handler_free(_, block, before)
    return other


# ---- for reuse_memory ----------------------------------------------------------------------------------------------------

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
    """From now on NumPy takes this context's arrays from the heap. Returns the handler there was, for `end_reuse`."""
    before = PyDataMem_SetHandler(HANDLER)
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    if not heap.users:
        heap.most_used_bytes = heap.used_bytes
    heap.users += 1
    PyThread_release_lock(heap_lock)
    return before


def end_reuse(before):
    """Put the former handler back; with the last to leave an era ends."""
    PyDataMem_SetHandler(before)
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    heap.users -= 1
    if not heap.users:
        retire_regions()
    PyThread_release_lock(heap_lock)


def memory_statistics():
    """As `minisenet.backend.memory_statistics`."""
    PyThread_acquire_lock(heap_lock, WAIT_LOCK)
    cdef Heap now = heap
    PyThread_release_lock(heap_lock)
    return dict(reused=now.reused, fresh=now.fresh, idle_blocks=now.idle_blocks, idle_bytes=now.idle_bytes,
                used_bytes=now.used_bytes, most_used_bytes=now.most_used_bytes)


def _forget_after_fork():
    """In the child: another thread of the parent may have held the lock, and it is not here to finish and release it.

    So the lists may be torn. A new era begins with new ones; the old regions only count their arrays down.
    """
    global heap_lock
    heap_lock = PyThread_allocate_lock()
    heap.regions, heap.idle, heap.idle_blocks, heap.idle_bytes = NULL, NULL, 0, 0
    heap.era += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
