"""A carrier behind SMPP 3.4: binds, submissions, receipts.

Its PDUs are `smpp_pdu`, what a message holds `smpp_text`; what is not as at a real
one is in `docs/sandbox-vendors.md`.
"""

import asyncio
import hmac
import re
import secrets
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Final, Literal

from msgspec import Struct

from paycore.sandbox.carrier import RECEIPT_AFTER_MS
from paycore.sandbox.clock import now_ms
from paycore.sandbox.dialect import CarrierCall, Deliver, Taken, VendorServer
from paycore.sandbox.vendors.smpp_pdu import (
    HEADER,
    LONGEST,
    RESPONSE,
    Command,
    Malformed,
    Pdu,
    Status,
    Submit,
    Tag,
    cstring,
    deliver_body,
    read_bind,
    read_submit,
    tlv,
)
from paycore.sandbox.vendors.smpp_text import Part, code_in, part_of, receipt, whole
from paycore.sandbox.wire import bound_to

HEARD_WITHIN_S: Final = 5.0
"""So long a receipt waits for its answer."""
_GARBAGE: Final = b"\x00\x00\x00\x07\xff\xff\xff"
_UNFINISHED: Final = 1000
"""Texts of which a part is missing; beyond, the oldest is forgotten."""

_SENDS: Final = frozenset({Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER})
_RECEIVES: Final = frozenset({Command.BIND_RECEIVER, Command.BIND_TRANSCEIVER})
_BINDS: Final = _SENDS | _RECEIVES
_SILENT: Final = frozenset({"timeout_before", "timeout_after"})


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one customer."""

    system_id: str
    password: str
    receipt_ids: Literal["same", "decimal"] = "same"
    """How a receipt names a message, whose number was given in hexadecimal."""


class Asked(Struct, frozen=True, kw_only=True):
    """A part that wants a receipt, as it was taken."""

    message_id: str
    source: str
    destination: str
    text: str
    wish: int
    """`registered_delivery`: 1 always, 2 where it was not delivered."""
    at_ms: int


class Receipt(Struct, frozen=True, kw_only=True):
    """What is to be told, and when."""

    asked: Asked
    delivered: bool
    due_ms: int


class Text(Struct, kw_only=True):
    """A text that is not whole yet."""

    parts: dict[int, str]
    asked: list[Asked]


Key = tuple[str, str, int, int]
"""What parts of one text have in common: sender, phone, reference, how many."""


class SmppServer(VendorServer):
    """Where customers bind."""

    Config = Config

    def __init__(self, config: Struct, deliver: Deliver) -> None:
        super().__init__(config, deliver)
        assert isinstance(config, Config)
        self.keys = config
        self.receipts: deque[Receipt] = deque()
        self.news = asyncio.Event()
        self._unfinished: dict[Key, Text] = {}
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()

    def place(self, port: int) -> str:
        """Take the port; it stays taken while nobody listens."""
        try:
            self._reservation = bound_to(port)
        except OSError:
            self._reservation = bound_to(0)
        self._port: int = self._reservation.getsockname()[1]
        return f"smpp://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Listen, if it does not."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, sock=bound_to(self._port)
            )

    async def shut(self) -> None:
        """Refuse new callers and cut off those who are there."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for session in list(self._sessions):
            session.abort()
            await session.over.wait()
        await server.wait_closed()

    async def close(self) -> None:
        """Shut for good."""
        await self.shut()
        self._reservation.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        session = Session(self, reader, writer)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            session.over.set()

    async def take(self, submit: Submit, phone: str, part: Part) -> tuple[str, Taken]:
        """Deliver a part: its number, and what became of it. Faults strike the part
        that makes a text whole.
        """
        key = (submit.source, phone, part.reference, part.of)
        text = self._unfinished.pop(key, Text(parts={}, asked=[]))
        text.parts[part.number] = part.text
        if len(text.parts) < part.of:
            number = secrets.token_hex(8)
            self._note(text, submit, part, number)
            self._keep(key, text)
            return number, Taken(message_id=number)
        words = whole(text.parts)
        taken = await self.deliver.take(
            CarrierCall(phone=phone, text=words, code=code_in(words))
        )
        if not taken.message_id:
            if part.of > 1:  # sent again, this part makes the text whole again
                self._keep(key, text)
            return "", taken
        number = taken.message_id[-16:]
        self._note(text, submit, part, number)
        self._promise(text.asked, delivered=taken.delivered)
        return number, taken

    def _keep(self, key: Key, text: Text) -> None:
        self._unfinished[key] = text
        if len(self._unfinished) > _UNFINISHED:
            del self._unfinished[next(iter(self._unfinished))]

    def _note(self, text: Text, submit: Submit, part: Part, number: str) -> None:
        text.asked.append(
            Asked(
                message_id=number,
                source=submit.source,
                destination=submit.destination,
                text=part.text,
                wish=submit.registered_delivery & 3,
                at_ms=now_ms(),
            )
        )

    def _promise(self, asked: list[Asked], *, delivered: bool) -> None:
        wanted = {1, 2} if not delivered else {1}
        due_ms = now_ms() + RECEIPT_AFTER_MS
        self.receipts.extend(
            Receipt(asked=one, delivered=delivered, due_ms=due_ms)
            for one in asked
            if one.wish in wanted
        )
        self.news.set()


