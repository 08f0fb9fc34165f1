"""Mistakes in a step of SGD with momentum and weight decay."""
from minisenet.gradcheck.mistakes._wrong import Wrong, each

IN_PLACE = "A name on the left of = gets a new array; -=, *=, += and [...] = write into the one that was given."


def _step(*, lr=lambda v: v.lr, decay=lambda v: v.weight_decay, momentum=lambda v: v.momentum, nesterov=lambda v: v.nesterov,
          sign=1, inside=False, damped=False, decoupled=False, on_velocity=False, late=False, on_gradient=False,
          without_g=False):
    """The step of `optim.sgd_step`, with everything left open that can be got wrong."""
    def formula(v):
        m, wd = momentum(v), decay(v)
        g = v.grad + (0 if decoupled else wd * (v.velocity if on_velocity else v.value))
        g = g * (lr(v) if inside else 1) * ((1 - m) if damped else 1)
        velocity = v.velocity + m * g if on_gradient else m * v.velocity + g
        used = v.velocity if late else velocity
        ahead = (0 if without_g else g) + m * used if nesterov(v) else used
        return dict(value=v.value - sign * (1 if inside else lr(v)) * ahead - (lr(v) * wd * v.value if decoupled else 0),
                    velocity=velocity)
    return formula


WRONG = [entry for name, says, lesson, formula in (
    ("learning rate inside the velocity", "velocity collects lr g, and value subtracts it as it is.",
     "Then a change of lr acts on old gradients later; PyTorch multiplies outside.", _step(inside=True)),
    ("gradient damped", "velocity takes (1 - momentum) g.", "That is a mean; here velocity is a sum.", _step(damped=True)),
    ("weight decay after the step", "Weight decay is taken off the value, and never enters the velocity.",
     "That is decoupled weight decay, as in AdamW.", _step(decoupled=True)),
    ("weight decay forgotten", "weight_decay value is not added to the gradient.", "", _step(decay=lambda v: 0.0)),
    ("weight decay's sign", "weight_decay value is subtracted from the gradient.", "It pulls weights to zero.",
     _step(decay=lambda v: -v.weight_decay)),
    ("weight decay doubled", "2 weight_decay value is added to the gradient.",
     "The penalty has a factor 1/2, so its slope has none.", _step(decay=lambda v: 2 * v.weight_decay)),
    ("weight decay on the velocity", "Weight decay acts on the velocity, not on the value.", "", _step(on_velocity=True)),
    ("momentum forgotten", "value -= lr g: the velocity is not used.", "", _step(momentum=lambda v: 0.0)),
    ("momentum on the gradient", "velocity += momentum g: the factor is on the wrong one.",
     "velocity = momentum velocity + g.", _step(on_gradient=True)),
    ("Nesterov forgotten", "The step is lr velocity, with Nesterov too.", "", _step(nesterov=lambda v: False)),
    ("Nesterov always", "The step looks ahead without being asked to.", "", _step(nesterov=lambda v: True)),
    ("Nesterov without the gradient", "With Nesterov the step is momentum velocity: g is missing.",
     "value -= lr (g + momentum velocity).", _step(without_g=True)),
    ("step uphill", "value += lr velocity.", "Descent goes against the gradient.", _step(sign=-1)),
    ("old velocity used", "value moves by the velocity before its update.", "Update the velocity first.", _step(late=True)),
    ("learning rate forgotten", "value moves by the velocity, not by lr velocity.", "", _step(lr=lambda v: 1.0)),
) for entry in each("sgd_step", "value velocity", name, says, lesson, formula)] + [
    Wrong("sgd_step", output, "not written in place", f"{output} is not changed: a new array was made.", IN_PLACE,
          lambda v, output=output: getattr(v, output)) for output in ("value", "velocity")]


def velocity_terms(v):
    """The new velocity's three parts."""
    return {"momentum velocity": v.momentum * v.velocity, "grad": v.grad, "weight_decay value": v.weight_decay * v.value}
