from datetime import UTC, datetime
from uuid import UUID

from paycore.bench.statements import Write, literal, script_of
from paycore.core.rows import OutBizNoRow
from paycore.gateway.rows import MessageRow

NO = "261122144003919DQDY6H84F1H"
AT = datetime(2026, 11, 22, 14, 40, tzinfo=UTC)


def _message() -> MessageRow:
    return MessageRow(
        pay_order_no=NO,
        message_id=UUID(int=1),
        attempt_seq=1,
        direction="OUT",
        operation="confirm",
        channel="quick_a",
        account="main",
        at=AT,
        verdict="",
        body='{"a":true}',
    )


def _write(**rows) -> Write:
    none = {"inserted": [], "replaced": [], "counts": [], "appended": [], "added": []}
    return Write(**(none | rows))


def test_a_literal_hides_what_pgbench_would_take_for_a_variable():
    """A colon inside a text does not become one of pgbench's variables."""
    spelled = literal('{"a":true}')

    assert "E'{\"a\"\\x3atrue}'" == spelled


def test_a_literal_keeps_quotes_and_backslashes():
    """What SQL reads is what the row held."""
    assert "'it''s'" == literal("it's")
    assert "E'a\\\\b'" == literal("a\\b")


def test_a_literal_of_a_truth_is_no_number():
    """A bool is an int in Python and none in SQL."""
    assert "true" == literal(True)
    assert "NULL" == literal(None)


def test_each_payment_of_the_script_has_a_number_of_its_own():
    """The copied payment's number stands nowhere in a key."""
    script = script_of([_write(appended=[_message()])], NO)

    assert NO not in script
    assert ":no::text" in script
    assert "gen_random_uuid()" in script


def test_the_lines_own_number_is_another_for_each_payment_too():
    """What must be unique for ever is unique in the script."""
    row = OutBizNoRow(
        biz_line="shop", out_biz_no="order-1", pay_order_no=NO, content=b"\x01"
    )

    script = script_of([_write(inserted=[row])], NO)

    assert "order-1" not in script


def test_a_change_is_one_transaction_with_its_own_row():
    """The script commits as often as the payment did."""
    script = script_of([_write(appended=[_message()])] * 3, NO)

    assert 3 == script.count("BEGIN;") == script.count("COMMIT;")
    assert 3 == script.count("INSERT INTO journal_change")
