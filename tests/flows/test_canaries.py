"""Canaries: what must never be seen, sent in by every way there is, and looked for in
everything that comes out and in everything that is kept.

Sent in: a card, two payments, wrong codes, declines, faults, callbacks, and bad input
with a canary in every field, header, path and query, to a node that logs and traces all
that it can; then an operator reads everything. Looked for: answers, notices, /metrics,
the command line, the node's output and logs, every row of every table, and a plain dump
of the database.
"""

import asyncio
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx2 as httpx
import pytest
from consoling import look_around
from facts import agreed
from operating import Person
from stack import PATIENCE_S, SHOP, TICKETS, Payer, Stack, key, stacked

from paycore.api.decode import canonical
from paycore.dev import folder
from paycore.dev.processes import environ_of
from paycore.dev.stack import settings_of
from paycore.kernel import postgres_programs
from paycore.kernel.errors import BadRequest
from paycore.operators.roles import Role

pytestmark = pytest.mark.long

NUMBER = "6222027391846520371"
NAME = "欧阳卡娜瑞"
ID_NO = "11010119850711736X"
PHONE = "+8613712096548"
TOKEN = "tok_canary_5f1d9c7be2"

_LATER = datetime.now(UTC) + timedelta(days=200)
FAR = (_LATER.isoformat(), (_LATER + timedelta(hours=1)).isoformat())
PAST = ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z")

EVERY_TABLE = """
SELECT c.oid::regclass::text FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1
"""


def _check_digit(number: str) -> str:
    """The number with its last digit as Luhn wants it."""
    for last in "0123456789":
        digits = [int(c) for c in reversed(number[:-1] + last)]
        doubled = (d * 2 - 9 if d > 4 else d * 2 for d in digits[1::2])
        if (sum(digits[::2]) + sum(doubled)) % 10 == 0:
            return number[:-1] + last
    raise AssertionError(number)


def _with_id_check(number: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(c) * w for c, w in zip(number[:17], weights, strict=True))
    return number[:17] + "10X98765432"[total % 11]


CARD = {
    "number": _check_digit(NUMBER),
    "name": NAME,
    "id_no": _with_id_check(ID_NO),
    "phone": PHONE,
    "bank": "ICBC",
    "card_kind": "DEBIT",
}


@dataclass
class Traces:
    """Where a canary might have left one, by place."""

    seen: dict[str, bytes] = field(default_factory=dict)
    answers: list[bytes] = field(default_factory=list)
    bodies: set[bytes] = field(default_factory=set)
    """What was sent in with a card or a code, also as a fingerprint is made of it."""

    def note(self, answer: httpx.Response) -> None:
        """Keep an answer whole, and what was sent for it; a client's hook."""
        answer.read()
        self.answers.append(str(answer.headers).encode() + answer.content)
        path, body = answer.request.url.path, answer.request.content
        if path == "/v1/cards" or path.endswith("/confirm"):
            with suppress(BadRequest):
                self.bodies |= {body, canonical(body)}


@dataclass
class Flight:
    """What was sent in, and what came of it."""

    canaries: dict[str, re.Pattern[bytes]]
    traces: Traces


@contextmanager
def errors_into(path: Path) -> Iterator[None]:
    """Let standard error of what starts in the block go to a file."""
    kept = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Flight:
    """Everything sent in once, and everything that came out of it."""
    log = tmp_path_factory.mktemp("canaries") / "stderr"
    loud = {"log_level": "debug", "log_format": "json", "traces": "console"}
    with errors_into(log):
        running = stacked(money_timeout_s=3, enquiry_timeout_s=1, **loud)
        stack = running.__enter__()
    try:
        traces, codes = Traces(), set()
        for line in (SHOP, TICKETS):
            codes |= _pay(stack, line, traces)
        codes |= _check_out(stack, traces)
        _bad_input(stack, traces)
        _console(stack, traces)
        session = _at_the_console(stack, traces)
        canaries = _canaries(stack, codes, traces.bodies, session)
        _gather(stack, traces)
    finally:
        running.__exit__(None, None, None)
    traces.seen["standard error"] = log.read_bytes()
    return Flight(canaries=canaries, traces=traces)


