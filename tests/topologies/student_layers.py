"""Layers as students write them, for the tests of whole topologies. The package has no special code for any of them.

They compute with NumPy on arrays and ignore how the package's own layers pass values on. `TRUE_GRADIENT` says whether a layer's
backward is the gradient of its forward. The others (a gradient that is normalised, reversed, cut, or passed straight through)
only have to give the same result on every backend.
"""
import numpy as np

import minisenet.functional as F
from minisenet.blocks import SEBlock
from minisenet.layers import Layer, ReLU

# If this is a list, `note` adds the inputs and masks of all functions with a kink: central differences must not cross one.
kinks = None


def note(argument):
    """Note the distance from the kink at 0, element by element."""
    if kinks is not None:
        kinks.append(np.array(argument))


class Student(Layer):
    """The base class of these layers: it says whether the backward is the true gradient."""

    TRUE_GRADIENT = True


# ---- activations

class Sigmoid(Student):
    def forward(self, x):
        self._saved = y = F.sigmoid(x)
        return y

    def backward(self, dy):
        return F.sigmoid_backward(dy, self._pop_saved())


class Swish(Student):
    """x sigmoid(x), in NumPy."""

    def forward(self, x):
        s = 1 / (1 + np.exp(-x))
        self._saved = x, s
        return x * s

    def backward(self, dy):
        x, s = self._pop_saved()
        return dy * (s + x * s * (1 - s))


class LeakyReLU(Student):
    def forward(self, x):
        note(x)
        self._saved = slope = np.where(x > 0, 1, 0.1).astype(x.dtype)
        return x * slope

    def backward(self, dy):
        return dy * self._pop_saved()


class Tanh(Student):
    """tanh, with an `out` array and an in-place product."""

    def forward(self, x):
        y = np.empty_like(x)
        np.tanh(x, out=y)
        self._saved = y
        return y

    def backward(self, dy):
        dx = dy.copy()
        dx *= 1 - self._pop_saved() ** 2
        return dx


# ---- arithmetic on maps

class Centre(Student):
    """x - x.mean(axis=(1, 2)): subtracts the mean of each image and channel."""

    def forward(self, x):
        self._saved = True
        return x - x.mean(axis=(1, 2), keepdims=True)

    def backward(self, dy):
        self._pop_saved()
        return dy - dy.mean(axis=(1, 2), keepdims=True)


class InPlace(Student):
    """In-place operations on a copy, and on parts of it."""

    def forward(self, x):
        self._saved = True
        y = x.copy()
        y *= 2
        y[:, 0] += 1
        y[..., -1] *= -1
        return y

    def backward(self, dy):
        self._pop_saved()
        dx = np.array(dy)
        dx[..., -1] *= -1
        dx += dx
        return dx


class Crop(Student):
    """Everything but the first row and the last column: a view that is not contiguous."""

    def forward(self, x):
        self._saved = x.shape
        return x[:, 1:, :-1]

    def backward(self, dy):
        dx = np.zeros(self._pop_saved(), dy.dtype)
        dx[:, 1:, :-1] = dy
        return dx


class Pad(Student):
    """np.pad, by one row above and a column on each side."""

    def forward(self, x):
        self._saved = True
        return np.pad(x, ((0, 0), (1, 0), (1, 1), (0, 0)))

    def backward(self, dy):
        self._pop_saved()
        return dy[:, 1:, 1:-1]


class Flip(Student):
    """Negative strides, forward and backward."""

    def forward(self, x):
        self._saved = True
        return x[:, ::-1, :, ::-1]

    def backward(self, dy):
        self._pop_saved()
        return dy[:, ::-1, :, ::-1]


class Shuffle(Student):
    """ShuffleNet's channel shuffle: reshape, transpose, reshape."""

    def forward(self, x):
        self._saved = groups = 2 if x.shape[3] % 2 == 0 else 1
        return x.reshape(*x.shape[:3], groups, -1).swapaxes(3, 4).reshape(x.shape)

    def backward(self, dy):
        groups = self._pop_saved()
        return dy.reshape(*dy.shape[:3], -1, groups).swapaxes(3, 4).reshape(dy.shape)


