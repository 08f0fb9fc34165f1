"""Deferred values: maps and gradients that pass between layers before all of their arithmetic is done.

On the fused backend a layer that supports it (see `minisenet.layers.Layer`) gets a `Map` in place of an array, and a
`Gradient` in place of an upstream gradient. Forward:

    conv2d          returns its raw map a, with each image's moments
    batch_norm      turns it into k (a - mean) + beta: two numbers for each channel, and no pass over the map
    relu            is noted as pending
    squeeze         computes z from the moments
    scale           multiplies k and beta by the gates, for each image
    add_relu        computes all that in one pass
    conv2d          computes it while it packs a

Backward, where g is the array computed so far:

    relu            is noted as pending: g has yet to be masked
    scale           masks g and computes the sums of g and of g (a - mean), in one pass; the rest is p g
    squeeze         adds dz / (H W): p g + q
    batch_norm      has the sums by now: p g + q - r (a - mean)
    conv2d          computes that while it packs g and a. It masks its dx for the ReLU before it, and computes the sums of dx.

`minisenet/functional/fused.py` has the passes and the algebra. Each rule below has the name and the result of the function
that it replaces. If it has no shorter way, it forms the arrays and calls that function. A value is formed by `np.asarray` and
by any arithmetic, and is an array from then on. So every reader gets the right numbers.
"""
from dataclasses import dataclass

import numpy as np

import minisenet.functional as F
from minisenet.backend import get_backend
from minisenet.backend.decorator import KERNEL_DTYPES
from minisenet.backend.values import RULES, Deferred, formed, is_deferring
from minisenet.functional import fused


