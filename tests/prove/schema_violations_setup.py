"""As `schema_violations.py`, of agreements, the desk, and what people set up."""

from datetime import timedelta

from msgspec.structs import replace
from schema_rows import (
    ACTIVE,
    APPROVED,
    CARD,
    CASE,
    CURE,
    EXECUTED,
    LATE_CASE,
    NO,
    NOW,
    REVOKING,
    SHARED,
    SIGNING,
)

from paycore.accounting import rows as accounting
from paycore.cards.rows import AgreementRow, BinRow, CardRow
from paycore.checkout.rows import CheckoutRow
from paycore.core.agreements.rows import AgreementTransitionRow, NumberRow
from paycore.core.agreements.states import AgreementStatus
from paycore.core.restored import RestoredRow, RestoreRow
from paycore.desk.rows import StepRow
from paycore.kernel.jobs import JobRow
from paycore.kernel.node import NodeRow
from paycore.kernel.terms import (
    BizLineId,
    Json,
    PayType,
    TransType,
)
from paycore.lines.rows import BizLineRow
from paycore.operators.roles import Role
from paycore.operators.rows import (
    ActRow,
    EntryRow,
    HeadRow,
    OperatorRow,
    SessionRow,
)
from paycore.recon.rows import TermsRow
from paycore.router.rows import RuleRow, TransTypeRow, VersionRow, WindowRow
from paycore.sms.rows import CarrierRow

LINE = BizLineId("shop")

REFUSED = replace(
    SIGNING, status=AgreementStatus.REFUSED, last_event="SIGN_REFUSED", ended_at=NOW
)
MOVED = AgreementTransitionRow(
    card_id=CARD,
    signing_no=NO,
    seq=1,
    from_status=AgreementStatus.PENDING,
    event="CODE_SENT",
    to_status=AgreementStatus.PENDING,
    cause="",
    at=NOW,
)
NUMBER = NumberRow(name=NO, card_id=CARD, signing_no=NO)
PLASTIC = CardRow(
    card_id=CARD,
    biz_line=LINE,
    sealed=b"",
    number_hash=b"",
    phone_hash=b"",
    bin="621234",
    tail="1234",
    phone_masked="",
    holder_masked="",
    bank="ICBC",
    card_kind="DEBIT",
    created_at=NOW,
)
MANDATE = AgreementRow(
    card_id=CARD,
    pay_type=PayType.DEDUCT,
    channel="deduct_a",
    account="main",
    token=b"",
    single_limit=None,
    daily_limit=None,
    starts_at=NOW,
    ends_at=None,
)
STEP = StepRow(case_id=CASE, seq=1, at=NOW, who="ann", what="TAKEN", why="so")
OPERATOR = OperatorRow(
    operator_id=f"op-{SHARED}",
    name=f"ann-{SHARED}",
    role=Role.OPERATOR,
    digest=b"d" * 32,
    created_at=NOW,
)
ACT = ActRow(operator_id=OPERATOR.operator_id, number=1, case_id=CASE, seq=1, entry=1)
ENTRY = EntryRow(
    seq=1,
    at=NOW,
    operator_id=OPERATOR.operator_id,
    operator=OPERATOR.name,
    role=OPERATOR.role,
    act="takeCase",
    subject=CASE,
    why="so",
    detail="{}",
    previous=b"",
    hash=b"h",
)
HEAD = HeadRow(chain=f"chain-{SHARED}", seq=0, hash=b"")
SESSION = SessionRow(
    session_id=f"s-{SHARED}",
    operator_id=OPERATOR.operator_id,
    generation=1,
    digest=b"d",
    began_at=NOW,
    seen_at=NOW,
    ends_at=NOW,
)
CHECKOUT = CheckoutRow(
    checkout_no=f"c-{SHARED}",
    biz_line=LINE,
    key_id="k",
    salt=b"s",
    digest=b"d" * 32,
    out_biz_no=f"order-{SHARED}",
    biz_order_no=None,
    amount=500,
    currency="CNY",
    subject="tea",
    coupon_no=None,
    coupon_amount=0,
    card_ids=Json("[]"),
    sign=None,
    own_cards=Json("[]"),
    return_url="https://shop.example/",
    locale=None,
    created_at=NOW,
    expires_at=NOW,
)
OPENED = replace(CHECKOUT, pay_order_no=NO, opened_at=NOW)
OVER = replace(CHECKOUT, expired_at=NOW)
BEFORE = NOW - timedelta(seconds=1)
ACCOUNT = accounting.AccountRow(account="tea", category="COST", title="", title_zh="")
POSTED = accounting.RuleRow(
    kind="FEE", line=9, debit="differences", credit="marketing_cost", part="amount"
)
ADJUSTMENT = accounting.AdjustmentRow(
    adjustment_no=f"A{SHARED}", made_by="ann", approved_by="bert", why="so", at=NOW
)
TERMS = TermsRow(channel=f"c-{SHARED}", account="main", charge_rate=0)
ROUTE = TransTypeRow(
    inst_trans_id=f"i-{SHARED}",
    channel="c",
    account="main",
    trans_type=TransType.DEDUCT,
    currencies=Json("[]"),
)
RULE = RuleRow(
    rule_id=f"r-{SHARED}", title="", condition="true", effect="DROP", channel="c"
)
WINDOW = WindowRow(
    window_id=f"w-{SHARED}",
    channel="c",
    account="main",
    starts_at=NOW,
    ends_at=NOW,
    why="so",
    opened_by="ann",
    opened_at=NOW,
)
PUBLISHED = VersionRow(
    number=1, published_at=NOW, published_by="ann", why="so", rules=Json("[]")
)
SHOP = BizLineRow(biz_line=BizLineId(f"l-{SHARED}"), title="", currencies=Json("[]"))
CARRIER = CarrierRow(carrier=f"c-{SHARED}", driver="", base_url="", credentials=b"")
BIN = BinRow(prefix="62123", bank="ICBC", card_kind="DEBIT")
JOB = JobRow(job=f"j-{SHARED}", day="2026-05-04", next_check_at=NOW)
LIFE = NodeRow(epoch=1, name="n1", slot=1, started_at=NOW, beat_at=NOW)
RESTORE = RestoreRow(since=f"s-{SHARED}", begun_at=NOW)
RESTORED = RestoredRow(pay_order_no=NO, since=RESTORE.since, state="HELD", held_at=NOW)

