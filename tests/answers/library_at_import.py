from minisenet.functional import squeeze        # noqa: F401