def _payer(stack: Stack, line: int, traces: Traces) -> Payer:
    api = stack.client(line)
    api.event_hooks["response"].append(traces.note)
    banks = ("quick_a", "quick_b", "deduct_a", "deduct_b")
    given = [
        {**one, "token": f"{TOKEN}{one['channel']}"}
        for one in agreed(*(banks if line == SHOP else banks[2:]))
    ]
    body = {**CARD, "agreements": given}
    made = api.post("/v1/cards", json=body, headers=key()).json()
    return Payer(stack, api, made["card_id"], PHONE)


def _pay(stack: Stack, line: int, traces: Traces) -> set[str]:
    """Payments that succeed, are declined, go wrong, are closed; all codes texted."""
    payer = _payer(stack, line, traces)
    charge = "bank.quick_*.confirm" if line == SHOP else "bank.deduct_*.deduct"
    asked = "bank.quick_*.send_code" if line == SHOP else "carrier.a.send"
    numbers = []
    for target, fault in (
        (None, None),
        (charge, "decline:CARD_LOST"),
        (charge, "decline:NO_SUCH_CODE"),
        (charge, "garbage"),
        (charge, "bad_signature"),
        (charge, "timeout_after"),
        (charge, "duplicate_callback:2"),
        (asked, "decline:WRONG_PHONE"),
        (asked, "http_500"),
    ):
        if target:
            stack.fault(target, fault)
        order = payer.open().json()
        no = order["pay_order_no"]
        numbers.append(no)
        if order["biz_status"] == "DOING":
            code = payer.codes()[-1]
            payer.confirm(no, f"{(int(code) + 1) % 10**6:06d}")
            payer.api.post(f"/v1/quick-payments/{no}/codes", json={}, headers=key())
            payer.confirm(no)
        stack.no_faults()
        _callbacks(stack, no, traces)
        payer.get(no)
        payer.api.get(f"/v1/payments/{no}/timeline")
    last = payer.open().json()["pay_order_no"]
    payer.api.post(f"/v1/payments/{last}/close", json={}, headers=key())
    payer.api.get("/v1/cards")
    payer.api.get(f"/v1/cards/{payer.card_id}")
    payer.api.get("/v1/payments", params={"limit": 100})
    payer.until(numbers[0])
    return set(payer.codes())


def _check_out(stack: Stack, traces: Traces) -> set[str]:
    """On our page: the card is typed and signed, then it pays; bad input before."""
    payer = _payer(stack, SHOP, traces)
    sign = {"pay_type": "QUICK_PAY", "channel": "quick_b", "account": "main"}
    body = {
        "out_biz_no": "canary",
        "amount": 1250,
        "currency": "CNY",
        "subject": f"tea {CARD['number']}",
        "sign": sign,
        "return_url": "https://shop.example/",
    }
    made = payer.api.post("/v1/checkouts", json=body, headers=key()).json()
    with httpx.Client(follow_redirects=True, timeout=PATIENCE_S) as browser:
        browser.event_hooks["response"].append(traces.note)
        _as_its_payer(browser, made["url"], payer)
    url, deadline = f"/v1/checkouts/{made['checkout_no']}", time.monotonic() + 60
    while (now := payer.api.get(url).json())["status"] != "SUCCESS":
        assert time.monotonic() < deadline, now
        time.sleep(0.1)
    return set(payer.codes())


