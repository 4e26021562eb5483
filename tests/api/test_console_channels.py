"""Channels and carriers in the console: how they are, off, tried, away for a time."""

import time
from datetime import datetime

import httpx2 as httpx
import pytest
from operating import Person
from operator_posts import because
from posts import sql
from setup_posts import BANK, far, moment, spare
from stack import Payer, Stack, key
from waiting import WITHIN_S, until

from paycore.operators.roles import Role

CARD = "6222020200112233446"
CHANNELS = "/v1/console/channels"


@pytest.fixture(scope="module")
def admin(running) -> Person:
    """Who may everything."""
    return Person(running, Role.ADMIN)


@pytest.fixture(scope="module")
def operator(running) -> Person:
    """Who may act, and not configure."""
    return Person(running, Role.OPERATOR)


def act(person: Person, path: str, **body: object) -> httpx.Response:
    """A POST under a key of its own, with a reason."""
    return person.api.post(path, json={**because(), **body}, headers=key())


def found(person: Person, channel: str) -> dict:
    """An account as the list has it."""
    items = person.api.get(CHANNELS, params={"limit": 100}).json()["items"]
    return next(one for one in items if one["channel"] == channel)


def decisions(stack: Stack, no: str) -> dict[str, tuple[str, str]]:
    """By bank: the stage and the reason that the payment's first decision has of it."""
    rows = sql(
        stack,
        "SELECT c ->> 'channel' AS channel, c ->> 'stage' AS stage, c ->> 'why' AS why"
        " FROM (SELECT candidates FROM router_decision WHERE pay_order_no = $1"
        "       ORDER BY at LIMIT 1) AS first,"
        " jsonb_array_elements(candidates) AS c",
        no,
    )
    return {row["channel"]: (row["stage"], row["why"]) for row in rows}


def opened_when(stack: Stack, payer: Payer, *, closed: bool) -> str:
    """A payment that was opened when a node had read that the quick banks are away, or
    that they are not.
    """

    def tried() -> str | None:
        no = payer.open().json()["pay_order_no"]
        said = decisions(stack, no)
        away = {said[bank][0] == "maintenance" for bank in ("quick_a", "quick_b")}
        return no if away == {closed} else None

    return until(tried)


def test_channels_are_shown_with_their_calls_and_never_their_credentials(
    stack, payer, operator
):
    """Operations with breaker and figures, limits, windows; no secret of theirs."""
    assert 201 == payer.open().status_code
    answer = operator.api.get(CHANNELS, params={"limit": 100})
    bank = found(operator, "quick_a")

    assert 200 == answer.status_code
    assert ("main", "sandbox", True) == (
        bank["account"],
        bank["driver"],
        bank["enabled"],
    )
    (send,) = (one for one in bank["operations"] if one["operation"] == "send_code")
    assert "CLOSED" == send["breaker"]
    assert {"calls", "failures", "p50_ms"} <= send.keys()
    assert "credentials" not in answer.text


def test_channels_come_in_pages(operator):
    """Each once, in their order; a cursor that is not ours is refused."""
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = operator.api.get(CHANNELS, params=query).json()
        seen += [(one["channel"], one["account"]) for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert sorted(set(seen)) == seen
    for bad in ("x", "YQ==", "eHx5fHo="):
        answer = operator.api.get(CHANNELS, params={"cursor": bad})
        assert (400, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])


def test_an_operator_switches_off_and_only_an_admin_on(stack, operator, admin):
    """What is on the safe side is anybody's who acts."""
    path = f"{spare(stack)}/switch"
    off = act(operator, path, enabled=False)
    refused = act(operator, path, enabled=True)
    on = act(admin, path, enabled=True)

    assert (200, False) == (off.status_code, off.json()["enabled"])
    assert (403, "FORBIDDEN") == (refused.status_code, refused.json()["code"])
    assert (200, True) == (on.status_code, on.json()["enabled"])
    told = sql(
        stack,
        "SELECT act, subject, detail FROM operators_entry WHERE operator = $1"
        " ORDER BY seq",
        operator.name,
    )
    assert "switchChannel" == told[-1]["act"]
    assert path.split("/")[5] in told[-1]["subject"]


def test_a_check_asks_the_bank_and_moves_nothing(stack, operator):
    """A good one says so; there is no account of a name that nobody has."""
    good = operator.api.post(f"{BANK}/check", json={}, headers=key())
    absent = operator.api.post(f"{CHANNELS}/none/main/check", json={}, headers=key())

    assert (200, True) == (good.status_code, good.json()["ok"])
    assert good.json()["says"]
    assert (404, "DATA_NOT_EXIST") == (absent.status_code, absent.json()["code"])


def test_carriers_are_shown_switched_and_tried(stack, operator, admin):
    """Like channels; the last that is on stays as it was in the end."""
    items = operator.api.get("/v1/console/carriers").json()["items"]
    name = items[-1]["carrier"]
    path = f"/v1/console/carriers/{name}"

    assert items == sorted(items, key=lambda one: (one["priority"], one["carrier"]))
    assert 200 == act(operator, f"{path}/switch", enabled=False).status_code
    assert 403 == act(operator, f"{path}/switch", enabled=True).status_code
    assert 200 == act(admin, f"{path}/switch", enabled=True).status_code
    checked = operator.api.post(f"{path}/check", json={}, headers=key())
    assert (200, True) == (checked.status_code, checked.json()["ok"])
    absent = act(operator, "/v1/console/carriers/none/switch", enabled=False)
    assert 404 == absent.status_code


