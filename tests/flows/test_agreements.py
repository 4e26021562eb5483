"""The life of an agreement, over real HTTP: signed, used, revoked from either end."""

import time
import uuid

import pytest
from sql import ask
from stack import Payer, key

from paycore.core.agreements.signing import MAX_CONFIRMS

pytestmark = pytest.mark.long

CARD = {
    "number": "6222020200112233446",
    "name": "买买提•艾力",
    "id_no": "110101199003074178",
    "bank": "ICBC",
    "card_kind": "DEBIT",
}
QUICK = {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"}
MANDATE = {
    "pay_type": "DEDUCT",
    "channel": "deduct_a",
    "account": "main",
    "scope": "水电费",
    "single_limit": 100_000,
    "daily_limit": 500_000,
    "ends_at": "2090-01-01T00:00:00Z",
}
SETTLED_S = 90.0


class Signer:
    """A payer who signs a card of his own."""

    def __init__(self, stack):
        known = stack.payer()
        self.stack, self.api, self.phone = stack, known.api, known.phone
        # The place is per payer: another ID number is another payer.
        self.id_no = f"E{uuid.uuid4().hex[:20]}"
        self.card_id = ""

    def sign(self, wish=QUICK, **changes):
        """Ask for it; the answer."""
        body = {**CARD, "phone": self.phone, "id_no": self.id_no, "sign": wish}
        answer = self.api.post("/v1/cards", json={**body, **changes}, headers=key())
        if answer.status_code == 201:
            self.card_id = answer.json()["card_id"]
        return answer

    def confirm(self, code=None, **headers):
        """Type a code, the newest if none is given; the answer."""
        typed = code or self.stack.sms(self.phone)[-1]["code"]
        return self.api.post(
            f"/v1/cards/{self.card_id}/confirm",
            json={"sms_verify_code": typed},
            headers={**key(), **headers},
        )

    def signed(self, wish=QUICK):
        """The same, signed."""
        assert 201 == self.sign(wish).status_code
        answer = self.confirm()
        assert "ACTIVE" == answer.json()["status"], answer.text
        return self

    def card(self):
        """The card as of now."""
        return self.api.get(f"/v1/cards/{self.card_id}").json()

    def revoke(self):
        """Revoke it; the status of the answer."""
        return self.api.delete(f"/v1/cards/{self.card_id}").status_code

    def until(self, status, *, within_s=SETTLED_S):
        """The signing's status, once it is that, or as it is when the time is up."""
        deadline = time.monotonic() + within_s
        while (found := self.card()["signing"])["status"] != status:
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        return found["status"]

    def events(self):
        """What happened to its agreement, in order."""
        path = f"/v1/cards/{self.card_id}/timeline"
        items = self.api.get(path).json()["items"]
        return [item["title"] for item in items if item["kind"] == "transition"]

    def payer(self):
        """Who pays with it."""
        return Payer(self.stack, self.api, self.card_id, self.phone)


@pytest.fixture
def signer(stack):
    return Signer(stack)


def other(code):
    return f"{(int(code) + 1) % 10**6:06d}"


def test_a_card_is_signed_with_the_banks_code_and_pays(signer):
    """Pending until the code is typed, then active, and money is taken under it."""
    asked = signer.sign()
    signing = asked.json()["signing"]
    before = signer.payer().open()
    signed = signer.confirm()
    payer = signer.payer()
    paid = payer.open().json()
    result = payer.confirm(paid["pay_order_no"]).json()

    assert (201, "PENDING") == (asked.status_code, asked.json()["status"])
    assert ("PENDING", []) == (signing["status"], asked.json()["agreements"])
    assert (409, "BIZ_CHECK_ERROR") == (before.status_code, before.json()["code"])
    assert (200, "ACTIVE") == (signed.status_code, signed.json()["status"])
    assert ["quick_a"] == [one["channel"] for one in signed.json()["agreements"]]
    assert ("SUCCESS", 1) == (
        result["biz_status"],
        len(signer.stack.charges(paid["pay_order_no"])),
    )
    assert ["CODE_SENT", "CONFIRM_BEGUN", "SIGNED"] == signer.events()


def test_a_wrong_code_may_be_typed_again(signer):
    """An answer, not an error: pending, WRONG; the right one signs."""
    signer.sign()
    code = signer.stack.sms(signer.phone)[-1]["code"]
    wrong = signer.confirm(other(code)).json()
    right = signer.confirm(code).json()

    assert ("PENDING", "WRONG") == (wrong["status"], wrong["signing"]["verify_status"])
    assert ("ACTIVE", "PASS") == (right["status"], right["signing"]["verify_status"])


def test_a_signing_has_ten_codes(signer):
    """Then no wait is of any use: 409, and what to do."""
    signer.sign()
    # This bank ends a signing sooner: as if at one that does not.
    update = "UPDATE agreement_signing SET confirms = $1 WHERE card_id = $2"
    ask(signer.stack, update, MAX_CONFIRMS, signer.card_id)
    after = signer.confirm()

    assert (409, "BIZ_CHECK_ERROR") == (after.status_code, after.json()["code"])
    assert "register the card again" in after.json()["detail"]
    assert "PENDING" == signer.card()["status"]


def test_a_refused_card_is_refused_for_good(signer):
    """The bank's no ends the card, and frees the place for another try."""
    refused = signer.sign(number="6228480000000023").json()
    again = signer.confirm("123456")

    assert ("REFUSED", "CARD_LOST") == (
        refused["status"],
        refused["signing"]["resp_code"],
    )
    assert (409, "BIZ_CHECK_ERROR") == (again.status_code, again.json()["code"])
    assert 201 == signer.sign(number="6228480000000023").status_code


def test_one_agreement_has_the_place(signer):
    """While one is pending or active a second is refused; after its end it is not."""
    signer.signed()
    first = signer.card_id
    second = signer.sign()
    signer.card_id = first
    assert 204 == signer.revoke()
    ended = signer.until("REVOKED")

    assert (409, "DUPLICATE") == (second.status_code, second.json()["code"])
    assert "REVOKED" == ended
    assert 201 == signer.sign().status_code


def test_a_repeat_under_the_same_key_signs_once(signer, stack):
    """One card, one text, the same answer."""
    body = {**CARD, "phone": signer.phone, "id_no": signer.id_no, "sign": QUICK}
    same = key()
    first, second = (
        signer.api.post("/v1/cards", json=body, headers=same) for _ in range(2)
    )

    assert (201, first.content) == (second.status_code, second.content)
    assert 1 == len(stack.sms(signer.phone))


def test_a_key_that_is_over_signs_anew(signer, stack):
    """After its retention a key is new again, and what it once signed bars nobody."""
    body = {**CARD, "phone": signer.phone, "id_no": signer.id_no, "sign": QUICK}
    same = key()
    first = signer.api.post("/v1/cards", json=body, headers=same)
    signer.card_id = first.json()["card_id"]
    assert 204 == signer.revoke()
    assert "REVOKED" == signer.until("REVOKED")
    ask(
        stack,
        "UPDATE idempotency_key SET expires_at = clock_timestamp() WHERE scope = "
        "(SELECT scope FROM idempotency_key ORDER BY created_at DESC LIMIT 1)",
    )
    again, repeated = (
        signer.api.post("/v1/cards", json=body, headers=same) for _ in range(2)
    )

    assert (201, "PENDING") == (again.status_code, again.json().get("status"))
    assert first.json()["card_id"] != again.json()["card_id"]
    assert again.content == repeated.content


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "http_500"])
def test_a_confirm_without_an_answer_is_found(signer, stack, fault):
    """Unknown is asked after: signed where the bank signed, else typed again."""
    signer.sign()
    stack.fault("bank.quick_a.sign", fault, count=1)
    unsure = signer.confirm().json()
    stack.no_faults()
    done = "ACTIVE" if fault == "timeout_after" else "PENDING"
    deadline = time.monotonic() + SETTLED_S
    while "CONFIRM_BEGUN" == signer.events()[-1] or (
        "SIGN_UNKNOWN" == signer.events()[-1]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.3)

    assert "PENDING" == unsure["status"]
    assert done == signer.card()["status"]
    if done == "PENDING":
        assert "ACTIVE" == signer.confirm().json()["status"]


