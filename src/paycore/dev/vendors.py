"""Providers beside the sandbox's own banks: what both sides of each contract hold.

Made once a folder and kept, as the other secrets are. Nothing of it is worth anything
outside of the sandbox.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import msgspec

from paycore.dev import huifu_keys
from paycore.dev.certificates import LIFE, unionpay
from paycore.kernel.clock import machine_now
from paycore.kernel.errors import BadRequest
from paycore.kernel.ids import PAY_ORDER_NO_LENGTH

MER_ID: Final = "777290058110097"
SIGN: Final = "示例商城"
APP_ID: Final = "1400000001"
TEMPLATES: Final = MappingProxyType(
    {
        "aliyun": ("SMS_100000001", "您的验证码是${code},请勿告诉他人。"),
        "tencent": ("1000001", "您的验证码是{1},请勿告诉他人。"),
    }
)


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What the two sides hold."""

    sandbox: dict[str, object]
    """Its part of the sandbox's configuration, but for the addresses of ours."""
    ours: dict[str, object]
    """Our credentials, but for the addresses of theirs."""
    agreement: str = ""
    """One that its payer is taken to have, where it signs none by a texted code."""

    def __repr__(self) -> str:
        """Nothing of the keys."""
        return "Contract(…)"


def with_unionpay(
    now: datetime, *, lasts: timedelta = LIFE, sign_method: str = "01"
) -> Contract:
    """A contract whose certificates are good from now on, signed in one of UnionPay's
    ways.
    """
    keys = unionpay(MER_ID, now, lasts=lasts, sm2=sign_method == "21")
    theirs, merchant = dict(keys.simulator), dict(keys.merchant)
    issuers = [merchant.pop("middle_certificate"), merchant.pop("root_certificate")]
    both = {"sign_method": sign_method}
    if sign_method in ("11", "12"):
        both["shared_key"] = secrets.token_hex(16)
        for name in ("merchant_certificate", "signing_key", "signing_certificate"):
            theirs.pop(name)
            merchant.pop(name, None)
    return Contract(
        sandbox={**theirs, **both},
        ours={**merchant, **both, "issuers": "".join(issuers)},
    )


def _unionpay() -> Contract:
    return with_unionpay(machine_now())


def _huifu() -> Contract:
    theirs, ours = huifu_keys.fresh()
    private_key = ours.pop("merchant_private_key")
    return Contract(
        # A number of ours begins with its payment's: so the bank lists money by that.
        sandbox={**theirs, "reference_length": PAY_ORDER_NO_LENGTH},
        # The sandbox's files are there as soon as its day is over, whenever that is.
        ours={**ours, "private_key": private_key, "bill_from_hour": 0},
    )


def _stripe() -> Contract:
    key, hook = f"sk_test_{secrets.token_hex(16)}", f"whsec_{secrets.token_hex(16)}"
    customer, method = f"cus_{secrets.token_hex(7)}", f"pm_{secrets.token_hex(12)}"
    return Contract(
        sandbox={
            "account": "acct_paycore",
            "secret_key": key,
            "customer": customer,
            "payment_method": method,
            "webhook_secret": hook,
            "reference": "pay_order_no",
        },
        ours={"secret_key": key, "webhook_secrets": [hook], "livemode": False},
        agreement=f"{customer}/{method}",
    )


def _aliyun() -> Contract:
    template, words = TEMPLATES["aliyun"]
    key = {
        "access_key_id": f"LTAI{secrets.token_hex(8)}",
        "access_key_secret": secrets.token_hex(16),
    }
    return Contract(
        sandbox={**key, "sign_names": [SIGN], "templates": {template: words}},
        ours={**key, "sign": SIGN, "template": template} | _receipt_token(),
    )


def _tencent() -> Contract:
    template, words = TEMPLATES["tencent"]
    key = {
        "secret_id": f"AKID{secrets.token_hex(16)}",
        "secret_key": secrets.token_hex(16),
    }
    return Contract(
        sandbox={
            **key,
            "sms_sdk_app_id": APP_ID,
            "sign_names": [SIGN],
            "templates": {template: words},
        },
        ours={**key, "app_id": APP_ID, "sign": SIGN, "template": template}
        | _receipt_token(),
    )


def _smpp() -> Contract:
    login = {"system_id": "paycore", "password": secrets.token_hex(4)}
    return Contract(sandbox={**login}, ours={**login})


def _receipt_token() -> dict[str, object]:
    return {"receipt_token": secrets.token_hex(24)}


_BANKS: Final[Mapping[str, Callable[[], Contract]]] = MappingProxyType(
    {"unionpay": _unionpay, "huifu": _huifu, "stripe": _stripe}
)
_CARRIERS: Final[Mapping[str, Callable[[], Contract]]] = MappingProxyType(
    {"aliyun": _aliyun, "tencent": _tencent, "smpp": _smpp}
)
BANKS: Final = tuple(_BANKS)
CARRIERS: Final = tuple(_CARRIERS)


def named(text: str) -> tuple[str, ...]:
    """The providers of a list with commas; BadRequest names those there are."""
    found = tuple(dict.fromkeys(filter(None, (one.strip() for one in text.split(",")))))
    known = (*BANKS, *CARRIERS)
    if any(one not in known for one in found):
        raise BadRequest(f"--channels are of {', '.join(known)}.")
    return found


def added(
    contracts: Mapping[str, Contract], names: Iterable[str]
) -> dict[str, Contract]:
    """The same, with new ones where a name has none."""
    make = {**_BANKS, **_CARRIERS}
    return {**contracts} | {
        name: make[name]() for name in names if name not in contracts
    }


def sandbox_part(
    contracts: Mapping[str, Contract], names: Iterable[str], api: str
) -> dict[str, dict[str, object]]:
    """`vendors` of the sandbox's configuration; `api` is where ours listens."""
    return {
        name: contracts[name].sandbox | _told(contracts[name], name, api)
        for name in names
    }


def _told(contract: Contract, name: str, api: str) -> dict[str, object]:
    """Where a provider tells of its own accord, as one enters it in its console."""
    token = contract.ours.get("receipt_token")
    if token is not None:
        return {"receipt_url": f"{api}/receipts/{name}/{token}"}
    return {"webhook_url": f"{api}/callbacks/{name}/main"} if name == "stripe" else {}


def credentials(contract: Contract, name: str, base_url: str) -> dict[str, object]:
    """Our part, with the addresses of theirs."""
    return contract.ours | ({"file_url": f"{base_url}/"} if name == "unionpay" else {})
