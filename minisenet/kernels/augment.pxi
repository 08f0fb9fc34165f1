# The augmentation: crop, flip, normalise and cut out in one pass over the output. Serial, because it runs on the loader's
# thread while the kernels have the others.

def augment_images(const unsigned char[:, :, :, ::1] images, const real[:, ::1] table, const long long[:, ::1] shift,
                   const unsigned char[::1] flip, const long long[:, ::1] hole, real[:, :, :, ::1] x, Py_ssize_t padding,
                   Py_ssize_t hole_size):
    """table[c, v] is the normalised value of the byte v in channel c."""
    cdef Py_ssize_t height = images.shape[1], width = images.shape[2], channels = images.shape[3]
    cdef Py_ssize_t n, i, j, c, h, w, top, left
    with nogil:
        for n in range(images.shape[0]):
            top, left = hole[n, 0] - hole_size // 2, hole[n, 1] - hole_size // 2
            for i in range(height):
                h = i + shift[n, 0] - padding
                for j in range(width):
                    w = (width - 1 - j if flip[n] else j) + shift[n, 1] - padding
                    if top <= i < top + hole_size and left <= j < left + hole_size:
                        for c in range(channels):
                            x[n, i, j, c] = 0
                    elif 0 <= h < height and 0 <= w < width:
                        for c in range(channels):
                            x[n, i, j, c] = table[c, images[n, h, w, c]]
                    else:
                        for c in range(channels):
                            x[n, i, j, c] = table[c, 0]
