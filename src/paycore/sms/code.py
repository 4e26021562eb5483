"""SMS codes: how one is made, what it is bound to, how one is judged, its words.

A code is good for one order, amount, card and phone, and only the newest that went out
is good. What is kept of it is a keyed hash; the code itself lives in memory until its
text has left. Pure: who keeps and counts is `service.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from paycore.kernel.crypto import keyed_hash, same
from paycore.kernel.ids import Ids
from paycore.kernel.money import decimal_text
from paycore.kernel.terms import CardId, PayOrderNo, VerifyStatus
from paycore.sms.rows import CodeRow, CodeStatus

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "zh": (
            "验证码{code}：您正用尾号{tail}的银行卡向{payee}支付{amount}，"
            "{minutes}分钟内有效。请只输入本条验证码，"
            "银行发来的其他短信请忽略。切勿告诉任何人。"
        ),
        "en": (
            "Code {code} pays {amount} to {payee} with your card ending in {tail}."
            " It is good for {minutes} minutes. Use only this code; ignore any other"
            " text of your bank. Tell nobody."
        ),
    }
)
"""Code, amount, payee and card: whoever types the code has seen what it does."""

_PAYEE_AND_SUBJECT: Mapping[str, str] = MappingProxyType(
    {"zh": "{payee}（{subject}）", "en": "{payee} ({subject})"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often may be guessed; all of it is settings."""

    tries: int
    """At one code."""
    tries_per_payment: int
    """At all codes of one payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a code is good for. Anything else than this makes another hash of it."""

    pay_order_no: PayOrderNo
    seq: int
    amount: int
    currency: str
    card_id: CardId
    phone_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What the text says around the code."""

    language: str
    amount: int
    currency: str
    payee: str
    subject: str
    card_tail: str
    minutes: int


def make(ids: Ids, digits: int) -> str:
    """Make a code that nobody can guess, with its leading zeros."""
    return f"{ids.below(10**digits):0{digits}d}"


def digest(key: bytes, code: str, bound: Binding) -> bytes:
    """Hash a code with all that it is bound to, under a key outside the database."""
    return keyed_hash(
        key,
        code,
        bound.pay_order_no,
        str(bound.seq),
        str(bound.amount),
        bound.currency,
        bound.card_id,
        bound.phone_hash.hex(),
    )


def in_force(rows: Sequence[CodeRow]) -> CodeRow | None:
    """The code to compare with: the newest that went out and was not replaced."""
    out = (
        row for row in rows if row.status not in (CodeStatus.PENDING, CodeStatus.VOID)
    )
    return max(out, key=lambda row: row.seq, default=None)


def tries_left(row: CodeRow, rows: Sequence[CodeRow], limits: Limits) -> int:
    """How often may still be guessed: at this code, and at the payment's codes."""
    others = sum(each.tries for each in rows if each.seq != row.seq)
    left = min(limits.tries, limits.tries_per_payment - others) - row.tries
    return 0 if row.status is CodeStatus.LOCKED else max(0, left)


def all_used(rows: Sequence[CodeRow], limits: Limits) -> bool:
    """Whether a further code of the payment could not even be typed once."""
    return sum(row.tries for row in rows) >= limits.tries_per_payment


def foregone(
    row: CodeRow | None, rows: Sequence[CodeRow], now: datetime, limits: Limits
) -> VerifyStatus | None:
    """What is known without comparing; None where comparing will tell."""
    if row is None:
        return VerifyStatus.EXPIRED
    if tries_left(row, rows, limits) == 0:
        return VerifyStatus.LOCKED
    return VerifyStatus.EXPIRED if now >= row.expires_at else None


def judge(row: CodeRow, typed: bytes, now: datetime) -> VerifyStatus:
    """Compare the hash of what was typed, in constant time, within the code's life.

    Only for a try that has been counted. A code that passed passes again: whoever
    crashed before the charge needs no second code.
    """
    if now >= row.expires_at:
        return VerifyStatus.EXPIRED
    return VerifyStatus.PASS if same(row.digest, typed) else VerifyStatus.WRONG


def text(code: str, wording: Wording) -> str:
    """Say what the payer is to know before he types the code."""
    language = "zh" if wording.language.startswith("zh") else "en"
    return _WORDS[language].format(
        code=code,
        tail=wording.card_tail,
        payee=_payee(language, wording),
        amount=_amount(language, wording),
        minutes=wording.minutes,
    )


def _payee(language: str, wording: Wording) -> str:
    """Whom the money goes to and what for, where the two are not the same."""
    if not wording.payee or wording.subject in ("", wording.payee):
        return wording.payee or wording.subject
    return _PAYEE_AND_SUBJECT[language].format(
        payee=wording.payee, subject=wording.subject
    )


def _amount(language: str, wording: Wording) -> str:
    """An amount as its reader says it."""
    number = decimal_text(wording.amount, wording.currency)
    if language == "zh" and wording.currency == "CNY":
        return f"{number}元"
    return f"{wording.currency} {number}"
