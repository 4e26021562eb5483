"""The Idempotency-Key, case by case (K01-K24 of the security reference), over HTTP.

What needs a killed node (K17, K18, K20) is where the kills are.
"""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import SHOP, TICKETS, key


class Post:
    """One POST that can be made: where, and with what."""

    def __init__(self, payer, path, body, other):
        self.payer, self.path, self.body, self.other = payer, path, body, other

    def send(self, headers=(), *, body=..., api=None, path=None):
        """Make it; the answer."""
        return (api or self.payer.api).request(
            "POST",
            path or self.path,
            headers=list(headers.items() if isinstance(headers, dict) else headers),
            json=self.body if body is ... else body,
        )

    def effects(self):
        """What can be counted of what it does: texts, charges, orders."""
        stack, payer = self.payer.stack, self.payer
        orders = payer.api.get("/v1/payments", params={"limit": 100}).json()["items"]
        ours = [o for o in orders if o["out_biz_no"] == self.body.get("out_biz_no")]
        no = self.path.split("/")[3] if self.path.count("/") > 2 else None
        charges = stack.charges(no) if no else []
        return len(ours), len(stack.sms(payer.phone)), len(charges)


@pytest.fixture(params=["open", "codes", "confirm", "wrong", "close", "card"])
def call(request, stack):
    """Each POST of the list, ready to be made once."""
    payer = stack.payer(TICKETS if request.param == "wrong" else SHOP)
    if request.param == "open":
        body = payer.order()
        return Post(payer, "/v1/quick-payments", body, {**body, "amount": 1251})
    if request.param == "card":
        body = {
            "number": "6222020200112233446",
            "name": "王五",
            "id_no": "110101199003074178",
            "phone": payer.phone,
            "bank": "ICBC",
            "card_kind": "DEBIT",
        }
        return Post(payer, "/v1/cards", body, {**body, "bank": "ABC"})
    no = payer.open().json()["pay_order_no"]
    if request.param in ("confirm", "wrong"):
        code = payer.codes()[-1]
        typed = code if request.param == "confirm" else f"{(int(code) + 1) % 10**6:06d}"
        path = f"/v1/quick-payments/{no}/confirm"
        other = f"{(int(code) + 2) % 10**6:06d}"
        return Post(payer, path, {"sms_verify_code": typed}, {"sms_verify_code": other})
    path = (
        f"/v1/quick-payments/{no}/codes"
        if request.param == "codes"
        else f"/v1/payments/{no}/close"
    )
    return Post(payer, path, {}, None)


def header(value):
    """One Idempotency-Key header."""
    return {"Idempotency-Key": value}


def replayed(first, second):
    """Whether the second answer is the first one's, and says so."""
    return (
        first.status_code == second.status_code
        and first.content == second.content
        and second.headers.get("idempotent-replayed") == "true"
    )


def test_k01_no_key(call):
    """Without a key: 400, and nothing happens."""
    before = call.effects()
    answer = call.send()

    assert (400, "idempotency_key_required") == (
        answer.status_code,
        answer.json()["code"],
    )
    assert before == call.effects()


@pytest.mark.parametrize(
    "bad", ["k" * 256, "", '" "', '""', "a b", '"a', 'a"', "a,b", "a;b", "k\\x", "ké"]
)
def test_k02_a_key_outside_the_form(call, bad):
    """Too long, empty, blank or with other characters: 400, and nothing happens."""
    before = call.effects()
    answer = call.send([(b"Idempotency-Key", bad.encode("latin-1"))])

    assert (400, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])
    assert before == call.effects()


def test_k02_the_longest_key(call):
    """255 characters are accepted."""
    answer = call.send(header(uuid.uuid4().hex.ljust(255, "~")))

    assert answer.status_code in (200, 201)


def test_k03_two_keys(call):
    """Two header fields: 400, and nothing happens."""
    before = call.effects()
    one = uuid.uuid4().hex
    answer = call.send([("Idempotency-Key", one), ("Idempotency-Key", one)])

    assert 400 == answer.status_code
    assert before == call.effects()


def test_k04_quoted_and_bare_are_one_key(call):
    """`"abc"` and `abc` name the same work."""
    one = uuid.uuid4().hex
    first, second = call.send(header(f'"{one}"')), call.send(header(one))

    assert replayed(first, second)


def test_k05_k06_k07_first_answer_then_replay(call):
    """The key comes back as sent; the same request again gets the same bytes."""
    one = header(f'"{uuid.uuid4().hex}"')
    first = call.send(one)
    after = call.effects()
    second = call.send(one)

    assert one["Idempotency-Key"] == first.headers["idempotency-key"]
    assert "idempotent-replayed" not in first.headers
    assert replayed(first, second)
    assert one["Idempotency-Key"] == second.headers["idempotency-key"]
    assert after == call.effects()


def test_k08_a_kept_doing_stays_doing(payer):
    """The answer of opening stays what it was, though the order is paid by now."""
    body, one = payer.order(), key()
    first = payer.api.post("/v1/quick-payments", json=body, headers=one)
    payer.confirm(first.json()["pay_order_no"])
    again = payer.api.post("/v1/quick-payments", json=body, headers=one)

    assert "DOING" == again.json()["biz_status"]
    assert replayed(first, again)