def _as_its_payer(browser: httpx.Client, url: str, payer: Payer) -> None:
    typed = {name: CARD[name] for name in ("number", "name", "id_no", "phone")}
    for name, canary in typed.items():
        browser.post(f"{url}/card", data={**typed, name: f"{canary}\u00d7"})
        browser.get(url, params={"say": canary, "lang": canary, canary: canary})
        browser.post(f"{url}/pay", data={"card": canary, canary: canary})
    browser.post(f"{url}/card", data=typed)
    for step in ("card-code", "confirm"):
        code, page = payer.codes()[-1], browser.get(url).text
        seen = re.search(r'name="seen" value="(\d*)"', page)[1]
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        browser.post(f"{url}/{step}", data={"seen": seen, "code": wrong})
        browser.post(f"{url}/{step}", data={"seen": seen, "code": code})


def _callbacks(stack: Stack, no: str, traces: Traces) -> None:
    """A forged message that names the payment, with all canaries in it."""
    secrets = {**CARD, "token": TOKEN, "code": "815204", "sms_verify_code": "815204"}
    bodies = (
        json.dumps({"pay_order_no": no, "request_id": f"{no}01", **secrets}),
        f"{no}01 " + " ".join(secrets.values()),
        json.dumps({"request_id": f"{no}01", "deep": {"er": [secrets]}}),
    )
    for channel in ("quick_a", "deduct_a"):
        for body in bodies:
            traces.note(
                stack.client().post(
                    f"/callbacks/{channel}/main",
                    content=body.encode(),
                    headers={"X-Signature": "00", "X-Timestamp": "1"},
                )
            )


def _bad_input(stack: Stack, traces: Traces) -> None:
    """Every canary in every field, header, path and query of what is refused."""
    payer = _payer(stack, SHOP, traces)
    api = payer.api
    for canary in (*CARD.values(), TOKEN):
        header = base64.b64encode(canary.encode()).decode()
        if canary.isascii():
            header = canary
            api.get(f"/v1/cards/{canary}")
            api.get(f"/v1/payments/{canary}/timeline")
            api.get(f"/{canary}")
        api.get("/v1/payments", params={"out_biz_no": f"{canary} x", canary: canary})
        for good, path in (
            (payer.order(), "/v1/quick-payments"),
            ({**CARD, "agreements": []}, "/v1/cards"),
        ):
            for name in good:
                body = {**good, name: f"{canary}\n"}
                api.post(path, json=body, headers={**key(), "X-Card": header})
            api.post(path, json={**good, canary: canary}, headers=key())
            api.post(path, content=f"{{{canary}".encode(), headers=key())
        api.post(
            "/v1/quick-payments",
            json={"sms_verify_code": canary},
            headers={"Idempotency-Key": f"{header} x", "Authorization": header},
        )
    traces.seen["/metrics"] = api.get("/metrics").content


LISTS = (
    *("channels", "carriers", "notices", "endpoints", "routes", "routes/versions"),
    *("books/days", "books/balances", "books/postings", "books/trial-balance"),
    *("lines", "lines/shop/keys", "jobs", "invariants", "system", "audit"),
)