OTHERS = [
    ("agreement_signing_check", (SIGNING,), replace(ACTIVE, signed_at=None)),
    ("agreement_signing_check1", (), replace(SIGNING, ended_at=NOW)),
    ("agreement_signing_check2", (), replace(SIGNING, next_check_at=None)),
    ("agreement_signing_check3", (SIGNING,), REFUSED),
    ("agreement_signing_check4", (), replace(SIGNING, scope="")),
    ("agreement_signing_pay_type_check", (), replace(SIGNING, pay_type="ELSE")),
    ("agreement_signing_status_check", (), replace(REVOKING, status="ELSE")),
    ("agreement_signing_step_check", (), replace(SIGNING, step="ELSE")),
    ("agreement_guard", (), REVOKING),
    ("agreement_guard", (SIGNING,), replace(SIGNING, slot=b"else")),
    ("agreement_guard", (SIGNING,), replace(ACTIVE, last_event="CODE_SENT")),
    ("agreement_transition_kept", (MOVED,), replace(MOVED, cause="else")),
    ("agreement_number_kept", (NUMBER,), replace(NUMBER, signing_no="else")),
    ("cards_card_status_check", (), replace(PLASTIC, status="ELSE")),
    ("cards_card_tail_check", (), replace(PLASTIC, tail="123")),
    ("cards_agreement_pay_type_check", (), replace(MANDATE, pay_type="ELSE")),
    ("cards_agreement_status_check", (), replace(MANDATE, status="ELSE")),
    ("cards_bin_prefix_check", (), replace(BIN, prefix="621")),
    ("cards_bin_prefix_check", (), replace(BIN, prefix="62123\n")),
    ("cards_bin_card_kind_check", (), replace(BIN, card_kind="ELSE")),
    ("desk_case_status_check", (), replace(LATE_CASE, status="ELSE")),
    ("desk_cure_check", (), replace(CURE, why="  ")),
    ("desk_cure_check1", (), replace(CURE, approved_by="ann")),
    ("desk_cure_check2", (), replace(EXECUTED, approved_by=None)),
    ("desk_cure_check3", (), replace(CURE, executed_by="ann")),
    ("desk_cure_check4", (), replace(CURE, ended_at=NOW)),
    ("desk_cure_status_check", (), replace(EXECUTED, status="ELSE")),
    ("desk_cure_guard", (APPROVED,), replace(APPROVED, approved_by="carl")),
    ("desk_cure_running", (EXECUTED,), replace(EXECUTED, number=2)),
    ("desk_step_check", (), replace(STEP, who="")),
    ("desk_step_kept", (STEP,), replace(STEP, said="else")),
    ("operators_operator_name_check", (), replace(OPERATOR, name="Ann")),
    ("operators_operator_role_check", (), replace(OPERATOR, role="else")),
    ("operators_operator_digest_check", (), replace(OPERATOR, digest=b"d")),
    ("operators_operator_guard", (OPERATOR,), replace(OPERATOR, role=Role.VIEWER)),
    (
        *("operators_operator_live", (OPERATOR,)),
        replace(OPERATOR, operator_id=f"other-{SHARED}"),
    ),
    ("operators_act_operator_id_fkey", (), ACT),
    ("operators_act_entered", (OPERATOR,), replace(ACT, entry=None)),
    ("operators_entry_operator_id_fkey", (), ENTRY),
    ("operators_entry_kept", (OPERATOR, ENTRY), replace(ENTRY, why="else")),
    ("operators_head_guard", (HEAD,), replace(HEAD, seq=2)),
    ("operators_session_operator_id_fkey", (), SESSION),
    ("operators_act_kept", (OPERATOR, ACT), replace(ACT, seq=2)),
    ("operators_act_case_id_seq_key", (OPERATOR, ACT), replace(ACT, number=2)),
    ("checkout_check", (), replace(CHECKOUT, coupon_amount=500)),
    ("checkout_check", (), replace(CHECKOUT, coupon_amount=-1)),
    ("checkout_check1", (), replace(CHECKOUT, pay_order_no=NO)),
    ("checkout_digest_check", (), replace(CHECKOUT, digest=b"d")),
    ("checkout_guard", (CHECKOUT,), replace(CHECKOUT, amount=501)),
    ("checkout_guard", (OPENED,), replace(OPENED, pay_order_no="else")),
    ("checkout_guard", (OPENED,), replace(OPENED, expired_at=NOW)),
    ("checkout_guard", (OVER,), replace(OPENED, expired_at=NOW)),
    ("checkout_guard", (OVER,), OPENED),
    ("checkout_guard", (OVER,), CHECKOUT),
    ("checkout_guard", (OVER,), replace(OVER, expired_at=NOW + timedelta(seconds=1))),
    ("checkout_guard", (CHECKOUT,), replace(CHECKOUT, expired_at=BEFORE)),
    ("accounting_account_account_check", (), replace(ACCOUNT, account="Tea")),
    ("accounting_account_category_check", (), replace(ACCOUNT, category="ELSE")),
    ("accounting_account_check", (), replace(ACCOUNT, category="ANY")),
    ("accounting_rule_check", (), replace(POSTED, debit="marketing_cost")),
    ("accounting_rule_kind_check", (), replace(POSTED, kind="ELSE")),
    ("accounting_rule_line_check", (), replace(POSTED, line=0)),
    ("accounting_rule_part_check", (), replace(POSTED, part="ELSE")),
    ("accounting_rule_debit_fkey", (), replace(POSTED, debit="else")),
    ("accounting_rule_credit_fkey", (), replace(POSTED, credit="else")),
    ("accounting_adjustment_check", (), replace(ADJUSTMENT, approved_by="ann")),
    ("accounting_adjustment_check", (), replace(ADJUSTMENT, approved_by="b" * 65)),
    ("accounting_adjustment_made_by_check", (), replace(ADJUSTMENT, made_by="")),
    ("accounting_adjustment_why_check", (), replace(ADJUSTMENT, why="")),
    ("accounting_adjustment_kept", (ADJUSTMENT,), replace(ADJUSTMENT, why="else")),
    ("recon_terms_charge_rate_check", (), replace(TERMS, charge_rate=-1)),
    ("recon_terms_refund_rate_check", (), replace(TERMS, refund_rate=1_000_001)),
    ("router_trans_type_check", (), replace(ROUTE, single_min=2, single_max=1)),
    ("router_trans_type_daily_limit_check", (), replace(ROUTE, daily_limit=-1)),
    ("router_trans_type_single_min_check", (), replace(ROUTE, single_min=0)),
    ("router_trans_type_weight_check", (), replace(ROUTE, weight=-1)),
    ("router_rule_effect_check", (), replace(RULE, effect="ELSE")),
    (
        *("router_window_check", ()),
        replace(WINDOW, ends_at=NOW - timedelta(seconds=1)),
    ),
    ("router_version_kept", (PUBLISHED,), replace(PUBLISHED, why="else")),
    ("lines_biz_line_language_check", (), replace(SHOP, language="else")),
    ("sms_carrier_price_check", (), replace(CARRIER, price=-1)),
    ("sms_carrier_spend_per_day_check", (), replace(CARRIER, spend_per_day=-1)),
    ("job_check", (), replace(JOB, finished_at=NOW)),
    ("job_took_ms_check", (), replace(JOB, took_ms=-1)),
    ("node_slot_alive", (LIFE,), replace(LIFE, epoch=2)),
    ("restored_payment_check1", (RESTORE,), replace(RESTORED, lost_refunds=1)),
    (
        *("restored_payment_check", (RESTORE,)),
        replace(RESTORED, lost_refunds=-1, lost_refunded=-1),
    ),
    ("restored_payment_state_check", (RESTORE,), replace(RESTORED, state="ELSE")),
    ("restored_payment_since_fkey", (), RESTORED),
]
