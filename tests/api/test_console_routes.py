"""Routes in the console: rules, their versions, one tried, published, gone back to."""

import httpx2 as httpx
import pytest
from operating import Person
from operator_posts import because
from posts import sql
from setup_posts import facts, newest, rule
from stack import key
from waiting import until

from paycore.operators.roles import Role

CARD = "6222020200112233446"
ROUTES = "/v1/console/routes"


@pytest.fixture(scope="module")
def admin(running) -> Person:
    """Who may everything."""
    return Person(running, Role.ADMIN)


def ask(person: Person, path: str, **body: object) -> httpx.Response:
    """A POST under a key of its own."""
    return person.api.post(f"{ROUTES}{path}", json=body, headers=key())


def publish(person: Person, *rules: dict, **changes: object) -> httpx.Response:
    """These rules, on the newest version."""
    sent = {"rules": list(rules), "on_version": newest(person), **because(), **changes}
    return ask(person, "", **sent)


def test_a_publication_is_a_version_and_decides(stack, payer, admin):
    """The rules that are sent are the rules; what is left out is off; the router asks
    them soon, and a roll-back is one more version.
    """
    other = rule()
    assert 201 == publish(admin, other).status_code
    before = newest(admin)
    drops = rule(condition="amount == 7777", title="not this one")
    made = publish(admin, drops)

    def dropped() -> str | None:
        no = payer.open(amount=7777).json()["pay_order_no"]
        (found,) = sql(
            stack,
            "SELECT c ->> 'why' AS why FROM (SELECT candidates FROM router_decision"
            " WHERE pay_order_no = $1 ORDER BY at LIMIT 1) AS first,"
            " jsonb_array_elements(candidates) AS c WHERE c ->> 'channel' = 'quick_a'",
            no,
        )
        why = found["why"] or ""
        return why if why.startswith("rule ") else None

    why = until(dropped)
    back = ask(admin, "/rollbacks", version=before, on_version=before + 1, **because())
    shown = admin.api.get(ROUTES).json()

    assert (201, before + 1) == (made.status_code, made.json()["version"])
    assert {drops["rule_id"], other["rule_id"]} == {
        one["rule"] for one in made.json()["changes"]
    }
    assert f"rule {drops['rule_id']}: not this one" == why
    assert (201, before + 2) == (back.status_code, back.json()["version"])
    assert (before + 2, admin.name) == (shown["version"], shown["by"])
    on = {one["rule_id"] for one in shown["rules"] if one["enabled"]}
    assert on == {other["rule_id"]}


def test_versions_are_listed_and_say_what_they_changed(admin):
    """The newest first, page by page; each against the one before."""
    made = [publish(admin, rule()).json()["version"] for _ in range(3)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = admin.api.get(f"{ROUTES}/versions", params=query).json()
        seen += [one["version"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    one = admin.api.get(f"{ROUTES}/versions/{made[-1]}").json()

    assert sorted(seen, reverse=True) == seen
    assert made == [number for number in reversed(seen) if number in made]
    assert {True} == {
        change["after"]["enabled"] is not (change["before"] or {}).get("enabled", False)
        for change in one["changes"]
    }
    assert 404 == admin.api.get(f"{ROUTES}/versions/999999").status_code
    assert 404 == admin.api.get(f"{ROUTES}/versions/x").status_code


def test_whoever_was_slower_is_told(admin):
    """An older version is no ground, and the same rules are no change."""
    one = rule()
    first = publish(admin, one)
    stale = publish(admin, rule(), on_version=first.json()["version"] - 1)
    same = ask(
        admin,
        "",
        rules=[
            {name: value for name, value in found.items() if value is not None}
            for found in admin.api.get(ROUTES).json()["rules"]
        ],
        on_version=newest(admin),
        **because(),
    )

    assert 201 == first.status_code
    assert (409, "BIZ_CHECK_ERROR") == (stale.status_code, stale.json()["code"])
    assert (409, "BIZ_CHECK_ERROR") == (same.status_code, same.json()["code"])


def test_what_is_wrong_is_said_rule_by_rule_and_not_repeated(stack, admin):
    """Conditions, contradictions, two of a name, accounts that are not there."""
    fine = rule()
    bad = [
        fine,
        rule(condition=f"amount >>> {CARD}"),
        rule(condition="nothing > 1"),
        rule(channel="no_such_bank"),
        rule(effect="PREFER"),
        {**rule(), "rule_id": fine["rule_id"]},
    ]
    before = sql(stack, "SELECT count(*) FROM operators_entry")
    answer = ask(admin, "/validations", rules=bad)
    published = publish(admin, *bad)

    assert 200 == answer.status_code
    assert [one["rule_id"] for one in bad[1:]] == [
        one["rule"] for one in answer.json()["problems"]
    ]
    assert CARD not in answer.text
    assert (400, "rules") == (published.status_code, published.json()["field"])
    assert CARD not in published.text
    assert before == sql(stack, "SELECT count(*) FROM operators_entry")


def test_a_route_is_tried_by_these_rules_and_by_others(stack, payer, admin):
    """Every candidate with its reason; nothing is made, nothing is entered."""
    line = stack.lines[0].biz_line
    counts = (
        "SELECT (SELECT count(*) FROM router_decision), count(*) FROM operators_entry"
    )
    before = sql(stack, counts)
    about = facts(biz_line=line, card_id=payer.card_id)
    now = ask(admin, "/trials", facts=about).json()
    drops = [rule(condition="true", title="none", channel=f"quick_{x}") for x in "ab"]
    by_others = ask(admin, "/trials", facts=about, rules=drops).json()
    without = ask(admin, "/trials", facts=facts(biz_line=line, bank="ICBC")).json()

    assert now["chosen"].startswith("quick_")
    assert ("ROUTE_NONE", None) == (by_others["cause"], by_others["chosen"])
    quick = [one for one in by_others["candidates"] if one["channel"] == "quick_a"]
    assert [(False, "rule")] == [(one["in"], one["stage"]) for one in quick]
    assert without["chosen"] is not None
    assert before == sql(stack, counts)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"currency": CARD},
        {"trans_type": "REFUND"},
        {"card_id": "no such card!"},
        {CARD: 1},
    ],
)
def test_bad_facts_are_refused_and_not_repeated(admin, changes):
    """A clear refusal, nothing of what was sent in it."""
    answer = ask(admin, "/trials", facts={**facts(), **changes})

    assert (400, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])
    assert CARD not in answer.text
