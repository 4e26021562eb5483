"""What has no result yet, in the console's lists: the same that the overview counts."""

import csv
import io
import time

import pytest
from console_looks import PAGE, said, see
from operating import Person
from refunding import paid, refund
from waiting import until

REFUNDS = "/v1/console/refunds"
UNKNOWN = {"result": "unknown", "limit": 100}
SEEN_WITHIN_S = 60.0

pytestmark = pytest.mark.long
"""They wait until nobody can be sending any more."""


def silent(stack, payer) -> str:
    """A payment of whose money its bank says nothing."""
    stack.fault("bank.deduct_*.deduct", "timeout_before")
    stack.fault("bank.deduct_*.enquire", "http_500")
    no = payer.open().json()["pay_order_no"]
    assert "DOING" == payer.confirm(no).json()["biz_status"]
    return no


def until_it_has(look, number: str) -> list[dict]:
    """A list once it has something: a call that broke off is unknown when it surely is
    over.
    """
    deadline = time.monotonic() + SEEN_WITHIN_S
    while number not in [one.get("refund_no", one["pay_order_no"]) for one in look()]:
        assert time.monotonic() < deadline, look()
        time.sleep(0.2)
    return look()


def in_pages(person: Person) -> list[str]:
    """The unknown payments, one a page."""
    seen, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = see(person, PAGE, result="unknown", limit=1, **more)
        seen += [one["pay_order_no"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            return seen


def as_csv(person: Person) -> list[dict[str, str]]:
    """The unknown payments, as a file has them."""
    answer = person.api.get(f"{PAGE}.csv", params={"result": "unknown"})
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_unknown_results_are_not_what_awaits_a_code(stack, converted_payer, vera):
    """Those whose money was asked for, the oldest first, with since when; the overview
    counts as many.
    """
    awaits = converted_payer.open().json()["pay_order_no"]
    first, second = silent(stack, converted_payer), silent(stack, stack.payer(1))

    def look() -> list[dict]:
        return see(vera, PAGE, **UNKNOWN)["items"]

    def counted_alike() -> list[dict] | None:
        found, refunds = look(), see(vera, REFUNDS, **UNKNOWN)["items"]
        counted = see(vera, "/v1/console/overview")["unknown"]["number"]
        return found if len(found) + len(refunds) == counted else None

    until_it_has(look, first)
    until_it_has(look, second)
    # A look at the overview is given again for a second, in which an earlier test's
    # payment may come to its result.
    found = until(counted_alike, "the overview counts otherwise")
    numbers = [one["pay_order_no"] for one in found]
    since = [one["unknown_since"] for one in found]
    of_one = see(vera, PAGE, **UNKNOWN, q=second)["items"]
    whole = see(vera, f"{PAGE}/{first}")["payment"]
    standing = see(vera, f"{PAGE}/{awaits}")["payment"]

    assert awaits not in numbers
    assert numbers.index(first) < numbers.index(second)
    assert sorted(since) == since
    assert since[numbers.index(first)] == whole["unknown_since"]
    assert None is standing["unknown_since"]
    assert [second] == [one["pay_order_no"] for one in of_one]


def test_unknown_results_come_in_pages_and_as_csv(stack, converted_payer, vera):
    """Each once, in the same order; a cursor of another list is refused."""
    wanted = {silent(stack, converted_payer), silent(stack, stack.payer(1))}
    for no in wanted:
        until_it_has(lambda: see(vera, PAGE, **UNKNOWN)["items"], no)

    def both() -> tuple[list[str], list[dict]] | None:
        """Not while an earlier test's payment comes to its result between them."""
        pages, rows = in_pages(vera), as_csv(vera)
        same = pages == [row["pay_order_no"] for row in rows]
        return (pages, rows) if same else None

    pages, rows = until(both, "pages and file differ")
    others = see(vera, PAGE, limit=1)["next"]

    assert wanted <= set(pages)
    assert len(set(pages)) == len(pages)
    assert all(row["unknown_since"] for row in rows)
    for cursor in (others, "W10=", "WyIyMDI2LTAxLTAxIiwgIngiXQ=="):
        refused = vera.api.get(PAGE, params={"result": "unknown", "cursor": cursor})
        assert (400, "BAD_REQUEST") == said(refused)


def test_a_refund_without_a_result_is_there(stack, converted_payer, vera):
    """Until its channel has said its word; by any number of its payment too."""
    no = paid(converted_payer)
    stack.fault("bank.deduct_*.refund", "timeout_before")
    stack.fault("bank.deduct_*.enquire", "http_500")
    number = refund(converted_payer, no, 10).json()["refund_no"]

    def look(**more: object) -> list[dict]:
        return see(vera, REFUNDS, **UNKNOWN, **more)["items"]

    found = until_it_has(look, number)
    ages = [one["created_at"] for one in found]

    assert sorted(ages) == ages
    assert [number] == [one["refund_no"] for one in look(q=no)]
    assert [] == look(status="SUCCESS")


@pytest.mark.parametrize("path", [PAGE, REFUNDS])
def test_only_what_is_unknown_can_be_asked_for_so(vera, path):
    """A word that is not one of ours is refused, and not passed over."""
    assert (400, "BAD_REQUEST") == said(vera.api.get(path, params={"result": "known"}))