class Value(Deferred, np.lib.mixins.NDArrayOperatorsMixin):
    """A deferred value works as an array does. It is formed for anything but its shape, its dtype and a sum."""

    shape = property(lambda self: self.stand_in.shape)
    dtype = property(lambda self: self.stand_in.dtype)
    ndim = property(lambda self: self.stand_in.ndim)
    size = property(lambda self: self.stand_in.size)

    def __array__(self, dtype=None, copy=None):
        array = self.form()
        return np.array(array, dtype, copy=True) if copy else np.asarray(array, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if ufunc is np.add and method == "__call__" and not options and is_deferring():
            return sum_of(*inputs)
        if "out" in options:
            options["out"] = tuple(out.writable() if isinstance(out, Value) else out for out in options["out"])
        return getattr(ufunc, method)(*map(formed, inputs), **options)

    def writable(self):
        """The array, to be written to: a new one if something pending still has to read the old one."""
        array = self.form()
        if not array.flags.writeable:
            setattr(self, self._array, array.copy())
        return self.stand_in

    def __getattr__(self, name):
        if name.startswith("__"):                           # copy and pickle look for these on every object
            raise AttributeError(name)
        return getattr(self.form(), name)

    def __getitem__(self, index):
        return self.form()[index]

    def __setitem__(self, index, value):
        self.writable()[index] = formed(value)

    def __len__(self):
        return len(self.stand_in)

    def __reduce__(self):
        return np.asarray, (self.form(),)                   # a copy is an array

    def __bool__(self):
        return bool(self.form())

    def __float__(self):
        return float(self.form())

    def __int__(self):
        return int(self.form())

    def __contains__(self, value):
        return formed(value) in self.form()

    def __iter__(self):
        return iter(self.form())

    def __repr__(self):
        return repr(self.form())


@dataclass(eq=False, repr=False)
class Map(Value):
    """The map a, or k (a - mean) + beta, or relu of that.

    Attributes
    ----------
    a : ndarray (N, H, W, C)
    means, squares : ndarray (N, C) or None
        The moments of a, if they are known: see `fused.image_moments`.
    mu, k, beta : ndarray (C,) or None
        `mu` is the mean; `mean` is a method of arrays. k and beta are (N, C) once they contain gates. All are None if
        nothing is pending.
    relu : bool
    ours : bool
        Whether this module made a, and no caller has it.
    wrapped : bool
        Whether a is the array that a caller gave to a layer: then no caller has this Map.
    """

    a: np.ndarray
    means: np.ndarray | None = None
    squares: np.ndarray | None = None
    mu: np.ndarray | None = None
    k: np.ndarray | None = None
    beta: np.ndarray | None = None
    relu: bool = False
    ours: bool = False
    wrapped: bool = False

    _array = "a"
    stand_in = property(lambda self: self.a)
    is_affine = property(lambda self: self.mu is not None and not self.relu)

    def form(self):
        if self.mu is not None:
            self.a = fused.affine_add(self.a, self.mu, self.k, self.beta, relu=self.relu)
            self.mu, self.k, self.beta, self.relu = None, None, None, False
        self.means, self.squares, self.ours = None, None, False         # the caller may write to the array
        return self.a

    def keep(self):
        """The array for something pending, which reads it later, so it must not change. A copy if a caller has it too."""
        array = _frozen(self.a, self.ours)
        if self.wrapped:
            self.a, self.ours = array, True
        return array


@dataclass(eq=False)
class Sums:
    """The sums of a gradient d with a map a: of d and of d (a - mean), each (N, C). And the means (N, C) of a."""

    a: np.ndarray
    mu: np.ndarray
    means: np.ndarray | None
    sums: np.ndarray
    products: np.ndarray


@dataclass(eq=False, repr=False)
class Gradient(Value):
    """The gradient g, masked by y where there is one; or p g + q; or p g + q - r (a - mean).

    Attributes
    ----------
    g : ndarray (N, H, W, C)
    y : Map, ndarray or None
        The output of the ReLU whose backward is pending.
    p, q : ndarray (N, C) or None
    r, mu, a : ndarray (C,), (C,), (N, H, W, C), or None
    known : Sums or None
        The sums of the whole value, as long as there is no r.
    undone : Map or None
        A map with a pending ReLU, whose convolution has already done the ReLU's backward. g is right where the map is
        positive. Elsewhere it is 0 if there is `known`, and otherwise undefined.
    whole : callable or None
        Computes the gradient of that map without the ReLU's backward.
    ours : bool
        Whether this module made g, and no caller has it.
    """

    g: np.ndarray
    y: object = None
    p: np.ndarray | None = None
    q: np.ndarray | None = None
    r: np.ndarray | None = None
    mu: np.ndarray | None = None
    a: np.ndarray | None = None
    known: Sums | None = None
    undone: Map | None = None
    whole: object = None
    ours: bool = False

    _array = "g"
    stand_in = property(lambda self: self.g)

    def form(self):
        if self.undone is not None:
            self.g = self.whole()
        elif self.y is not None:
            self.g = F.relu_backward(self.g, formed(self.y))
        elif self.r is not None:
            self.g = fused.affine_gradient_map(self.g, self.p, self.q, self.r, self.a, self.mu)
        elif self.p is not None:
            self.g = self.p[:, None, None] * self.g + self.q[:, None, None]
        self.y = self.p = self.q = self.r = self.mu = self.a = self.known = self.undone = self.whole = None
        self.ours = False
        return self.g

    def sums_about(self, a, mean, means=None):
        """The sums of this gradient with a map. After this g is masked, and q - r (a - mean) is not pending."""
        known = self.known
        if known and self.undone is None and known.a is a and (known.mu is mean or np.array_equal(known.mu, mean)):
            return known
        if self.undone is not None or self.p is not None:
            self.form()
        g, sums, products = fused.gradient_sums(self.g, a, mean, None if self.y is None else formed(self.y))
        self.ours = self.ours or self.y is not None
        self.g, self.y, self.known = g, None, Sums(a, mean, means, sums, products)
        return self.known

    def keep(self):
        """The array for something pending: see `Map.keep`."""
        return _frozen(self.g, self.ours)


def _frozen(array, ours):
    array = array if ours else array.copy()
    array.flags.writeable = False
    return array


def as_map(x):
    """x as a `Map` if the fused backend can use one, else x."""
    return Map(np.ascontiguousarray(x), wrapped=True) if _is_a_map(x) else x


def as_gradient(dy):
    """dy as a `Gradient` if the fused backend can use one, else dy."""
    return Gradient(np.ascontiguousarray(dy)) if _is_a_map(dy) else dy


def _is_a_map(x):
    return isinstance(x, np.ndarray) and x.ndim == 4 and x.dtype in KERNEL_DTYPES and x.size > 0 and get_backend() == "fused"


def _map(x):
    return x if isinstance(x, Map) else Map(formed(x))


def _gradient(dy):
    return dy if isinstance(dy, Gradient) else Gradient(formed(dy))


# ---- sums: forward in one pass; backward the known sums are kept ---------------------------------------------------

def sum_of(u, x):
    """u + x, of which at least one is deferred."""
    if isinstance(u, Map) or isinstance(x, Map):
        return Map(_sum_of_maps(u, x, relu=False), ours=True) if np.shape(u) == np.shape(x) else formed(u) + formed(x)
    if not isinstance(u, Gradient):
        u, x = x, u                                         # u is a Gradient, x anything
    if np.shape(u) == np.shape(x):
        if isinstance(x, np.ndarray) and not any(x.strides[1:3]) and u.known and u.undone is None:
            return _plus_constant(u, x[:, 0, 0])
        if isinstance(x, Gradient) and x.undone is not None and u.undone is None:
            u, x = x, u
        if u.undone is not None:
            return _plus_undone(u, x)
        return Gradient(formed(u) + formed(x), ours=True)
    return formed(u) + formed(x)                            # of different shapes: NumPy broadcasts


def _sum_of_maps(u, x, relu):
    u, x = _map(u), _map(x)
    if not u.is_affine:
        u, x = x, u
    if not u.is_affine or u is x:
        y = u.form() + x.form()
        return F.relu(y) if relu else y
    if not x.is_affine or x.k.ndim == 2:
        x.form()
    return fused.affine_add(u.a, u.mu, u.k, u.beta, x.a, x.mu, x.k, x.beta, relu=relu)


def _plus_constant(d, c):
    """d + c, with one number c for each image and channel, as a squeeze's backward gives it: c goes into q and the sums."""
    c, known, positions = np.ascontiguousarray(c), d.known, d.g.shape[1] * d.g.shape[2]
    means = known.a.mean(axis=(1, 2)) if known.means is None else known.means
    sums = Sums(known.a, known.mu, means, known.sums + positions * c, known.products + positions * c * (means - known.mu))
    return Gradient(d.g, p=np.ones_like(c) if d.p is None else d.p, q=c if d.q is None else d.q + c, known=sums)


def _plus_undone(d, x):
    """d + x, where d has the ReLU's backward done already, and x may have it. Masking twice changes nothing: the sum is right
    where the ReLU's output is positive, and `whole` can still compute it without the mask."""
    of_d, known = d.whole, None
    if isinstance(x, Gradient) and x.undone is d.undone:
        of_x = x.whole
        if d.known and x.known:
            sums, products = d.known.sums + x.known.sums, d.known.products + x.known.products
            known = Sums(d.known.a, d.known.mu, d.known.means, sums, products)
        return Gradient(d.g + x.g, known=known, undone=d.undone, whole=lambda: of_d() + of_x(), ours=True)
    x = formed(x)
    return Gradient(d.g + x, undone=d.undone, whole=lambda: of_d() + x, ours=True)


# ---- the rules: each has the name of the function that it replaces, and the arguments that this function's check returns ----

def rule(function):
    """Register a function as the rule of the public function of the same name, for deferred values."""
    RULES[function.__name__] = function
    return function


@rule
def add_relu(u, x):
    return Map(_sum_of_maps(u, x, relu=True), ours=True)


@rule
def add_relu_backward(dy, y):
    dpre = relu_backward(dy, y)
    return dpre, dpre


def _source(x):
    """(a, mean, k, beta) of a map that a convolution reads. It can compute only relu(k (a - mean) + beta)."""
    if not x.relu or x.k.ndim == 2:
        return (x.a if x.mu is None else x.form()), None, None, None
    return x.a, x.mu, x.k, x.beta


@rule
def conv2d(x, w, b=None, **options):
    a, *norm = _source(_map(x))
    y, means, squares = fused.conv2d_normalised.unchecked((a, w, *norm), options)
    if b is not None:
        y += b
        means = means + b
    return Map(y, means, squares, ours=True)


@rule
def conv2d_backward(dy, x, w, *, bias, input_gradient, plus, **options):
    dy, x = _gradient(dy), _map(x)
    a, *norm = _source(x)
    absorbed = norm[0] is not None
    if not absorbed:
        plus = formed(plus)                                 # before dy's parts are read: it may be dy itself
    if bias or dy.r is None:
        dy.form()
    db = dy.g.sum(axis=(0, 1, 2)) if bias else None
    dx, dw, sums, products = fused.conv2d_normalised_backward.unchecked(
        (dy.g, a, w, *norm, dy.a, dy.mu, dy.p, dy.q, dy.r, None if absorbed else plus),
        options | dict(input_gradient=input_gradient))
    if not input_gradient:
        return None, dw, db
    if not absorbed:
        return Gradient(dx, ours=True), dw, db
    upstream, w = Gradient(dy.g, p=dy.p, q=dy.q, r=dy.r, mu=dy.mu, a=dy.a), w.copy()     # an optimiser edits w in place
    dx = Gradient(dx, known=Sums(a, x.mu, x.means, sums, products), undone=x, ours=True,
                  whole=lambda: F.conv2d_backward_input(upstream.form(), w, a.shape, **options))
    return dx if plus is None else sum_of(dx, plus), dw, db


def _raw(x):
    """x with nothing pending, as a batch norm needs it."""
    x = _map(x)
    if x.mu is not None:
        x.form()
        x.ours = True                                       # no caller has it yet
    return x


def _normalised(x, moments, mean, var, gamma, beta, eps):
    """k (a - mean) + beta, with copies of the parameters, which may be edited before the map is formed."""
    k = gamma / np.sqrt(var + eps)
    return Map(x.keep(), *moments, mu=mean.astype(x.dtype), k=k.astype(x.dtype), beta=beta.copy())


@rule
def batch_norm(x, gamma, beta, *, eps):
    x = _raw(x)
    moments = fused.image_moments(x.a) if x.means is None else (x.means, x.squares)
    mean, var = fused.merge_moments.unchecked((*moments, x.a.shape[1] * x.a.shape[2]), {})
    y = _normalised(x, moments, mean, var, gamma, beta, eps)
    return y, y.mu, var.astype(x.dtype)


@rule
def batch_norm_inference(x, gamma, beta, running_mean, running_var, *, eps):
    x = _raw(x)
    return _normalised(x, (x.means, x.squares), running_mean, _exact(running_var), gamma, beta, eps)


def _exact(array):
    return array.astype(np.result_type(array, np.float64), copy=False)


@rule
def batch_norm_backward(dy, x, gamma, mean, var, *, eps, training=True):
    dy, x = _gradient(dy), _map(x)
    a = x.a if x.mu is None else x.form()
    known = dy.sums_about(a, mean, x.means)
    rstd = 1 / np.sqrt(_exact(var) + eps)
    p, q, r, dgamma, dbeta = fused.affine_gradient.unchecked(
        ((gamma * rstd).astype(a.dtype), rstd.astype(a.dtype), known.sums, known.products, a.shape[1] * a.shape[2],
         dy.p, dy.q), dict(training=training))
    return Gradient(dy.keep(), p=p, q=q, r=r, mu=mean, a=x.keep()), dgamma, dbeta


@rule
def batch_norm_inference_backward(dy, x, gamma, running_mean, running_var, *, eps):
    return batch_norm_backward(dy, x, gamma, running_mean, running_var, eps=eps, training=False)


@rule
def relu(x):
    x = _map(x)
    if not x.is_affine:
        return Map(F.relu(x.form()), ours=True)
    return Map(x.a, x.means, x.squares, x.mu, x.k, x.beta, relu=True)


@rule
def relu_backward(dy, y):
    dy = _gradient(dy)
    if dy.undone is y:
        return Gradient(dy.g, y=None if dy.known else y, known=dy.known, ours=dy.ours)
    return Gradient(dy.form(), y=y)


@rule
def squeeze(u):
    u = _map(u)
    if u.relu or u.means is None:
        return F.squeeze(u.form())
    return u.means if u.mu is None else u.k * (u.means - u.mu) + u.beta


@rule
def scale(u, s):
    u = _map(u)
    if not u.is_affine:
        return Map(F.scale(u.form(), s), ours=True)
    return Map(u.a, u.means, u.squares, u.mu, s * u.k, s * u.beta)


@rule
def scale_backward(dy, u, s):
    dy, u = _gradient(dy), _map(u)
    if not u.is_affine:
        du, ds = F.scale_backward(dy.form(), u.form(), s)
        return Gradient(du, ours=True), ds
    known = dy.sums_about(u.a, u.mu, u.means)
    sums = Sums(u.a, u.mu, u.means, s * known.sums, s * known.products)
    du = Gradient(dy.keep(), p=s if dy.p is None else s * dy.p, q=np.zeros_like(s) if dy.q is None else s * dy.q, known=sums)
    return du, u.k * known.products + u.beta * known.sums