class AppendMean(Student):
    """np.concatenate: appends the mean over channels as another channel."""

    def forward(self, x):
        self._saved = x.shape[3]
        return np.concatenate([x, x.mean(axis=3, keepdims=True)], axis=3)

    def backward(self, dy):
        c = self._pop_saved()
        return dy[..., :c] + dy[..., c:] / c


class PixelNorm(Student):
    """x / sqrt(mean over channels of x^2 + 1)."""

    def forward(self, x):
        length = np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1)
        self._saved = y, length = x / length, length
        return y

    def backward(self, dy):
        y, length = self._pop_saved()
        return (dy - y * (dy * y).mean(axis=-1, keepdims=True)) / length


class MaskedNoise(Student):
    """Dropout with a mask that depends only on the position, so that it is the same on every backend."""

    def forward(self, x):
        self._saved = mask = (np.arange(x.size).reshape(x.shape) * 2654435761 % 7 > 2).astype(x.dtype)
        return x * mask * 2

    def backward(self, dy):
        return dy * self._pop_saved() * 2


class Split(Student):
    """Splits the channels into two halves by np.split, and adds them in a loop over the images."""

    def forward(self, x):
        c = x.shape[3] // 2
        self._saved = x.shape
        if not c:
            return x
        halves = [half for half in np.split(x[..., :2 * c], 2, axis=3)]
        return np.stack([one + other for one, other in zip(*halves)])

    def backward(self, dy):
        shape = self._pop_saved()
        dx = np.zeros(shape, dy.dtype)
        c = shape[3] // 2
        if not c:
            return dy
        dx[..., :c] = dx[..., c:2 * c] = dy
        return dx


# ---- layers with several inputs: their backward returns one gradient for each

class Add(Student):
    def forward(self, u, x):
        self._saved = True
        return u + x

    def backward(self, dy):
        self._pop_saved()
        return dy, dy


class ConcatenateList(Student):
    """Takes a list, returns a list."""

    def forward(self, maps):
        self._saved = [u.shape[-1] for u in maps]
        return np.concatenate(maps, axis=-1)

    def backward(self, dy):
        return np.split(dy, np.cumsum(self._pop_saved())[:-1], axis=-1)


class ScaleBy(Student):
    """The scale as a separate layer."""

    def forward(self, u, s):
        self._saved = u, s
        return F.scale(u, s)

    def backward(self, dy):
        return F.scale_backward(dy, *self._pop_saved())


# ---- layers whose backward is not the gradient of their forward

class Identity(Student):
    """The identity; its subclasses change the gradient on its way back."""

    TRUE_GRADIENT = False

    def forward(self, x):
        self._saved = True
        return x


class NormalisedGradient(Identity):
    """The backward divides the upstream gradient by its norm, which is neither linear nor elementwise."""

    def backward(self, dy):
        self._pop_saved()
        return dy / (np.linalg.norm(dy) + 1)


class ClippedGradient(Identity):
    """The backward clips the gradient."""

    def backward(self, dy):
        self._pop_saved()
        return np.clip(dy, -0.5, 0.5)


class StraightThrough(Student):
    """A smooth step in the forward, the identity in the backward."""

    TRUE_GRADIENT = False

    def forward(self, x):
        self._saved = True
        return np.tanh(3 * x)

    def backward(self, dy):
        self._pop_saved()
        return dy


class ReversedGradient(Student):
    """Ganin and Lempitsky's layer: the identity in the forward, a factor -1 in the backward."""

    TRUE_GRADIENT = False

    def forward(self, x):
        self._saved = x.shape
        return x

    def backward(self, dy):
        assert dy.shape == self._pop_saved()
        return -dy


class StopGradient(Student):
    TRUE_GRADIENT = False

    def forward(self, x):
        self._saved = x
        return x

    def backward(self, dy):
        return np.zeros_like(self._pop_saved())


