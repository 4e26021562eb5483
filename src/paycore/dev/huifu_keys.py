"""Keys of a merchant at the sandbox's Huifu: what each of the two sides must know."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

MERCHANT: Final = "6666000100000001"
PRODUCT: Final = "YYZY"
BITS: Final = 2048
"""The provider's own length."""


def fresh() -> tuple[dict[str, str], dict[str, str]]:
    """New ones: the sandbox's part (`vendors.huifu`), and what the merchant is told.
    All texts; keys are PEM (PKCS#8, SubjectPublicKeyInfo).
    """
    ours = generate_private_key(public_exponent=65537, key_size=BITS)
    theirs = generate_private_key(public_exponent=65537, key_size=BITS)
    names = {"sys_id": MERCHANT, "product_id": PRODUCT, "huifu_id": MERCHANT}
    sandbox = {
        "merchant_public_key": _public(ours),
        "huifu_private_key": _private(theirs),
    }
    merchant = {
        "merchant_private_key": _private(ours),
        "huifu_public_key": _public(theirs),
    }
    return names | sandbox, names | merchant


def _private(key: RSAPrivateKey) -> str:
    form = PrivateFormat.PKCS8
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def _public(key: RSAPrivateKey) -> str:
    form = PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(Encoding.PEM, form).decode()
