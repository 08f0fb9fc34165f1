"""Cases as large as in the networks: many pieces for the threads, several bands and blocks for the loops, odd batches."""
import numpy as np

from minisenet import functional as F
from minisenet.gradcheck import cases
from minisenet.gradcheck.cases import Case

MAPS = (19, 16, 17, 33)                                  # 19 is prime: no number of threads divides the images


def last(sequence):
    return sequence[-1]


def convolution(x_shape, w_shape, bias=False, stride=1, padding=0, dilation=1, groups=1):
    def make(rng):
        arrays = dict(x=rng.standard_normal(x_shape), w=rng.standard_normal(w_shape))
        arrays |= {"b": rng.standard_normal(w_shape[0])} if bias else {}
        return Case(arrays, dict(stride=stride, padding=padding, dilation=dilation, groups=groups))
    return make


def batch_norm(rng):
    c = MAPS[3]
    return dict(x=rng.normal(0.5, 1.5, MAPS), gamma=rng.uniform(0.5, 2, c), beta=rng.standard_normal(c))


def statistics(rng):
    return dict(running_mean=rng.standard_normal(MAPS[3]), running_var=rng.uniform(0.2, 2, MAPS[3]))


def excitation(rng):
    z, weights, options = cases._excitation(last, rng, 19, 130)
    return Case(dict(z=z) | weights, options)


def se_block(rng):
    z, weights, options = cases._excitation(last, rng, 19, 33)
    around_zero = cases.distinct(rng, *MAPS, gap=0.2 / (MAPS[1] * MAPS[2]))
    return Case(dict(u=z[:, None, None, :] + around_zero) | weights, options)


def se_variant(rng):
    z, weights, options = cases._gated(last, rng, 19, 33)
    around_zero = cases.distinct(rng, *MAPS, gap=0.2 / (MAPS[1] * MAPS[2]))
    return Case(dict(u=z[:, None, None, :] + around_zero) | weights, options | dict(kind="max"))


def local_se_block(rng):
    z, weights, options = cases._gated(last, rng, MAPS[0] * MAPS[1] * MAPS[2], MAPS[3])
    return Case(dict(u=z.reshape(MAPS)) | weights, options)


def residual_block(rng):
    arrays = {name: array for name, array in se_block(rng).arrays.items() if name in ("u", "w1", "w2")}
    gated = F.se_block(**arrays)[0]
    return Case(arrays | dict(x=cases.away_from_zero(rng, gated.shape) - gated), {})


def normalised(x_shape, w_shape, norm=True, **options):
    def make(rng):
        arrays, c = dict(x=rng.standard_normal(x_shape), w=rng.standard_normal(w_shape)), x_shape[-1]
        if norm:
            mean, k, beta = rng.standard_normal(c), cases.away_from_zero(rng, c, 0.5), rng.standard_normal(c)
            arrays |= dict(x=(cases.away_from_zero(rng, x_shape) - beta) / k + mean, mean=mean, k=k, beta=beta)
        return Case(arrays, options)
    return make


def affine_add(rng):
    c, each = MAPS[3], MAPS[::3]
    a, mean, k, beta = rng.standard_normal(MAPS), rng.standard_normal(c), rng.uniform(0.3, 1, each), rng.standard_normal(each)
    own = dict(mean_x=rng.standard_normal(c), k_x=rng.uniform(0.5, 1, c), beta_x=rng.standard_normal(c))
    left = cases.away_from_zero(rng, MAPS) - k[:, None, None] * (a - mean) - beta[:, None, None]
    return Case(dict(a=a, mean=mean, k=k, beta=beta, x=(left - own["beta_x"]) / own["k_x"] + own["mean_x"], **own), dict(relu=True))


def se_residual(rng):
    case = cases.se_residual(last, rng)
    arrays = {name: case.arrays[name] for name in ("gamma", "beta", "w1", "w2")}
    arrays["a"] = rng.normal(0.5, 1.5, (*MAPS[:3], len(arrays["gamma"])))
    u, _, _ = F.batch_norm(arrays["a"], arrays["gamma"], arrays["beta"], **case.options)
    gated = F.se_block(u, arrays["w1"], arrays["w2"])[0]
    return Case(arrays | dict(x=cases.away_from_zero(rng, u.shape) - gated), case.options)


def cross_entropy(rng):
    labels = [int(label) for label in rng.integers(100, size=131)]
    return Case(dict(logits=rng.normal(0, 2, (131, 100))), dict(labels=labels, label_smoothing=0.1))


POOLING = dict(kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), ceil_mode=True)

