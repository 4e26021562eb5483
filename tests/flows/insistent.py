"""A business line's client that does what a good one does when its server goes away."""

import time
import uuid

import httpx2 as httpx
from stack import Payer

GIVE_UP_S = 60.0


class Client:
    """One payer's client with several nodes to turn to."""

    def __init__(self, payer: Payer, *others: httpx.Client) -> None:
        self.payer = payer
        self._apis = [payer.api, *others]
        self.acknowledged: list[dict[str, object]] = []
        """Every order or result that was answered, in order."""
        self.turned_away = 0
        """Answers 503, and connections that broke."""

    def pay(self, **changes: object) -> dict[str, object]:
        """Open a payment and confirm it until it is final; the order."""
        return self.confirm(self.open(**changes))

    def open(self, **changes: object) -> dict[str, object]:
        """Open a payment; the order."""
        return self.post("/v1/quick-payments", self.payer.order(**changes))

    def confirm(self, order: dict[str, object]) -> dict[str, object]:
        """Confirm it until it is final; the order."""
        no = order["pay_order_no"]
        while order["biz_status"] == "DOING":
            codes = self.payer.codes()
            if codes:
                self.post(
                    f"/v1/quick-payments/{no}/confirm", {"sms_verify_code": codes[-1]}
                )
            order = self.get(no)
            time.sleep(0 if order["biz_status"] != "DOING" else 0.5)
        return order

    def get(self, no: str) -> dict[str, object]:
        """The order as of now."""
        return self._insist("GET", f"/v1/payments/{no}").json()

    def post(self, path: str, body: object) -> dict[str, object]:
        """Send once under one key, however often that takes."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self._insist("POST", path, json=body, headers=headers)
        if not answer.is_error:
            self.acknowledged.append(answer.json())
        return answer.json()

    def _insist(self, method: str, path: str, **request: object) -> httpx.Response:
        """The same request again, elsewhere if need be, until somebody answers it."""
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            try:
                answer = self._apis[0].request(method, path, **request)
            except httpx.TransportError:
                self.turned_away += 1
                self._apis.append(self._apis.pop(0))
            else:
                if not _later(answer):
                    return answer
                self.turned_away += answer.status_code >= 500
            time.sleep(0.2)
        raise AssertionError(f"nobody answers {method} {path}")


def _later(answer: httpx.Response) -> bool:
    """Whether the answer is that there will be one."""
    if answer.status_code >= 500:
        assert 503 == answer.status_code, answer.text
        return True
    return (
        answer.status_code == 409 and answer.json()["code"] == "idempotency_in_flight"
    )
