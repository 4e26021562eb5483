"""The bind that is kept: made, lost, made again, let go of; and who misbehaves."""

import asyncio
import struct
from dataclasses import replace

import pytest
import structlog
from message_centre import (
    BIND,
    BIND_RESP,
    DELIVER,
    ENQUIRE,
    ENQUIRE_RESP,
    NACK,
    SUBMIT,
    UNBIND,
    UNBIND_RESP,
    Got,
    pdu,
)
from smpp_client import PASSWORD, WITHIN_S, until

from paycore.kernel.http import NotSent
from paycore.kernel.outcome import Outcome
from paycore.kernel.stream import StreamLost
from paycore.sms.smpp import bind as binding
from paycore.sms.smpp import pdu as wire
from paycore.sms.smpp import session as sessions
from paycore.sms.smpp.bind import Binds
from paycore.sms.smpp.session import Session


async def test_a_bind_says_who_we_are(make_client, centre) -> None:
    """bind_transceiver with all that the settings say, first of all."""
    client = make_client(
        system_type="OTP", bind_ton=5, bind_npi=1, address_range="^1069"
    )
    await client.bound()
    (got,) = centre.call.got

    assert (
        Got(BIND, 0, 1, b"acme\0" + PASSWORD.encode() + b"\0OTP\0\x34\5\1^1069\0")
        == got
    )


async def test_one_bind_however_often_it_is_tended(client, centre) -> None:
    """Every second is often: the bind stands."""
    for _ in range(3):
        client.tend(client.line)
        await asyncio.sleep(0.01)

    assert 1 == len(centre.calls)


async def test_tending_does_not_wait(make_client) -> None:
    """For a centre that is not there either."""
    client = make_client("smpp://127.0.0.1:1")
    client.tend(client.line)

    assert 1 == len(client.node.state(Binds)._standing)


@pytest.mark.parametrize("changes", [{}, {"password": "another"}])
async def test_a_line_that_is_gone_or_changed_is_unbound(
    client, make_client, centre, changes
) -> None:
    """Removed, switched off, or with other credentials: goodbye, and the new one's
    bind is another.
    """
    left = centre.call
    client.tend(*([make_client(**changes).line] if changes else []))
    await asyncio.wait_for(left.hung_up.wait(), WITHIN_S)

    assert 1 == len(left.of(UNBIND))
    await until(lambda: len(centre.calls) == (2 if changes else 1))


async def test_a_line_that_differs_in_its_price_stays_bound(client, centre) -> None:
    """What the bind does not depend on."""
    client.tend(replace(client.line, price=5))
    await asyncio.sleep(0.02)

    assert [] == centre.call.of(UNBIND)


async def test_it_is_made_again(client, centre, monkeypatch) -> None:
    """After the centre was started anew; meanwhile surely nothing is sent."""
    monkeypatch.setattr(binding, "FIRST_WAIT_S", 0.05)
    bind = client.node.state(Binds).of(client.line)
    await centre.close()
    await until(lambda: bind._session is None)
    said = await client.send()
    await centre.open()
    await until(lambda: len(centre.calls) == 2)

    assert Outcome.NOT_SENT == said.delivery.outcome
    assert Outcome.SUCCEEDED == (await client.send()).delivery.outcome


async def test_waits_grow_to_the_longest(make_client, monkeypatch) -> None:
    """Half a second, one, two … thirty seconds, and then all the same."""
    client, waits = make_client("smpp://127.0.0.1:1"), []

    async def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 9:
            await asyncio.Event().wait()

    monkeypatch.setattr(client.node.clock, "sleep", sleep)
    client.tend(client.line)
    await until(lambda: len(waits) == 9)

    assert [0.5, 1, 2, 4, 8, 16, 30, 30, 30] == waits


@pytest.mark.parametrize(("status", "wait_s"), [(0x0E, 30), (0x0F, 30), (0x08, 0.5)])
async def test_a_wrong_password_is_not_tried_again_soon(
    make_client, centre, status, wait_s
) -> None:
    """The account might be locked; whoever asks meanwhile is told at once."""
    centre.bind_status, client = status, make_client()
    with structlog.testing.capture_logs() as logs:
        client.tend(client.line)
        await until(lambda: logs)
    began = asyncio.get_running_loop().time()
    patience_s = 10.0 if wait_s == 30 else 0.3
    said = await client.send(connect_s=patience_s)

    assert ("smpp_unbound", wait_s) == (logs[0]["event"], logs[0]["again_in_s"])
    assert f"0x{status:08X}" in logs[0]["why"]
    assert Outcome.NOT_SENT == said.delivery.outcome
    if wait_s == 30:
        assert asyncio.get_running_loop().time() - began < 5


