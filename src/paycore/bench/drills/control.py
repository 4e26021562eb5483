"""The sandbox's control, as far as drills turn it."""

import msgspec

from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.transport import HttpTransport

WITHIN_S = 30.0


async def set_fault(
    control: str, target: str, fault: str, *, share: float = 1.0
) -> None:
    """Let some of the strangers misbehave, always or at a share of the calls."""
    await _call(control, "POST", {"target": target, "fault": fault, "share": share})


async def mend(control: str) -> None:
    """Let all behave again."""
    await _call(control, "DELETE", None)


async def _call(control: str, method: str, asked: object) -> None:
    transport = HttpTransport()
    try:
        result = await transport.send(
            HttpRequest(
                method=method,
                url=f"{control}/control/faults",
                headers={},
                body=b"" if asked is None else msgspec.json.encode(asked),
                timeout_s=WITHIN_S,
            )
        )
    finally:
        await transport.close()
    assert isinstance(result, Answered), result
    assert result.status < 300, result.body