LARGE = {
    "conv2d": [convolution((5, 32, 32, 3), (16, 3, 3, 3), padding=1),
               convolution((5, 32, 32, 16), (16, 16, 3, 3), padding=1),
               convolution((3, 32, 32, 16), (32, 16, 3, 3), padding=1, stride=2),
               convolution((3, 17, 16, 32), (64, 32, 1, 1), stride=2),
               convolution((19, 8, 8, 64), (64, 64, 3, 3), padding=1),
               convolution((3, 9, 11, 40), (33, 40, 3, 3), padding=1),
               convolution((2, 8, 8, 129), (256, 129, 3, 3), padding=1),
               convolution((2, 40, 35, 30), (70, 30, 3, 5), True, padding=(1, 2)),
               convolution((2, 33, 47, 20), (42, 10, 5, 3), True, stride=(1, 2), padding=(3, 0), dilation=(2, 3), groups=2),
               convolution((18, 21, 11, 49), (49, 1, 3, 3), padding=1, groups=49),
               convolution((3, 56, 56, 32), (32, 1, 3, 3), padding=1, groups=32),             # MobileNet's, in bands
               convolution((1, 200, 250, 2), (2, 1, 3, 3), padding=1, groups=2),              # the same in a build with short vectors
               convolution((2, 9, 8, 4), (2, 2, 3, 3), padding=1, groups=2),                  # the channels of two groups in one vector
               convolution((3, 14, 14, 128), (128, 4, 3, 3), padding=1, stride=2, groups=32), # ResNeXt's
               convolution((2, 66, 65, 2), (3, 2, 3, 3), padding=1)],           # several bands, even with vectors of one lane
    "batch_norm": [lambda rng: Case(batch_norm(rng), dict(eps=1e-5))],
    "batch_norm_inference": [lambda rng: Case(batch_norm(rng) | statistics(rng), dict(eps=1e-5))],
    "relu": [lambda rng: Case(dict(x=cases.away_from_zero(rng, 100_003)), {})],
    "sigmoid": [lambda rng: Case(dict(x=rng.normal(0, 5, 100_003)), {})],
    "linear": [lambda rng: Case(dict(x=rng.standard_normal((128, 64)), w=rng.standard_normal((10, 64)),
                                     b=rng.standard_normal(10)), {}),
               lambda rng: Case(dict(x=rng.standard_normal((37, 130)), w=rng.standard_normal((70, 130))), {})],
    "tanh": [lambda rng: Case(dict(x=rng.normal(0, 2, 100_003)), {})],
    "squeeze": [lambda rng: Case(dict(u=rng.standard_normal(MAPS)), {})],
    "max_squeeze": [lambda rng: Case(dict(u=cases.distinct(rng, *MAPS)), {})],
    "excitation": [excitation],
    "scale": [lambda rng: Case(dict(u=rng.standard_normal(MAPS), s=rng.uniform(0, 1, MAPS[::3])), {})],
    "se_block": [se_block],
    "se_variant": [se_variant],
    "local_se_block": [local_se_block],
    "concat": [lambda rng: Case({f"x{i}": rng.standard_normal((*MAPS[:3], c)) for i, c in enumerate((64, 33, 1, 130), 1)}, {})],
    "channel_shuffle": [lambda rng: Case(dict(x=rng.standard_normal((*MAPS[:3], 240))), dict(groups=3)),
                        lambda rng: Case(dict(x=rng.standard_normal((*MAPS[:3], 99))), dict(groups=9))],
    "dropout": [lambda rng: Case(dict(x=rng.standard_normal((19, 2048))), dict(p=0.2, seed=3, step=5))],
    "shake": [lambda rng: Case(dict(u1=rng.standard_normal(MAPS), u2=rng.standard_normal(MAPS), alpha=rng.uniform(0, 1, MAPS[0])),
                               {})],
    "add_relu": [lambda rng: Case(dict(u=(u := rng.standard_normal(MAPS)), x=cases.away_from_zero(rng, MAPS) - u), {})],
    "residual_block": [residual_block],
    "max_pool2d": [lambda rng: Case(dict(x=cases.distinct(rng, 7, 33, 31, 19)), POOLING)],
    "avg_pool2d": [lambda rng: Case(dict(x=rng.standard_normal((7, 33, 31, 19))), POOLING | dict(count_include_pad=False))],
    "softmax_cross_entropy": [cross_entropy],
    "conv2d_normalised": [normalised((19, 32, 32, 16), (16, 16, 3, 3), stride=1, padding=1),
                          normalised((19, 8, 8, 64), (64, 64, 3, 3), stride=1, padding=1),
                          normalised((19, 9, 9, 16), (33, 16, 3, 3), stride=1, padding=1),      # one, two or three columns
                          normalised((5, 14, 11, 40), (64, 40, 3, 3), stride=1, padding=1),     # and positions are left over
                          normalised((3, 9, 15, 64), (16, 64, 3, 3), stride=1, padding=1),
                          normalised((3, 17, 15, 32), (48, 32, 3, 3), False, stride=1, padding=1),
                          normalised((5, 11, 9, 8), (8, 8, 3, 3), stride=1, padding=1),         # one vector with AVX2
                          normalised((3, 17, 16, 32), (64, 32, 1, 1), stride=2, padding=0),
                          normalised((5, 17, 15, 3), (16, 3, 3, 3), False, stride=1, padding=1)],
    "affine_add": [affine_add],
    "se_residual": [se_residual],
}


def large_cases(row, seed=8):
    """Yield each large case of a row with an upstream gradient."""
    rng = np.random.default_rng(seed)
    for make in LARGE[row.name]:
        case = make(rng)
        yield case, row.upstream(row.forward(case.arrays, case.options), rng)
