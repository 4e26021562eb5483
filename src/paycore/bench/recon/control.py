"""The sandbox's control, as far as statements go."""

from datetime import date

import msgspec

from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.transport import HttpTransport

WITHIN_S = 300.0
"""Planting in a million lines reads all of them."""

MOST_OCTETS = 1 << 26


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, by the word of who planted it."""

    fault: str
    request_id: str
    was: str


async def plant(
    control: str, bank: str, day: date, fault: str, count: int
) -> list[Planted]:
    """Plant so many differences of a kind."""
    asked = {"bank": bank, "date": day.isoformat(), "fault": fault, "count": count}
    said = await _post(f"{control}/control/statement_faults", asked)
    return msgspec.json.decode(said, type=list[Planted])


async def set_day(control: str, day: date) -> None:
    """Let the banks think that it is that day."""
    await _post(f"{control}/control/statement_days", {"today": day.isoformat()})


async def _post(url: str, asked: object) -> bytes:
    transport = HttpTransport()
    try:
        result = await transport.send(
            HttpRequest(
                url=url,
                headers={},
                body=msgspec.json.encode(asked),
                timeout_s=WITHIN_S,
                most_octets=MOST_OCTETS,
            )
        )
    finally:
        await transport.close()
    assert isinstance(result, Answered), result
    assert result.status < 300, result.body
    return result.body
