"""Huifu's statement of a day: where its files are, how they are kept, what is in them.

Several zips of CSV are one statement. Kept is one file of ours: a line of JSON (whose,
of which day, the files' names), then each zip in pieces, four octets of length before
each, and a piece of none at its end. So it can be told whether all of it is there, and
what was kept can be read without asking Huifu again.

What stands in the CSV is not public: columns are found by their headings, and the
account's `bill_…` fields say which and in which words.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Final, NamedTuple, Self
from urllib.parse import urlsplit

import msgspec

from paycore.gateway import huifu_wire as wire
from paycore.gateway.channel import MOST_OCTETS, WITHIN_S
from paycore.gateway.huifu_config import HuifuConfig
from paycore.gateway.huifu_order import BEIJING, our_number
from paycore.gateway.huifu_verdict import CURRENCY, text
from paycore.gateway.masking import masked
from paycore.gateway.statement import (
    Arrived,
    Fetched,
    StatementBroken,
    StatementLine,
    Take,
    Trade,
)
from paycore.kernel.addresses import is_vouched_for
from paycore.kernel.http import Answered, HttpRequest, NoAnswer, NotSent
from paycore.kernel.node import Node

PATH: Final = "/v2/trade/check/filequery"
ASKING_S: Final = 30.0

NOT_YET: Final = Fetched(arrived=Arrived.ABSENT, said="it is not asked for yet")

_RUNNING: Final = frozenset({"I", "P", "DP", "FP"})
_DONE, _ACCEPTED = "S", "00000100"

_URLS: Final = ("download_url", "file_url", "url")
_NAMES: Final = ("file_name", "file_Name")
_MOST_FILES: Final = 1000

_LENGTH: Final = 4
_LONGEST_PIECE: Final = 1 << 20
_LONGEST_HEAD: Final = 1 << 20
_IN_MEMORY: Final = 8 << 20
"""A zip that is larger is read from a temporary file."""

_LONGEST_ROW: Final = 1 << 16
"""Of a CSV, in letters: a zip may hold much more than memory does."""

_NAMED: Final = re.compile(r"\d{8}_([0-9A-Za-z]+)_order_")
_APART: Final = re.compile(r"[^0-9]")
_DIGITS_OF_A_SECOND: Final = 14
_PADDING: Final = " \t'`=\""
"""What spreadsheets are kept from reading numbers with."""

_OBJECTS: Final = msgspec.json.Decoder(list[dict[str, object]])


class Source(NamedTuple):
    """One file of a statement, and where it is."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """All files of a statement."""

    head: bytes
    sources: Sequence[Source]


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of what is kept."""

    huifu_id: str
    file_date: str
    files: list[str]


_HEAD: Final = msgspec.json.Decoder(_Head)


# --- asking ---------------------------------------------------------------------------


def file_date(day: date) -> str:
    """Files bear the date of the day after what they tell of."""
    return f"{day + timedelta(days=1):%Y%m%d}"


def asked_from(config: HuifuConfig, day: date) -> datetime:
    """The moment from which a day's files are asked for."""
    hour = time(config.bill_from_hour, tzinfo=BEIJING)
    return datetime.combine(day + timedelta(days=1), hour)


def question(config: HuifuConfig, day: date, at: datetime) -> Mapping[str, str]:
    """The data of the question where a day's files are."""
    there = at.astimezone(BEIJING)
    return {
        "req_seq_id": f"F{there:%Y%m%d%H%M%S%f}",
        "req_date": f"{there:%Y%m%d}",
        "huifu_id": config.huifu_id,
        "file_date": file_date(day),
        "bill_type": config.bill_type,
    }


async def whereabouts(
    node: Node,
    config: HuifuConfig,
    request: HttpRequest,
    *,
    former: HuifuConfig | None = None,
) -> Files | Fetched:
    """Ask; the files, or why there are none yet. `former`: its key is good too."""
    result = await node.transport.send(
        msgspec.structs.replace(
            request, connect_timeout_s=node.settings.connect_timeout_s
        )
    )
    match result:
        case NotSent(reason=reason) | NoAnswer(reason=reason):
            return _failed(reason)
        case Answered(status=200, body=body):
            asked = msgspec.json.decode(request.body)["data"]
            opened = wire.opened(config.their_key, body)
            if opened is not None and not opened.signed and former is not None:
                opened = wire.opened(former.their_key, body)
            return _located(config, asked, opened)
        case Answered(status=status):
            return _failed(f"HTTP {status}")


def _located(
    config: HuifuConfig, asked: Mapping[str, str], opened: wire.Opened | None
) -> Files | Fetched:
    """What an answer says of a day's files."""
    if opened is None or not opened.signed:
        return _failed("the answer is not signed by Huifu")
    data = opened.data
    theirs = text(data, "huifu_id") in ("", config.huifu_id)
    if not theirs or text(data, "req_seq_id") != asked["req_seq_id"]:
        return _failed("the answer is about another question")
    files, tasks = _objects(data, "file_details"), _objects(data, "task_details")
    if files is None or tasks is None:
        return _failed("the answer's lists cannot be read")
    match _stands(data, {text(one, "task_stat") for one in (data, *tasks)}, files):
        case Arrived.WHOLE:
            return _listed(config, asked["file_date"], files)
        case Arrived.ABSENT as absent:
            return Fetched(arrived=absent, said=absent.value)
        case Arrived.FAILED:
            code, said = text(data, "resp_code"), text(data, "resp_desc")
            return _failed(f"Huifu has no file: {code} {masked(said)}".strip())


