"""Payments of long ago, with all the rows that one leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from paycore.core.rows import (
    AttemptRow,
    IdempotencyRow,
    PaymentRow,
    RefundRow,
    RefundTotalRow,
    TrailRow,
)
from paycore.desk.rows import CaseRow
from paycore.gateway.rows import MessageRow
from paycore.kernel import db
from paycore.kernel.ids import attempt_id, pay_order_no, refund_no
from paycore.kernel.node import Node
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    Json,
    PayOrderNo,
    ProcessStatus,
    TransType,
)
from paycore.router.rows import DecisionRow
from paycore.sms.rows import CodeRow, CodeStatus

MONTHLY = ("gateway_message", "router_decision", "trail", "sms_code")
"""What goes by the month."""

STAYS = ("payment", "attempt")

EMPTY = ", ".join(
    (
        *(*STAYS, *MONTHLY, "desk_case", "idempotency_key", "retention_removal"),
        *("refund", "refund_total", "checkout", "checkout_out_biz_no"),
    )
)


@dataclass(slots=True)
class Past:
    """Makes and looks at what is old."""

    node: Node
    pool: db.Pool

    def ago(self, days: float) -> datetime:
        """A moment so many days ago."""
        return self.node.now() - timedelta(days=days)

    async def partitions(self, at: datetime, months: int = 1) -> None:
        """What a node of then has made."""
        first = at.date().replace(day=1)
        await self.pool.execute("SELECT ensure_partitions($1, $2)", first, months)

    async def payment(
        self, at: datetime, *, open_still: bool = False, card_id: str = "card_1"
    ) -> PayOrderNo:
        """One payment that was paid by deduct, or waits to this day."""
        await self.partitions(at)
        no = pay_order_no(self.node.ids, at)
        row = _paid(no, at, card_id)
        if open_still:
            row = replace(
                row,
                biz_status=BizStatus.DOING,
                finished_at=None,
                next_check_at=self.node.now() + timedelta(days=1),
            )
        await self.write([row, _leg(no, at), *self.rows_of(no, at)])
        return no

    def rows_of(self, no: PayOrderNo, at: datetime) -> list:
        """One of each that goes by the month."""
        return [
            self.message(no, at),
            DecisionRow(
                pay_order_no=no,
                decision_id=self.node.ids.uuid(),
                at=at,
                trans_type=TransType.DEDUCT,
                chosen=None,
                cause="ROUTE_NONE",
                question=Json("{}"),
                candidates=Json("[]"),
            ),
            TrailRow(
                pay_order_no=no,
                change_id=self.node.ids.uuid(),
                at=at,
                epoch=1,
                steps=Json("[]"),
            ),
            CodeRow(
                pay_order_no=no,
                seq=1,
                digest=b"d",
                amount=1,
                currency="CNY",
                card_id=CardId("card_1"),
                phone_hash=b"p",
                status=CodeStatus.VOID,
                created_at=at,
                expires_at=at,
            ),
        ]

    def message(self, no: PayOrderNo, at: datetime) -> MessageRow:
        """A message about a payment."""
        return MessageRow(
            pay_order_no=no,
            message_id=self.node.ids.uuid(),
            attempt_seq=1,
            direction="OUT",
            operation="deduct",
            channel="deduct_a",
            account="main",
            at=at,
            verdict="",
            body="{}",
        )

    def case(self, no: PayOrderNo) -> CaseRow:
        """An open case about a payment."""
        return CaseRow(
            case_id=f"TEST:{no}",
            kind="LATE_MONEY",
            pay_order_no=no,
            attempt_seq=1,
            amount=1,
            currency="CNY",
            evidence=Json("{}"),
            opened_at=self.node.now(),
        )

    def refund(self, no: PayOrderNo) -> list:
        """A refund of a payment that is under way, and what it holds of it."""
        now = self.node.now()
        return [
            RefundTotalRow(
                pay_order_no=no,
                amount=1000,
                payable_amount=1000,
                refunds=1,
                taken_amount=1000,
                taken_money=1000,
            ),
            RefundRow(
                pay_order_no=no,
                refund_no=refund_no(no, 1),
                biz_line=BizLineId("shop"),
                out_refund_no="r-1",
                amount=1000,
                money_amount=1000,
                coupon_amount=0,
                currency="CNY",
                reason=None,
                channel="deduct_a",
                account="main",
                inst_trans_id="deduct_a.deduct",
                original_request_no=attempt_id(no, 1),
                created_at=now,
                quiet_from=now,
                next_check_at=now + timedelta(days=1),
            ),
        ]

    def key(self, expires_at: datetime, *, answered: bool = True) -> IdempotencyRow:
        """An idempotency key, and the answer that is kept for it."""
        return IdempotencyRow(
            scope=self.node.ids.token(32),
            fingerprint=b"f",
            pay_order_no=None,
            status=200 if answered else None,
            body=b"{}" if answered else None,
            created_at=expires_at - timedelta(hours=24),
            expires_at=expires_at,
            lease_epoch=None,
            lease_until=None,
        )

    async def write(self, rows: Sequence) -> None:
        """As a node writes."""
        change = self.node.change()
        for row in rows:
            change.append(row)
        assert await self.node.journal.commit(change) is None

    async def counts(self, *tables: str) -> list[int]:
        """How many rows each has."""
        return [
            await self.pool.fetchval(f"SELECT count(*) FROM {table}")
            for table in tables
        ]

    async def numbers(self, table: str) -> set[str]:
        """The payments that have rows in a table."""
        found = await self.pool.fetch(f"SELECT pay_order_no FROM {table}")
        return {row["pay_order_no"] for row in found}

    async def is_there(self, partition: str) -> bool:
        """Whether a partition is."""
        return await self.pool.fetchval("SELECT to_regclass($1) IS NOT NULL", partition)

    async def removals(self) -> list:
        """What is on record, in order."""
        return await self.pool.fetch(
            "SELECT * FROM retention_removal ORDER BY begun_at"
        )

    async def forget(self) -> None:
        """Past all triggers."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(f"TRUNCATE {EMPTY}")


def month_of(at: datetime) -> str:
    """The end of the names of a moment's partitions."""
    return f"_p{at:%y%m}"


def id_at(at: datetime) -> UUID:
    """An id of a change that was made then."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62)


def _paid(no: PayOrderNo, at: datetime, card_id: str) -> PaymentRow:
    return PaymentRow(
        pay_order_no=no,
        biz_line=BizLineId("shop"),
        out_biz_no=f"o-{no}",
        biz_order_no=None,
        amount=1000,
        coupon_no=None,
        coupon_amount=0,
        payable_amount=1000,
        currency="CNY",
        card_id=CardId(card_id),
        subject="Tea",
        biz_status=BizStatus.SUCCESS,
        last_event="PAID",
        created_at=at,
        expires_at=at + timedelta(minutes=15),
        finished_at=at,
        next_check_at=None,
    )


def _leg(no: PayOrderNo, at: datetime) -> AttemptRow:
    return AttemptRow(
        pay_order_no=no,
        seq=1,
        trans_type=TransType.DEDUCT,
        process_status=ProcessStatus.GW_SUCCESS,
        channel="deduct_a",
        account="main",
        inst_trans_id="deduct_a.deduct",
        request_no=attempt_id(no, 1),
        amount=1000,
        currency="CNY",
        created_at=at,
        quiet_from=at,
        finished_at=at,
    )