class Session:
    """One connection."""

    def __init__(
        self,
        server: SmppServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self.over = asyncio.Event()
        self._bound: Command | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sequence = 0
        self._telling: Receipt | None = None
        self._heard = asyncio.Event()

    async def run(self) -> None:
        """Answer until one of the two leaves."""
        try:
            while await self._one():
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()

    def abort(self) -> None:
        """Cut it off."""
        self._writer.transport.abort()

    async def _one(self) -> bool:
        """Read one PDU and do what it wants; whether there may be more."""
        head = await self._reader.readexactly(HEADER.size)
        length, command, status, sequence = HEADER.unpack(head)
        if not HEADER.size <= length <= LONGEST:
            # Nobody knows where the next one begins.
            self._nack(Status.RINVCMDLEN, 0)
            return False
        body = await self._reader.readexactly(length - HEADER.size)
        pdu = Pdu(command=command, status=status, sequence=sequence, body=body)
        if command & RESPONSE:
            self._hear(sequence, status)
            return True
        return self._do(pdu)

    def _do(self, pdu: Pdu) -> bool:
        match pdu.command:
            case (
                Command.BIND_RECEIVER
                | Command.BIND_TRANSMITTER
                | Command.BIND_TRANSCEIVER
            ):
                return self._bind(pdu)
            case Command.ENQUIRE_LINK:
                self._send(pdu.answered(Status.ROK))
            case Command.SUBMIT_SM if self._bound in _SENDS:
                # Not one after the other: who may wait for several may be slow in one.
                self._start(self._submit(pdu))
            case Command.SUBMIT_SM:
                self._send(pdu.answered(Status.RINVBNDSTS))
            case Command.UNBIND if self._bound is not None:
                self._send(pdu.answered(Status.ROK))
                return False
            case Command.UNBIND:
                self._send(pdu.answered(Status.RINVBNDSTS))
            case _:
                self._nack(Status.RINVCMDID, pdu.sequence)
        return True

    def _bind(self, pdu: Pdu) -> bool:
        keys, status = self._server.keys, Status.ROK
        try:
            who = read_bind(pdu.body)
        except Malformed as error:
            self._send(pdu.answered(error.status))
            return False
        if self._bound is not None:
            self._send(pdu.answered(Status.RALYBND))
            return True
        if who.system_id != keys.system_id:
            status = Status.RINVSYSID
        elif not hmac.compare_digest(who.password.encode(), keys.password.encode()):
            status = Status.RINVPASWD
        version = tlv(Tag.SC_INTERFACE_VERSION, b"\x34")
        self._send(pdu.answered(status, cstring("paycore") + version))
        if status is not Status.ROK:
            return False
        self._bound = Command(pdu.command)
        if self._bound in _RECEIVES:
            self._start(self._tell())
        return True

    async def _submit(self, pdu: Pdu) -> None:
        try:
            submit = read_submit(pdu.body)
            phone = _phone(submit)
            part = part_of(submit)
        except Malformed as error:
            self._send(pdu.answered(error.status))
            return
        number, taken = await self._server.take(submit, phone, part)
        if taken.fault in _SILENT:
            return
        if taken.fault == "slow":
            await asyncio.sleep(taken.slow_ms / 1000)
        if taken.fault == "garbage":
            self._writer.write(_GARBAGE)
        elif taken.fault == "http_500":
            self._send(pdu.answered(Status.RSYSERR))
        elif taken.refusal is not None:
            self._send(pdu.answered(_status_of(taken.refusal)))
        else:
            self._send(pdu.answered(Status.ROK, cstring(number)))

    async def _tell(self) -> None:
        """Send receipts as long as this bind lasts; what is not heard is kept for the
        next one.
        """
        server = self._server
        while True:
            while not server.receipts:
                server.news.clear()
                await server.news.wait()
            self._telling = server.receipts.popleft()
            try:
                await self._told(self._telling)
            finally:
                again, self._telling = self._telling, None
                if again is not None:
                    server.receipts.appendleft(again)
                    server.news.set()
            if again is not None:
                await asyncio.sleep(1)

    async def _told(self, told: Receipt) -> None:
        """Send one, and wait until it is answered, one way or the other."""
        await asyncio.sleep(max(0, told.due_ms - now_ms()) / 1000)
        self._sequence += 1
        self._heard.clear()
        body = _receipt(told, self._server.keys)
        self._send(Pdu(command=Command.DELIVER_SM, sequence=self._sequence, body=body))
        # Not wait_for, which may lose a cancellation that comes with the answer.
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_WITHIN_S):
                await self._heard.wait()

    def _hear(self, sequence: int, status: int) -> None:
        """Take the answer to a receipt; it counts even where its sender is gone by
        then.
        """
        if sequence == self._sequence:
            self._heard.set()
            if status == Status.ROK:
                self._telling = None

    def _start(self, what: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, pdu: Pdu) -> None:
        self._writer.write(pdu.octets())

    def _nack(self, status: Status, sequence: int) -> None:
        self._send(Pdu(command=Command.GENERIC_NACK, status=status, sequence=sequence))