async def test_signs_of_life_go_both_ways(make_client, centre) -> None:
    """We ask now and then, and answer when we are asked."""
    client = make_client(enquire_link_s=1)
    session = await client.bound()
    keeping = asyncio.create_task(session.keep(0.02))
    centre.call.say(ENQUIRE, 77)
    await until(lambda: len(centre.call.of(ENQUIRE)) > 1)
    await until(lambda: centre.call.of(ENQUIRE_RESP))
    keeping.cancel()

    assert [77] == [got.sequence for got in centre.call.of(ENQUIRE_RESP)]


async def test_a_centre_that_is_silent_is_given_up(client, centre, monkeypatch) -> None:
    """No sign of life: the connection is ended, and what waits has no answer."""
    monkeypatch.setattr(sessions, "ANSWER_WITHIN_S", 0.05)
    centre.silent = {ENQUIRE, SUBMIT}
    session = await client.bound()
    waiting = asyncio.create_task(client.send())
    await until(lambda: centre.submits)

    assert "no sign of life" == await session.keep(0.01)
    assert "no sign of life" == (await waiting).delivery.resp_msg
    assert NotSent(reason="no sign of life") == await session.ask(
        ENQUIRE, within_s=WITHIN_S
    )


async def test_an_unbind_is_answered(client, centre) -> None:
    """And over the next bind the next text goes."""
    first = centre.call
    first.say(UNBIND, 5)
    await asyncio.wait_for(first.hung_up.wait(), WITHIN_S)

    assert [Got(UNBIND_RESP, 0, 5, b"")] == first.of(UNBIND_RESP)
    await until(lambda: len(centre.calls) == 2)


@pytest.mark.parametrize("length", [4, 0xFFFFFFFF, 0x00020000])
async def test_a_length_that_lies_ends_the_connection(client, centre, length) -> None:
    """Too short, four gigabytes, too long: refused, nothing is waited for or kept, and
    there is a new connection.
    """
    first = centre.call
    first.raw(struct.pack(">IIII", length, 5, 0, 9) + b"x" * 100)
    await asyncio.wait_for(first.hung_up.wait(), WITHIN_S)

    assert [Got(NACK, 2, 9, b"")] == first.of(NACK)
    await until(lambda: len(centre.calls) == 2)


async def test_a_command_that_nobody_knows_is_refused(client, centre) -> None:
    """generic_nack with its number; the connection stands."""
    centre.call.say(0x00000103, 8, b"data_sm")
    centre.call.say(0x00000FFF, 9)
    await until(lambda: len(centre.call.of(NACK)) == 2)

    assert [Got(NACK, 3, 8, b""), Got(NACK, 3, 9, b"")] == centre.call.of(NACK)
    assert Outcome.SUCCEEDED == (await client.send()).delivery.outcome


async def test_what_has_no_answer_gets_none(client, centre) -> None:
    """A refusal and an answer to nothing are not answered: there would be no end."""
    before = len(centre.call.got)
    with structlog.testing.capture_logs() as logs:
        for command in (NACK, 0x80000103, 0x00000102, 0x0000000B, ENQUIRE_RESP):
            centre.call.say(command, 4711)
        centre.call.say(ENQUIRE, 1)
        await until(lambda: len(centre.call.got) > before)

    assert [ENQUIRE_RESP] == [got.command for got in centre.call.got[before:]]
    assert ["smpp_answer_to_nothing"] * 3 == [each["event"] for each in logs]


class _Flood:
    """A stream on which a thousand messages are here already: no read has to wait."""

    def __init__(self, command):
        self._octets, self.read_octets = pdu(command, 9) * 1000, 0

    async def read(self, octets):
        begin = self.read_octets
        self.read_octets += octets
        if begin >= len(self._octets):
            raise StreamLost("over")
        return self._octets[begin : self.read_octets]

    async def write(self, octets):
        pass

    async def close(self):
        pass


@pytest.mark.parametrize(
    "command", [ENQUIRE, ENQUIRE_RESP, NACK, DELIVER, 0x00000102, 0x00000FFF]
)
async def test_who_sends_without_end_stops_nobody(node, command) -> None:
    """Whatever it is that comes faster than it is read: between any two messages all
    that the node does has its turn.
    """
    flood = _Flood(command)
    session = Session(node.clock, flood, carrier="smsc", window=1, take=_never)
    for turn in range(10):
        await asyncio.sleep(0)

        assert flood.read_octets <= 16 * (turn + 2)
    await session.close()


