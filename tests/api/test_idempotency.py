"""The Idempotency-Key, row by row (K01-K24 of the table that we hold ourselves to), on
every POST under /v1, over HTTP. What needs a killed node or database (K17-K20) is in
test_idempotency_killed.py.
"""

import json
import re
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import httpx2 as httpx
import pytest
from inside import inside
from operating import Person, case
from posting import ANSWERED_WITHIN_S, holds_secret, is_shown
from posts import CASES, Post, fresh, keys_kept, off_by, ready, replays, sql
from stack import SHOP, TICKETS, key
from waiting import until

from paycore.api.application import HANDLERS, routes
from paycore.lines import service as lines
from paycore.operators.roles import Role

AT_ONCE = 50
SLOW = "slow:2"
"""So long a stranger has the first, while the second comes and is answered."""
NOBODYS = "nobodys"
NEEDS_MORE = ("/v1/console/views",)
"""A GET that asks for a parameter."""
FIRST = frozenset(
    {"open", "confirm", "refund", "checkout", "desk, execute", "operators, invite"}
)
"""One of each kind of passage: every row of the table is held to these at once, and to
all the others by `make test-long`."""
CALLS = [
    name if name in FIRST else pytest.param(name, marks=pytest.mark.long)
    for name in CASES
]
EVERY = pytest.mark.parametrize("name", CALLS)


@pytest.fixture(params=CALLS)
def call(request, stack) -> Post:
    """Each case, ready to be made once."""
    return ready(request.param, stack)


@pytest.fixture(scope="session")
def second_key(running) -> dict[str, str]:
    """Another API key of the first line."""

    async def create(node):
        return await lines.create_key(node, running.lines[SHOP].biz_line, "second")

    made = {"Authorization": f"Bearer {inside(running, create)}"}
    with running.client() as api:
        until(lambda: api.get("/v1/payments", headers=made).is_success)
    return made


def header(value: str) -> dict[str, str]:
    """One Idempotency-Key header."""
    return {"Idempotency-Key": value}


def said(answer: httpx.Response) -> tuple[int, str | None]:
    """Status and code of an answer."""
    return answer.status_code, answer.json().get("code")


def test_every_post_has_a_case():
    """A POST under /v1 needs a key and a case here; a new one without fails."""
    posts = {
        route.call.name
        for route in routes()
        if route.method == "POST" and route.path.startswith("/v1/")
    }
    unkeyed = [
        path
        for handler in HANDLERS
        for path in handler.paths
        if path.startswith("/v1") and "POST" in handler.http_methods
        if not getattr(handler.opt.get("call"), "keyed", False)
    ]

    assert posts == {name for name, _ in CASES.values()}
    assert [] == unkeyed


def test_k01_no_key(call):
    """Without a key: 400, no effect, and nothing is stored."""
    before, kept = call.effects(), keys_kept(call.stack)
    answer = call.send()

    assert (400, "idempotency_key_required") == said(answer)
    assert (before, kept) == (call.effects(), keys_kept(call.stack))


@EVERY
def test_k02_a_key_outside_the_form(name, stack):
    """Too long, empty, blank or with other characters: 400, and nothing happens."""
    call = ready(name, stack)
    before, kept = call.effects(), keys_kept(stack)
    bad = ("k" * 256, "", '" "', '""', "a b", '"a', 'a"', "a,b", "a;b", "k\\x", "ké")
    answers = [call.send([(b"Idempotency-Key", b.encode("latin-1"))]) for b in bad]

    assert {(400, "BAD_REQUEST")} == {said(answer) for answer in answers}
    assert (before, kept) == (call.effects(), keys_kept(stack))


def test_k02_the_longest_key(call):
    """255 characters are accepted, and come back."""
    longest = uuid.uuid4().hex.ljust(255, "~")
    answer = call.send(header(longest))

    assert fresh(answer)
    assert longest == answer.headers["idempotency-key"]


def test_k03_two_keys(call):
    """Two header fields: 400, whether they differ or not, and nothing happens."""
    before, kept = call.effects(), keys_kept(call.stack)
    one = uuid.uuid4().hex
    same = call.send([("Idempotency-Key", one), ("Idempotency-Key", one)])
    other = call.send([("Idempotency-Key", one), ("Idempotency-Key", f"{one}x")])

    assert [400, 400] == [same.status_code, other.status_code]
    assert (before, kept) == (call.effects(), keys_kept(call.stack))


def test_k04_quoted_and_bare_are_one_key(call):
    """`"abc"` and `abc` name the same work."""
    one = uuid.uuid4().hex
    first, second = call.send(header(f'"{one}"')), call.send(header(one))

    assert replays(first, second)


