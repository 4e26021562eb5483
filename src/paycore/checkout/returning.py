"""The way back to the shop, signed: the payer brings it, and could have changed it.

To the line's own address a query is added, and `sign` at its end: HMAC-SHA256, in lower
case hex, over the query before `&sign=`, octet for octet, under the SHA-256 of the
secret half of the API key that made the checkout. The line has that key, and we keep
just this hash of it. It says how things stood when the page was drawn: what a line acts
on is its notice, or its own question.
"""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlencode

from paycore.checkout.rows import CheckoutRow

OURS = frozenset(
    {
        *("checkout_no", "out_biz_no", "pay_order_no", "status"),
        *("at", "key_id", "sign"),
    }
)
"""What is added, which the line's own address does not say."""


def back_to_shop(row: CheckoutRow, status: str, *, digest: bytes, now: datetime) -> str:
    """The whole address."""
    before, mark, own = row.return_url.partition("?")
    ours = urlencode(
        {
            "checkout_no": row.checkout_no,
            "out_biz_no": row.out_biz_no,
            "pay_order_no": row.pay_order_no or "",
            "status": status,
            "at": int(now.timestamp()),
            "key_id": row.key_id,
        }
    )
    query = f"{own}&{ours}" if mark and own else ours
    return f"{before}?{query}&sign={signature(digest, query)}"


def signature(digest: bytes, query: str) -> str:
    """Of a query, as it stands in the address."""
    return hmac.new(digest, query.encode(), hashlib.sha256).hexdigest()