def _stands(
    data: Mapping[str, object], told: set[str], files: Sequence[object]
) -> Arrived:
    """How the making of the files stands: each kind of file may have its own state."""
    states = told - {""}
    accepted = text(data, "resp_code") == _ACCEPTED
    if states & _RUNNING or (accepted and not states and not files):
        return Arrived.ABSENT
    whole = states == {_DONE} or (files and not states)
    return Arrived.WHOLE if whole else Arrived.FAILED


def _listed(
    config: HuifuConfig, bears: str, files: Sequence[Mapping[str, object]]
) -> Files | Fetched:
    sources = [found for one in files if (found := _source(one)) is not None]
    if len(sources) != len(files) or len(files) > _MOST_FILES:
        return _failed("a file without a name or an address that begins with https://")
    names = [one.name for one in sources]
    head = _Head(huifu_id=config.huifu_id, file_date=bears, files=names)
    return Files(head=msgspec.json.encode(head) + b"\n", sources=sources)


def _failed(said: str) -> Fetched:
    return Fetched(arrived=Arrived.FAILED, said=said)


def _objects(data: Mapping[str, object], name: str) -> list[dict[str, object]] | None:
    """A list of objects, or one that stands alone, as JSON or as its text."""
    found = data.get(name)
    if found is None or found == "":
        return []
    try:
        if isinstance(found, str):
            found = msgspec.json.decode(found)
        listed = found if isinstance(found, list) else [found]
        return msgspec.convert(listed, list[dict[str, object]])
    except (msgspec.MsgspecError, RecursionError):
        return None


def _source(found: Mapping[str, object]) -> Source | None:
    name = next(filter(None, (text(found, one) for one in _NAMES)), "")
    url = next(filter(None, (text(found, one) for one in _URLS)), "")
    # Nobody has signed what is in a file: who gives it is all that speaks for it.
    if not name or not is_vouched_for(url):
        return None
    return Source(name, url)


# --- keeping --------------------------------------------------------------------------


async def bring(node: Node, base_url: str, files: Files, take: Take) -> Fetched:
    """Have every file come, framed, to `take`."""
    await take(files.head)

    async def framed(piece: bytes) -> None:
        for at in range(0, len(piece), _LONGEST_PIECE):
            part = piece[at : at + _LONGEST_PIECE]
            await take(len(part).to_bytes(_LENGTH, "big") + part)

    for source in files.sources:
        request = HttpRequest(
            method="GET",
            url=source.url,
            headers={},
            body=b"",
            timeout_s=WITHIN_S,
            connect_timeout_s=node.settings.connect_timeout_s,
            # Huifu names the address: one inside our network is none of its files'.
            public_only=urlsplit(source.url).netloc != urlsplit(base_url).netloc,
            most_octets=MOST_OCTETS,
        )
        result = await node.transport.receive(request, framed)
        if not isinstance(result, Answered):
            return _failed(result.reason)
        if result.status != 200:
            return _failed(f"HTTP {result.status} for a file")
        await take(bytes(_LENGTH))
    return Fetched(arrived=Arrived.WHOLE, said="")


class _Kept:
    """What was kept, read again from its beginning."""

    def __init__(self, octets: AsyncIterator[bytes]) -> None:
        self._octets = octets
        self._held = bytearray()

    async def head(self) -> bytes:
        """The first line."""
        while b"\n" not in self._held:
            if len(self._held) > _LONGEST_HEAD or not await self._more():
                raise StatementBroken("it does not begin as what we keep")
        return self._cut(self._held.index(b"\n") + 1)

    async def file(self, into: IO[bytes]) -> None:
        """The next file, whole."""
        while length := int.from_bytes(await self._exactly(_LENGTH), "big"):
            if length > _LONGEST_PIECE:
                raise StatementBroken("it is not framed as what we keep")
            into.write(await self._exactly(length))

    async def end(self) -> None:
        """Nothing may follow."""
        if self._held or await self._more():
            raise StatementBroken("something follows its last file")

    async def _exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            if not await self._more():
                raise StatementBroken("it is cut off")
        return self._cut(count)

    def _cut(self, count: int) -> bytes:
        given = bytes(self._held[:count])
        del self._held[:count]
        return given

    async def _more(self) -> bool:
        async for piece in self._octets:
            self._held += piece
            if piece:
                return True
        return False


# --- reading --------------------------------------------------------------------------


