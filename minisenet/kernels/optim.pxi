# The SGD step, in place: one sweep over a parameter, its gradient and its velocity.

def sgd_flat(real[::1] value, const real[::1] grad, real[::1] velocity, real lr, real momentum,
             real weight_decay, bint nesterov):
    cdef Py_ssize_t i
    cdef real g, v
    with nogil:
        for i in range(value.shape[0]):
            g = grad[i] + weight_decay * value[i]
            v = momentum * velocity[i] + g
            velocity[i] = v
            value[i] = value[i] - lr * (g + momentum * v if nesterov else v)