# ---- subclasses of the package's own layers

class GuidedReLU(ReLU):
    """Guided backpropagation (Springenberg et al. 2015): overrides only `backward`, and calls ReLU's."""

    TRUE_GRADIENT = False

    def backward(self, dy):
        return super().backward(dy) * (dy > 0)


class ShiftedReLU(ReLU):
    """Overrides only `forward`: relu(x + 1/4). ReLU's own backward still returns its gradient."""

    def forward(self, x):
        return super().forward(x + 0.25)


class MaxSE(SEBlock):
    """Squeezes by the maximum, with its own forward and backward; the rest is `SEBlock`'s."""

    def forward(self, u):
        n, h, w, c = u.shape
        flat = u.reshape(n, h * w, c)
        argmax = flat.argmax(axis=1)
        z = np.take_along_axis(flat, argmax[:, None], axis=1)[:, 0]
        top = np.partition(flat, -2, axis=1)[:, -2:] if h * w > 1 else None
        note(argmax)
        if top is not None:
            note(top[:, 1] - top[:, 0])
        w1, w2 = self.fc1.weight.value, self.fc2.weight.value
        b1, b2 = (self.fc1.bias.value, self.fc2.bias.value) if self.bias else (None, None)
        s, hidden = F.excitation(z, w1, w2, b1, b2)
        self._saved = u, z, hidden, s, argmax
        return F.scale(u, s)

    def backward(self, dy):
        u, z, hidden, s, argmax = self._pop_saved()
        du, ds = F.scale_backward(dy, u, s)
        dz, self.fc1.weight.grad, self.fc2.weight.grad, db1, db2 = F.excitation_backward(
            ds, z, hidden, s, self.fc1.weight.value, self.fc2.weight.value, bias=self.bias)
        if self.bias:
            self.fc1.bias.grad, self.fc2.bias.grad = db1, db2
        flat = np.zeros((len(u), u.shape[1] * u.shape[2], u.shape[3]), u.dtype)
        np.put_along_axis(flat, argmax[:, None], dz[:, None], axis=1)
        return du + flat.reshape(u.shape)


class OwnSE(SEBlock):
    """`SEBlock` written in NumPy, as in an exercise."""

    def forward(self, u):
        z = u.mean(axis=(1, 2))
        a1 = z @ self.fc1.weight.value.T + (self.fc1.bias.value if self.bias else 0)
        note(a1)
        h = np.maximum(a1, 0)
        s = 1 / (1 + np.exp(-(h @ self.fc2.weight.value.T + (self.fc2.bias.value if self.bias else 0))))
        self._saved = u, z, h, s
        return u * s[:, None, None, :]

    def backward(self, dy):
        u, z, h, s = self._pop_saved()
        da2 = (dy * u).sum(axis=(1, 2)) * s * (1 - s)
        da1 = da2 @ self.fc2.weight.value * (h > 0)
        self.fc2.weight.grad, self.fc1.weight.grad = da2.T @ h, da1.T @ z
        if self.bias:
            self.fc1.bias.grad, self.fc2.bias.grad = da1.sum(axis=0), da2.sum(axis=0)
        dz = da1 @ self.fc1.weight.value
        return s[:, None, None, :] * dy + dz[:, None, None, :] / (u.shape[1] * u.shape[2])


class GatesOnlySE(SEBlock):
    """Overrides only `backward`: no gradient through the gates, only the direct path."""

    TRUE_GRADIENT = False

    def backward(self, dy):
        s = self.s
        super().backward(dy)
        return dy * s[:, None, None, :]


class BySuperSE(SEBlock):
    """Forward and backward only call super()."""

    def forward(self, u):
        return super().forward(u)

    def backward(self, dy):
        return super().backward(dy)


class HalvedSE(SEBlock):
    """Overrides `forward` with super() and arithmetic on its result, and `backward` to match."""

    def forward(self, u):
        return 0.5 * super().forward(u) + u

    def backward(self, dy):
        return super().backward(0.5 * dy) + dy
