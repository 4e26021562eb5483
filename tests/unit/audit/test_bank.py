"""What the banks charged, beside what we know: from both sides."""

import pytest
from auditing import compared, node_on, plant

from paycore.audit.bank import Charge, compare, lacking
from paycore.audit.report import Known
from paycore.audit.service import BANK
from paycore.audit.service import compare as compare_with
from paycore.kernel import db
from paycore.kernel.errors import Misconfigured

NO = "2611251230301239ABCDEFGHJK"


def charge(**given: object) -> Charge:
    return Charge(
        **{
            "bank": "quick_a",
            "kind": "charge",
            "request_id": f"{NO}01",
            "pay_order_no": NO,
            "amount": 1250,
            "currency": "CNY",
            **given,
        }
    )


def known(**given: object) -> Known:
    return Known(
        **{
            "pay_order_no": NO,
            "biz_status": "SUCCESS",
            "payable_amount": 1250,
            "currency": "CNY",
            "successful": [f"{NO}01"],
            "open": [],
            "on_the_desk": False,
            **given,
        }
    )


REFUND = charge(kind="refund", request_id=f"{NO}02")
OPEN = {"biz_status": "DOING", "successful": [], "open": [f"{NO}01"]}
FAILED = {"biz_status": "FAIL", "successful": []}


@pytest.mark.parametrize(
    ("moves", "payment"),
    [
        ([charge()], known()),
        ([charge()], known(**OPEN)),
        ([charge(), REFUND], known(**FAILED)),
        ([charge()], known(**FAILED, on_the_desk=True)),
        ([charge(), charge()], known(on_the_desk=True)),
        ([charge(), charge(request_id=f"{NO}03"), REFUND], known()),
    ],
    ids=[
        "paid",
        "unknown",
        "given back",
        "on the desk",
        "twice, on the desk",
        "one back",
    ],
)
def test_what_fits(moves, payment):
    """A charge of the successful or open leg, given back, or before a person."""
    assert [] == list(compare(moves, [payment]))


@pytest.mark.parametrize(
    ("moves", "payment", "why"),
    [
        ([charge()], None, "a charge of no payment of ours"),
        ([charge()], known(**FAILED), "a charge without its success"),
        ([charge(), charge()], known(), "charged more than once"),
        ([charge(), charge()], known(**OPEN), "charged more than once"),
        ([charge(request_id=f"{NO}07")], known(), "a charge of another leg"),
        ([charge(currency="USD")], known(), "charged in another currency"),
        ([charge(amount=1251)], known(), "charged another amount"),
        ([charge(), REFUND], known(), "charged another amount"),
    ],
)
def test_what_does_not_fit(moves, payment, why):
    """Each is one violation, with the bank's words as evidence."""
    (found,) = compare(moves, [payment] if payment else [])

    assert (why, NO) == (found.check, found.payment)
    assert len(moves) == len(found.said["moved"])


def test_a_success_without_a_charge_lacks_it():
    """Unless a person has it; and what is no success lacks nothing."""
    alone = known()

    assert [alone] == lacking([], [alone, known(on_the_desk=True), known(**OPEN)])
    assert [] == lacking([charge()], [alone])


# --- a real bank ----------------------------------------------------------------------


async def test_the_banks_agree_with_real_payments(filled, made):
    """Every charge has its success, and every success its charge."""
    verdict = await compared(filled)

    assert BANK == verdict.invariant
    assert verdict.looked > len(made)
    assert () == verdict.examples


CONTRADICTIONS = {
    "a charge without its success": "UPDATE payment SET biz_status = 'FAIL'",
    "a charge of no payment of ours": "DELETE FROM payment",
    "charged another amount": "UPDATE payment SET amount = amount + 1,"
    " payable_amount = payable_amount + 1",
    "a charge of another leg": "UPDATE attempt SET request_no = 'other'",
}


@pytest.mark.parametrize("why", CONTRADICTIONS)
async def test_a_contradiction_is_found(filled, copy, made, why):
    """Rows that say otherwise than the bank are found, at their payment."""
    no = made["paid"]
    await plant(copy, f"{CONTRADICTIONS[why]} WHERE pay_order_no = '{no}'")
    found = await _about(filled, copy, made)

    assert [(why, no)] == found


async def test_a_success_that_no_bank_charged_is_found(filled, copy, made):
    """And the banks were asked again before it was said."""
    no = made["closed"]
    await plant(
        copy, f"UPDATE payment SET biz_status = 'SUCCESS' WHERE pay_order_no = '{no}'"
    )

    assert [("a success without a charge", no)] == await _about(filled, copy, made)


async def _about(filled, dsn, made):
    """What is found of the payments that the copy has: the banks go on."""
    verdict = await compared(filled, dsn, examples=1000)
    return [
        (one.check, one.payment)
        for one in verdict.examples
        if one.payment in made.values()
    ]


async def test_who_is_no_bank_is_told_apart(filled, copy):
    """An address where nobody answers, or somebody else, is said and no verdict."""
    api = filled.stack.nodes[-1].info.api
    async with node_on(copy) as node:
        connection = await db.connect(copy)
        try:
            with pytest.raises(Misconfigured, match="no sandbox"):
                await compare_with(node, connection, api)
            with pytest.raises(Misconfigured, match="no answer"):
                await compare_with(node, connection, "http://127.0.0.1:1")
        finally:
            await connection.close()
