"""Huifu's own kit, dg-sdk: it signs, sends, and checks the signature of the answer.

Its keys and its address belong to its classes: one merchant a process.
"""

import json

import dg_sdk
import requests
from dg_sdk.core.rsa_utils import rsa_design
from line import serve


def begin(base_url: str, keys: dict[str, str]) -> None:
    """Say who we are, and where Huifu is."""
    dg_sdk.DGClient.BASE_URL = base_url
    dg_sdk.DGClient.mer_config = dg_sdk.MerConfig(
        keys["private_key"],
        keys["huifu_public_key"],
        keys["sys_id"],
        keys["product_id"],
    )


def post(request: str, fields: dict[str, str]) -> dict[str, object]:
    """One request of the kit's; fields that its class has not are its extension."""
    made = getattr(dg_sdk, request)()
    more = {}
    for name, value in fields.items():
        if hasattr(type(made), name):
            setattr(made, name, value)
        else:
            more[name] = value
    said = made.post(more)
    if isinstance(said, requests.Response):
        return {"status": said.status_code, "body": said.text}
    return {"data": said}


def encrypt(text: str) -> str:
    """A secret field."""
    return str(dg_sdk.DGTools.encrypt_with_public_key(text))


def verify(sign: str, text: str) -> bool:
    """Whether Huifu signed this text, as it is."""
    key = dg_sdk.DGClient.mer_config.public_key
    return bool(rsa_design(sign, text, key)[0])


def verify_anew(sign: str, text: str) -> bool:
    """The same by the kit's own function, which sorts the text and writes it anew."""
    return bool(dg_sdk.DGTools.verify_sign(json.loads(text), sign)[0])


serve(
    {
        "begin": begin,
        "post": post,
        "encrypt": encrypt,
        "verify": verify,
        "verify_anew": verify_anew,
    }
)
