"""`paycore keys`: a fresh set of keys, as lines for the environment."""

import typer


def keys() -> None:
    """Print new keys. Whoever has them opens what is sealed with them: keep them."""
    from paycore.kernel.config_keys import PREFIX, fresh_keys

    for name, value in fresh_keys().items():
        typer.echo(f"{PREFIX}{name.upper()}={value}")
