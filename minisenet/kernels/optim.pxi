# The SGD step, in place: one pass over a parameter, its gradient and its velocity.

# The numbers come as double: Cython would convert a Python float to `real` as to a float32, also where REAL is double.
def sgd_flat(real[::1] value, const real[::1] grad, real[::1] velocity, double rate, double keep, double decay, bint nesterov):
    cdef Py_ssize_t i
    cdef real g, v, lr = <real> rate, momentum = <real> keep, weight_decay = <real> decay
    with nogil:
        for i in range(value.shape[0]):
            g = grad[i] + weight_decay * value[i]
            v = momentum * velocity[i] + g
            velocity[i] = v
            value[i] = value[i] - lr * (g + momentum * v if nesterov else v)