def _console(stack: Stack, traces: Traces) -> None:
    """What operators see and do, with what can be told by its form in every reason, and
    all canaries in every field, path and query of what is refused.
    """
    admin = Person(stack, Role.ADMIN)
    admin.api.event_hooks["response"].append(traces.note)
    base, why = "/v1/console", f"{CARD['number']} {CARD['id_no']} {PHONE}"
    notice = _rows(stack, "SELECT notice_id FROM notify_notice LIMIT 1")[0][0]
    acts: tuple[tuple[str, dict[str, object]], ...] = (
        ("channels/quick_b/main/switch", {"enabled": True}),
        ("channels/quick_b/main/windows", {"from": FAR[0], "to": FAR[1]}),
        (f"notices/{notice}/replays", {}),
        ("notices/replays", {"from": PAST[0], "to": PAST[1], "preview": True}),
        ("jobs/channels/runs", {}),
        ("invariants/runs", {}),
    )
    for path, body in acts:
        sent = {**body, "why": why}
        answer = admin.api.post(f"{base}/{path}", json=sent, headers=key())
        assert not answer.is_error, answer.text
    for canary in (*CARD.values(), TOKEN):
        for path, body in acts:
            for name in (*body, "why", canary):
                bad = {**body, "why": "so", name: f"{canary}\n"}
                admin.api.post(f"{base}/{path}", json=bad, headers=key())
        rule = {"rule_id": canary, "condition": f"amount >>> {canary}"}
        for path in ("routes", "routes/validations"):
            bad = {"rules": [rule], "on_version": 0, "why": "so"}
            admin.api.post(f"{base}/{path}", json=bad, headers=key())
        for path in LISTS:
            query = {"q": canary, "cursor": canary, canary: canary}
            admin.api.get(f"{base}/{path}", params=query)
        if canary.isascii() and canary.isalnum():
            admin.api.get(f"{base}/notices/{canary}")
            path = f"{base}/channels/{canary}/{canary}/switch"
            body = {"enabled": False, "why": "so"}
            admin.api.post(path, json=body, headers=key())
    admin.api.get(f"{base}/notices/{notice}")
    for path in LISTS:
        assert not admin.api.get(f"{base}/{path}").is_error, path


def _at_the_console(stack: Stack, traces: Traces) -> str:
    """An operator reads everything, and types canaries wherever he can; his session."""
    orders = stack.client().get("/v1/payments", params={"limit": 100}).json()["items"]
    typed = [CARD["number"], CARD["id_no"], PHONE, PHONE.removeprefix("+86")]
    numbers = [order["pay_order_no"] for order in orders]
    before = len(traces.answers)
    session = look_around(stack, numbers, typed, traces.note)
    traces.seen["the console's answers"] = b"\n".join(traces.answers[before:])
    return session


def _canaries(
    stack: Stack, codes: set[str], bodies: set[bytes], session: str
) -> dict[str, re.Pattern[bytes]]:
    """What to look for, in clear, as octets in hex, and where it is short as a word."""
    kept = folder.load(stack.on.data)
    secrets = {
        **{name: CARD[name] for name in ("number", "name", "id_no", "phone")},
        "phone without country": PHONE.removeprefix("+86"),
        "agreement token": TOKEN,
        **{f"SHA-256 of the {name}": _sha256(CARD[name]) for name in CARD},
        **{f"SHA-256 of code {code}": _sha256(code) for code in codes},
        **{f"SHA-256 of {body!r}": _sha256(body) for body in bodies if body},
        "webhook secret": kept.webhook_secret.removeprefix("whsec_"),
        **{f"key {name}": value for name, value in kept.settings.items()},
        **{f"{name} secret": m.secret for name, m in kept.merchants.items()},
        **{f"{name} key": m.encryption_key for name, m in kept.merchants.items()},
        "session of an operator": session,
        **{f"{name}'s password": o.password for name, o in kept.operators.items()},
        **{f"{name}'s secret": o.totp_secret for name, o in kept.operators.items()},
        **{f"API key {n}": line.api_key for n, line in enumerate(stack.lines)},
    }
    found = {
        name: re.compile(
            re.escape(text.encode()) + b"|" + text.encode().hex().encode(),
            re.IGNORECASE,
        )
        for name, text in secrets.items()
    }
    for code in codes:
        # Six digits may well be a part of a time or a number.
        found[f"code {code}"] = re.compile(
            rb"(?<![0-9A-Za-z.+-])" + code.encode() + rb"(?![0-9A-Za-z])"
        )
    return found


def _sha256(text: str | bytes) -> str:
    """What anybody can make of a text who guesses it."""
    octets = text.encode() if isinstance(text, str) else text
    return hashlib.sha256(octets).hexdigest()


def _either(text: bytes) -> re.Pattern[bytes]:
    """A text as it is, or as a database shows octets."""
    return re.compile(re.escape(text) + b"|" + text.hex().encode(), re.IGNORECASE)


