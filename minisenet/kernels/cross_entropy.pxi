# Softmax cross-entropy: N rows of K numbers. This is little work, so it has one thread. exp and log are in double.

def cross_entropy_rows(const real[:, ::1] logits, const long long[::1] labels, real[:, ::1] p, double smoothing):
    """p = softmax(logits), and the sum over the rows of the cross-entropy."""
    cdef Py_ssize_t n, k, classes = logits.shape[1]
    cdef double top, total, log_total, target, row, loss = 0
    with nogil:
        for n in range(logits.shape[0]):
            top = logits[n, 0]
            for k in range(1, classes):
                if logits[n, k] > top:
                    top = logits[n, k]
            total = 0
            for k in range(classes):
                total += exp(logits[n, k] - top)
            log_total = log(total)
            row = 0
            for k in range(classes):
                target = smoothing / classes + (1 - smoothing if k == labels[n] else 0)
                row -= target * (logits[n, k] - top - log_total)
                p[n, k] = <real>exp(logits[n, k] - top - log_total)
            loss += row
    return loss


def cross_entropy_gradient(const real[:, ::1] p, const long long[::1] labels, real[:, ::1] dlogits, double dloss,
                           double smoothing):
    """dlogits = dloss (p - q) / N."""
    cdef Py_ssize_t n, k, classes = p.shape[1]
    cdef double target, factor = dloss / p.shape[0]
    with nogil:
        for n in range(p.shape[0]):
            for k in range(classes):
                target = smoothing / classes + (1 - smoothing if k == labels[n] else 0)
                dlogits[n, k] = <real>((p[n, k] - target) * factor)
