"""Late binding: names that a module shows and does not import.

    late.bind("minisenet.gradcheck", provider, "check")          # in minisenet/__init__.py, which may import everything
    __getattr__ = late.names(__name__)                            # in that module, which need not know where they are

So a package that stands left of another can show some of its names without an import from left to right, and who does not
use them does not wait for them.
"""
_PROVIDERS = {}


def bind(module, provider, *names):
    """Say that `names` of `module` are those of `provider()`, which is called when one of them is first asked for."""
    _PROVIDERS.update({(module, name): provider for name in names})


def names(module):
    """The `__getattr__` of `module`."""
    def __getattr__(name):
        if (module, name) not in _PROVIDERS:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(_PROVIDERS[module, name](), name)
    return __getattr__
