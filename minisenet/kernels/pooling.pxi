# Pooling. A piece is one image. For each output position the window is cut off at the image's edges, and the loop goes over all
# channels of a position together, in memory order.

def max_pool_images(const real[:, :, :, ::1] x, real[:, :, :, ::1] y, long long[:, :, :, ::1] argmax, tuple geometry,
                    Py_ssize_t first, Py_ssize_t last, int threads):
    cdef Py_ssize_t kh, kw, th, tw, ph, pw
    kh, kw, th, tw, ph, pw = geometry
    cdef Py_ssize_t height = x.shape[1], width = x.shape[2], channels = x.shape[3]
    cdef Py_ssize_t n, i, j, h, w, c, h0, w0
    cdef real value
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                h0, w0 = max(i * th - ph, 0), max(j * tw - pw, 0)
                for h in range(h0, min(i * th - ph + kh, height)):
                    for w in range(w0, min(j * tw - pw + kw, width)):
                        for c in range(channels):
                            value = x[n, h, w, c]
                            # the first position starts the window; NaN is larger than everything, and stays
                            if (h == h0 and w == w0) or value > y[n, i, j, c] or (value != value
                                                                                  and y[n, i, j, c] == y[n, i, j, c]):
                                y[n, i, j, c] = value
                                argmax[n, i, j, c] = h * width + w


def max_pool_backward_images(const real[:, :, ::1] dy, const long long[:, :, ::1] argmax, real[:, :, ::1] dx,
                             Py_ssize_t first,
                             Py_ssize_t last, int threads):
    cdef Py_ssize_t n, i, c
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        for i in range(dy.shape[1]):
            for c in range(dy.shape[2]):
                dx[n, argmax[n, i, c], c] = dx[n, argmax[n, i, c], c] + dy[n, i, c]


def avg_pool_images(const real[:, :, :, ::1] x, real[:, :, :, ::1] y, tuple geometry,
                    Py_ssize_t first, Py_ssize_t last, int threads):
    cdef Py_ssize_t kh, kw, th, tw, ph, pw, padded
    kh, kw, th, tw, ph, pw, padded = geometry
    cdef Py_ssize_t height = x.shape[1], width = x.shape[2], channels = x.shape[3]
    cdef Py_ssize_t n, i, j, h, w, c
    cdef real count
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                count = window_count(i * th - ph, kh, height, ph, padded) * window_count(j * tw - pw, kw, width, pw, padded)
                for c in range(channels):
                    y[n, i, j, c] = 0
                for h in range(max(i * th - ph, 0), min(i * th - ph + kh, height)):
                    for w in range(max(j * tw - pw, 0), min(j * tw - pw + kw, width)):
                        for c in range(channels):
                            y[n, i, j, c] = y[n, i, j, c] + x[n, h, w, c]
                for c in range(channels):
                    y[n, i, j, c] = y[n, i, j, c] / count


def avg_pool_backward_images(const real[:, :, :, ::1] dy, real[:, :, :, ::1] dx, tuple geometry, Py_ssize_t first,
                             Py_ssize_t last, int threads):
    cdef Py_ssize_t kh, kw, th, tw, ph, pw, padded
    kh, kw, th, tw, ph, pw, padded = geometry
    cdef Py_ssize_t height = dx.shape[1], width = dx.shape[2], channels = dx.shape[3]
    cdef Py_ssize_t n, i, j, h, w, c
    cdef real count
    for n in prange(first, last, nogil=True, num_threads=threads, schedule="dynamic"):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                count = window_count(i * th - ph, kh, height, ph, padded) * window_count(j * tw - pw, kw, width, pw, padded)
                for h in range(max(i * th - ph, 0), min(i * th - ph + kh, height)):
                    for w in range(max(j * tw - pw, 0), min(j * tw - pw + kw, width)):
                        for c in range(channels):
                            dx[n, h, w, c] = dx[n, h, w, c] + dy[n, i, j, c] / count


cdef inline Py_ssize_t window_count(Py_ssize_t start, Py_ssize_t kernel, Py_ssize_t size, Py_ssize_t padding,
                                    Py_ssize_t padded) noexcept nogil:
    """How many positions of a window count along one side: those in the padded image, or those in the image."""
    return min(start + kernel, size + padding) - start if padded else min(start + kernel, size) - max(start, 0)
