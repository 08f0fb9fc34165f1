"""Answers to the exercise on SGD, as students hand them in."""
import numpy as np


def sgd_step__uphill(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the step is added: it goes up the hill."""
    g = grad + weight_decay * value
    velocity *= momentum
    velocity += g
    value += lr * (g + momentum * velocity if nesterov else velocity)


def sgd_step__lr_in_velocity(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the learning rate is multiplied into the velocity, so a new rate comes too late for the old part."""
    g = grad + weight_decay * value
    velocity *= momentum
    velocity += lr * g
    value -= lr * g + momentum * velocity if nesterov else velocity


def sgd_step__weight_decay_after(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the weights decay by themselves after the step (decoupled), not through the gradient."""
    velocity *= momentum
    velocity += grad
    value -= lr * (grad + momentum * velocity if nesterov else velocity)
    value -= lr * weight_decay * value


def sgd_step__weight_decay_of_velocity(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the weight decay takes the velocity instead of the value."""
    g = grad + weight_decay * velocity
    velocity *= momentum
    velocity += g
    value -= lr * (g + momentum * velocity if nesterov else velocity)


def sgd_step__weight_decay_forgotten(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: weight_decay is not used."""
    velocity *= momentum
    velocity += grad
    value -= lr * (grad + momentum * velocity if nesterov else velocity)


def sgd_step__weight_decay_sign(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: weight decay with a minus: the weights grow."""
    g = grad - weight_decay * value
    velocity *= momentum
    velocity += g
    value -= lr * (g + momentum * velocity if nesterov else velocity)


def sgd_step__twice_the_decay(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: 2 weight_decay value, the gradient of a penalty without the 1/2."""
    g = grad + 2 * weight_decay * value
    velocity *= momentum
    velocity += g
    value -= lr * (g + momentum * velocity if nesterov else velocity)


def sgd_step__dampened(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the new gradient is multiplied by (1 - momentum), as in a running mean."""
    g = grad + weight_decay * value
    velocity *= momentum
    velocity += (1 - momentum) * g
    value -= lr * (g + momentum * velocity if nesterov else velocity)


def sgd_step__new_arrays(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: value = … makes new arrays, and the caller's stay as they were."""
    g = grad + weight_decay * value
    velocity = momentum * velocity + g
    value = value - lr * (g + momentum * velocity if nesterov else velocity)
    return value, velocity


def sgd_step__velocity_not_kept(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the value moves in place, but velocity = … is a new array, so there is no momentum."""
    g = grad + weight_decay * value
    velocity = momentum * velocity + g
    value -= lr * (g + momentum * velocity if nesterov else velocity)


def sgd_step__nesterov_ignored(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: nesterov is not used."""
    velocity *= momentum
    velocity += grad + weight_decay * value
    value -= lr * velocity


def sgd_step__nesterov_without_gradient(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: with Nesterov the step is momentum velocity, the gradient itself is missing."""
    velocity *= momentum
    velocity += grad + weight_decay * value
    value -= lr * (momentum * velocity if nesterov else velocity)


def sgd_step__nesterov_old_velocity(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: with Nesterov the velocity of before the step is looked ahead with, not the new one."""
    g = grad + weight_decay * value
    old = velocity.copy()
    velocity *= momentum
    velocity += g
    value -= lr * (g + momentum * old if nesterov else velocity)


def sgd_step__grad_changed(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: grad += weight_decay * value changes the caller's gradient."""
    grad += weight_decay * value
    velocity *= momentum
    velocity += grad
    value -= lr * (grad + momentum * velocity if nesterov else velocity)


def sgd_step__old_velocity(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the value moves before the velocity has taken up the gradient."""
    g = grad + weight_decay * value
    value -= lr * (g + momentum * velocity if nesterov else velocity)
    velocity *= momentum
    velocity += g


def sgd_step__no_momentum(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: plain gradient descent, the velocity is left alone."""
    value -= lr * (grad + weight_decay * value)


def sgd_step__momentum_on_gradient(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: velocity = velocity + momentum g: the factor is on the wrong one."""
    g = grad + weight_decay * value
    velocity += momentum * g
    value -= lr * (g + momentum * velocity if nesterov else velocity)


# ---- right ---------------------------------------------------------------------------------------------------------------

def sgd_step__element_by_element(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """RIGHT: a loop over the elements."""
    for i in np.ndindex(value.shape):
        g = grad[i] + weight_decay * value[i]
        velocity[i] = momentum * velocity[i] + g
        if nesterov:
            value[i] -= lr * (g + momentum * velocity[i])
        else:
            value[i] -= lr * velocity[i]


def sgd_step__slice_assignment(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """RIGHT: new arrays copied into the old ones by [...], which are returned as well."""
    g = weight_decay * value + grad
    velocity[...] = momentum * velocity + g
    value[...] = value - lr * g - lr * momentum * velocity if nesterov else value - lr * velocity
    return value, velocity


def sgd_step__out_argument(value, grad, velocity, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """RIGHT: NumPy's out= for everything; the options are not keyword-only."""
    g = np.add(grad, np.multiply(value, weight_decay))
    np.multiply(velocity, momentum, out=velocity)
    np.add(velocity, g, out=velocity)
    step = velocity if not nesterov else g + momentum * velocity
    np.subtract(value, np.multiply(step, lr), out=value)


def sgd_step__without_nesterov(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0):
    """RIGHT: without the option nesterov."""
    velocity *= momentum
    velocity += grad
    velocity += weight_decay * value
    value -= lr * velocity


# ---- more of them --------------------------------------------------------------------------------------------------------

def sgd_step__velocity_downhill(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: v = m v - lr g and value += v: the velocity is a step, with the other sign."""
    g = grad + weight_decay * value
    velocity *= momentum
    velocity -= lr * g
    value += momentum * velocity - lr * g if nesterov else velocity


def sgd_step__velocity_of_minus_g(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: v = m v - g and value += lr v: the velocity has the other sign."""
    g = grad + weight_decay * value
    velocity *= momentum
    velocity -= g
    value += lr * (momentum * velocity - g if nesterov else velocity)


def sgd_step__momentum_of_nine_tenths(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the momentum is written down as 0.9."""
    g = grad + weight_decay * value
    velocity *= 0.9
    velocity += g
    value -= lr * (g + 0.9 * velocity if nesterov else velocity)


def sgd_step__momentum_of_one_tenth(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the momentum is written down as 0.1, as in a batch norm."""
    g = grad + weight_decay * value
    velocity[...] = 0.1 * velocity + g
    value -= lr * (g + 0.1 * velocity if nesterov else velocity)


def sgd_step__momentum_turned_round(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: (1 - momentum) v + momentum g: the two weights in each other's place."""
    g = grad + weight_decay * value
    velocity[...] = (1 - momentum) * velocity + momentum * g
    value -= lr * (g + momentum * velocity if nesterov else velocity)


def sgd_step__one_minus_momentum(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: 1 - momentum is used where momentum belongs."""
    g = grad + weight_decay * value
    m = 1 - momentum
    velocity[...] = m * velocity + g
    value -= lr * (g + m * velocity if nesterov else velocity)


def sgd_step__decay_of_the_new_value(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the decay shrinks the value first: value *= 1 - lr weight_decay, as in AdamW."""
    value *= 1 - lr * weight_decay
    velocity *= momentum
    velocity += grad
    value -= lr * (grad + momentum * velocity if nesterov else velocity)


def sgd_step__nesterov_without_momentum(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the look ahead adds the whole velocity, without the factor momentum."""
    g = grad + weight_decay * value
    velocity *= momentum
    velocity += g
    value -= lr * (g + velocity if nesterov else velocity)


def sgd_step__nesterov_instead_of_g(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """WRONG: the look ahead uses grad, without the weight decay."""
    velocity *= momentum
    velocity += grad + weight_decay * value
    value -= lr * (grad + momentum * velocity if nesterov else velocity)


def sgd_step__one_expression(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """RIGHT: the step from the old velocity, all in one expression, before the velocity is updated."""
    g = grad + weight_decay * value
    new = velocity * momentum + g
    value -= lr * (g + momentum * momentum * velocity + momentum * g) if nesterov else lr * new
    np.copyto(velocity, new)
