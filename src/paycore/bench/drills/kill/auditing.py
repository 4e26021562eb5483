"""The project's own auditor, asked as an operator asks it: a process of its own.

It knows more invariants than are compared here, and was written by other hands; what
it calls a violation is a difference. So is an audit that does not come to its end.
"""

import asyncio
import os
import sys
from collections.abc import Iterator

import msgspec

from paycore.bench.drills.kill.compare import Difference

EXAMPLES = 50
WITHIN_S = 120.0

UNANSWERED = "audit_unanswered"

_SAID = 2000


class _Example(msgspec.Struct):
    check: str
    said: msgspec.Raw
    pay_order_no: str | None = None


class _Verdict(msgspec.Struct):
    id: str
    violations: int
    examples: list[_Example]
    unanswered: list[str]


class _Report(msgspec.Struct):
    invariants: list[_Verdict]


async def audit(dsn: str, control: str) -> list[Difference]:
    """What breaks an invariant, by the auditor's word and against the banks' record."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "paycore", "audit", "--json"),
        *("--bank", control, "--examples", str(EXAMPLES)),
        env={**os.environ, "DATABASE_URL": dsn},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return [_unanswered(f"no audit within {WITHIN_S:.0f} s")]
    return differences(out, err)


def differences(out: bytes, err: bytes) -> list[Difference]:
    """What an audit's line of JSON says is wrong."""
    try:
        report = msgspec.json.decode(out.strip(), type=_Report)
    except msgspec.DecodeError:
        return [_unanswered(err.decode(errors="replace")[-_SAID:])]
    return [each for verdict in report.invariants for each in _of(verdict)]


def _of(verdict: _Verdict) -> Iterator[Difference]:
    kind = f"audit_{verdict.id}"
    for example in verdict.examples:
        said = f"{example.check}: {bytes(example.said).decode()}"
        yield Difference(kind=kind, pay_order_no=example.pay_order_no, what=said)
    for number in range(len(verdict.examples), verdict.violations):
        yield Difference(kind=kind, pay_order_no=None, what=f"violation {number + 1}")
    for why in verdict.unanswered:
        yield _unanswered(f"{verdict.id}: {why}")


def _unanswered(why: str) -> Difference:
    return Difference(kind=UNANSWERED, pay_order_no=None, what=why)