def _phone(submit: Submit) -> str:
    """E.164, of an international number without a sign, or one of eleven digits."""
    number = submit.destination
    if submit.ton == 2 and re.fullmatch(r"1[3-9]\d{9}", number):
        return f"+86{number}"
    if submit.ton in (0, 1) and re.fullmatch(r"[1-9]\d{7,14}", number):
        return f"+{number}"
    raise Malformed(Status.RINVDSTADR)


def _status_of(refusal: str) -> int:
    """A status by its name, as THROTTLED or ESME_RTHROTTLED, or in hexadecimal."""
    for status in Status:
        if refusal.removeprefix("ESME_") in (status.name, status.name[1:]):
            return status
    try:
        return int(refusal, 16) & 0xFFFFFFFF
    except ValueError:
        return Status.RSUBMITFAIL


def _receipt(told: Receipt, keys: Config) -> bytes:
    asked, number = told.asked, told.asked.message_id
    if keys.receipt_ids == "decimal":
        number = str(int(number, 16))
    text = receipt(number, asked.text, (asked.at_ms, told.due_ms), good=told.delivered)
    state = 2 if told.delivered else 5
    more = tlv(Tag.RECEIPTED_MESSAGE_ID, cstring(number))
    more += tlv(Tag.MESSAGE_STATE, bytes((state,)))
    return deliver_body(
        source=asked.destination, destination=asked.source, text=text, more=more
    )
