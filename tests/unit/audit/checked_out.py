"""A payment on a page of ours: the auditor asks whose it is."""

import re
import uuid

import httpx2 as httpx
from plants import Plant
from stack import Payer, key

ANOTHERS = "another's checkout"
EXPIRED = "paid at an expired checkout"


def checked_out(payer: Payer) -> str:
    """Its payer chose the card and typed the code there."""
    body = {
        "out_biz_no": f"c-{uuid.uuid4().hex}",
        "amount": 1250,
        "currency": "CNY",
        "subject": "两杯茶",
        "card_ids": [payer.card_id],
        "return_url": "https://shop.example/done",
    }
    made = payer.api.post("/v1/checkouts", json=body, headers=key()).json()
    url = made["url"]
    httpx.post(f"{url}/pay", data={"card": payer.card_id}, timeout=60)
    seen = re.search(r'name="seen" value="(\d+)"', httpx.get(url, timeout=60).text)[1]
    typed = {"seen": seen, "code": payer.codes()[-1]}
    httpx.post(f"{url}/confirm", data=typed, timeout=60)
    now = payer.api.get(f"/v1/checkouts/{made['checkout_no']}").json()
    assert "SUCCESS" == now["status"], now
    return now["pay_order_no"]


CHECKOUTS = (
    Plant(
        ANOTHERS,
        "UPDATE checkout SET biz_line = 'tickets' WHERE pay_order_no = '{no}'",
        "checked_out",
    ),
    Plant(
        ANOTHERS,
        "UPDATE checkout SET amount = amount - 1 WHERE pay_order_no = '{no}'",
        "checked_out",
    ),
    Plant(
        ANOTHERS,
        "UPDATE checkout SET card_ids = '[]' WHERE pay_order_no = '{no}'",
        "checked_out",
    ),
    Plant(
        ANOTHERS,
        "UPDATE checkout_out_biz_no SET checkout_no = 'else' WHERE checkout_no ="
        " (SELECT checkout_no FROM checkout WHERE pay_order_no = '{no}')",
        "checked_out",
    ),
    Plant(
        EXPIRED,
        "UPDATE checkout SET expired_at = expires_at WHERE pay_order_no = '{no}'",
        "checked_out",
    ),
)
