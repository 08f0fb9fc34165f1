"""Late binding: names that a module shows or uses and does not import.

    _late.bind("minisenet.gradcheck", provider, "check")          # in minisenet/__init__.py, which may import everything
    __getattr__ = functools.partial(_late.lookup, __name__)        # in minisenet/gradcheck/__init__.py

So a package can show a name of one that stands right of it, and know nothing of that one; and `import minisenet` does not wait
for what is not used.
"""
_PROVIDERS = {}


def bind(module, provider, *names):
    """Say that `names` of `module` are those of the module that `provider()` imports, when one of them is asked for."""
    _PROVIDERS.update({(module, name): provider for name in names})


def lookup(module, name):
    """The object that was bound to a name of a module; AttributeError where there is none."""
    if (module, name) not in _PROVIDERS:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattr(_PROVIDERS[module, name](), name)