def test_k09_the_same_json_in_another_form(payer):
    """Order of members and white space do not make another request."""
    body, one = payer.order(), key()
    turned = dict(reversed(body.items()))
    first = payer.api.post("/v1/quick-payments", json=body, headers=one)
    text = str(turned).replace("'", '"').replace(", ", " ,\n  ")
    again = payer.api.post("/v1/quick-payments", content=text.encode(), headers=one)

    assert replayed(first, again)


def test_k10_another_body(call):
    """Another value under the same key: 422, no effect, the kept answer stands."""
    if call.other is None:
        pytest.skip("this call takes no members")
    one = key()
    first = call.send(one)
    after = call.effects()
    other = call.send(one, body=call.other)

    assert (422, "idempotency_conflict") == (other.status_code, other.json()["code"])
    assert after == call.effects()
    assert replayed(first, call.send(one))


def test_k10_null_is_not_absent(payer):
    """A null member makes another body than no member."""
    body, one = payer.order(), key()
    payer.api.post("/v1/quick-payments", json=body, headers=one)
    other = payer.api.post(
        "/v1/quick-payments", json={**body, "coupon_no": None}, headers=one
    )

    assert 422 == other.status_code


def test_k11_another_path_or_caller_is_another_scope(payer, stack):
    """One key on two paths, and by two lines, names independent requests."""
    one = key()
    no = payer.api.post("/v1/quick-payments", json=payer.order(), headers=one).json()[
        "pay_order_no"
    ]
    resent = payer.api.post(f"/v1/quick-payments/{no}/codes", headers=one)
    other = stack.payer(TICKETS)
    theirs = other.api.post("/v1/quick-payments", json=other.order(), headers=one)

    assert 200 == resent.status_code
    assert 201 == theirs.status_code
    assert no not in theirs.text


def test_k12_in_flight_then_replay(payer, stack):
    """While the first runs: 409 with Retry-After; then its answer, not the 409."""
    stack.fault("bank.quick_*.send_code", "slow:1")
    body, one = payer.order(), key()

    def post():
        return payer.api.post("/v1/quick-payments", json=body, headers=one)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(post)
        time.sleep(0.4)
        meanwhile = post()
        first = running.result()

    assert (409, "idempotency_in_flight") == (
        meanwhile.status_code,
        meanwhile.json()["code"],
    )
    assert int(meanwhile.headers["retry-after"]) >= 1
    assert 201 == first.status_code
    assert replayed(first, post())


def test_k13_fifty_at_once_with_one_body(payer, stack):
    """One effect; every other answer is a 409 or a replay, all replays byte-equal."""
    body, one = payer.order(), key()
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: payer.api.post("/v1/quick-payments", json=body, headers=one),
                range(50),
            )
        )
    good = [answer for answer in answers if answer.status_code == 201]

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert 1 == len({answer.content for answer in good})
    assert 1 == sum("idempotent-replayed" not in answer.headers for answer in good)
    assert 1 == len(stack.sms(payer.phone))


def test_k14_fifty_at_once_with_fifty_bodies(payer, stack):
    """One effect; the rest is refused as in flight or as another body."""
    one = key()
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: payer.api.post(
                    "/v1/quick-payments", json=payer.order(), headers=one
                ),
                range(50),
            )
        )

    assert 1 == sum(answer.status_code == 201 for answer in answers)
    assert {answer.status_code for answer in answers} <= {201, 409, 422}
    assert 1 == len(stack.sms(payer.phone))


def test_k15_refused_by_validation_then_corrected(payer):
    """A 400 is not kept: the corrected body under the same key is fresh."""
    one = key()
    wrong = payer.order(amount="1")
    first = payer.api.post("/v1/quick-payments", json=wrong, headers=one)
    second = payer.api.post(
        "/v1/quick-payments", json={**wrong, "amount": 1}, headers=one
    )

    assert [400, 201] == [first.status_code, second.status_code]
    assert "idempotent-replayed" not in second.headers


def test_k16_refused_before_processing_then_again(payer):
    """A 401 is not kept either."""
    one, body = key(), payer.order()
    first = payer.api.post(
        "/v1/quick-payments", json=body, headers={**one, "Authorization": "Bearer x"}
    )
    second = payer.api.post("/v1/quick-payments", json=body, headers=one)

    assert [401, 201] == [first.status_code, second.status_code]


def test_k22_another_key_for_an_order_that_stands(payer, stack):
    """The line's own number decides: the same order, and no second effect."""
    body = payer.order()
    first = payer.api.post("/v1/quick-payments", json=body, headers=key())
    second = payer.api.post("/v1/quick-payments", json=body, headers=key())

    assert first.json()["pay_order_no"] == second.json()["pay_order_no"]
    assert 1 == len(stack.sms(payer.phone))


def test_k23_after_a_wrong_code(converted_payer):
    """A new key with a new code is processed; the old key with a new code is 422."""
    no = converted_payer.open().json()["pay_order_no"]
    good = converted_payer.codes()[-1]
    wrong, one = f"{(int(good) + 1) % 10**6:06d}", key()

    assert "WRONG" == converted_payer.confirm(no, wrong, **one).json()["verify_status"]
    assert 422 == converted_payer.confirm(no, good, **one).status_code
    assert "SUCCESS" == converted_payer.confirm(no, good).json()["biz_status"]


def test_k24_a_get_ignores_the_header(payer):
    """A GET with a key, even a bad one, is just a GET."""
    answer = payer.api.get("/v1/payments", headers=header("a,b"))

    assert 200 == answer.status_code
    assert "idempotency-key" not in answer.headers
