"""One connection to a message centre: questions and answers matched by number.

Both sides ask. What we ask waits for the answer with its number; what came of it is the
answer, NotSent where surely nothing left, or NoAnswer. What the other side asks is
answered here, and a text that it delivers by whoever takes it, as soon as that is done.
A connection ends once: nothing is asked over it afterwards, and what was waiting has
no answer. Who connects again is not its business.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from paycore.kernel import log
from paycore.kernel.clock import Clock
from paycore.kernel.http import NoAnswer, NotSent
from paycore.kernel.stream import Stream, StreamLost
from paycore.sms.smpp import pdu as wire
from paycore.sms.smpp.pdu import Garbled, Pdu

ANSWER_WITHIN_S = 5.0
"""For the answers to what is no text: a bind, a sign of life."""

TAKEN_AT_ONCE = 64
"""Delivered texts that are being written down; who sends more is told to slow down."""

BREATH_S = 0.01
"""After each message that nobody waits for, before the next is read: whoever sends
them without end has neither this node's time nor its log."""

GARBLED = "garbled"
"""Why a connection ended whose other side does not speak SMPP, or no longer."""

Take = Callable[[bytes], Awaitable[int]]
"""Takes the body of a deliver_sm, and gives the status of its answer."""

Heard = Pdu | NotSent | NoAnswer

_log = log.get(__name__)