def test_k05_k06_k07_first_answer_then_replay(call):
    """The key comes back as sent; the same request again gets the same bytes."""
    one = header(f'"{uuid.uuid4().hex}"')
    first = call.send(one)
    after = call.effects()
    second = call.send(one)

    assert fresh(first)
    assert one["Idempotency-Key"] == first.headers["idempotency-key"]
    assert replays(first, second)
    assert one["Idempotency-Key"] == second.headers["idempotency-key"]
    assert after == call.effects()


@pytest.mark.parametrize("line", [SHOP, TICKETS])
def test_k07_a_refused_charge_is_replayed(stack, line):
    """A bank's no is an answer: kept, and given again without asking anybody."""
    call = ready("confirm" if line == SHOP else "confirm, deduct", stack)
    stack.fault(call.slow, "decline:INSUFFICIENT_FUNDS")
    one = key()
    first = call.send(one)
    stack.no_faults()
    after = call.effects()

    assert "FAIL" == first.json()["biz_status"]
    assert replays(first, call.send(one))
    assert after == call.effects()


@pytest.mark.parametrize("name", ["open", "open, converted", "codes", "codes, our own"])
def test_k08_a_kept_doing_stays_doing(name, stack):
    """The kept answer stays what it was, though the order is paid by now."""
    call, one = ready(name, stack), key()
    first = call.send(one)
    no = first.json()["pay_order_no"]
    call.payer.confirm(no)
    assert "SUCCESS" == call.payer.until(no)["biz_status"]
    again = call.send(one)

    assert "DOING" == again.json()["biz_status"]
    assert replays(first, again)
    assert "SUCCESS" == call.payer.get(no)["biz_status"]


def test_k09_the_same_json_in_another_form(call):
    """Order of members, white space and escapes do not make another request."""
    one = key()
    turned = dict(reversed(call.body.items()))
    spaced = json.dumps(turned, indent=3, separators=(" , ", " : ")).encode()
    first = call.send(one)

    assert replays(first, call.send(one, body=spaced))
    if not call.body:
        assert replays(first, call.send(one, body=b""))


def test_k10_another_body(call):
    """Another value in any one field, null for absent, another order of a list: 422,
    no effect, and the kept answer stands. What takes no members takes none here.
    """
    one = key()
    first = call.send(one)
    after = call.effects()
    others = [call.send(one, body=other) for other in call.others]
    strange = call.send(one, body={**call.body, "made_up": 1})

    assert {(422, "idempotency_conflict")} >= {said(other) for other in others}
    assert bool(call.body) == bool(others)
    assert (400, "BAD_REQUEST") == said(strange)
    assert after == call.effects()
    assert replays(first, call.send(one))


def test_k11_another_tenant(call):
    """The same key from another line is its own request: nothing of ours leaks."""
    one = key()
    first = call.send(one).json()
    theirs = call.send(one, api=call.stack.client(1 - call.line))
    ids = [first.get("pay_order_no"), first.get("card_id"), first.get("refund_no")]

    assert "idempotent-replayed" not in theirs.headers
    assert not any(known in theirs.text for known in ids if known)


def test_k11_another_caller_of_the_tenant(call, second_key):
    """The same key under another API key of the line is another request; so it is
    under another operator's token.
    """
    if call.person is not None:
        other, one = Person(call.stack, call.person.role), key()
        call.send(one)
        assert "idempotent-replayed" not in call.send(one, api=other.api).headers
        return
    if call.line != SHOP:
        pytest.skip("the second key is the first line's")
    one = key()
    call.send(one)
    theirs = call.send({**one, **second_key})

    assert "idempotent-replayed" not in theirs.headers


def test_k11_another_path(payer):
    """One key on two paths names two requests."""
    one = key()
    opened = payer.api.post("/v1/quick-payments", json=payer.order(), headers=one)
    no = opened.json()["pay_order_no"]
    resent = payer.api.post(f"/v1/quick-payments/{no}/codes", headers=one)

    assert (200, True) == (resent.status_code, fresh(resent))


def test_k12_in_flight_then_replay(call):
    """While the first runs: 409 with Retry-After; then its answer, not the 409.

    What asks no stranger is one commit: whoever comes after it is a replay.
    """
    if call.slow:
        call.stack.fault(call.slow, SLOW, count=1)
    one = key()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call.send, one)
        if call.slow:
            call.stack.has_struck()
        else:
            # Which of two at once is first nobody can say, and K13 lets fifty race.
            wait([running], timeout=ANSWERED_WITHIN_S)
        meanwhile = call.send(one)
        first = running.result()

    assert fresh(first)
    if call.slow:
        assert (409, "idempotency_in_flight") == said(meanwhile)
        assert int(meanwhile.headers["retry-after"]) >= 1
    else:
        assert replays(first, meanwhile)
    assert replays(first, call.send(one))