async def _never(body):
    await asyncio.Event().wait()


async def test_numbers_begin_again(client, centre) -> None:
    """After 0x7FFFFFFF comes 1, and none that is waited for."""
    session = await client.bound()
    session._sequence = wire.MAX_SEQUENCE - 1
    session._asked[1] = (0, asyncio.get_running_loop().create_future())
    for _ in range(3):
        await session.ask(wire.ENQUIRE_LINK, within_s=WITHIN_S)
    del session._asked[1]

    assert [wire.MAX_SEQUENCE, 2, 3] == [
        got.sequence for got in centre.call.of(ENQUIRE)
    ]


async def test_answers_find_their_questions(client, centre) -> None:
    """In whatever order they come: by their numbers."""
    centre.silent = {SUBMIT}
    sends = [asyncio.create_task(client.send()) for _ in range(3)]
    await until(lambda: len(centre.submits) == 3)
    for got in reversed(centre.submits):
        centre.call.say(0x80000004, got.sequence, f"n{got.sequence}\0".encode())
    said = [await each for each in sends]

    assert [f"n{got.sequence}" for got in centre.submits] == [
        each.delivery.message_id for each in said
    ]


async def test_no_more_wait_than_the_window_has_room_for(make_client, centre) -> None:
    """What does not get its turn in time has surely not left."""
    centre.silent = {SUBMIT}
    client = make_client(window=2)
    await client.bound()
    said = await asyncio.gather(*(client.send(timeout_s=1.0) for _ in range(5)))
    outcomes = [each.delivery.outcome for each in said]

    assert 2 == len(centre.submits)
    assert (2, 3) == (
        outcomes.count(Outcome.UNKNOWN),
        outcomes.count(Outcome.NOT_SENT),
    )


async def test_nothing_is_left_of_a_node_that_stops(client, centre) -> None:
    """Goodbye is said, what waits has its answer first, and no task or socket stays."""
    centre.silent = {SUBMIT}
    waiting = asyncio.create_task(client.send())
    await until(lambda: centre.submits)
    call, got = centre.call, centre.submits[0]
    leaving = asyncio.create_task(client.driver.let_go(client.node))
    await asyncio.sleep(0.05)
    call.say(0x80000004, got.sequence, b"1\0")
    await leaving
    await asyncio.wait_for(call.hung_up.wait(), WITHIN_S)

    assert Outcome.SUCCEEDED == (await waiting).delivery.outcome
    assert UNBIND == call.got[-1].command
    assert set() == client.node.transport._streams._open
    assert {"accept", "test_nothing_is_left_of_a_node_that_stops"} >= {
        task.get_coro().__name__ for task in asyncio.all_tasks()
    }


@pytest.mark.parametrize("silent", [{BIND}, {UNBIND}, {BIND, UNBIND}])
async def test_a_node_stops_in_time(make_client, centre, silent) -> None:
    """Whatever a bind is waiting for just then."""
    centre.silent, client = silent, make_client()
    client.tend(client.line)
    await until(lambda: centre.calls and centre.call.got)
    async with asyncio.timeout(binding.GOODBYE_S + 0.5):
        await client.driver.let_go(client.node)

    assert set() == client.node.transport._streams._open


async def test_strangers_answers_are_no_bind(make_client, centre) -> None:
    """A bind that is answered by another command, or refused as unknown, is none."""

    def answer(call, got):
        if got.command == BIND:
            call.say(0x80000004, got.sequence, b"1\0")
            call.say(NACK, got.sequence, status=3)

    centre.answer, client = answer, make_client()
    made = await binding.dial(client.node, _terms(client), "smsc", asyncio.sleep)

    assert 3 == made.status


async def test_a_refusal_is_no_bind_though_its_status_is_zero(
    make_client, centre
) -> None:
    """generic_nack says that nobody understood us, whatever else it says."""

    def answer(call, got):
        if got.command == BIND:
            call.say(NACK, got.sequence)

    centre.answer, client = answer, make_client()
    made = await binding.dial(client.node, _terms(client), "smsc", asyncio.sleep)

    assert isinstance(made, binding.Unbound)
    assert 0xFF == made.status


def _terms(client):
    from paycore.sms.carriers.smpp import _terms

    return _terms(client.node, client.line)


def test_raw_messages_are_whole():
    """The centre's own octets are what the tests take them for."""
    assert bytes.fromhex("00000011800000090000000000000001 00") == pdu(
        BIND_RESP, 1, b"\0"
    )
