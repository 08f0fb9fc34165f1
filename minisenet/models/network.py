"""What all networks share: their layers run in the order in which they are assigned, and a detector gets each stage's maps."""
from dataclasses import fields

import numpy as np

from minisenet import arguments
from minisenet.backend.values import deferring, formed
from minisenet.blocks import SE
from minisenet.layers import Sequential

SE_OPTIONS = {field.name: field.default for field in fields(SE)} | dict(se_stages=None)


class Network(Sequential):
    """Images (N, H, W, 3) to logits (N, num_classes): a stem, stages and a head.

    A subclass only assigns layers. Their order is the order of the forward; the children `stage1`, `stage2`, ... are the stages.
    """

    def backward(self, dy, input_gradient=False):
        """Set every parameter's gradient. Returns the images' gradient if `input_gradient` is true, else None."""
        dx = super().backward(dy, input_gradient=input_gradient)
        return dx if input_gradient else None

    def features(self, x):
        """The maps of the stages, on which a detector puts its neck.

        Parameters
        ----------
        x : ndarray (N, H, W, 3)

        Returns
        -------
        list of ndarray (N, H_i, W_i, C_i)
            The output of each stage. The head does not run.

        Notes
        -----
        Source: section 5.3, where SE-ResNets are the backbones of a detector.
        """
        maps = []
        with deferring():
            for name, layer in self._body():
                x = layer(x)
                if name.startswith("stage"):
                    maps.append(x)
        maps = formed(maps)
        self._saved = [map.shape for map in maps]
        return maps

    def features_backward(self, dmaps, input_gradient=False):
        """The way back from `features`: each stage's output gets its own gradient and that of the stage after it.

        Parameters
        ----------
        dmaps : list of ndarray or None
            The gradient of each map, None for a map that was not used.
        input_gradient : bool

        Returns
        -------
        ndarray (N, H, W, 3) or None
            The images' gradient, if `input_gradient` is true.

        Raises
        ------
        TypeError, ValueError
            If a gradient is not a NumPy array or does not have its map's shape, or if their number differs.
        RuntimeError
            If there was no `features` before.
        """
        shapes, body = self._pop_saved(), list(self._body())
        if len(dmaps) != len(shapes):
            raise ValueError(f"dmaps must have {len(shapes)} gradients, one for each stage, got {len(dmaps)}: use None for a map "
                             "without a gradient")
        dmaps = [given if given is None else arguments.arrays(dmap=(formed(given), 4, shape))[0]
                 for given, shape in zip(dmaps, shapes)]
        if dmaps[-1] is None:
            dmaps[-1] = np.zeros(shapes[-1], next(iter(self.parameters().values())).value.dtype)
        dx = None
        with deferring():
            for i, (name, layer) in reversed(list(enumerate(body))):
                if name.startswith("stage") and (own := dmaps.pop()) is not None:
                    dx = own if dx is None else dx + own
                dx = layer.backward(dx, input_gradient=i > 0 or input_gradient)
        return formed(dx) if input_gradient else None

    def _body(self):
        """(name, layer) from the stem to the last stage."""
        children = list(self.children().items())
        last = max(i for i, (name, _) in enumerate(children) if name.startswith("stage"))
        return children[:last + 1]


def stage_options(stages, *, standard=None, reduction=16, se_stages=None, **se):
    """The SE options of each stage.

    Parameters
    ----------
    stages : int
        Their number.
    standard : str, optional
        The name of a network whose SE blocks have only one place, "standard".
    reduction : int, sequence of int, or None
        r of all stages, or one for each.
    se_stages : sequence of int, optional
        The numbers of the stages with SE blocks: 1 is `stage1`, which the paper's Tables 1 and 13 call stage 2. Default: all.
    **se
        See `minisenet.blocks.SE`.

    Returns
    -------
    list of dict
        The keywords of a block of each stage.

    Raises
    ------
    TypeError, ValueError
        If there is no such stage or option, or if the number of reductions is not that of the stages.
    """
    if unknown := se.keys() - SE_OPTIONS.keys():
        raise TypeError(f"options of the SE blocks must be among {', '.join(SE_OPTIONS)}, got {min(unknown)}")
    place = SE(**se).place                                  # report a wrong name before anything is built
    if standard and place != "standard":
        raise ValueError(f"place must be 'standard' in {standard}, got {place!r}: the other places are for ResNets")
    reductions = list(reduction) if isinstance(reduction, (tuple, list)) else [reduction] * stages
    if len(reductions) != stages:
        raise ValueError(f"reduction must be an int or {stages} ints, one for each stage, got {reduction}")
    numbers = range(1, stages + 1)
    chosen = numbers if se_stages is None else [arguments.integer("se_stages", number, 1) for number in _sequence(se_stages)]
    if wrong := [number for number in chosen if number > stages]:
        raise ValueError(f"se_stages must be from 1 to {stages}, got {wrong[0]}")
    return [dict(se, reduction=r if number in chosen else None) for number, r in zip(numbers, reductions)]


def _sequence(value):
    return value if isinstance(value, (tuple, list)) else (value,)


def scaled(channels, width, multiple=1):
    """A number of channels times `width`, a positive number, rounded to a multiple, and at least one of it."""
    return max(1, round(channels * arguments.real_number("width", width, least=0) / multiple)) * multiple


def stage(block, n, in_channels, width, out_channels, strided, options):
    """n blocks, of which the first changes the channels, and has stride 2 if `strided`."""
    first = block(in_channels, width, stride=2 if strided else 1, **options)
    return Sequential(first, *(block(out_channels, width, **options) for _ in range(n - 1)))