def _rows(stack: Stack, query: str) -> list[asyncpg.Record]:
    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(stack.on.cluster.dsn)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()

    return asyncio.run(ask())


def _dump(stack: Stack) -> bytes:
    """The whole database as plain SQL."""
    found = postgres_programs.find(data=stack.on.data, account=None, major=None)
    program = found.path("pg_dump")
    dumped = subprocess.run(
        [program, "--format=plain", stack.on.cluster.dsn],
        capture_output=True,
        check=True,
    )
    assert b"cards_card" in dumped.stdout
    return dumped.stdout


def _said(stack: Stack, *words: str) -> bytes:
    """What a command prints, on both ways."""
    settings = environ_of(settings_of(stack.on.kept, port=1))
    environ = {**os.environ, **settings, "DATABASE_URL": stack.on.cluster.dsn}
    done = subprocess.run(
        [sys.executable, "-m", "paycore", *words],
        env=environ,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1), (words, done.stderr)
    return done.stdout + done.stderr


def _gather(stack: Stack, traces: Traces) -> None:
    """Everything that can be seen from outside, and everything that is kept."""
    orders = stack.client().get("/v1/payments", params={"limit": 100}).json()["items"]
    for line in (SHOP, TICKETS):
        for order in stack.client(line).get("/v1/payments").json()["items"]:
            told = stack.notices(order["pay_order_no"], within_s=1)
            traces.seen[f"notice {order['pay_order_no']}"] = json.dumps(
                told, ensure_ascii=False
            ).encode()
    for (table,) in _rows(stack, EVERY_TABLE):
        rows = _rows(stack, f"SELECT t::text FROM {table} AS t")
        traces.seen[f"table {table}"] = "\n".join(row[0] for row in rows).encode()
    traces.seen["dump"] = _dump(stack)
    number = orders[0]["pay_order_no"]
    for words in (
        ("payments", "show", number),
        ("payments", "show", number, "--json"),
        ("payments", "find", "--json"),
        ("desk", "list", "--json"),
        ("notices", "list", "--json"),
        ("channels", "list", "--json"),
        ("endpoints", "list", "--json"),
        ("lines", "list", "--json"),
        ("apikeys", "list", "--json"),
        ("keyring", "list", "--json"),
        ("doctor",),
    ):
        traces.seen[f"paycore {' '.join(words)}"] = _said(stack, *words)
    traces.seen["answers"] = b"\n".join(traces.answers)


def test_the_canaries_flew(flight: Flight):
    """What is searched is not empty: each place has what must be there."""
    seen = flight.traces.seen

    assert 200 < len(flight.traces.answers)
    assert (
        b"call_sent" in seen["standard error"] or len(seen["standard error"]) > 10_000
    )
    assert b"Confirm" in seen["standard error"]
    assert b'"bin":"622202"' in seen["answers"]
    for told in (b"searched_from", b'"candidates"', b"pay_order_no,", b'"intact"'):
        assert told in seen["the console's answers"], told
    assert b"payment.succeeded" in b"".join(
        text for name, text in seen.items() if name.startswith("notice")
    )
    assert b"paycore_" in seen["/metrics"]
    assert 20 < sum(name.startswith("table ") for name in seen)
    assert 10 < sum(name.startswith("code ") for name in flight.canaries)
    assert any(b'"sms_verify_code":"' in body for body in flight.traces.bodies)
    assert any(CARD["number"].encode() in body for body in flight.traces.bodies)


def test_nothing_secret_is_found_anywhere(flight: Flight):
    """Not one hit of any canary in any place."""
    hits = [
        f"{canary} in {place}: …{text[max(0, hit.start() - 80) : hit.end() + 20]!r}"
        for place, text in flight.traces.seen.items()
        for canary, form in flight.canaries.items()
        if (hit := form.search(text))
    ]

    assert not hits, "\n".join(hits)