@EVERY
def test_k13_fifty_at_once_with_one_body(name, stack):
    """The effect of one; every other answer is a 409 or a replay, byte by byte."""
    alone, call = ready(name, stack), ready(name, stack)
    before = alone.effects()
    alone.send(key())
    of_one, before, one = alone.gained(before), call.effects(), key()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: call.send(one), range(AT_ONCE)))
    good = [answer for answer in answers if not answer.is_error]
    others = [answer for answer in answers if answer.is_error]
    if holds_secret(good[0]):
        others = [answer for answer in others if not is_shown(answer)]

    assert {(409, "idempotency_in_flight")} >= {said(answer) for answer in others}
    assert 1 == len({answer.content for answer in good})
    assert 1 == sum(fresh(answer) for answer in good)
    assert of_one == call.gained(before)


@pytest.mark.parametrize(
    "name",
    [
        *("open", "confirm", "confirm, deduct", "card", "refund", "deduction"),
        *("desk, take", "desk, preview", "desk, approve", "operators, invite"),
    ],
)
def test_k14_fifty_at_once_with_fifty_bodies(name, stack):
    """The effect of one; the rest is refused as another body, or as in flight where the
    first was not on record yet.
    """
    alone, call = ready(name, stack), ready(name, stack)
    bodies = _bodies(call)
    before = alone.effects()
    alone.send(key())
    of_one, before, one = alone.gained(before), call.effects(), key()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda body: call.send(one, body=body), bodies))
    refused = {said(answer) for answer in answers if answer.is_error}

    assert 1 == sum(fresh(answer) for answer in answers)
    assert refused <= {(409, "idempotency_in_flight"), (422, "idempotency_conflict")}
    if call.fresh:
        assert of_one == call.gained(before)
    else:
        gained = call.gained(before)
        assert all(gained[name] <= of_one[name] for name in gained), gained


@pytest.mark.parametrize("name", ["open", "confirm", "confirm, deduct", "refund"])
def test_k14_another_body_while_the_first_is_in_flight(name, stack):
    """422 at once, not a 409 that would have to be a 422 after the wait; no effect."""
    call, one = ready(name, stack), key()
    stack.fault(call.slow, SLOW, count=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call.send, one)
        stack.has_struck()
        meanwhile = call.send(one, body=next(iter(call.others)))
        first = running.result()

    assert (422, "idempotency_conflict") == said(meanwhile)
    assert fresh(first)
    assert replays(first, call.send(one))


def _bodies(call: Post) -> list[dict[str, object]]:
    if call.fresh:
        return [call.fresh() for _ in range(AT_ONCE)]
    code = call.body["sms_verify_code"]
    return [{"sms_verify_code": off_by(code, n)} for n in range(AT_ONCE)]


def test_k15_refused_by_validation_then_corrected(call):
    """A 400 is not kept: the corrected body under the same key is fresh."""
    one, kept = key(), keys_kept(call.stack)
    wrong = [{**call.body, "made_up": 1}, b"{", b'{"a":1,"a":1}', b"[]"]
    wrong += [{**call.body, field: {"x": []}} for field in call.body]
    refused = [call.send(one, body=body) for body in wrong]
    stored = keys_kept(call.stack) - kept
    corrected = call.send(one)

    assert {400} == {answer.status_code for answer in refused}
    assert 0 == stored
    assert fresh(corrected)


def test_k16_refused_before_processing_then_again(call):
    """A 401 is not kept."""
    one, kept = key(), keys_kept(call.stack)
    first = call.send({**one, "Authorization": "Bearer x"})
    stored = keys_kept(call.stack) - kept

    assert (401, 0) == (first.status_code, stored)
    assert fresh(call.send(one))


def test_k16_too_often_then_again(stack):
    """A 429 is not kept: the same key is processed once it is time."""
    call, one = ready("codes, our own", stack), key()
    kept = keys_kept(stack)
    stack.start_node(code_gap_s=60)
    early = call.send(one, api=stack.client(TICKETS, node=-1))
    stored = keys_kept(stack) - kept
    stack.nodes.pop().stop()

    assert (429, 0) == (early.status_code, stored)
    assert int(early.headers["retry-after"]) >= 1
    assert fresh(call.send(one))


