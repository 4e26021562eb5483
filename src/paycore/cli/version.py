"""`paycore version`."""

import typer


def version() -> None:
    """Say which version this is."""
    from paycore import __version__

    typer.echo(__version__)
