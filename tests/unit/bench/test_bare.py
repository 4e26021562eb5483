"""The bare path's rows are the recorded ones under other names, and nothing else."""

from datetime import UTC, datetime
from uuid import UUID

from paycore.accounting.rows import BalanceRow
from paycore.bench.bare.copies import Patterns, Rows, renamed, statement_of
from paycore.bench.statements import Write
from paycore.gateway.rows import MessageRow
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_sql import Shapes
from paycore.notify.rows import NoticeRow

NO = "260501120000000AAAAAAAAAAA"
OTHER = "260501120000001BBBBBBBBBBB"
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
NAMES = {NO: OTHER, "msg_1": "msg_2", b"\x01\x02": b"\x03\x04"}


def a_message() -> MessageRow:
    return MessageRow(
        pay_order_no=NO,
        message_id=UUID(int=7),
        attempt_seq=1,
        direction="OUT",
        operation="confirm",
        channel="quick_a",
        account="main",
        at=AT,
        verdict="",
        body=f'{{"request_id":"{NO}01"}}',
    )


def a_notice() -> NoticeRow:
    return NoticeRow(
        pay_order_no=NO,
        notice_id="msg_1",
        biz_line="shop",
        endpoint_id="ep_1",
        type="payment.succeeded",
        body=f'{{"pay_order_no":"{NO}"}}'.encode(),
        created_at=AT,
        next_check_at=None,
    )


def a_balance(slot: int = 0) -> BalanceRow:
    return BalanceRow(account="merchant", currency="CNY", slot=slot, amount=5)


def made(**rows) -> Rows:
    write = Write(
        **{"inserted": (), "replaced": (), "counts": (), "appended": (), "added": ()}
        | rows
    )
    return Patterns.of(write, list(NAMES)).made(NAMES, slot=3, ids=SystemIds())


def test_a_row_names_the_other_payment_wherever_it_named_the_first():
    """In keys, in texts, in octets; a key of its own is nobody else's."""
    message, notice = made(inserted=(a_message(),), appended=(a_notice(),)).appended

    assert OTHER == message.pay_order_no
    assert f'{{"request_id":"{OTHER}01"}}' == message.body
    assert UUID(int=7) != message.message_id
    assert (OTHER, "msg_2") == (notice.pay_order_no, notice.notice_id)
    assert f'{{"pay_order_no":"{OTHER}"}}'.encode() == notice.body


def test_what_names_nothing_is_as_it_was_recorded():
    """Value by value."""
    (row,) = made(appended=(a_message(),)).appended

    assert ("quick_a", AT, "confirm") == (row.channel, row.at, row.operation)


def test_balances_are_the_process_s_own_and_are_summed():
    """One row a key in a statement, as PostgreSQL wants it."""
    rows = made(added=(a_balance(),))
    assert [a_balance(slot=3)] == rows.added

    shapes = Shapes()
    parts, values = statement_of(shapes, [rows, rows])
    assert [(shapes.of(BalanceRow).add, 1)] == parts
    assert (
        shapes.of(BalanceRow).told(
            [BalanceRow(account="merchant", currency="CNY", slot=3, amount=10)]
        )
        == values[0]
    )


def test_octets_are_renamed_too():
    """A key that is a hash, and a body that is octets."""
    assert b"\x03\x04" == renamed(b"\x01\x02", NAMES)
    assert f"x {OTHER}" == renamed(f"x {NO}", NAMES)
