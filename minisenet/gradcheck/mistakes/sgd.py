"""Mistakes in a step of SGD with momentum and weight decay."""
from minisenet.gradcheck.mistakes._wrong import Wrong, each

IN_PLACE = "A name on the left of = gets a new array; -=, *=, += and [...] = write into the array you were given."
VELOCITY = "velocity = momentum velocity + g."
DECAY = "g = grad + weight_decay value."
LOOK_AHEAD = "With Nesterov value -= lr (g + momentum velocity), with the new velocity."


def _step(*, lr=lambda v: v.lr, decay=lambda v: v.weight_decay, momentum=lambda v: v.momentum, nesterov=lambda v: v.nesterov,
          keep=lambda m: m, take=lambda m: 1, sign=1, step=1, inside=False, decoupled=None, on_velocity=False, late=False,
          ahead=lambda g, m, velocity, v: g + m * velocity):
    """The step of `optim.sgd_step`, with everything left open that can be got wrong.

    `keep` and `take` are the weights of the old velocity and of g, `sign` is that of g in the velocity, `step` that of the
    step, and `ahead` is Nesterov's step. `decoupled` says which value decays by itself, the "old" or the "new" one.
    """
    def formula(v):
        m, wd = momentum(v), decay(v)
        g = v.grad + (0 if decoupled else wd * (v.velocity if on_velocity else v.value))
        g = sign * g * (lr(v) if inside else 1)
        velocity = keep(m) * v.velocity + take(m) * g
        used = v.velocity if late else velocity
        moved = (1 if inside else lr(v)) * (ahead(g, m, used, v) if nesterov(v) else used)
        value = v.value - step * moved
        decays = {None: 0, "old": v.value, "new": value}[decoupled]
        return dict(value=value - lr(v) * wd * decays, velocity=velocity)
    return formula


def _entries(name, says, lesson, formula):
    """Of velocity and of value, each with words of its own where `says` is a pair."""
    if isinstance(says, str):
        return each("sgd_step", "velocity value", name, says, lesson, formula)
    return [entry for output, text in zip(("velocity", "value"), says)
            for entry in each("sgd_step", output, name, text, lesson, formula)]


