"""The exercises in the paper's order: one table, from which files, marks and pages are made.

A row says what is asked. The signatures, docstrings and solutions are cut out of the package's own files
(`minisenet/course/source.py`), so an exercise asks exactly for what the package does.
"""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Exercise:
    """One row.

    Attributes
    ----------
    number : str
        Two digits, in the paper's order.
    name : str
        In the name of the file, `e06_squeeze.py`.
    title, section, equation : str
        In the paper; the equation is "" where it has none.
    functions : tuple of str
        The functions to write. Each earns the same share of the points.
    source : str
        The module that has these functions; for a kernel, the module with the NumPy body.
    points : int
    page, sections : str, tuple of str
        In docs/, and the headings there under which the derivation is: `reading.py` cuts it out.
    formula : str
        The equation in plain text, of what goes forward: deriving the gradient is the exercise.
    task : str
    hints : tuple of str
    builds_on : tuple of str
        Numbers of the exercises whose functions this one may call.
    may_go : tuple of str
        Options that a student may delete from a signature; the check then leaves them out.
    writes : str
        Arguments that are updated in place; all others must stay as they are.
    suffix : str
        ".py", or ".pyx" for a kernel.
    """

    number: str
    name: str
    title: str
    section: str
    equation: str
    functions: tuple
    source: str
    points: int
    page: str
    sections: tuple
    formula: str
    task: str
    hints: tuple
    builds_on: tuple = ()
    may_go: tuple = ()
    writes: str = ""
    suffix: str = ".py"

    @property
    def module(self):
        """The name under which later exercises import it: "e06_squeeze"."""
        return f"e{self.number}_{self.name}"

    @property
    def file(self):
        """The student's file: "e06_squeeze.py"."""
        return self.module + self.suffix

    @property
    def where(self):
        """Its place in the paper: "section 3.1, eq. (2)"."""
        return f"section {self.section}" + f", {self.equation}" * bool(self.equation)

    @property
    def link(self):
        """To its derivation: "section-3-1-squeeze.md#the-derivation"."""
        return f"{self.page}#{re.sub(r'[^a-z0-9 -]', '', self.sections[-1].lower()).replace(' ', '-')}"

    @property
    def reading(self):
        """Where `course start` writes the derivation: "reading/e06_squeeze.md"."""
        return f"reading/{self.module}.md"

    @property
    def points_each(self):
        """What one right function earns."""
        return self.points / len(self.functions)


TAP = "One matrix product per tap"