def ends(call: Post, left: timedelta) -> None:
    """Move the end of the newest key to so long from now."""
    sql(
        call.stack,
        "UPDATE idempotency_key SET expires_at = clock_timestamp() + $1 WHERE scope = "
        "(SELECT scope FROM idempotency_key ORDER BY created_at DESC LIMIT 1)",
        left,
    )


def test_k21_just_before_the_end_of_retention(call):
    """Kept for a day at least, and replayed byte by byte to the end."""
    one = key()
    first = call.send(one)
    (row,) = sql(
        call.stack,
        "SELECT expires_at - created_at AS kept FROM idempotency_key "
        "ORDER BY created_at DESC LIMIT 1",
    )
    ends(call, timedelta(minutes=2))

    assert row["kept"] >= timedelta(hours=24)
    assert replays(first, call.send(one))


def test_k22_after_the_end_of_retention(call):
    """The key is new again; what the order says decides, and nothing is done twice."""
    one = key()
    first = call.send(one)
    after = call.effects()
    ends(call, timedelta(seconds=-1))
    again = call.send(one)
    gained = call.gained(after)

    assert "idempotent-replayed" not in again.headers
    assert (0, 0, 0) == (gained["orders"], gained["charges"], gained["postings"])
    assert 0 == gained["refunds"]
    if call.path in ("/v1/quick-payments", "/v1/deductions"):
        assert 200 == again.status_code
        assert first.json()["pay_order_no"] == again.json()["pay_order_no"]
        assert 0 == gained["texts"]
    elif call.path == "/v1/refunds":
        assert (200, first.json()) == (again.status_code, again.json())
    elif call.path.endswith("/notices"):
        assert 200 == again.status_code  # told once more, under the old ids
        assert 0 == gained["notices"]
    elif first.json().get("biz_status") == "SUCCESS":
        assert (409, "BIZ_CHECK_ERROR") == said(again)


@pytest.mark.parametrize("name", ["open", "open, converted", "refund"])
def test_k22_another_key_for_an_order_that_stands(name, stack):
    """The line's own number decides: same content the same order, other content 409."""
    call = ready(name, stack)
    first = call.send(key())
    after = call.effects()
    same = call.send(key())
    other = call.send(key(), body={**call.body, "amount": 1251})

    for number in ("pay_order_no", "refund_no"):
        assert first.json().get(number) == same.json().get(number)
    assert (200, (409, "DUPLICATE")) == (same.status_code, said(other))
    assert after == call.effects()


def test_k23_after_a_wrong_code(converted_payer):
    """A new key with a new code is processed; the old key with a new code is 422."""
    no = converted_payer.open().json()["pay_order_no"]
    good = converted_payer.codes()[-1]
    wrong, one = off_by(good, 1), key()

    assert "WRONG" == converted_payer.confirm(no, wrong, **one).json()["verify_status"]
    assert 422 == converted_payer.confirm(no, good, **one).status_code
    assert "SUCCESS" == converted_payer.confirm(no, good).json()["biz_status"]


@pytest.mark.parametrize(
    "path",
    [
        route.path
        for route in routes()
        if route.method == "GET" and route.path.startswith("/v1/")
    ],
)
def test_k24_a_get_ignores_the_header(payer, path):
    """A GET with a key, even a bad one, is just a GET; no record is made."""
    no = payer.open().json()["pay_order_no"]
    ids = defaultdict(lambda: NOBODYS, card_id=payer.card_id, pay_order_no=no)
    if "{refund_no}" in path:
        payer.confirm(no)
        body = {"pay_order_no": no, "out_refund_no": f"r-{no}", "amount": 1}
        made = payer.api.post("/v1/refunds", json=body, headers=key())
        ids["refund_no"] = made.json()["refund_no"]
    api = payer.api
    if "{checkout_no}" in path:
        made = ready("checkout", payer.stack).send(key())
        ids["checkout_no"] = made.json()["checkout_no"]
    if path.startswith(("/v1/desk/", "/v1/console/")):
        ids["case_ref"] = case(payer.stack, no)
        api = Person(payer.stack, Role.VIEWER).api
    kept = keys_kept(payer.stack)
    place = re.sub(r"{(\w+)}", lambda found: ids[found[1]], path)
    plain = api.get(place)
    answers = [api.get(place, headers=header(k)) for k in ("a,b", "good")]

    # Of what nobody made here, or without what it needs, there is a no, and the same.
    found = NOBODYS not in place and path not in NEEDS_MORE
    assert found == (200 == plain.status_code), plain.text
    assert [plain.status_code] * 2 == [answer.status_code for answer in answers]
    assert all("idempotency-key" not in answer.headers for answer in answers)
    assert kept == keys_kept(payer.stack)