def test_an_asking_without_an_answer_goes_on(signer, stack):
    """The code came although its answer did not: it signs."""
    stack.fault("bank.quick_a.sign", "timeout_after", count=1)
    asked = signer.sign()
    stack.no_faults()

    assert (201, "PENDING") == (asked.status_code, asked.json()["status"])
    assert "ACTIVE" == signer.confirm().json()["status"]


@pytest.mark.parametrize(
    "fault", ["timeout_before", "timeout_after", "http_500", "decline:MAINTENANCE"]
)
def test_a_revocation_goes_on_until_it_is_acknowledged(signer, stack, fault):
    """Ended here at once; at the bank as soon as it says so, whatever came between."""
    signer.signed()
    stack.fault("bank.quick_a.revoke", fault, count=1)
    status = signer.revoke()
    refused = signer.payer().open()
    deadline = time.monotonic() + SETTLED_S
    while "REVOKE_UNKNOWN" not in signer.events() and time.monotonic() < deadline:
        time.sleep(0.2)

    assert (204, "REVOKED") == (status, signer.card()["status"])
    assert (409, "BIZ_CHECK_ERROR") == (refused.status_code, refused.json()["code"])
    assert "REVOKED" == signer.until("REVOKED")
    assert "REVOKE_ACKNOWLEDGED" == signer.events()[-1]