def test_a_payment_in_a_window_converts_and_its_decision_says_why(stack, payer, admin):
    """Both quick banks away: our own code, then deduct. From the window's end on, and
    not before its beginning, they are asked as ever.
    """
    windows = [
        act(
            admin,
            f"{CHANNELS}/{bank}/main/windows",
            **{"from": moment(), "to": moment(minutes=10)},
        )
        for bank in ("quick_a", "quick_b")
    ]
    assert [201, 201] == [one.status_code for one in windows]
    try:
        shown = found(admin, "quick_a")["windows"]
        no = opened_when(stack, payer, closed=True)
        said = decisions(stack, no)
        paid = payer.confirm(no).json()
    finally:
        ended = [
            act(
                admin,
                f"{CHANNELS}/{bank}/main/windows/{one.json()['window_id']}/end",
            )
            for bank, one in zip(("quick_a", "quick_b"), windows, strict=True)
        ]
    assert [200, 200] == [one.status_code for one in ended]

    assert windows[0].json()["window_id"] == shown[0]["window_id"]
    assert {"maintenance"} == {said["quick_a"][0], said["quick_b"][0]}
    assert said["quick_a"][1].startswith("closed 20")
    assert "SUCCESS" == paid["biz_status"]
    took = (
        "SELECT channel FROM attempt WHERE pay_order_no = $1 AND trans_type = 'DEDUCT'"
    )
    assert sql(stack, took, no)[0]["channel"].startswith("deduct_")
    assert opened_when(stack, payer, closed=False)


def test_a_window_begins_and_ends_by_the_clock(stack, payer, admin):
    """Nobody does anything at its beginning and end: one bank goes, the other is
    asked, and it is back to the moment.
    """
    answer = act(
        admin,
        f"{BANK}/windows",
        **{"from": moment(seconds=3.5), "to": moment(seconds=6)},
    )
    assert 201 == answer.status_code
    begins, ends = (
        sql(stack, "SELECT $1::text::timestamptz AS at", answer.json()[name])[0]["at"]
        for name in ("from", "to")
    )
    stages: list[tuple[datetime, bool]] = []
    deadline = time.monotonic() + WITHIN_S
    while not stages or stages[-1][0] < ends:
        assert time.monotonic() < deadline, stages
        no = payer.open(amount=1 + len(stages)).json()["pay_order_no"]
        (at,) = sql(
            stack, "SELECT min(at) FROM router_decision WHERE pay_order_no = $1", no
        )
        stage = decisions(stack, no)["quick_a"][0]
        stages.append((at[0], stage == "maintenance"))
        time.sleep(0.3)

    for at, closed in stages:
        inside = begins <= at < ends
        assert inside is closed, (at, begins, ends)
    assert {True, False} == {closed for _, closed in stages}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}, 400),
        ({"to": "2026-01-02T00:00:00"}, 400),
        ({"from": 12}, 400),
        ({"to": CARD}, 400),
        ({"to": moment(days=700)}, 400),
        ({"why": ""}, 400),
        ({"why": "\u202e"}, 400),
        ({CARD: 1}, 400),
    ],
)
def test_a_bad_window_is_refused_and_not_repeated(stack, admin, changes, code):
    """A clear refusal, nothing written, nothing of it in the answer."""
    path = f"{spare(stack)}/windows"
    count = "SELECT (SELECT count(*) FROM router_window), count(*) FROM operators_entry"
    before = sql(stack, count)
    answer = admin.api.post(path, json={**far(), **changes}, headers=key())

    assert (code, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])
    assert CARD not in answer.text
    assert before == sql(stack, count)


def test_a_window_is_ended_once_and_is_its_accounts(stack, admin):
    """Over is over; another account's path does not lead to it."""
    path = f"{spare(stack)}/windows"
    made = act(admin, path, **far()).json()["window_id"]
    elsewhere = act(admin, f"{BANK}/windows/{made}/end")
    first, again = act(admin, f"{path}/{made}/end"), act(admin, f"{path}/{made}/end")

    assert [404, 200] == [elsewhere.status_code, first.status_code]
    assert first.json()["from"] == first.json()["to"]
    assert (409, "BIZ_CHECK_ERROR") == (again.status_code, again.json()["code"])


def test_what_is_secret_in_a_reason_is_masked(stack, admin):
    """A card's number in `why` is in no row and no list."""
    made = act(admin, f"{spare(stack)}/windows", **{**far(), "why": f"card {CARD}"})

    assert 201 == made.status_code
    assert CARD not in made.text
    kept = sql(
        stack,
        "SELECT why FROM router_window UNION ALL SELECT why FROM operators_entry",
    )
    assert not [row for row in kept if CARD in row["why"]]
