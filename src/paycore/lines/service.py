"""Business lines (业务线) and their API keys.

A key is `pk_<key id>_<secret>`, shown once and kept as a hash (`kernel.bearer`). Lines
and keys are read from a snapshot; a key id that is not in it is looked up, so that a
new key works at once. A key that was disabled is refused from the next refresh on,
which is a second.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from paycore.kernel.bearer import Bearer
from paycore.kernel.errors import (
    BadRequest,
    DataNotExist,
    Duplicate,
    Unauthorized,
    Unavailable,
)
from paycore.kernel.journal import Change
from paycore.kernel.log import get
from paycore.kernel.money import exponent
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, Json
from paycore.lines.rows import ApiKeyRow, BizLineRow

PREFIX = "pk"

_LINE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

_CURRENCIES = msgspec.json.Decoder(list[str])

log = get(__name__)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and by which key."""

    biz_line: BizLineId
    key_id: str


@dataclass(slots=True)
class Lines:
    """What a node remembers of lines and keys."""

    lines: dict[str, BizLineRow] = field(default_factory=dict)
    keys: dict[str, ApiKeyRow] = field(default_factory=dict)
    read: bool = False


async def refresh(node: Node) -> None:
    """Read the lines and keys again; while the database is away, keep what is known."""
    held = node.state(Lines)
    try:
        lines = await node.journal.every(BizLineRow)
        keys = await node.journal.every(ApiKeyRow)
    except Unavailable:
        if not held.read:
            raise
        log.warning("lines_kept", reason="the database is away")
        return
    held.lines = {row.biz_line: row for row in lines}
    held.keys = {row.key_id: row for row in keys}
    held.read = True


def line(node: Node, biz_line: BizLineId) -> BizLineRow:
    """The line as of the last refresh; DataNotExist where there is none."""
    found = node.state(Lines).lines.get(biz_line)
    if found is None:
        raise DataNotExist
    return found


def every(node: Node) -> list[str]:
    """The names of all lines as of the last refresh, those that are off as well."""
    return sorted(node.state(Lines).lines)


def currencies(row: BizLineRow) -> frozenset[str]:
    """The currencies that a line has an account for."""
    return frozenset(_CURRENCIES.decode(row.currencies))


async def authenticate(node: Node, bearer: str) -> Caller:
    """Whose key this is; Unauthorized for every key that is not good."""
    sent = Bearer.read(bearer, PREFIX)
    if sent is None:
        raise Unauthorized
    row = await _key(node, sent.id)
    good = sent.matches(row.digest if row else None)
    if row is None or not good or row.disabled_at is not None:
        raise Unauthorized
    known = await _line(node, row.biz_line)
    if known is None or not known.enabled:
        raise Unauthorized
    return Caller(biz_line=row.biz_line, key_id=sent.id)


async def create_line(
    node: Node,
    biz_line: str,
    *,
    title: str,
    currencies: Sequence[str],
    language: str = "zh",
) -> BizLineRow:
    """Make a business line; Duplicate where there is one of that name."""
    row = BizLineRow(
        biz_line=BizLineId(biz_line),
        title=title,
        language=language,
        currencies=Json(msgspec.json.encode(sorted(set(currencies))).decode()),
    )
    _check(row, currencies)
    change = node.change()
    change.insert(row)
    if await node.journal.commit(change) is not None:
        raise Duplicate("There is such a business line already.", "业务线已存在")
    node.state(Lines).lines[biz_line] = row
    return row


async def switch_line(node: Node, biz_line: BizLineId, *, enabled: bool) -> None:
    """Let a line's keys work again, or refuse them all within a second."""
    await _set(node, biz_line, enabled=enabled)


async def convert_always(node: Node, biz_line: BizLineId, *, always: bool) -> None:
    """Have a line's quick payments converted as they are opened, or only where their
    code cannot be sent; those that are open stay as they are.
    """
    await _set(node, biz_line, always_converted=always)


async def _set(node: Node, biz_line: BizLineId, **switches: bool) -> None:
    await load_line(node, biz_line)

    def step(row: BizLineRow) -> BizLineRow:
        return msgspec.structs.replace(row, **switches)

    change = node.change()
    change.amend(BizLineRow, (biz_line,), step)
    if await node.journal.commit(change) is not None:
        raise DataNotExist
    node.state(Lines).lines.pop(biz_line, None)


