"""Books in the console: postings, balances, trial balance; days are in the flows."""

from collections import Counter

import pytest
from operating import Person
from posts import sql
from stack import Stack
from waiting import until

from paycore.operators.roles import Role

CARD = "6222020200112233446"
BOOKS = "/v1/console/books"


@pytest.fixture(scope="module")
def viewer(running) -> Person:
    """Who may look."""
    return Person(running, Role.VIEWER)


def see(person: Person, path: str, **query: object) -> dict:
    """A GET that answers."""
    answer = person.api.get(f"{BOOKS}/{path}", params=query)
    assert 200 == answer.status_code, answer.text
    return answer.json()


def entries(stack: Stack) -> Counter[tuple[str, str]]:
    """How many lines of postings each payment has on each account."""
    rows = sql(stack, "SELECT pay_order_no, account FROM accounting_entry")
    return Counter(tuple(row) for row in rows)


def paid(payer) -> str:
    """A payment that was paid."""
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    return no


def test_postings_of_a_payment_balance(payer, viewer):
    """Every line of them, and by account or day those that fit."""
    no = paid(payer)
    lines = see(viewer, "postings", pay_order_no=no)["items"]
    signed = [
        one["amount"] if one["side"] == "DEBIT" else -one["amount"] for one in lines
    ]
    account, day = lines[0]["account"], lines[0]["at"][:10]
    same = {"pay_order_no": no, "account": account, "day": day}

    assert lines
    assert 0 == sum(signed)
    assert {no} == {one["pay_order_no"] for one in lines}
    assert {account} == {
        one["account"] for one in see(viewer, "postings", **same)["items"]
    }
    assert [] == see(viewer, "postings", pay_order_no=no, day="2020-01-01")["items"]


def test_postings_come_in_pages_of_whole_postings(stack, payer, viewer):
    """Each line once; by account, only postings that touch it."""
    for _ in range(3):
        no = paid(payer)
    (first, *_) = see(viewer, "postings", pay_order_no=no)["items"]
    # An earlier test's payment may come to its end while we page.
    before = entries(stack)
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = see(viewer, "postings", **query)
        seen += [
            (one["pay_order_no"], one["entry"], one["fact"], one["account"])
            for one in page["items"]
        ]
        cursor = page["next"]
        if cursor is None:
            break
    touched = see(viewer, "postings", account=first["account"], day=first["at"][:10])
    by_posting: dict[tuple, set] = {}
    for one in touched["items"]:
        place = (one["pay_order_no"], one["entry"], one["fact"])
        by_posting.setdefault(place, set()).add(one["account"])

    assert before <= Counter((no, account) for no, *_, account in seen)
    assert Counter((no, account) for no, *_, account in seen) <= entries(stack)
    assert len(set(seen)) == len(seen)
    assert no in {one["pay_order_no"] for one in touched["items"]}
    assert all(first["account"] in accounts for accounts in by_posting.values())


def test_balances_and_the_trial_balance_agree(payer, viewer):
    """Debits are credits in every currency, of the accounts that are listed."""
    paid(payer)

    def at_rest() -> tuple[list[dict], dict] | None:
        balances = see(viewer, "balances")["items"]
        trial = see(viewer, "trial-balance")
        return (
            (balances, trial) if balances == see(viewer, "balances")["items"] else None
        )

    balances, trial = until(at_rest)  # an earlier test's payment may end meanwhile

    assert balances
    assert {True} == {one["balanced"] for one in trial["sums"]}
    listed = {(one["account"], one["currency"]): one["amount"] for one in balances}
    assert listed == {
        (one["account"], one["currency"]): one["debit"] - one["credit"]
        for one in trial["accounts"]
    }
    never = viewer.api.get(f"{BOOKS}/trial-balance", params={"day": "2020-01-01"})
    assert (404, "DATA_NOT_EXIST") == (never.status_code, never.json()["code"])


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("postings", {"day": "2026-02-30"}),
        ("postings", {"day": "9999-12-31"}),
        ("postings", {"day": CARD}),
        ("postings", {"account": "x y"}),
        ("postings", {"pay_order_no": CARD}),
        ("postings", {"cursor": "YQ=="}),
        ("trial-balance", {"day": "x"}),
        ("days", {"from": "2026-13-01"}),
        ("days", {"channel": "a b"}),
        ("days", {"cursor": "YQ=="}),
        ("days", {"limit": 101}),
    ],
)
def test_what_cannot_be_asked_is_refused_and_not_repeated(viewer, path, query):
    """A clear refusal, nothing of what was sent in it."""
    answer = viewer.api.get(f"{BOOKS}/{path}", params=query)

    assert (400, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])
    assert CARD not in answer.text


def test_a_day_that_is_not_there_is_not_there(viewer):
    """404, whatever the day is called."""
    for day in ("2020-01-01", "x"):
        answer = viewer.api.get(f"{BOOKS}/days/quick_a/main/{day}")
        assert (404, "DATA_NOT_EXIST") == (answer.status_code, answer.json()["code"])
