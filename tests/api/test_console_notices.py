"""Notices and end points in the console: which there are, sent again, secrets."""

import time

import httpx2 as httpx
import pytest
from operating import Person
from operator_posts import because
from posts import sql
from setup_posts import endpoint, moment, told
from stack import key

from paycore.operators.roles import Role

CARD = "6222020200112233446"
NOTICES = "/v1/console/notices"
DONE_WITHIN_S = 120.0
"""An audit beside payments takes its time."""


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


def until_over(person: Person, work_id: str) -> dict:
    """Long work, once it is over."""
    deadline = time.monotonic() + DONE_WITHIN_S
    while True:
        work = person.api.get(f"/v1/console/works/{work_id}").json()
        if work["state"] != "RUNNING" or time.monotonic() > deadline:
            return work
        time.sleep(0.1)


def test_a_notice_is_found_by_its_id_its_payment_and_what_it_is(stack, operator):
    """By each filter; what it says is shown, and no secret."""
    notice_id, no = told(stack)
    details = operator.api.get(f"{NOTICES}/{notice_id}").json()
    notice = details["notice"]

    for query in (
        {"q": notice_id},
        {"q": no},
        {"q": no, "type": notice["type"]},
        {"q": no, "state": notice["state"]},
        {"endpoint": notice["endpoint"]},
        {"from": moment(minutes=-5), "to": moment(minutes=5)},
    ):
        items = operator.api.get(NOTICES, params=query).json()["items"]
        assert notice_id in [one["notice_id"] for one in items], query
    long_ago = operator.api.get(NOTICES, params={"to": "2020-01-01T00:00:00Z"})
    assert [] == long_ago.json()["items"]
    assert no == notice["pay_order_no"]
    assert no in str(details["payload"])
    assert "whsec_" not in str(details)
    assert 404 == operator.api.get(f"{NOTICES}/msg_{'0' * 32}").status_code
    assert 404 == operator.api.get(f"{NOTICES}/msg_{'f' * 32}").status_code


def test_notices_come_in_pages(stack, operator):
    """Each once, those of the newest payments first."""
    for _ in range(3):
        told(stack)
    # Of an earlier test somebody may be told while we page.
    ids = "SELECT notice_id FROM notify_notice"
    before = {row["notice_id"] for row in sql(stack, ids)}
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = operator.api.get(NOTICES, params=query).json()
        seen += [(one["pay_order_no"], one["notice_id"]) for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert sorted(set(seen), reverse=True) == seen
    after = {row["notice_id"] for row in sql(stack, ids)}
    assert before <= {notice_id for _, notice_id in seen} <= after


def test_one_is_sent_again_under_its_own_id(stack, operator):
    """The line hears it once more, with the same webhook-id."""
    notice_id, _ = told(stack)
    answer = act(operator, f"{NOTICES}/{notice_id}/replays")
    again = "SELECT replayed_at FROM notify_notice WHERE notice_id = $1"

    assert (201, notice_id) == (answer.status_code, answer.json()["notice_id"])
    assert sql(stack, again, notice_id)[0]["replayed_at"] is not None


def test_that_it_was_sent_again_is_on_its_payments_time_axis(stack, operator):
    """Who did it, and why: the act was on the notice, and is looked for by its id."""
    notice_id, no = told(stack)
    act(operator, f"{NOTICES}/{notice_id}/replays", why="the shop lost it")
    axis = operator.api.get(f"/v1/console/payments/{no}/timeline").json()["items"]

    assert [("replayNotice", notice_id, operator.name, "the shop lost it")] == [
        (one["title"], *(one["detail"][of] for of in ("subject", "operator", "why")))
        for one in axis
        if one["kind"] == "act"
    ]


def test_a_times_notices_are_counted_and_then_sent_again(stack, operator):
    """A preview changes nothing; the work tells how far it is, and is done once."""
    since = moment(seconds=-5)
    told(stack)
    times = {"from": since, "to": moment(minutes=1)}
    again = "SELECT count(*) FROM notify_notice WHERE replayed_at > now()"
    preview = act(operator, f"{NOTICES}/replays", **times, preview=True)
    begun_at = sql(stack, "SELECT now()")[0][0]
    before = sql(stack, again.replace("now()", "$1"), begun_at)[0][0]
    answer = act(operator, f"{NOTICES}/replays", **times)
    work = until_over(operator, answer.json()["work_id"])

    assert (201, None) == (preview.status_code, preview.json()["work_id"])
    assert preview.json()["number"] >= 1
    assert 0 == before
    assert ("DONE", "replayNotices") == (work["state"], work["kind"])
    assert 1 <= work["done"] <= answer.json()["number"]
    assert work["done"] == sql(stack, again.replace("now()", "$1"), begun_at)[0][0]
    assert 404 == operator.api.get("/v1/console/works/wk_none").status_code


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "2019-01-01T00:00:00Z"},
        {"to": "2021-01-01T00:00:00Z"},
        {"type": CARD},
        {"endpoint": CARD},
        {"preview": 1},
        {"why": ""},
    ],
)
def test_a_bad_time_is_refused_and_not_repeated(stack, operator, changes):
    """A clear refusal, nothing entered, nothing of it in the answer."""
    times = {"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"}
    count = (
        "SELECT (SELECT count(*) FROM operators_work), count(*) FROM operators_entry"
    )
    before = sql(stack, count)
    answer = act(operator, f"{NOTICES}/replays", **{**times, **changes})

    assert (400, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])
    assert CARD not in answer.text
    assert before == sql(stack, count)
    for bad in ({"q": CARD}, {"state": "ELSE"}, {"cursor": "YQ=="}, {"endpoint": "x"}):
        refused = operator.api.get(NOTICES, params=bad)
        assert (400, False) == (refused.status_code, CARD in refused.text)


def test_an_end_point_is_switched_and_its_secret_rotated(stack, operator, admin):
    """By who configures; the secret is shown once and is in no list and no log."""
    endpoint_id = endpoint(stack)
    path = f"/v1/console/endpoints/{endpoint_id}"
    sent = key()
    body = because()
    first = admin.api.post(f"{path}/secrets", json=body, headers=sent)
    again = admin.api.post(f"{path}/secrets", json=body, headers=sent)
    off = act(admin, f"{path}/switch", enabled=False)
    listed = admin.api.get("/v1/console/endpoints", params={"limit": 100})
    on = act(admin, f"{path}/switch", enabled=True)
    secret = first.json()["secret"]

    assert 403 == act(operator, f"{path}/secrets").status_code
    assert 403 == act(operator, f"{path}/switch", enabled=False).status_code
    assert (201, "whsec_") == (first.status_code, secret[:6])
    assert (409, "SHOWN_ONCE") == (again.status_code, again.json()["code"])
    assert (200, 200) == (off.status_code, on.status_code)
    (shown,) = (
        one for one in listed.json()["items"] if one["endpoint_id"] == endpoint_id
    )
    assert (False, "by hand") == (shown["enabled"], shown["disabled_reason"])
    assert secret not in listed.text
    entries = sql(stack, "SELECT detail FROM operators_entry")
    assert not [row for row in entries if secret in row["detail"]]
    absent = act(admin, "/v1/console/endpoints/ep_none/secrets")
    assert 404 == absent.status_code
