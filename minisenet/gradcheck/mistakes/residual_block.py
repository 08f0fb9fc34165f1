"""Mistakes in the residual block of Fig. 3: the SE block, the shortcut and the last ReLU."""
from minisenet.gradcheck.mistakes._wrong import Wrong, beside_maps, each
from minisenet.gradcheck.mistakes.activation import SLOPES, leaky
from minisenet.gradcheck.mistakes.block import SQUEEZES, backward, se_block
from minisenet.gradcheck.mistakes.excitation import ACTIVATIONS, excite, relu, same

IN_THE_BRANCH = "The block sits in the branch, before the sum (Fig. 3)."
ENDS = "Fig. 3: the sum first, then the ReLU."


def _gated(v):
    return beside_maps(v.s) * v.u


def _sum_squeezed(v, delta):
    total = delta(v.u + v.x)
    return relu(total * beside_maps(excite(v, total.mean(axis=(1, 2)))["s"]))


def _with_block(**changed):
    """All results, with a mistake inside the SE block."""
    def formula(v):
        found = se_block(v, **changed)
        return found | dict(y=relu(found["y"] + v.x))
    return formula


FORWARD = [Wrong("residual_block", "y", name, says, lesson, formula) for name, says, lesson, formula in (
    ("ReLU before the sum", "y is relu(s u) + x: the ReLU comes before the shortcut is added.", ENDS,
     lambda v: relu(_gated(v)) + v.x),
    ("ReLU missing", "y is s u + x: the last ReLU is missing.", ENDS, lambda v: _gated(v) + v.x),
    *(("leaky ReLU", f"The last ReLU is a leaky one, with the slope {slope} below 0.", ENDS,
       lambda v, slope=slope: leaky(slope)(_gated(v) + v.x)) for slope in SLOPES),
    ("shortcut forgotten", "y is relu(s u): the shortcut is not added.", ENDS, lambda v: relu(_gated(v))),
    ("shortcut gated too", "y is relu(s (u + x)): the gates act on the shortcut too.", IN_THE_BRANCH,
     lambda v: relu(beside_maps(v.s) * (v.u + v.x))),
    ("block after the sum", "y is relu(s (u + x)): the block, squeeze and gates, comes after the sum.", IN_THE_BRANCH,
     lambda v: _sum_squeezed(v, same)),
    ("block after the ReLU", "y is s relu(u + x): the block comes after the sum and the ReLU.",
     IN_THE_BRANCH + " Yours is SE-POST of Table 14.", lambda v: _sum_squeezed(v, relu)),
    ("gates on the shortcut", "y is relu(u + s x): the gates act on the shortcut instead of the branch.", IN_THE_BRANCH,
     lambda v: relu(v.u + beside_maps(v.s) * v.x)),
    ("block not applied", "y is relu(u + x): the gates are not used.", IN_THE_BRANCH, lambda v: relu(v.u + v.x)),
    ("sum halved", "y is relu((s u + x) / 2).", ENDS, lambda v: relu(_gated(v) + v.x) / 2),
)] + each("residual_block", "y z h s", "shortcut squeezed", "x is squeezed, not u.", IN_THE_BRANCH,
          _with_block(squeeze=lambda v: v.x.mean(axis=(1, 2)))) + [
    entry for name, says, lesson, changed in (*SQUEEZES, *(entry[1:] for entry in ACTIVATIONS))
    for entry in each("residual_block", "y z h s", name, says, lesson, _with_block(**changed))]


# ---- backward ------------------------------------------------------------------------------------------------------------

BOTH_WAYS = "The ReLU comes after the sum, so the shortcut and the block both get dy [y > 0]."
MASK = BOTH_WAYS + " y >= 0 stops nothing: no output of a ReLU is negative."
TWO_ARGUMENTS = "u and x are two arguments here. Where both come from one map, their gradients are added later."


def _masked(branch, shortcut):
    return lambda v: backward(v, v.dy * branch(v)) | dict(dx=v.dy * shortcut(v))


def _open(v):
    return 1.0


def _mask(v):
    return v.y > 0


def _both(mask):
    return mask, mask


BACKWARD = [
    entry for name, says, lesson, masks in (
        ("nothing masked", "The gradient is dy where y is 0 too: nothing stops it there.", MASK, _both(_open)),
        ("branch not masked", "The block gets dy instead of dy [y > 0].", BOTH_WAYS, (_open, _mask)),
        ("shortcut not masked", "The shortcut gets dy instead of dy [y > 0].", BOTH_WAYS, (_mask, _open)),
        ("mask from dy", "The mask is where dy is positive, not where y is.", BOTH_WAYS, _both(lambda v: v.dy > 0)),
        ("mask from u", "The mask is where u (or s u) is positive, not where y is.", BOTH_WAYS, _both(lambda v: v.u > 0)),
        ("mask from z", "The mask is where z is positive, not where y is.", BOTH_WAYS,
         _both(lambda v: beside_maps(v.z) > 0)),
        ("output for mask", "dy is multiplied by y instead of by the mask y > 0.", BOTH_WAYS, _both(lambda v: v.y)),
        ("mask of the first image", "The mask of image 0 is used for the whole batch.", BOTH_WAYS,
         _both(lambda v: v.y[:1] > 0)),
        ("mask turned round", "The mask lets dy through where y is 0 and stops it where y is positive.", BOTH_WAYS,
         _both(lambda v: v.y <= 0)),
    ) for entry in each("residual_block_backward", "du dx dw1 dw2", name, says, lesson, _masked(*masks))] + [
    *each("residual_block_backward", "du dw1 dw2", "mask forgotten in ds", "ds is sum(dy u), without the mask y > 0.",
          BOTH_WAYS, lambda v: backward(v, v.dy * _mask(v), ds=lambda v, dy: (v.dy * v.u).sum(axis=(1, 2)))),
    *each("residual_block_backward", "du", "mask forgotten in s dy", "du adds s dy, without the mask y > 0.",
          BOTH_WAYS, lambda v: backward(v, v.dy * _mask(v), direct=lambda v, dy: v.dy * beside_maps(v.s))),
    *each("residual_block_backward", "dx", "shortcut gated", "dx is s dy [y > 0]: the gates act on the shortcut.",
          IN_THE_BRANCH, lambda v: dict(dx=v.dy * _mask(v) * beside_maps(v.s))),
    *(Wrong("residual_block_backward", output, "ways added", f"{output} has {'du' if output == 'dx' else 'dx'} added to it.",
            TWO_ARGUMENTS, lambda v: _masked(_mask, _mask)(v)["du"] + v.dy * _mask(v)) for output in ("dx", "du")),
]

WRONG = FORWARD + BACKWARD
