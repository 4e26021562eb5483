"""The sandbox's control: what moved, what was sent, and which faults are set."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import date
from typing import Final
from urllib.parse import unquote

import msgspec
from msgspec import Raw, Struct

from paycore.sandbox.clerk import Clerk
from paycore.sandbox.faults import BANKS, FaultBook, FaultRequest, Rule, WrongFault
from paycore.sandbox.planting import PlantRequest
from paycore.sandbox.protocol import rfc3339
from paycore.sandbox.record import Record, Row
from paycore.sandbox.wire import Exchange

_CHARGES: Final = (
    "SELECT bank, kind, request_id, pay_order_no, amount, currency, at_ms FROM move"
)
_TEXTS: Final = "SELECT phone, text, code, carrier, at_ms FROM text"
_NOTICES: Final = "SELECT id, type, payload, verified, at_ms FROM notice"
_STATS: Final = """
    SELECT (SELECT count(*) FROM move WHERE kind = 'charge'),
           (SELECT count(*) FROM move WHERE kind = 'refund'),
           (SELECT count(*) FROM text), (SELECT count(*) FROM notice)
"""


class DayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /control/statement_days`."""

    today: date | None


class EndRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /control/revocations`: the payer ends at the bank what he
    signed, which the merchant asked for under `request_id`.
    """

    bank: str
    merchant: str
    request_id: str


class FaultView(Struct, frozen=True, kw_only=True):
    """A fault as the control shows it."""

    id: int
    target: str
    fault: str
    share: float
    count: int | None
    hits: int


Refresh = Callable[[], Awaitable[None]]
End = Callable[[str], Awaitable[bool]]


class Control:
    """The control at its address. `refresh` opens and shuts what faults want so."""

    def __init__(
        self,
        *,
        info: Mapping[str, object],
        faults: FaultBook,
        record: Record,
        clerk: Clerk,
        ends: Mapping[str, End],
        refresh: Refresh,
    ) -> None:
        self._info = info
        self._faults = faults
        self._record = record
        self._clerk = clerk
        self._ends = ends
        self._refresh = refresh
        self._routes: Mapping[
            tuple[str, str], Callable[[Exchange], Awaitable[None]]
        ] = {
            ("GET", "/control/info"): self._get_info,
            ("GET", "/control/charges"): self._get_charges,
            ("GET", "/control/sms"): self._get_sms,
            ("GET", "/control/notices"): self._get_notices,
            ("GET", "/control/stats"): self._get_stats,
            ("GET", "/control/faults"): self._get_faults,
            ("POST", "/control/faults"): self._add_fault,
            ("DELETE", "/control/faults"): self._clear_faults,
            ("GET", "/control/statement_faults"): self._get_planted,
            ("POST", "/control/statement_faults"): self._plant,
            ("DELETE", "/control/statement_faults"): self._clear_planted,
            ("POST", "/control/statement_days"): self._set_day,
            ("POST", "/control/revocations"): self._end,
        }

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        route = self._routes.get((exchange.method, exchange.path))
        if route is None:
            exchange.answer(404, b'{"error":"no such control"}')
            return
        await route(exchange)

    async def _get_info(self, exchange: Exchange) -> None:
        exchange.answer(200, msgspec.json.encode(self._info))

    async def _get_charges(self, exchange: Exchange) -> None:
        pages = self._pages(_CHARGES, "pay_order_no", exchange)
        await exchange.stream(_listed(pages, _charge))

    async def _get_sms(self, exchange: Exchange) -> None:
        pages = self._pages(_TEXTS, "phone", exchange)
        await exchange.stream(_listed(pages, _text))

    async def _get_notices(self, exchange: Exchange) -> None:
        pages = self._pages(_NOTICES, "pay_order_no", exchange)
        await exchange.stream(_listed(pages, _notice))

    async def _get_stats(self, exchange: Exchange) -> None:
        names = ("charges", "refunds", "sms", "notices")
        async for page in self._record.read(_STATS, ()):
            counts = dict(zip(names, page[0], strict=True))
            exchange.answer(200, msgspec.json.encode(counts))

    async def _get_faults(self, exchange: Exchange) -> None:
        views = [_view(rule) for rule in self._faults]
        exchange.answer(200, msgspec.json.encode(views))

    async def _add_fault(self, exchange: Exchange) -> None:
        try:
            request = msgspec.json.decode(exchange.body, type=FaultRequest)
            rule = self._faults.add(request)
        except (WrongFault, msgspec.DecodeError, UnicodeDecodeError) as error:
            exchange.answer(400, msgspec.json.encode({"error": str(error)}))
            return
        await self._refresh()
        exchange.answer(201, msgspec.json.encode(_view(rule)))

    async def _clear_faults(self, exchange: Exchange) -> None:
        cleared = self._faults.clear()
        await self._refresh()
        exchange.answer(200, msgspec.json.encode({"cleared": cleared}))

    async def _end(self, exchange: Exchange) -> None:
        try:
            asked = msgspec.json.decode(exchange.body, type=EndRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            exchange.answer(400, msgspec.json.encode({"error": str(error)}))
            return
        end = self._ends.get(asked.bank)
        ended = end and await end(f"{asked.merchant}/{asked.request_id}")
        exchange.answer(
            200 if ended else 404, msgspec.json.encode({"ended": bool(ended)})
        )

    # Statements.

    async def _get_planted(self, exchange: Exchange) -> None:
        exchange.answer(200, msgspec.json.encode(self._clerk.faults.planted))

    async def _plant(self, exchange: Exchange) -> None:
        try:
            request = msgspec.json.decode(exchange.body, type=PlantRequest)
            planted = await self._clerk.plant(request)
        except (WrongFault, msgspec.DecodeError, UnicodeDecodeError) as error:
            exchange.answer(400, msgspec.json.encode({"error": str(error)}))
            return
        exchange.answer(201, msgspec.json.encode(planted))

    async def _clear_planted(self, exchange: Exchange) -> None:
        cleared = self._clerk.faults.clear()
        exchange.answer(200, msgspec.json.encode({"cleared": cleared}))

    async def _set_day(self, exchange: Exchange) -> None:
        try:
            request = msgspec.json.decode(exchange.body, type=DayRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            exchange.answer(400, msgspec.json.encode({"error": str(error)}))
            return
        self._clerk.today_is = request.today
        said = {"today": self._clerk.today(BANKS[0])}
        exchange.answer(200, msgspec.json.encode(said))

    def _pages(
        self, query: str, column: str, exchange: Exchange
    ) -> AsyncIterator[list[Row]]:
        """Rows in the order they came, all or those of one number."""
        wanted = _parameter(exchange.query, column)
        if wanted is None:
            return self._record.read(f"{query} ORDER BY n", ())
        return self._record.read(f"{query} WHERE {column} = ? ORDER BY n", (wanted,))


def _parameter(query: str, name: str) -> str | None:
    """One parameter of a query. A plus sign is a plus: phones begin with it."""
    for part in query.split("&"):
        key, _, value = part.partition("=")
        if key == name:
            return unquote(value)
    return None


async def _listed(
    pages: AsyncIterator[list[Row]], shown: Callable[[Row], object]
) -> AsyncIterator[bytes]:
    """A JSON array, page by page."""
    separator = b"["
    async for page in pages:
        inner = msgspec.json.encode([shown(row) for row in page])[1:-1]
        yield separator + inner
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _charge(row: Row) -> object:
    names = ("bank", "kind", "request_id", "pay_order_no", "amount", "currency")
    return {**dict(zip(names, row[:6], strict=True)), "at": _time(row[6])}


def _text(row: Row) -> object:
    names = ("phone", "text", "code", "carrier")
    return {**dict(zip(names, row[:4], strict=True)), "at": _time(row[4])}


def _notice(row: Row) -> object:
    return {
        "id": row[0],
        "type": row[1],
        "payload": Raw(str(row[2])),
        "verified": bool(row[3]),
        "at": _time(row[4]),
    }


def _time(at_ms: object) -> str:
    assert isinstance(at_ms, int)
    return rfc3339(at_ms)


def _view(rule: Rule) -> FaultView:
    request = rule.request
    return FaultView(
        id=rule.id,
        target=request.target,
        fault=request.fault,
        share=request.share,
        count=request.count,
        hits=rule.hits,
    )