def test_a_pending_card_is_revoked_without_a_trace(signer):
    """Nobody signed it: there is nothing to be ended at the bank."""
    signer.sign()
    assert 204 == signer.revoke()

    assert "REVOKED" == signer.until("REVOKED")
    assert "NEVER_SIGNED" == signer.events()[-1]


def test_what_the_payer_ends_at_the_bank_ends_here(signer, stack):
    """A signed callback of the bank's: no money under it any more."""
    signer.signed()
    assert end_at_bank(stack, "quick_a", signer.card_id)

    assert "REVOKED" == signer.until("REVOKED")
    assert "REVOKED_BY_BANK" == signer.events()[-1]
    assert [] == signer.card()["agreements"]


def test_a_revocation_between_conversion_and_charge_takes_no_money(signer, stack):
    """The mandate is looked at again before the money: a definite refusal."""
    signer.signed(MANDATE)
    payer = signer.payer()
    order = payer.open().json()
    converted = payer.get(order["pay_order_no"])
    assert end_at_bank(stack, "deduct_a", signer.card_id)
    assert "REVOKED" == signer.until("REVOKED")
    result = payer.confirm(order["pay_order_no"]).json()

    assert "DEDUCT" == converted["pay_type"]
    assert ("FAIL", "AGREEMENT_GONE") == (result["biz_status"], result["resp_code"])
    assert [] == stack.charges(order["pay_order_no"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "6222020200112233447"),
        ("name", "王"),
        ("name", "王五123"),
        ("id_no", "110101199003074179"),
        ("phone", "+8602112345678"),
        ("sign", {**QUICK, "account": "nobody"}),
        ("sign", {**QUICK, "channel": "deduct_a"}),
        ("sign", {**MANDATE, "scope": None}),
        ("sign", {**MANDATE, "daily_limit": None}),
        ("sign", {**MANDATE, "daily_limit": MANDATE["single_limit"] - 1}),
        ("sign", {**MANDATE, "ends_at": "2001-01-01T00:00:00Z"}),
    ],
)
def test_what_no_bank_would_take_is_named_and_not_echoed(signer, stack, field, value):
    """400 naming our field; nothing is stored, nobody is texted."""
    texts = len(stack.sms(signer.phone))
    answer = signer.sign(**({"wish": value} if field == "sign" else {field: value}))

    assert (400, field) == (answer.status_code, answer.json().get("field"))
    assert not isinstance(value, str) or value not in answer.text
    assert texts == len(stack.sms(signer.phone))


def test_a_client_that_wishes_nothing_gets_what_it_got(signer):
    """Without `sign` a card is active at once, and nothing of signings is shown."""
    body = {**CARD, "phone": signer.phone}
    answer = signer.api.post("/v1/cards", json=body, headers=key())

    assert (201, "ACTIVE") == (answer.status_code, answer.json()["status"])
    assert "signing" not in answer.json()


def test_another_lines_signing_does_not_exist(signer, stack):
    """404 for its confirm and its timeline."""
    signer.sign()
    stranger = stack.client(1)
    path = f"/v1/cards/{signer.card_id}"
    confirm = stranger.post(
        f"{path}/confirm", json={"sms_verify_code": "123456"}, headers=key()
    )

    assert 404 == confirm.status_code
    assert 404 == stranger.get(f"{path}/timeline").status_code


def end_at_bank(stack, bank, card_id):
    """The payer ends at his bank what he signed."""
    ((number,),) = ask(
        stack, "SELECT signing_no FROM agreement_signing WHERE card_id = $1", card_id
    )
    body = {
        "bank": bank,
        "merchant": f"paycore_{bank}",
        "request_id": f"{number}S01",
    }
    answer = stack.control.post("/control/revocations", json=body)
    return 200 == answer.status_code