async def load_line(node: Node, biz_line: str) -> BizLineRow:
    """The line as last committed, for whoever sets something up for it."""
    row = await node.journal.load(BizLineRow, biz_line)
    if row is None:
        raise DataNotExist(
            f"There is no business line {biz_line}.", f"业务线 {biz_line} 不存在"
        )
    return row


async def list_lines(node: Node) -> list[BizLineRow]:
    """All lines, switched off or not."""
    return await node.journal.every(BizLineRow)


async def create_key(node: Node, biz_line: BizLineId, label: str) -> str:
    """Make a key for a line and give it in clear: it is never shown again."""
    change = node.change()
    made = await key_made(node, change, biz_line, label)
    refused = await node.journal.commit(change)
    assert refused is None, "sixty random bits met twice"
    return made.clear


async def key_made(
    node: Node, change: Change, biz_line: BizLineId, label: str
) -> Bearer:
    """Stage a key for a line; DataNotExist where there is no such line."""
    if await node.journal.load(BizLineRow, biz_line) is None:
        raise DataNotExist
    made = Bearer.fresh(node.ids, PREFIX)
    change.insert(
        ApiKeyRow(
            key_id=made.id,
            biz_line=biz_line,
            digest=made.digest,
            label=label[:64],
            created_at=node.now(),
        )
    )
    return made


async def digest_of(node: Node, key_id: str) -> bytes:
    """What is kept of a key's secret half, which its line can make of it as well: by it
    the two can sign to one another. Of a disabled key too; keys are never deleted.
    """
    row = await _key(node, key_id)
    if row is None:
        raise DataNotExist
    return row.digest


async def disable_key(node: Node, key_id: str) -> None:
    """Refuse a key from now on; twice is once."""
    change = node.change()
    await key_disabled(node, change, key_id)
    await node.journal.commit(change)
    node.state(Lines).keys.pop(key_id, None)


async def key_disabled(
    node: Node, change: Change, key_id: str, biz_line: BizLineId | None = None
) -> datetime:
    """Stage the same, of a key of that line; since when it is refused."""
    row = await node.journal.load(ApiKeyRow, key_id)
    if row is None or biz_line not in (None, row.biz_line):
        raise DataNotExist
    at = row.disabled_at or node.now()

    def step(standing: ApiKeyRow) -> ApiKeyRow:
        return msgspec.structs.replace(standing, disabled_at=at)

    change.amend(ApiKeyRow, (key_id,), step)
    return at


async def list_keys(node: Node, biz_line: BizLineId | None = None) -> list[ApiKeyRow]:
    """The keys of a line, or of all; a digest is no secret, a secret is not kept."""
    rows = await node.journal.every(ApiKeyRow)
    return [row for row in rows if biz_line in (None, row.biz_line)]


async def _key(node: Node, key_id: str) -> ApiKeyRow | None:
    """From the snapshot, else from the database: it may be a second old."""
    held = node.state(Lines).keys
    if key_id not in held:
        row = await node.journal.load(ApiKeyRow, key_id)
        if row is None:
            return None
        held[key_id] = row
    return held[key_id]


async def _line(node: Node, biz_line: BizLineId) -> BizLineRow | None:
    held = node.state(Lines).lines
    if biz_line not in held:
        row = await node.journal.load(BizLineRow, biz_line)
        if row is None:
            return None
        held[biz_line] = row
    return held[biz_line]


def _check(row: BizLineRow, currencies: Sequence[str]) -> None:
    """The name, the title, the language and the currencies of a new line."""
    if not _LINE.fullmatch(row.biz_line):
        raise BadRequest(
            "A line's name is 1-32 of a-z 0-9 _ -.",
            "业务线代码为 1-32 位小写字母、数字、_ 或 -",
            field="biz_line",
        )
    if not 1 <= len(row.title) <= 64 or not row.title.isprintable():
        raise BadRequest(
            "A title has 1-64 letters.", "名称为 1-64 个字符", field="title"
        )
    if row.language not in ("zh", "en"):
        raise BadRequest("zh or en.", "语言为 zh 或 en", field="language")
    if not currencies or any(exponent(one) is None for one in currencies):
        raise BadRequest(
            "At least one ISO 4217 currency.",
            "至少一个 ISO 4217 币种",
            field="currencies",
        )