class Session:
    """A connection from its opening to its end. Make it inside the event loop."""

    def __init__(
        self, clock: Clock, stream: Stream, *, carrier: str, window: int, take: Take
    ) -> None:
        self._clock, self._stream = clock, stream
        self._carrier, self._take = carrier, take
        self._window = asyncio.Semaphore(window)
        self._sequence = 0
        self._asked: dict[int, tuple[int, asyncio.Future[Pdu | NoAnswer]]] = {}
        """By number: which command answers, and who waits for it."""
        self._taking: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[str] = loop.create_future()
        """Why it ended, once it has."""
        self._reading = asyncio.create_task(self._read())

    # --- what we ask ------------------------------------------------------------------

    async def submit(self, body: bytes, *, within_s: float) -> Heard:
        """Hand over a text, when there is room among those that wait for an answer.

        Half of the time is for the room, and at least as much for the answer.
        """
        until = self._clock.monotonic() + within_s
        try:
            async with self._clock.timeout(within_s / 2):
                await self._window.acquire()
        except TimeoutError:
            return NotSent(reason="too many wait for an answer")
        try:
            left_s = until - self._clock.monotonic()
            if left_s <= 0:
                return NotSent(reason="no time left")
            return await self.ask(wire.SUBMIT_SM, body, within_s=left_s)
        finally:
            self._window.release()

    async def ask(self, command: int, body: bytes = b"", *, within_s: float) -> Heard:
        """Ask, and wait for the answer. Raises nothing for what the other side did."""
        if self._over.done():
            return NotSent(reason=self._over.result())
        sequence = self._next()
        question = Pdu(command=command, sequence=sequence, body=body)
        answer: asyncio.Future[Pdu | NoAnswer] = (
            asyncio.get_running_loop().create_future()
        )
        self._asked[sequence] = command | wire.RESPONSE, answer
        try:
            async with self._clock.timeout(within_s):
                await self._stream.write(wire.encoded(question))
                return await answer
        except TimeoutError:
            return NoAnswer(reason="time-out")
        except StreamLost as lost:
            return NoAnswer(reason=str(lost))
        finally:
            del self._asked[sequence]

    async def keep(self, every_s: float) -> str:
        """Look for a sign of life now and then, until it is over; why it is."""
        while True:
            try:
                async with self._clock.timeout(every_s):
                    return await asyncio.shield(self._over)
            except TimeoutError:
                pass
            heard = await self.ask(wire.ENQUIRE_LINK, within_s=ANSWER_WITHIN_S)
            if not isinstance(heard, Pdu):
                self._end("no sign of life")

    async def leave(self, within_s: float) -> None:
        """Wait for what was asked, say goodbye, and hang up."""
        try:
            async with self._clock.timeout(within_s):
                if self._asked and not self._over.done():
                    await asyncio.wait([answer for _, answer in self._asked.values()])
                await self.ask(wire.UNBIND, within_s=within_s)
        except TimeoutError:
            pass
        finally:
            await self.close()

    async def close(self) -> None:
        """Hang up at once; whoever waits has no answer."""
        self._end("closed")
        # What is being written down goes unanswered, and is told us again.
        running = [self._reading, *self._taking]
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running)
        finally:
            await self._stream.close()

    def _next(self) -> int:
        """The next number that is not waited for; after the highest comes 1."""
        while True:
            self._sequence = self._sequence % wire.MAX_SEQUENCE + 1
            if self._sequence not in self._asked:
                return self._sequence

    def _end(self, why: str) -> None:
        """It is over; whoever waits has no answer."""
        if self._over.done():
            return
        self._over.set_result(why)
        for _, answer in self._asked.values():
            if not answer.done():
                answer.set_result(NoAnswer(reason=why))

    # --- what we are told and asked ---------------------------------------------------

    async def _read(self) -> None:
        """Take one message after the other, until the connection ends."""
        try:
            while True:
                head = wire.head_of(await self._stream.read(wire.HEAD_OCTETS))
                try:
                    octets = head.body_octets
                except Garbled:
                    # What follows is anywhere: nothing can be read here any more.
                    await self._refuse(head.sequence, wire.RINVCMDLEN)
                    raise
                await self._meet(
                    Pdu(
                        command=head.command,
                        status=head.status,
                        sequence=head.sequence,
                        body=await self._stream.read(octets),
                    )
                )
                # What is here already is read without waiting: others come first.
                await asyncio.sleep(0)
        except StreamLost as lost:
            self._end(str(lost))
        except Garbled:
            self._end(GARBLED)
        except Exception:  # noqa: BLE001 - nobody reads on, so it is over
            _log.exception("carrier_broke", carrier=self._carrier)
            self._end("broken; see the log")

    async def _meet(self, pdu: Pdu) -> None:
        """Hand an answer and a delivered text on at once, and take time for others."""
        if pdu.is_answer and self._answered(pdu):
            return
        if pdu.command == wire.DELIVER_SM and len(self._taking) < TAKEN_AT_ONCE:
            task = asyncio.create_task(self._deliver(pdu))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)
            return
        if not pdu.is_answer:
            await self._asked_of_us(pdu)
        await self._clock.sleep(BREATH_S)

    async def _asked_of_us(self, pdu: Pdu) -> None:
        match pdu.command:
            case wire.ENQUIRE_LINK:
                await self._reply(pdu)
            case wire.DELIVER_SM:
                await self._reply(pdu, wire.RTHROTTLED, b"\0")
            case wire.UNBIND:
                await self._reply(pdu)
                raise StreamLost("unbound by the other side")
            case wire.ALERT_NOTIFICATION | wire.OUTBIND:
                pass  # neither has an answer
            case _:
                await self._refuse(pdu.sequence, wire.RINVCMDID)

    def _answered(self, pdu: Pdu) -> bool:
        """Give an answer to who waits for it; if nobody does, it came too late."""
        command, answer = self._asked.get(pdu.sequence, (0, None))
        fits = pdu.command in (command, wire.GENERIC_NACK)
        if answer is None or answer.done() or not fits:
            _log.warning(
                "smpp_answer_to_nothing",
                carrier=self._carrier,
                command=wire.named(pdu.command),
                status=wire.named(pdu.status),
                sequence=pdu.sequence,
            )
            return False
        if pdu.command == wire.GENERIC_NACK and pdu.status == wire.ROK:
            # It is a no, whatever it calls it.
            pdu = replace(pdu, status=wire.RUNKNOWNERR)
        answer.set_result(pdu)
        return True

    async def _deliver(self, pdu: Pdu) -> None:
        """Have a text taken, and answer when it was."""
        try:
            status = await self._take(pdu.body)
        except Exception:  # noqa: BLE001 - told again, it may be taken
            _log.exception("smpp_not_taken", carrier=self._carrier)
            status = wire.RX_T_APPN
        with suppress(StreamLost):
            await self._reply(pdu, status, b"\0")

    async def _reply(self, pdu: Pdu, status: int = wire.ROK, body: bytes = b"") -> None:
        answer = Pdu(
            command=pdu.command | wire.RESPONSE,
            status=status,
            sequence=pdu.sequence,
            body=body,
        )
        await self._stream.write(wire.encoded(answer))

    async def _refuse(self, sequence: int, status: int) -> None:
        _log.warning("smpp_refused", carrier=self._carrier, status=wire.named(status))
        nack = Pdu(command=wire.GENERIC_NACK, status=status, sequence=sequence)
        await self._stream.write(wire.encoded(nack))
