"""Payers get the codes that were texted to them, and no others."""

from pathlib import Path

from paycore.bench.oracle import Oracle
from paycore.sandbox.orders import Text
from paycore.sandbox.record import Notice, Record

FIRST, SECOND = "+8613700000001", "+8613700000002"


async def texted(record: Record, phone: str, code: str) -> None:
    record.stage_text(
        Text(phone=phone, text=f"It is {code}.", code=code, carrier="a", at_ms=0)
    )
    await record.durable()


async def opened(folder: Path) -> Record:
    return Record(folder / "sandbox.db", on_failure=lambda _: None)


async def test_a_code_of_before_is_handed_to_nobody(tmp_path):
    """Not even where another payer has looked before the new one was texted."""
    record = await opened(tmp_path)
    await texted(record, FIRST, "111111")
    with Oracle(tmp_path) as oracle:
        await texted(record, SECOND, "222222")

        assert "222222" == oracle.code(SECOND)
        assert oracle.code(FIRST) is None

        await texted(record, FIRST, "333333")
        assert "333333" == oracle.code(FIRST)
        assert oracle.code(FIRST) is None
    await record.close()


async def test_a_success_is_told_by_a_good_notice_and_once(tmp_path):
    """Of that payment, signed, and of that kind; asked again it was said already."""
    record = await opened(tmp_path)
    for pay_order_no, kind, verified in (
        ("paid", "payment.succeeded", True),
        ("forged", "payment.succeeded", False),
        ("failed", "payment.failed", True),
    ):
        notice = Notice(
            id=f"msg_{pay_order_no}",
            type=kind,
            pay_order_no=pay_order_no,
            payload="{}",
            verified=verified,
            at_ms=0,
        )
        record.stage_notice(notice)
    await record.durable()
    with Oracle(tmp_path) as oracle:
        asked = ("unheard", "forged", "failed", "paid", "paid")

        assert [False, False, False, True, False] == list(map(oracle.succeeded, asked))
    await record.close()