EXERCISES = (
    Exercise(
        "01", "convolution", "convolution", "3", "eq. (1)", ("conv2d",), "minisenet.functional.convolution", 10,
        "convolution.md", ("Forward", TAP),
        """
        y[n, p, q, c] = b[c] + sum_{i, j, s} w[c, s, i, j] x[n, p t + i d - a, q t + j d - a, s]

        with stride t, padding a and dilation d, each a height and a width, and x = 0 outside the image.
        """,
        "Write the sum. Start with seven loops if you like: the check's images are small.",
        ("The kernel is not flipped: w[c, s, 0, 0] multiplies the top left pixel of its window.",
         "For all output positions together, one tap (i, j) reads a slice of the padded image, x[:, i:i + ..., j:j + ...]. "
         "What is left is a matrix product over the channels."),
        may_go=("b", "dilation", "groups")),
    Exercise(
        "02", "convolution_input", "convolution: dx", "3", "eq. (1)", ("conv2d_backward_input",),
        "minisenet.functional.convolution", 10, "convolution.md", ("Forward", TAP, "dx: which outputs used this pixel?",),
        """
        y[n, p, q, c] = b[c] + sum_{i, j, s} w[c, s, i, j] x[n, p t + i d - a, q t + j d - a, s]
        """,
        "Derive dx: which outputs did one x[n, h, k, s] reach, and with which weights? Then give each of them back.",
        ("Scatter: where the forward read a pixel, the backward adds to it. Windows overlap, so use +=, never =.",
         "Work on a padded dx and cut the padding off at the end. It is not part of the image."),
        may_go=("dilation", "groups")),
    Exercise(
        "03", "convolution_weight", "convolution: dw", "3", "eq. (1)", ("conv2d_backward_weight",),
        "minisenet.functional.convolution", 10, "convolution.md", ("Forward", TAP, "dw: which outputs used this weight?",),
        """
        y[n, p, q, c] = b[c] + sum_{i, j, s} w[c, s, i, j] x[n, p t + i d - a, q t + j d - a, s]
        """,
        "Derive dw: how many times was one w[c, s, i, j] used, and what did it multiply each time?",
        ("A weight was used once for each image and each output position, so its gradient is a sum over n, p and q.",),
        may_go=("dilation", "groups")),
    Exercise(
        "04", "batch_norm", "batch norm forward", "5", "", ("batch_norm",), "minisenet.functional.batch_norm", 6,
        "batch-norm.md", ("Forward",),
        """
        mean = mean(x)        var = mean((x - mean)^2)        y = gamma (x - mean) / sqrt(var + eps) + beta

        each channel by itself, the means over its M = N H W values.
        """,
        "Return y, and the mean and variance of the batch, which the backward needs.",
        ("The variance is the biased one, divided by M and not by M - 1.",
         "With the channels last, the statistics of (N, H, W, C) are over axes 0, 1 and 2.")),
    Exercise(
        "05", "batch_norm_backward", "batch norm backward", "5", "", ("batch_norm_backward",),
        "minisenet.functional.batch_norm", 14, "batch-norm.md", ("Forward", "Backward, one arrow at a time",),
        """
        mean = mean(x)        var = mean((x - mean)^2)        y = gamma (x - mean) / sqrt(var + eps) + beta
        """,
        "Derive dx, dgamma and dbeta: x reaches y directly, through the mean, and through the variance. Write the "
        "derivation down here, at the top of the file, and then the code.",
        ("Write xhat = (x - mean) / sqrt(var + eps). beta was added to every value of its channel, and gamma "
         "multiplied every xhat. So their gradients are sums.",
         "dx has three terms. With dy = 1 everywhere it is 0: a constant added to x changes no output.")),
    Exercise(
        "06", "squeeze", "squeeze", "3.1", "eq. (2)", ("squeeze", "squeeze_backward"), "minisenet.functional.squeeze", 4,
        "section-3-1-squeeze.md", ("The derivation",),
        """
        z_c = 1 / (H W) sum_{i, j} u_c(i, j)
        """,
        "Write the mean over positions, and its gradient. A new array is as right as the read-only view that the package "
        "returns.",
        ("Every position had the same weight in the mean. Which share of dz does each one get?",)),
    Exercise(
        "07", "excitation", "excitation", "3.2", "eq. (3)", ("excitation", "excitation_backward"),
        "minisenet.functional.excitation", 10, "section-3-2-excitation.md", ("The excitation's derivation",),
        """
        s = sigma(W2 delta(W1 z))        h = delta(W1 z)

        delta is the ReLU, sigma the sigmoid 1 / (1 + exp(-x)); images are rows, so W1 z is z @ w1.T.
        """,
        "Write both passes. Add any helpers you want: a ReLU, a sigmoid, a fully connected layer.",
        ("Backward, undo one step at a time, from the last to the first: sigma, W2, delta, W1.",
         "The slope of sigma is s (1 - s), so the backward needs s and not what went into sigma. What does delta's need?",
         "Either both of b1 and b2 are given or neither. With bias=True return their gradients, otherwise None."),
        may_go=("b1", "b2", "bias")),
    Exercise(
        "08", "scale", "scale", "3.2", "eq. (4)", ("scale", "scale_backward"), "minisenet.functional.scale", 4,
        "section-3-2-excitation.md", ("The scale's derivation",),
        """
        y_c = s_c u_c
        """,
        "Write each map times its gate, and the gradients of both.",
        ("u is (N, H, W, C) and s is (N, C): s[:, None, None, :] brings them together.",
         "One s_c multiplied every position of its map, so its gradient is a sum over all of them.")),
    Exercise(
        "09", "se_block", "the SE block", "3", "eqs. (2) to (4)", ("se_block", "se_block_backward"),
        "minisenet.functional.se_block", 10, "se-block.md", ("Backward, from the last line to the first", "Two paths into u"),
        """
        z = squeeze(u)        s, h = excitation(z, w1, w2)        y = scale(u, s)
        """,
        "Put the block together from your own functions, and write its backward.",
        ("u is used twice, by the squeeze and by the scale. A value that is used twice gets two gradients, which add up.",),
        builds_on=("06", "07", "08"), may_go=("b1", "b2", "bias")),
    Exercise(
        "10", "residual_block", "the residual block", "3.3", "Fig. 3", ("residual_block", "residual_block_backward"),
        "minisenet.gradcheck.residual_block", 6, "section-3-3-instantiations.md", ("The derivation",),
        """
        y = delta(scale(u, s) + x)        with the gates s of u, as in the SE block
        """,
        "Write the end of an SE-ResNet module: the block, the shortcut x, and the ReLU after their sum.",
        ("The ReLU comes after the addition, so it acts on the gradients of both the block and the shortcut.",
         "y > 0 says where the ReLU was open."),
        builds_on=("09",)),
    Exercise(
        "11", "cross_entropy", "softmax cross-entropy", "5", "",
        ("softmax_cross_entropy", "softmax_cross_entropy_backward"), "minisenet.functional.cross_entropy", 6,
        "cross-entropy.md", ("Forward", "Backward"),
        """
        p_k = exp(a_k) / sum_j exp(a_j)        loss = -1/N sum_{n, k} q_nk log p_nk

        a are the logits, and q = (1 - e) one_hot(label) + e / K is the target, with label smoothing e.
        """,
        "Write the loss, and its gradient with respect to the logits.",
        ("Subtract each row's maximum first. This changes no result and keeps exp in range.",
         "Derive the softmax and the logarithm together: their gradient is one short line. Remember the mean over the batch."),
        may_go=("label_smoothing",)),
    Exercise(
        "12", "sgd", "SGD", "5", "", ("sgd_step",), "minisenet.optim", 4, "section-5-experiments.md", ("SGD with momentum",),
        """
        g = grad + weight_decay value        velocity = momentum velocity + g        value = value - lr velocity
        """,
        "Write one step of SGD with momentum, in place.",
        ("velocity *= ... and value -= ... work in place. value = value - ... makes a new array, and the caller's does not "
         "change.",),
        writes="value and velocity", may_go=("nesterov",)),
    Exercise(
        "13", "kernel", "one Cython kernel", "3.1", "eq. (2)", ("squeeze",), "minisenet.functional.squeeze", 6,
        "kernels.md", ("2. The same loops, compiled",),
        """
        z_c = 1 / (H W) sum_{i, j} u_c(i, j)
        """,
        "Write the squeeze once more, as loops in Cython that run without the GIL, for float32 and float64. A kernel that calls "
        "NumPy for the sums, or whose loops hold the GIL, earns no points.",
        ("Which loop should be innermost? The one whose elements are next to each other in memory.",),
        suffix=".pyx"),
)

POINTS = sum(exercise.points for exercise in EXERCISES)


def select(names=None):
    """The exercises with these names, in the paper's order.

    Parameters
    ----------
    names : sequence of str, optional
        Each a number ("06" or "6"), a name ("squeeze") or a file ("e06_squeeze.py"). Default: all exercises.

    Returns
    -------
    list of Exercise

    Raises
    ------
    ValueError
        For an unknown name.
    """
    asked = {_find(name) for name in names or ()}
    return [exercise for exercise in EXERCISES if not asked or exercise in asked]


def _find(name):
    for exercise in EXERCISES:
        known = (exercise.number, exercise.number.lstrip("0"), exercise.name, exercise.module, exercise.file)
        if str(name).lower() in known:
            return exercise
    raise ValueError(f"EXERCISE must be a number from {EXERCISES[0].number} to {EXERCISES[-1].number} or a name, got {str(name)!r}; "
                     f"the names are {', '.join(exercise.name for exercise in EXERCISES)}")