WRONG = [entry for name, says, lesson, formula in (
    ("learning rate inside the velocity", ("velocity collects lr g, not g.", "value subtracts its step without lr."),
     "Then a new lr changes only the new part of the velocity. Multiply by lr outside, as PyTorch does.", _step(inside=True)),
    ("velocity as a step", ("velocity is momentum velocity - lr g.", "value adds its step."),
     VELOCITY + " It has the gradient's sign, and no lr in it: value -= lr velocity.", _step(inside=True, sign=-1, step=-1)),
    ("velocity's sign", ("velocity is momentum velocity - g.", "value adds lr times its step."),
     VELOCITY + " It has the gradient's sign.", _step(sign=-1, step=-1)),
    ("gradient damped", "velocity takes (1 - momentum) g.", VELOCITY + " Yours is a running mean.",
     _step(take=lambda m: 1 - m)),
    ("momentum and 1 - momentum exchanged", "velocity is (1 - momentum) velocity + momentum g.", VELOCITY,
     _step(keep=lambda m: 1 - m, take=lambda m: m)),
    ("1 - momentum for momentum", "1 - momentum is used where momentum belongs.", VELOCITY,
     _step(momentum=lambda v: 1 - v.momentum)),
    ("velocity not damped", "velocity += g: the factor momentum is missing.", VELOCITY, _step(keep=lambda m: 1)),
    *(("momentum fixed", f"The momentum is {m} whatever you pass.", "Use the argument momentum.",
       _step(momentum=lambda v, m=m: m)) for m in (0.9, 0.1, 0.5, 0.99)),
    *(("learning rate fixed", f"The learning rate is {lr} whatever you pass.", "Use the argument lr.",
       _step(lr=lambda v, lr=lr: lr)) for lr in (0.1, 0.01, 0.001)),
    ("weight decay forgotten", "weight_decay value is not added to the gradient.", DECAY, _step(decay=lambda v: 0.0)),
    *(("weight decay fixed", f"The weight decay is {wd} whatever you pass.", "Use the argument weight_decay.",
       _step(decay=lambda v, wd=wd: wd)) for wd in (1e-4, 5e-4)),
    *(("weight decay decoupled", ("velocity has no weight decay in it.", f"value loses lr weight_decay value {when}."),
       DECAY + " Yours is decoupled weight decay, as in AdamW.", _step(decoupled=which))
      for which, when in (("old", "by itself"), ("new", "after the step"))),
    ("weight decay times lr", "lr weight_decay value is added to the gradient.", DECAY + " The step multiplies by lr.",
     _step(decay=lambda v: v.lr * v.weight_decay)),
    ("weight decay's sign", "weight_decay value is subtracted from the gradient.", DECAY + " It pulls weights to zero.",
     _step(decay=lambda v: -v.weight_decay)),
    ("weight decay doubled", "2 weight_decay value is added to the gradient.",
     "The penalty is weight_decay value^2 / 2, so its slope has no 2.", _step(decay=lambda v: 2 * v.weight_decay)),
    ("weight decay on the velocity", "weight_decay velocity is added to the gradient, not weight_decay value.", DECAY,
     _step(on_velocity=True)),
    ("momentum forgotten", "The old velocity is not used: the momentum is 0.", VELOCITY, _step(momentum=lambda v: 0.0)),
    ("momentum on the gradient", "velocity += momentum g: the momentum multiplies g, not the old velocity.", VELOCITY,
     _step(keep=lambda m: 1, take=lambda m: m)),
    ("no look ahead", "With Nesterov value still moves by lr velocity.",
     LOOK_AHEAD + " With the old velocity, g + momentum velocity is the new velocity: plain momentum.",
     _step(nesterov=lambda v: False)),
    ("Nesterov always", "value moves by Nesterov's step, though nesterov is False.", "Use the argument nesterov.",
     _step(nesterov=lambda v: True)),
    ("Nesterov without the gradient", "With Nesterov the step is momentum velocity: g is missing.", LOOK_AHEAD,
     _step(ahead=lambda g, m, velocity, v: m * velocity)),
    ("Nesterov without the momentum", "With Nesterov the step is g + velocity: the factor momentum is missing.", LOOK_AHEAD,
     _step(ahead=lambda g, m, velocity, v: g + velocity)),
    ("velocity for the gradient", "With Nesterov the step is velocity + momentum velocity: velocity is in the place of g.",
     LOOK_AHEAD, _step(ahead=lambda g, m, velocity, v: velocity + m * velocity)),
    ("Nesterov with a fixed momentum", "With Nesterov the step is g + 0.9 velocity, whatever momentum you pass.",
     "Use the argument momentum.", _step(ahead=lambda g, m, velocity, v: g + 0.9 * velocity)),
    ("Nesterov without weight decay", "With Nesterov the step is grad + momentum velocity: grad has no weight decay.",
     LOOK_AHEAD + " " + DECAY, _step(ahead=lambda g, m, velocity, v: v.grad + m * velocity)),
    ("step uphill", "value += lr velocity.", "Descent goes against the gradient.", _step(step=-1)),
    ("old velocity used", "value moves by the velocity before its update.", "Update the velocity first.", _step(late=True)),
    ("learning rate forgotten", "value moves by the velocity, not by lr velocity.", "Multiply the step by lr.",
     _step(lr=lambda v: 1.0)),
) for entry in _entries(name, says, lesson, formula)] + [
    Wrong("sgd_step", output, "not written in place", f"{output} is not changed.", IN_PLACE,
          lambda v, output=output: getattr(v, output)) for output in ("value", "velocity")]


def velocity_terms(v):
    """The new velocity's three parts."""
    return {"momentum velocity": v.momentum * v.velocity, "grad": v.grad, "weight_decay value": v.weight_decay * v.value}
