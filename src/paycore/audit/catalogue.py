"""The catalogue of invariants: what must always hold, and what shows it. Pure.

Every invariant is here: with the questions that rows can answer, or with the reason why
they cannot and with who shows it instead. docs/audit.md is made of it.
"""

from paycore.audit import coupons, ledger
from paycore.audit.invariant import Check, Invariant
from paycore.audit.questions import (
    agreements,
    books,
    calls,
    codes,
    desk,
    ends,
    late,
    limits,
    lines,
    money,
    operators,
    refunds,
    routes,
    secrets,
    told,
)

CATALOGUE = (
    Invariant(
        id="I1",
        holds="At most one money leg of a payment succeeded.",
        checks=(
            Check(
                name="more than one leg succeeded",
                sql=money.HAS_MORE_THAN_ONE_LEG_SUCCEEDED,
            ),
        ),
    ),
    Invariant(
        id="I2",
        holds="No money leg begins while an older one is open or successful.",
        checks=(
            Check(
                name="a leg beside one that may have charged",
                sql=money.IS_A_LEG_BESIDE_ONE_THAT_MAY_HAVE_CHARGED,
            ),
            Check(
                name="a leg began before the last had ended",
                sql=money.DID_A_LEG_BEGIN_BEFORE_THE_LAST_ENDED,
            ),
            Check(name="a deduct too many", sql=money.IS_A_DEDUCT_TOO_MANY),
        ),
    ),
    Invariant(
        id="I3",
        holds="A payment converts at most once, to deduct, before money was asked for,"
        " with cause, time and evidence.",
        checks=(
            Check(
                name="converted more than once, too late, or without cause or time",
                sql=money.DID_IT_CONVERT_MORE_THAN_ONCE_OR_TOO_LATE,
            ),
            Check(
                name="a leg of another pay type", sql=money.IS_A_LEG_OF_ANOTHER_PAY_TYPE
            ),
            Check(
                name="converted without evidence",
                sql=money.DID_IT_CONVERT_WITHOUT_EVIDENCE,
            ),
        ),
    ),
    Invariant(
        id="I4",
        holds="A payment succeeded if and only if one money leg did, with its amount"
        " and currency.",
        checks=(
            Check(
                name="a success that is not its one leg",
                sql=money.HAS_A_SUCCESS_NOT_ITS_ONE_LEG,
            ),
            Check(
                name="a successful leg of a payment that did not succeed",
                sql=money.HAS_A_SUCCESSFUL_LEG_NOT_ITS_SUCCESS,
            ),
        ),
        otherwise="What the bank itself charged: `paycore audit --bank`.",
    ),
    Invariant(
        id="I5",
        holds="What is final stays as it is: history, status and attempts agree.",
        checks=(
            Check(
                name="another status than its history says",
                sql=ends.IS_IT_ANOTHER_THAN_ITS_HISTORY,
            ),
            Check(
                name="a history of no payment", sql=ends.IS_IT_THE_HISTORY_OF_NO_PAYMENT
            ),
            Check(
                name="a step that is not in the table",
                sql=ends.IS_A_STEP_NOT_IN_THE_TABLE,
            ),
            Check(
                name="an attempt that lacks, or stands open",
                sql=ends.DOES_AN_ATTEMPT_LACK_OR_STAND_OPEN,
            ),
            Check(
                name="the last word on a leg is not in the history",
                sql=ends.IS_THE_LAST_WORD_ON_A_LEG_NOT_IN_THE_HISTORY,
            ),
            Check(
                name="a refund that is another than its history says",
                sql=refunds.IS_A_REFUND_ANOTHER_THAN_ITS_HISTORY,
            ),
        ),
        otherwise="That a row was once another: triggers refuse to change it.",
    ),
    Invariant(
        id="I6",
        holds="What is not final has a next look, and it is not overdue.",
        checks=(
            Check(
                name="a payment that nobody looks at",
                sql=ends.IS_A_PAYMENT_NOT_LOOKED_AT,
            ),
            Check(
                name="a locked coupon that nobody looks at",
                sql=ends.IS_A_LOCKED_COUPON_NOT_LOOKED_AT,
            ),
            Check(
                name="a notice that nobody tries, or not for long",
                sql=ends.IS_A_NOTICE_NOT_TRIED,
            ),
            Check(name="a refund that nobody looks at", sql=refunds.IS_A_REFUND_UNSEEN),
            *coupons.I6,
        ),
    ),
    Invariant(
        id="I7",
        holds="A deduct is sent only after a PASS of the code for this order, amount"
        " and card, and under a live mandate.",
        checks=(
            Check(
                name="a deduct without a PASS, or long after its end",
                sql=codes.WAS_A_DEDUCT_SENT_UNVERIFIED,
            ),
            Check(
                name="money asked for without an agreement, or after its end",
                sql=codes.WAS_MONEY_ASKED_FOR_WITHOUT_AN_AGREEMENT,
            ),
            *agreements.CHECKS,
        ),
    ),
    Invariant(
        id="I8",
        holds="A code is good for one order, within its tries and its time.",
        checks=(
            Check(
                name="a code bound to something else",
                sql=codes.IS_A_CODE_BOUND_TO_SOMETHING_ELSE,
            ),
            Check(name="a code tried too often", sql=codes.WAS_A_CODE_TRIED_TOO_OFTEN),
            Check(
                name="a code that passed after its end",
                sql=codes.WAS_A_CODE_GOOD_AFTER_ITS_END,
            ),
        ),
        otherwise="Limits below ten tries a code are settings and may have changed.",
    ),
    Invariant(
        id="I9",
        holds="Only the newest code of an order is good, and after a conversion only"
        " one of ours.",
        checks=(
            Check(
                name="a good code beside or behind another",
                sql=codes.IS_A_CODE_GOOD_BESIDE_OR_BEHIND_ANOTHER,
            ),
            Check(
                name="another code in force than the newest",
                sql=codes.IS_ANOTHER_CODE_IN_FORCE_THAN_THE_NEWEST,
            ),
            Check(
                name="a confirm elsewhere than its code came from",
                sql=codes.WAS_A_CODE_CONFIRMED_WHERE_IT_DID_NOT_COME_FROM,
            ),
        ),
    ),
    Invariant(
        id="I10",
        holds="A coupon is held by one order that names it, and used if and only if"
        " that order succeeded.",
        checks=coupons.I10,
    ),
    Invariant(
        id="I11",
        holds="The coupon of an order whose money is unknown stays locked.",
        checks=coupons.I11,
    ),
    Invariant(
        id="I12",
        holds="No more is given back than was taken, refunds in flight counted, and"
        " by the leg that was charged; late money goes back, or a person has it.",
        checks=(
            Check(
                name="more refunded than was taken",
                sql=refunds.IS_MORE_REFUNDED_THAN_WAS_TAKEN,
            ),
            Check(
                name="a total that is not the sum of its refunds",
                sql=refunds.IS_A_TOTAL_NOT_THE_SUM_OF_ITS_REFUNDS,
            ),
            Check(
                name="a refund by another leg than was charged",
                sql=refunds.IS_A_REFUND_NOT_BY_THE_LEG_THAT_WAS_CHARGED,
            ),
            Check(
                name="a refund that failed after a yes to other money",
                sql=refunds.DID_A_REFUND_FAIL_AFTER_A_YES,
            ),
            *late.GIVEN_BACK,
        ),
        otherwise="What the banks gave back: `paycore audit --bank`.",
    ),
    Invariant(
        id="I13",
        holds="Every posting balances, and so do the books of each currency.",
        checks=ledger.I13,
        otherwise="One posting a fact and kind is the table's primary key.",
    ),
    Invariant(
        id="I14",
        holds="Every success has its posting, to its own line's credit, every refund"
        " and all late money its own, and every posting its fact.",
        checks=(
            Check(
                name="a success or a posting alone",
                sql=books.IS_A_SUCCESS_OR_A_POSTING_ALONE,
            ),
            Check(
                name="money credited or spent elsewhere",
                sql=books.IS_MONEY_CREDITED_OR_SPENT_ELSEWHERE,
            ),
            Check(
                name="a refund or its posting alone",
                sql=refunds.IS_A_REFUND_OR_ITS_POSTING_ALONE,
            ),
            Check(
                name="a refund posted elsewhere", sql=refunds.WAS_IT_POSTED_ELSEWHERE
            ),
            *late.BOOKED,
            *ledger.I14,
        ),
    ),
    Invariant(
        id="I15",
        holds="A channel's clearing account is the sum of its successful legs less what"
        " was refunded and settled, every balance that of its entries, by the day too.",
        checks=(
            Check(
                name="a charge cleared elsewhere",
                sql=books.IS_A_CHARGE_CLEARED_ELSEWHERE,
            ),
            Check(
                name="a clearing account that is not the sum of its legs",
                sql=books.IS_A_CLEARING_ACCOUNT_NOT_THE_SUM_OF_ITS_LEGS,
                whole=True,
            ),
            Check(
                name="a balance that is not the sum of its entries",
                sql=books.IS_A_BALANCE_NOT_THE_SUM_OF_ITS_ENTRIES,
                whole=True,
            ),
            *desk.BOOKS,
            *ledger.I15,
        ),
    ),
    Invariant(
        id="I16",
        holds="Every end is told once to each end point, delivered or parked in sight.",
        checks=(
            Check(
                name="an end that is not told once", sql=told.IS_AN_END_NOT_TOLD_ONCE
            ),
            Check(
                name="a notice neither delivered nor in sight",
                sql=told.IS_A_NOTICE_NEITHER_DELIVERED_NOR_IN_SIGHT,
            ),
            Check(
                name="a refund's end that is not told once",
                sql=refunds.IS_A_REFUNDS_END_NOT_TOLD_ONCE,
            ),
        ),
    ),
    Invariant(
        id="I17",
        holds="No notice says what a read of the order would deny.",
        checks=(
            Check(
                name="a notice that a read would deny",
                sql=told.DOES_A_NOTICE_SAY_WHAT_A_READ_WOULD_DENY,
            ),
            Check(
                name="a notice that a read of the refund would deny",
                sql=refunds.DOES_A_NOTICE_SAY_WHAT_A_READ_OF_THE_REFUND_WOULD_DENY,
            ),
        ),
    ),
    Invariant(
        id="I18",
        holds="A key keeps its answer about its one payment, and a line's number is one"
        " payment.",
        checks=(
            Check(
                name="a kept answer that is none", sql=told.IS_A_KEPT_ANSWER_NO_ANSWER
            ),
            Check(
                name="a line's number that is not one payment",
                sql=told.IS_AN_OUT_BIZ_NO_NOT_ONE_PAYMENT,
            ),
            Check(
                name="a line's number of no payment",
                sql=told.IS_A_NUMBER_OF_NO_PAYMENT,
                whole=True,
            ),
            Check(
                name="a line's number that is not one refund",
                sql=refunds.IS_AN_OUT_REFUND_NO_NOT_ONE_REFUND,
            ),
        ),
        otherwise="What was answered over the wire: `tests/api/test_idempotency.py`.",
    ),
    Invariant(
        id="I19",
        holds="Every call is on record before its first byte leaves, and asks for money"
        " once.",
        checks=(
            Check(
                name="a call that is not on record", sql=calls.IS_A_CALL_NOT_ON_RECORD
            ),
            Check(
                name="a call of no attempt, or money asked for twice",
                sql=calls.IS_A_CALL_OF_NO_ATTEMPT_OR_MONEY_ASKED_FOR_TWICE,
            ),
            Check(
                name="an answer without or before its call",
                sql=calls.IS_AN_ANSWER_WITHOUT_OR_BEFORE_ITS_CALL,
            ),
            Check(
                name="a refund sent without its record, or elsewhere",
                sql=refunds.IS_A_SEND_OF_A_REFUND_NOT_ON_RECORD,
            ),
            Check(
                name="a refund sent again that may have got there",
                sql=refunds.WAS_A_REFUND_SENT_AGAIN_WITHOUT_NEED,
            ),
        ),
    ),
    Invariant(
        id="I20",
        holds="No call is made while a transaction is open.",
        otherwise="No row says what a connection did during a call; the import"
        " contracts keep everybody but the journal from opening a transaction.",
    ),
    Invariant(
        id="I21",
        holds="What is off, broken, used up or another line's is never chosen.",
        checks=(
            Check(
                name="chosen though it was not allowed",
                sql=routes.WAS_WHAT_WAS_CHOSEN_NOT_ALLOWED,
            ),
            Check(
                name="chosen in a window of its account",
                sql=routes.WAS_IT_CHOSEN_IN_A_WINDOW,
            ),
        ),
        otherwise="Whether the router was told the truth: the set-up may have changed"
        " since; `tests/unit/router/test_rules.py`.",
    ),
    Invariant(
        id="I22",
        holds="Every routed attempt has its decision, from which the choice can be made"
        " again.",
        checks=(
            Check(
                name="sent where no decision led",
                sql=routes.WAS_IT_SENT_WHERE_NO_DECISION_LED,
            ),
            Check(
                name="a choice that cannot be made again",
                sql=routes.CAN_THE_CHOICE_NOT_BE_MADE_AGAIN,
            ),
        ),
    ),
    Invariant(
        id="I23",
        holds="What is asked for is the order's amount without the coupon, at least one"
        " minor unit.",
        checks=(
            Check(
                name="another amount asked for", sql=money.IS_ANOTHER_AMOUNT_ASKED_FOR
            ),
        ),
    ),
    Invariant(
        id="I24",
        holds="Card, coupon, notices and checkout of a payment are its own business"
        " line's, and the checkout asked for just this and was not said to be over.",
        checks=(
            Check(name="another line's card", sql=lines.IS_THE_CARD_ANOTHER_LINES),
            Check(name="another line's coupon", sql=lines.IS_THE_COUPON_ANOTHER_LINES),
            Check(name="another line was told", sql=lines.IS_ANOTHER_LINE_TOLD),
            Check(name="another's checkout", sql=lines.IS_THE_CHECKOUT_ANOTHERS),
            Check(
                name="paid at an expired checkout",
                sql=lines.IS_IT_PAID_AT_AN_EXPIRED_CHECKOUT,
            ),
        ),
        otherwise="What was read over the API:"
        " `tests/api/test_payments.py::test_another_lines_things_do_not_exist`.",
    ),
    Invariant(
        id="I25",
        holds="No card or ID number stands in a text that is kept.",
        checks=tuple(
            Check(name=f"a secret in {place}", sql=sql, scan=True)
            for place, sql in (
                ("a message", secrets.WHAT_TEXTS_WERE_KEPT_OF_CALLS),
                ("a channel's answer", secrets.WHAT_TEXTS_WERE_KEPT_OF_ANSWERS),
                ("an order", secrets.WHAT_TEXTS_ARE_IN_ORDERS),
                ("a refund", secrets.WHAT_TEXTS_ARE_IN_REFUNDS),
                ("an order's history", secrets.WHAT_TEXTS_ARE_IN_HISTORIES),
                ("a timeline's steps", secrets.WHAT_TEXTS_WERE_KEPT_OF_STEPS),
                ("a notice", secrets.WHAT_TEXTS_ARE_IN_NOTICES),
                ("a kept answer", secrets.WHAT_TEXTS_ARE_IN_KEPT_ANSWERS),
                ("a case", secrets.WHAT_TEXTS_ARE_IN_CASES),
            )
        ),
        otherwise="Codes and keys look like any number, and logs are not rows:"
        " `tests/flows/test_canaries.py`.",
    ),
    Invariant(
        id="I26",
        holds="Every manual action is in an unbroken chain, with who and why.",
        checks=(*desk.STEPS, *operators.ACTS),
    ),
    Invariant(
        id="I27",
        holds="No order is closed as expired before its time.",
        checks=(
            Check(name="closed before its time", sql=ends.IS_IT_CLOSED_BEFORE_ITS_TIME),
        ),
        otherwise="What clocks did: `tests/unit/kernel/test_clock.py`; that no expired"
        " code passes is in I8.",
    ),
    Invariant(
        id="I28",
        holds="Half an hour after its time an order is final or on the exception desk.",
        checks=(
            Check(
                name="open for too long, and nobody knows",
                sql=ends.IS_IT_OPEN_FOR_TOO_LONG,
            ),
            Check(
                name="a refund open for too long, and nobody knows",
                sql=refunds.IS_A_REFUND_OPEN_FOR_TOO_LONG,
            ),
        ),
    ),
    Invariant(
        id="I29",
        holds="What is used of a limit is what attempts hold of it.",
        checks=(
            Check(
                name="a limit that is not what is held of it",
                sql=limits.IS_A_LIMIT_NOT_WHAT_IS_HELD_OF_IT,
            ),
        ),
        otherwise="Texts to a phone and wrong codes of a card a day are counted, not"
        " held: `tests/unit/sms/test_service.py`.",
    ),
    Invariant(
        id="I30",
        holds="No charge without a channel's yes on record, and no effect of a refused"
        " callback.",
        checks=(
            Check(name="a charge without a yes", sql=calls.IS_A_CHARGE_WITHOUT_A_YES),
            Check(
                name="a refused callback had an effect",
                sql=calls.DID_A_REFUSED_CALLBACK_HAVE_AN_EFFECT,
            ),
            Check(name="a refund without a yes", sql=refunds.IS_A_REFUND_WITHOUT_YES),
        ),
        otherwise="Whether a signature was good:"
        " `tests/flows/test_charge.py::"
        "test_a_forged_callback_is_kept_and_changes_nothing`.",
    ),
)
