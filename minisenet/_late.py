"""Late binding: a module offers names that it does not import.

    _late.bind("minisenet.gradcheck", provider, "check")          # in minisenet/__init__.py, which may import everything
    __getattr__ = functools.partial(_late.lookup, __name__)        # in minisenet/gradcheck/__init__.py

So a package can offer a name of a package that it may not import, and `import minisenet` loads only what is used.
"""
_PROVIDERS = {}


def bind(module, provider, *names):
    """Bind `names` of `module` to the names of the module that `provider()` imports at the first use."""
    _PROVIDERS.update({(module, name): provider for name in names})


def lookup(module, name):
    """The object that is bound to a name of a module. AttributeError if there is none."""
    if (module, name) not in _PROVIDERS:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattr(_PROVIDERS[module, name](), name)
