"""Conditions of routes and rules: CEL over the question, compiled once.

A condition sees the variables of `SAMPLE` and nothing else, calls the functions of
`FUNCTIONS` and no others, and says true or false. It has no clock (the hour is the
question's) and no floating point: the same question gives the same answer.
What the language is, is not told here: https://cel.dev.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import cel

from paycore.router.question import Question

LONGEST = 1_000
"""Letters of a condition: more is a table that somebody put in the wrong place."""

SAMPLE: Mapping[str, str | int] = MappingProxyType(
    {
        "biz_line": "shop",
        "trans_type": "DEDUCT",
        "amount": 10_000,
        "currency": "CNY",
        "bank": "ICBC",
        "card_kind": "DEBIT",
        "hour": 12,
        "weekday": 1,
        "pay_order_no": "26010112000000000000000000",
    }
)
"""The variables, with values to try a new condition on. `hour` is 0-23 and `weekday`
1 (Monday) to 7, both in UTC; `amount` is in minor units."""

FUNCTIONS = frozenset(
    {
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "int",
        "uint",
        "string",
        "bool",
        "type",
        "dyn",
    }
)
"""What a condition may call. No `double`: amounts are integers."""

_VOLATILE = frozenset({"amount", "pay_order_no"})
_EVALUATION = (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError)
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*([A-Za-z_]\w*)\s*,")


class ConditionError(Exception):
    """A condition that does not compile, or cannot be answered for this question."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition."""

    source: str
    stable: bool
    """Whether it looks only at what many questions have in common: `Facts.shared`."""
    program: cel.Program = field(repr=False, compare=False)

    def holds(self, facts: "Facts") -> bool:
        """Answer it; raises ConditionError where it has no answer."""
        try:
            answer = self.program.execute(facts.context())
        except _EVALUATION as error:
            raise ConditionError(_short(error)) from error
        if not isinstance(answer, bool):
            raise ConditionError("it gives something else than true or false")
        return answer


class Facts:
    """What conditions see of one question; made only when one is asked."""

    __slots__ = ("_context", "question", "shared")

    def __init__(self, question: Question) -> None:
        self.question = question
        self._context: cel.Context | None = None
        now = question.now
        self.shared = (
            question.biz_line,
            question.trans_type,
            question.currency,
            question.bank,
            question.card_kind,
            now.hour,
            now.isoweekday(),
            question.named,
            question.capable,
        )
        """All variables but the volatile ones, and what else many questions share."""

    def context(self) -> cel.Context:
        """The variables, made on first use."""
        if self._context is None:
            self._context = cel.Context(_variables(self.question))
        return self._context


def compile_condition(source: str) -> Condition:
    """Compile a condition, or raise ConditionError saying what is wrong with it."""
    if not source.strip() or len(source) > LONGEST:
        raise ConditionError(f"a condition has 1 to {LONGEST} characters")
    try:
        program = cel.compile(source)
    except _EVALUATION as error:
        raise ConditionError(_short(error)) from error
    names = set(program.variables()) - set(_BOUND.findall(source))
    _refuse_unknown("variable", names - SAMPLE.keys())
    _refuse_unknown("function", _called(program) - FUNCTIONS)
    _try_out(program)
    return Condition(source, not names & _VOLATILE, program)


def any_of(conditions: Sequence[Condition]) -> Condition | None:
    """One condition that is false only where each of them is false, without an error.

    It answers for many at the cost of one; whatever else it says, they must be asked.
    None where they do not fit into one, or are too few to be worth it.
    """
    if len(conditions) < 2:
        return None
    source = " || ".join(f"({one.source}\n)" for one in conditions)
    try:
        program = cel.compile(source)
    except _EVALUATION:
        return None
    return Condition(source, all(one.stable for one in conditions), program)


def _called(program: cel.Program) -> set[str]:
    """The named functions it calls; operators are written with signs."""
    return {
        name for name in program.functions() if name.isidentifier() and name[0] != "_"
    }


def _refuse_unknown(kind: str, names: set[str]) -> None:
    if names:
        raise ConditionError(f"unknown {kind}: {', '.join(sorted(names))[:100]}")


def _try_out(program: cel.Program) -> None:
    """Refuse what has the wrong type; what only the sample's values break is let be."""
    try:
        answer = program.execute(dict(SAMPLE))
    except TypeError as error:
        raise ConditionError(_short(error)) from error
    except _EVALUATION:
        return
    if not isinstance(answer, bool):
        raise ConditionError("it gives something else than true or false")


def _variables(question: Question) -> dict[str, str | int]:
    return {
        "biz_line": question.biz_line,
        "trans_type": question.trans_type.value,
        "amount": question.amount,
        "currency": question.currency,
        "bank": question.bank,
        "card_kind": question.card_kind,
        "hour": question.now.hour,
        "weekday": question.now.isoweekday(),
        "pay_order_no": question.pay_order_no,
    }


def _short(error: Exception) -> str:
    """The first line that says something, without the expression repeated in it."""
    text = str(error).split("ERROR: <input>:")[-1].splitlines()[0]
    return text.split(" expecting ")[0][:160]