async def lines(
    config: HuifuConfig, day: date, octets: AsyncIterator[bytes]
) -> AsyncIterator[StatementLine]:
    """The lines of all files, in order; StatementBroken where it is not all of it."""
    kept = _Kept(octets)
    try:
        head = _HEAD.decode(await kept.head())
    except msgspec.MsgspecError as error:
        raise StatementBroken("it does not begin as what we keep") from error
    if (head.huifu_id, head.file_date) != (config.huifu_id, file_date(day)):
        raise StatementBroken("it is of another merchant or day")
    no = 0
    for name in head.files:
        _check_name(config, name)
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            await kept.file(file)
            file.seek(0)
            for line in _unzipped(config, file, no):
                no = line.no
                yield line
    await kept.end()


def _check_name(config: HuifuConfig, name: str) -> None:
    """Names say whose file it is, where they are as documented."""
    named = _NAMED.search(name)
    if named is not None and named[1] != config.huifu_id:
        raise StatementBroken("a file is of another merchant")


def _unzipped(config: HuifuConfig, file: IO[bytes], no: int) -> Iterator[StatementLine]:
    """The lines of one zip, numbered on."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if sum(one.file_size for one in members) > MOST_OCTETS:
                raise StatementBroken("a zip holds more than a day can have")
            for member in members:
                _check_name(config, member.filename)
                with archive.open(member) as opened:
                    for line in _lines_of(config, opened, no):
                        no = line.no
                        yield line
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise StatementBroken("a zip is broken") from error
    except RuntimeError as error:
        raise StatementBroken("a zip is locked by a password") from error
    except UnicodeError as error:
        raise StatementBroken(f"it is not {config.bill_encoding}") from error
    except csv.Error as error:
        raise StatementBroken("it is no CSV") from error


def _lines_of(
    config: HuifuConfig, opened: IO[bytes], no: int
) -> Iterator[StatementLine]:
    """The lines of one CSV; each file has its own headings."""
    wrapped = io.TextIOWrapper(opened, encoding=config.bill_encoding, newline="")
    text = _Text(wrapped)
    rows = csv.reader(text, strict=True)
    heading = [_bare(one) for one in next(rows, [])]
    table = _Table(config, heading)
    text.begin_row()
    for row in rows:
        text.begin_row()
        if any(row):
            no += 1
            yield table.line(no, row)


class _Text:
    """The lines of a CSV, as long as the row that they belong to is no longer than
    any; quotation marks let one go on over many lines.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.begin_row()

    def begin_row(self) -> None:
        """What comes next is another row's."""
        self._left = _LONGEST_ROW

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._file.readline(self._left)
        self._left -= len(line)
        if self._left <= 0:
            raise StatementBroken("a row of it is longer than any")
        if not line:
            raise StopIteration
        return line


def _bare(cell: str) -> str:
    return cell.strip(_PADDING)


class _Table:
    """One file's columns, and the words in them."""

    def __init__(self, config: HuifuConfig, heading: Sequence[str]) -> None:
        wanted = {ours: name for ours, name in config.columns.items() if name}
        lacking = sorted(set(wanted.values()) - set(heading))
        if lacking:
            raise StatementBroken(f"its heading lacks {', '.join(lacking)}")
        self._at = {ours: heading.index(name) for ours, name in wanted.items()}
        self._width, self._config = len(heading), config

    def line(self, no: int, row: Sequence[str]) -> StatementLine:
        """One line; one that cannot be read is given as such."""
        try:
            return self._read(no, row)
        except ValueError:
            return StatementLine.unreadable(no, ",".join(row))

    def _read(self, no: int, row: Sequence[str]) -> StatementLine:
        if len(row) != self._width:
            raise ValueError("cells")
        cells = {ours: _bare(row[at]) for ours, at in self._at.items()}
        amount, fee = _money(cells["amount"]), cells.get("fee", "")
        status = cells.get("status")
        return StatementLine(
            no=no,
            trade=self._trade(cells.get("trade"), amount),
            request_no=our_number(cells["request_no"]),
            pay_order_no="",
            amount=abs(amount),
            currency=CURRENCY,
            fee=_money(fee) if fee else None,
            moved=status is None or status in self._config.bill_moved,
            channel_ref=cells.get("channel_ref", ""),
            at=_moment(cells.get("at", "")),
            fault="",
        )

    def _trade(self, word: str | None, amount: int) -> Trade:
        """By its word; where the file has none, money that goes back is negative."""
        if word is None:
            return Trade.REFUND if amount < 0 else Trade.CHARGE
        if word in self._config.bill_refunds:
            return Trade.REFUND
        if word in self._config.bill_charges and amount >= 0:
            return Trade.CHARGE
        raise ValueError("trade")


def _money(said: str) -> int:
    amount = wire.fen(said)
    if amount is None:
        raise ValueError("amount")
    return amount


def _moment(said: str) -> datetime | None:
    """A moment by Beijing's clock, however its digits are set apart."""
    digits = said if said.isdigit() else _APART.sub("", said)
    if not digits:
        return None
    if len(digits) != _DIGITS_OF_A_SECOND:
        raise ValueError("moment")
    # By far faster than strptime, and there may be a million of them.
    return datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}").replace(tzinfo=BEIJING)
