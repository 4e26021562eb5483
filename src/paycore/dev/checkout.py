"""A page to pay on for whoever looks around, made as a business line makes one."""

import secrets

import msgspec

from paycore.dev.seeds import ACCOUNT
from paycore.dev.stack import Summary
from paycore.kernel.errors import Misconfigured
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.transport import HttpTransport

WITHIN_S = 10.0
AMOUNT_MINOR = 12_800


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    url: str


async def page(said: Summary) -> str:
    """The address of a new checkout: the seeded card, a coupon, or another card that is
    signed on the way. Its code comes to the sandbox.
    """
    body = {
        "out_biz_no": f"dev-{secrets.token_hex(8)}",
        "amount": AMOUNT_MINOR,
        "currency": "CNY",
        "subject": "龙井新茶 两盒",
        "card_ids": [said.card_id],
        "coupon_no": said.coupon_no,
        "sign": {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": ACCOUNT},
        "return_url": said.docs,
    }
    transport = HttpTransport()
    try:
        made = await transport.send(
            HttpRequest(
                url=f"{said.api}/v1/checkouts",
                headers={
                    "Authorization": f"Bearer {said.api_key}",
                    "Idempotency-Key": secrets.token_hex(16),
                    "Content-Type": "application/json",
                },
                body=msgspec.json.encode(body),
                timeout_s=WITHIN_S,
            )
        )
    finally:
        await transport.close()
    if not isinstance(made, Answered) or made.status >= 300:
        raise Misconfigured("the node made no checkout; it says why above")
    return msgspec.json.decode(made.body, type=_Made).url
