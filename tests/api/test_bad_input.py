"""Whatever is sent over real HTTP: an answer in our form with a stable code and the
right status, nothing stored, and nothing of what was sent in it.
"""

import json
import time
import uuid
from urllib.parse import quote

import pytest
from operator_posts import OPERATORS
from payment_posts import PAYMENTS
from posts import CASES, Post, ready
from stack import Stack, key

MARK = "zq7Xcanary"
"""Stands in whatever is sent, and never in an answer."""

NUMBERS = [
    '"1250"',
    "1250.0",
    "125e1",
    "1e2",
    "NaN",
    "Infinity",
    "-Infinity",
    "-0",
    "0",
    "-1",
    "01250",
    "+1250",
    "0x10",
    "1_250",
    "9" * 400,
    "1" + "0" * 4000,
    "1e400",
    "1e-400",
    "true",
    "null",
    "[1250]",
    "{}",
]

TEXTS = [
    '""',
    '" "',
    "1",
    "true",
    "null",
    "[]",
    "{}",
    '"\\u0000zq7Xcanary"',
    '"\\ud800zq7Xcanary"',
    '"\\udc00\\ud800"',
    '"\\u202ezq7Xcanary"',
    '"\\u001b[31mzq7Xcanary"',
    '"zq7Xcanary\\n"',
    '"zq7Xcanary\x7f"',
    '"%s"' % ("zq7Xcanary" * 200),
]

SHAPES = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"zq7Xcanary"',
    b"1",
    b"{",
    b"{}{}",
    b"{} zq7Xcanary",
    b"{,}",
    b"{'zq7Xcanary':1}",
    b'{"zq7Xcanary":1,}',
    b"\xff\xfezq7Xcanary",
    b"\xef\xbb\xbf{}",
    b'{"zq7Xcanary":"\xff\xc0\x80"}',
    b"[" * 50_000,
    b"[" * 60_000 + b"]" * 5_000,
    b'{"zq7Xcanary":' * 4_000,
    '{"zq7Xcanary":1}'.encode("utf-16"),
    "{}".encode("utf-16"),
    "{}".encode("utf-32-le"),
    b'{"a":1,"a":2}',
    b'{"zq7Xcanary":1}',
    b'{"__proto__":{"zq7Xcanary":1}}',
]

KINDS = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=zq7Xcanary",
    "application/xml",
    "application/json; charset=utf-16",
    "zq7Xcanary",
    "",
]


def refused_well(answer, *statuses: int) -> None:
    """A problem document of ours, in one of these statuses, that repeats nothing."""
    said = answer.json()
    assert answer.status_code in statuses, answer.text
    assert "application/problem+json" == answer.headers["content-type"]
    assert said["status"] == answer.status_code
    assert (
        {"type", "title", "status", "detail", "code"}
        <= set(said)
        <= {*("type", "title", "status", "detail", "code", "field")}
    )
    assert MARK not in answer.text
    assert MARK not in str(answer.headers)


def raw(body: dict, field: str, text: str) -> bytes:
    """A body whose one field is just this text."""
    members = {name: json.dumps(value) for name, value in body.items()} | {field: text}
    inside = ",".join(f'"{name}":{value}' for name, value in members.items())
    return f"{{{inside}}}".encode()


ONE_OF_EACH = {call: name for name, (call, _) in reversed(CASES.items())}
"""The first case of each call."""
OF_PEOPLE = OPERATORS.keys() | PAYMENTS.keys()
"""They share one way in, so they wait for the long tests."""
CALLS = [
    pytest.param(name, marks=[pytest.mark.long] if name in OF_PEOPLE else [])
    for name in ONE_OF_EACH.values()
]


@pytest.fixture(params=CALLS)
def call(request, stack: Stack) -> Post:
    """One case of each call."""
    return ready(request.param, stack)


@pytest.mark.parametrize("field", ["amount", "expires_in_s"])
def test_lax_numbers(stack: Stack, field: str):
    """Only an integer is one: no text, no fraction, no exponent, nothing too large."""
    call = ready("open", stack)
    before = call.effects()
    for text in NUMBERS:
        if field == "expires_in_s" and text == "null":
            continue
        answer = call.send(key(), body=raw(call.body, field, text))
        refused_well(answer, 400)

    assert before == call.effects()


def test_texts_in_every_field(call):
    """No other type, no control character, no half of a character, no length."""
    before = call.effects()
    for field, value in call.body.items():
        if not isinstance(value, str):
            continue
        for text in TEXTS:
            if text == "null" and field in {"bank", "card_kind", "reason"}:
                continue
            if text == '" "' and field == "name":
                continue
            refused_well(call.send(key(), body=raw(call.body, field, text)), 400)

    assert before == call.effects()


def test_what_is_no_request(call):
    """No JSON, too deep, not UTF-8, unknown or repeated members."""
    before = call.effects()
    for body in SHAPES:
        if not call.body and body == b"":
            continue
        refused_well(call.send(key(), body=body), 400, 413)

    assert before == call.effects()


