"""Questions and tables to try the router on."""

from datetime import UTC, datetime

import msgspec
import pytest

from paycore.kernel.terms import BizLineId, CardId, Json, PayOrderNo, TransType
from paycore.router import service
from paycore.router.question import AgreementLimits, Question
from paycore.router.rows import LineAccountRow, RuleRow, TransTypeRow
from paycore.router.snapshot import Snapshot, Tables, compile_tables

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday."""


@pytest.fixture(autouse=True)
def _a_busy_machine(monkeypatch):
    """What is to be decided by may be read late: no test but one is about that."""
    monkeypatch.setattr(service, "ANSWER_WITHIN_S", 30.0)


class Make:
    """Builders with everything but what a test is about."""

    @staticmethod
    def offer(channel: str, **changes: object) -> TransTypeRow:
        """Offer a deduct in CNY at the channel's main account."""
        row = TransTypeRow(
            inst_trans_id=f"{channel}.deduct",
            channel=channel,
            account="main",
            trans_type=TransType.DEDUCT,
            currencies=Json('["CNY"]'),
        )
        return msgspec.structs.replace(row, **changes)

    @staticmethod
    def rule(
        rule_id: str, condition: str, effect: str, channel: str, **changes
    ) -> RuleRow:
        """Make a rule over all accounts of a channel."""
        row = RuleRow(
            rule_id=rule_id,
            title=f"title of {rule_id}",
            condition=condition,
            effect=effect,
            channel=channel,
        )
        return msgspec.structs.replace(row, **changes)

    @staticmethod
    def ask(*channels: str, **changes: object) -> Question:
        """Ask for 5 CNY by deduct, with an agreement at each of these channels."""
        given: dict[str, object] = {
            "pay_order_no": PayOrderNo("26112312000000000000000000"),
            "biz_line": BizLineId("shop"),
            "trans_type": TransType.DEDUCT,
            "amount": 500,
            "currency": "CNY",
            "card_id": CardId("card_1"),
            "bank": "ICBC",
            "card_kind": "DEBIT",
            "now": NOON,
            "agreements": {(name, "main"): Make.no_limits() for name in channels},
            "capable": frozenset(channels),
            **changes,
        }
        return Question(**given)

    @staticmethod
    def no_limits() -> AgreementLimits:
        """Agree to any amount."""
        return AgreementLimits(single_limit=None, daily_limit=None)

    @staticmethod
    def tables(*types: TransTypeRow, rules: tuple[RuleRow, ...] = ()) -> Snapshot:
        """A snapshot in which the line "shop" may use every account there is."""
        accounts = sorted({(row.channel, row.account) for row in types})
        return compile_tables(
            Tables(
                types=types,
                allowed=[
                    LineAccountRow(biz_line=BizLineId("shop"), channel=c, account=a)
                    for c, a in accounts
                ],
                rules=rules,
            )
        )


@pytest.fixture
def make() -> type[Make]:
    return Make
