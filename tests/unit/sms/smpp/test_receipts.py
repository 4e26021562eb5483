"""Receipts over the bind: onto the timeline, once, and answered when they are there."""

import asyncio
from dataclasses import replace

import pytest
import structlog
from message_centre import DELIVER, DELIVER_RESP, receipt
from smpp_client import PHONE, until

from paycore.gateway import receipts as gateway
from paycore.gateway.rows import MessageRow
from paycore.kernel.errors import Unavailable
from paycore.kernel.ids import pay_order_no
from paycore.kernel.terms import CardId
from paycore.sms import receipts as sms
from paycore.sms.receipts import Recorder, handle_of
from paycore.sms.rows import CodeRow, SentRow
from paycore.sms.smpp import session as sessions

LINE = (
    "id:{id} sub:001 dlvrd:001 submit date:2611292109 done date:2611292110"
    " stat:{stat} err:000"
)


def line(number, stat="DELIVRD"):
    return LINE.format(id=number, stat=stat)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(sms, "LOOKED_AFTER_S", (0.0, 0.1, 0.2))


async def keep(client, number):
    """What a send leaves of a text that has this number; its payment."""
    node, no = client.node, pay_order_no(client.node.ids, client.node.now())
    change, now = node.change(), node.now()
    change.insert(
        CodeRow(
            pay_order_no=no,
            seq=1,
            digest=b"",
            amount=1,
            currency="CNY",
            card_id=CardId("card-1"),
            phone_hash=b"",
            created_at=now,
            expires_at=now,
        )
    )
    change.insert(
        SentRow(
            handle=handle_of(client.line, number),
            pay_order_no=no,
            seq=1,
            sent_at=now,
        )
    )
    assert await node.journal.commit(change) is None
    return no


async def timeline(client, no):
    rows = await client.node.journal.within(MessageRow, no)
    return [(row.direction, row.account, row.verdict) for row in rows]


async def told(centre, body, sequence=1):
    """Deliver; the status that is answered."""
    call, before = centre.call, len(centre.call.of(DELIVER_RESP))
    call.say(DELIVER, sequence, body)
    await until(lambda: len(call.of(DELIVER_RESP)) > before)
    answer = call.of(DELIVER_RESP)[-1]
    assert (sequence, b"\0") == (answer.sequence, answer.body)
    return answer.status


@pytest.mark.parametrize("number", ["3F2A9C01", "3f2a9c01", "1059757057"])
async def test_a_receipt_is_on_the_timeline_once(client, centre, number) -> None:
    """However its number is written, and however often it is told."""
    no = await keep(client, "1059757057")
    statuses = [await told(centre, receipt(line(number)), n) for n in (1, 2, 3)]

    assert [0, 0, 0] == statuses
    assert [("RECEIPT", "smsc", "DELIVERED DELIVRD 000")] == await timeline(client, no)


async def test_one_that_says_no(client, centre) -> None:
    """By its fields; the phone has no text."""
    no = await keep(client, "abc-1")
    fields = [(0x001E, b"abc-1\0"), (0x0427, b"\5")]
    await told(centre, receipt("", tlvs=fields))

    assert [("RECEIPT", "smsc", "NOT_DELIVERED UNDELIV")] == await timeline(client, no)


async def test_a_receipt_that_is_faster_than_our_commit(
    client, centre, monkeypatch
) -> None:
    """It is looked for again; the centre waits for its answer meanwhile."""
    monkeypatch.setattr(sms, "LOOKED_AFTER_S", (0.0, 0.1, *[0.2] * 100))
    telling = asyncio.create_task(told(centre, receipt(line("77"))))
    await asyncio.sleep(0.05)
    assert not telling.done()
    no = await keep(client, "77")

    assert 0 == await telling
    assert 1 == len(await timeline(client, no))


async def test_a_receipt_of_no_text_of_ours_is_forgotten(client, centre) -> None:
    """A centre that is told to repeat it would do so for days."""
    with structlog.testing.capture_logs() as logs:
        assert 0 == await told(centre, receipt(line("4711")))

    assert ["receipt_of_no_text"] == [each["event"] for each in logs]


async def test_nothing_is_forgotten_that_is_not_written(client, centre) -> None:
    """While the database is away, breaks, or nobody writes: tell us again."""
    no = await keep(client, "5")
    recorder = client.node.state(Recorder)
    refused = []
    for broken in (Unavailable(), RuntimeError("a bug")):

        async def record(*_, broken=broken):
            raise broken

        recorder.record = record
        refused.append(await told(centre, receipt(line("5"))))
    recorder.record = None
    refused.append(await told(centre, receipt(line("5"))))
    recorder.record = gateway.record

    assert [0x64] * 3 == refused
    assert [] == await timeline(client, no)
    assert 0 == await told(centre, receipt(line("5")))
    assert 1 == len(await timeline(client, no))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (receipt("STOP", esm_class=0), 0),
        (receipt(line("5", "ENROUTE")), 0),
        (receipt(line("5"), esm_class=0x20), 0),
        (b"", 0x65),
        (receipt(line("5"))[:-3], 0x65),
        (receipt("", tlvs=[])[:-1], 0x65),
    ],
)
async def test_what_is_no_receipt_is_not_kept(client, centre, body, status) -> None:
    """A reply, one underway, garbage: never told again, and never shown."""
    no = await keep(client, "5")
    with structlog.testing.capture_logs() as logs:
        assert status == await told(centre, body)

    assert [] == await timeline(client, no)
    assert PHONE[3:] not in str(logs)
    assert "STOP" not in str(logs)


async def test_more_than_can_be_written_at_once_is_put_off(
    client, centre, monkeypatch
) -> None:
    """Throttled: the connection goes on, and nothing piles up in memory."""
    monkeypatch.setattr(sessions, "TAKEN_AT_ONCE", 3)
    monkeypatch.setattr(sms, "LOOKED_AFTER_S", (0.0, 1.5))
    for sequence in range(5):
        centre.call.say(DELIVER, sequence, receipt(line(f"9{sequence}")))
    await until(lambda: len(centre.call.of(DELIVER_RESP)) == 5)
    answers = {got.sequence: got.status for got in centre.call.of(DELIVER_RESP)}

    assert {0: 0, 1: 0, 2: 0, 3: 0x58, 4: 0x58} == answers


async def test_what_is_being_written_when_we_leave_is_not_answered(
    client, centre, monkeypatch
) -> None:
    """The next bind is told it."""
    monkeypatch.setattr(sms, "LOOKED_AFTER_S", (0.0, 60.0))
    centre.call.say(DELIVER, 1, receipt(line("123")))
    await asyncio.sleep(0.02)
    await client.driver.let_go(client.node)

    assert [] == centre.call.of(DELIVER_RESP)


async def test_receipts_go_by_the_lines_own_settings(make_client, centre) -> None:
    """The answer's number in hexadecimal digits alone, the receipt's in decimal."""
    client = make_client(receipt_ids="DECIMAL")
    await client.bound()
    centre.ids = ["10597570"]
    said = await client.send()
    no = await keep(client, said.delivery.message_id)
    await told(centre, receipt(line("274298224")))

    assert 1 == len(await timeline(client, no))


async def test_another_carriers_numbers_are_others(client, centre) -> None:
    """A number names a text of the carrier that tells it."""
    client.line, ours = replace(client.line, carrier="other"), client.line
    no = await keep(client, "6")
    client.line = ours
    await told(centre, receipt(line("6")))

    assert [] == await timeline(client, no)