def test_the_kind_of_a_body_changes_nothing(call):
    """What is not JSON is refused, whatever it calls itself."""
    before = call.effects()
    for kind in KINDS:
        headers = {**key(), "Content-Type": kind}
        refused_well(call.send(headers, body=b"zq7Xcanary=1&a=2"), 400, 415)

    assert before == call.effects()


def test_a_body_of_ten_megabytes_is_refused_early(call):
    """By its length where it says one, and else once it is over 64 KiB."""
    before, began = call.effects(), time.monotonic()
    large = b"zq7Xcanary" * 1_000_000

    def pieces():
        for n in range(0, len(large), 65_536):
            yield large[n : n + 65_536]

    refused_well(call.send(key(), body=large), 413)
    chunked = call.payer.api.post(call.path, content=pieces(), headers=key())
    refused_well(chunked, 413)

    assert time.monotonic() - began < 60
    assert before == call.effects()


def test_junk_in_headers(call):
    """A header that is not ours to read does nothing; one that is has its rule."""
    before = call.effects()
    junk = {
        "Authorization": [
            MARK,
            f"Basic {MARK}",
            f"Bearer {MARK}",
            "B" * 9000,
        ],
        "Idempotency-Key": [f"{MARK} x", f"{MARK}," * 3, MARK * 40],
    }
    for name, values in junk.items():
        for value in values:
            headers = {**key(), name: value}
            refused_well(call.send(headers), 400, 401)
    for name, value in (
        ("Accept-Language", f"{MARK};q={MARK}," * 200),
        ("X-Forwarded-For", f"{MARK}, 1.1.1.1"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Content-Encoding", "gzip"),
        ("Cookie", f"{MARK}={MARK}"),
    ):
        answer = call.send({**key(), name: value}, body=b"[")
        refused_well(answer, 400)

    assert before == call.effects()


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/payments/{MARK}",
        f"/v1/payments/{MARK}/timeline",
        f"/v1/refunds/{MARK}",
        f"/v1/cards/{MARK}",
        f"/v1/cards/{MARK * 100}",
        f"/v1/{MARK}",
        f"/v1/payments/..%2f..%2f{MARK}",
        f"/v1/payments/%00{MARK}",
        f"/v1/payments/%ff%fe{MARK}",
        f"/v1/payments/%F0%9F%92%A9{MARK}",
        f"/v1/cards/{quote('<script>')}{MARK}",
        f"/v1//payments/{MARK}",
        f"/callbacks/{MARK}/{MARK}",
    ],
)
def test_junk_in_paths(payer, path):
    """404 in our form: nothing is there, and nothing of it is repeated."""
    refused_well(payer.api.get(path), 404, 405, 400)


@pytest.mark.parametrize(
    "query",
    [
        f"{MARK}=1",
        f"limit={MARK}",
        "limit=1.0",
        "limit=1e1",
        "limit=-1",
        "limit=",
        "limit=10&limit=20",
        "limit=" + "9" * 400,
        "limit=%00",
        f"cursor={MARK}!",
        "cursor=%ff",
        f"biz_status={MARK}",
        "biz_status=null",
        "from=NULL",
        "limit=null",
        f"from={MARK}",
        "from=2026-01-01",
        "from=2026-01-01T00:00:00",
        "from=99999-01-01T00:00:00Z",
        "from=2026-13-41T00:00:00Z",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        f"out_biz_no={MARK}%20{MARK}",
        "out_biz_no=%00",
        "out_biz_no=" + "a" * 65,
        "&=&=",
        "%zz=%zz",
    ],
)
def test_junk_in_queries(payer, query):
    """400 in our form, naming a parameter of ours at most."""
    refused_well(payer.api.get(f"/v1/payments?{query}"), 400)


def test_moments_at_the_end_of_time(payer):
    """The first and last that can be written find what there is; what is none in UTC
    is refused.
    """
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        for name in ("from", "to"):
            answer = payer.api.get("/v1/payments", params={name: moment})
            assert 200 == answer.status_code, answer.text
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        for name in ("from", "to"):
            refused_well(payer.api.get("/v1/payments", params={name: moment}), 400)


@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_agreements_at_the_end_of_time(stack: Stack, field: str):
    """An agreement's moments are held to the same, and named by their path."""
    call = ready("card", stack)
    given = call.body["agreements"]
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        body = {**call.body, "agreements": [{**given[0], field: moment}]}
        answer = call.send(key(), body=body)
        refused_well(answer, 400)
        assert f"agreements.{field}" == answer.json()["field"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "FOO"])
def test_methods_that_are_none(payer, method):
    """405 with what is allowed, or 400 where it is no method at all."""
    answer = payer.api.request(method, "/v1/payments", content=MARK.encode())

    refused_well(answer, 405, 400)


def test_a_language_decides_the_words_and_nothing_else(payer):
    """The same code in both languages."""
    bad = {"out_biz_no": uuid.uuid4().hex}
    said = [
        payer.api.post(
            "/v1/quick-payments", json=bad, headers={**key(), "Accept-Language": lang}
        ).json()
        for lang in ("zh", "en")
    ]

    assert said[0]["code"] == said[1]["code"]
    assert said[0]["detail"] != said[1]["detail"]
