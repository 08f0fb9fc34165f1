"""A hook for every call of a kernel or a body. Benchmarks, tests and fault injection use it.

    def hook(call):
        began = time.perf_counter()
        result = call()
        print(call.name, call.kind, time.perf_counter() - began)
        return result

    with watching(hook):
        model.forward(x)
"""
import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace

hook = None             # what the decorator calls, or None


@dataclass(frozen=True)
class Call:
    """A kernel or a body about to run. `call()` runs it; `call.run(*args, **options)` runs it on other arguments.

    Attributes
    ----------
    function : callable
        The public function, `F.relu` say.
    kind : str
        "kernel" or "body".
    args, options : tuple, dict
        The arguments, checked and normalised.
    run : callable
        The kernel or body itself, or the hook of an outer `watching`.
    """

    function: Callable
    kind: str
    args: tuple
    options: dict
    run: Callable

    @property
    def name(self):
        """The function's name, "relu" say."""
        return self.function.__name__

    @property
    def arguments(self):
        """Name of each argument that was passed -> its value."""
        return inspect.signature(self.function).bind(*self.args, **self.options).arguments

    def __call__(self):
        return self.run(*self.args, **self.options)


@contextlib.contextmanager
def watching(inner):
    """`with watching(hook):` every function under `@kernelised` returns `hook(call)`, call being a `Call`.

    The hook may time the call, record it, run it on other arguments, change its result, raise, or return arrays of its own
    without running it. It is called after the arguments are checked, on every backend, in every thread, and for the whole
    process. A composition without a kernel (`excitation`, `conv2d_backward`) shows as its parts. If a body calls other functions,
    the hook gets their calls during the body's. Hooks nest: the inner hook gets a call first, and the outer hook gets it when the
    inner one runs it.
    """
    global hook
    outer = hook

    def both(call):
        return inner(replace(call, run=lambda *args, **options: outer(replace(call, args=args, options=options))))

    hook = inner if outer is None else both
    try:
        yield
    finally:
        hook = outer
