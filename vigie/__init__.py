"""The command line of vigie."""


def version() -> str:
    """The installed version."""
    from importlib.metadata import version as installed

    return installed("vigie")
