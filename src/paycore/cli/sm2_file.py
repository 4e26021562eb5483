"""`paycore channels unlock`: a merchant's SM2 key, out of the file of his certifier."""

from pathlib import Path
from typing import Annotated

import typer


def unlock(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A key as a `.sm2`.")
    ],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, help="The file's own.")
    ],
) -> None:
    """Take a merchant's SM2 key and its certificate out of a `.sm2`, as PEM, for the
    credentials of an account at UnionPay: `signing_key` and `signing_certificate`.
    """
    import msgspec
    from cryptography.hazmat.primitives.serialization import Encoding

    from paycore.kernel import sm2
    from paycore.kernel.errors import BadRequest

    try:
        key, certificate = sm2.opened(file.read_bytes(), password)
    except ValueError as error:
        raise BadRequest(f"{file} is {error}.") from None
    found = {
        "signing_key": key.pem,
        "signing_certificate": certificate.public_bytes(Encoding.PEM).decode(),
    }
    typer.echo(msgspec.json.encode(found).decode())
