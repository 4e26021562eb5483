"""Receipts on real PostgreSQL: what a carrier tells of a text is on its payment's
timeline, once, and nothing that it can say is anywhere else.
"""

import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from paycore.core.timeline import timeline
from paycore.gateway import receipts
from paycore.gateway.call import Operation
from paycore.gateway.rows import MessageRow
from paycore.kernel.ids import attempt_id, pay_order_no, refund_no
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import SMS_CENTRE, CardId
from paycore.sms import registry, service
from paycore.sms.carrier import Delivery
from paycore.sms.delivery import Sent, Tried
from paycore.sms.receipts import LONGEST_NUMBER, handle_of, line_of
from paycore.sms.rows import CodeRow, CodeStatus, SentRow

TOKEN, NEWER = "a-token-of-this-carrier", "a-newer-token-of-it-too"
ALIYUN = {"access_key_id": "k", "access_key_secret": "s", "template": "SMS_1"}
TENCENT = {"secret_id": "k", "secret_key": "s", "app_id": "1", "template": "2"}


@pytest.fixture(autouse=True)
async def carriers(node) -> None:
    """Both carriers set up, each with an address for receipts."""
    for name, config in (("aliyun", ALIYUN), ("tencent", TENCENT)):
        await registry.save(
            node,
            carrier=name,
            driver=name,
            base_url="https://example.com",
            credentials={**config, "receipt_token": TOKEN},
        )
    await service.refresh(node)


@pytest.fixture
async def code(node) -> CodeRow:
    """The code of a payment's first attempt, that `tencent` took."""
    now = node.now()
    row = CodeRow(
        pay_order_no=pay_order_no(node.ids, now),
        seq=1,
        digest=b"d" * 32,
        amount=1250,
        currency="CNY",
        card_id=CardId("c1"),
        phone_hash=b"p" * 32,
        status=CodeStatus.ACTIVE,
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    sent = SentRow(
        handle=handle_of(line_of(node, "tencent"), sid(row)),
        pay_order_no=row.pay_order_no,
        seq=row.seq,
        sent_at=now,
    )
    change = node.change()
    change.insert(row)
    change.insert(sent)
    assert await node.journal.commit(change) is None
    return row


def sid(code: CodeRow) -> str:
    """What the carrier calls it."""
    return f"T-{code.pay_order_no}"


def by_id(number: str, *, status: str = "SUCCESS") -> bytes:
    """What `tencent` posts."""
    receipt = {
        "report_status": status,
        "errmsg": "DELIVRD",
        "sid": number,
        "user_receive_time": "2026-11-30 07:30:09",
        "mobile": "13812345678",
    }
    return json.dumps([receipt]).encode()


def by_ours(*numbers: str) -> bytes:
    """What `aliyun` posts."""
    return json.dumps(
        [
            {"success": True, "err_code": "OK", "biz_id": "b", "out_id": number}
            for number in numbers
        ]
    ).encode()


async def kept(node, no) -> list[MessageRow]:
    return await node.journal.within(MessageRow, no)


async def test_a_receipt_by_id_is_on_the_timeline_once(node, code) -> None:
    """However often it is told; and the next that says something else is another."""
    for _ in range(2):
        told = await receipts.receive(node, "tencent", TOKEN, {}, by_id(sid(code)))
        assert (200, b'{"result":0,"errmsg":"OK"}') == told
    items = [
        item for item in await timeline(node, code.pay_order_no) if item.kind != "code"
    ]

    assert ["RECEIPT send_code sms_centre/tencent"] == [one.title for one in items]
    assert "DELIVERED DELIVRD" == items[0].detail["verdict"]
    assert 1 == items[0].detail["attempt"]
    assert "2026-11-30T07:30:09+08:00" in items[0].detail["body"]
    await receipts.receive(node, "tencent", TOKEN, {}, by_id(sid(code), status="FAIL"))
    verdicts = [row.verdict for row in await kept(node, code.pay_order_no)]
    assert {"DELIVERED DELIVRD", "NOT_DELIVERED DELIVRD"} == set(verdicts)


async def test_numbers_that_are_too_long_are_kept_once(node) -> None:
    """A carrier's two that only differ behind what is kept of them keep no code from
    being sent.
    """
    now, long = node.now(), "N" * LONGEST_NUMBER
    line, no = line_of(node, "tencent"), pay_order_no(node.ids, now)
    request = service.SendRequest(
        pay_order_no=no,
        seq=1,
        request_no=attempt_id(no, 1),
        amount=1250,
        currency="CNY",
        card_id=CardId("c1"),
        phone="+8613812345678",
        payee="Shop",
        subject="Tea",
        card_tail="1234",
        language="zh",
        sign="paycore",
    )
    change = node.change()
    prepared = await service.prepare_send(node, request, change)
    assert await node.journal.commit(change) is None
    message = next(one for one in prepared.messages if one.line.carrier == "tencent")
    delivery = Delivery(
        outcome=Outcome.SUCCEEDED, message_id=f"{long}1", further_ids=(f"{long}2",)
    )
    tried = Tried(message=message, delivery=delivery, answer="", at=now, elapsed_ms=1)
    sent = Sent(outcome=Outcome.SUCCEEDED, resp_code="Ok", tried=(tried,))
    change = node.change()
    service.conclude_send(node, prepared, sent, change)

    assert await node.journal.commit(change) is None
    code = await node.journal.load(CodeRow, no, 1)
    assert code.status is CodeStatus.ACTIVE
    rows = await node.journal.within(SentRow, handle_of(line, long))
    assert no in [row.pay_order_no for row in rows]


async def test_nothing_of_the_code_changes(node, code) -> None:
    """Whether the payer has it, the payer knows best: it stays as good as it was."""
    await receipts.receive(node, "tencent", TOKEN, {}, by_id(sid(code), status="FAIL"))

    assert code == await node.journal.load(CodeRow, *code.key())


async def test_whoever_does_not_know_the_address_changes_nothing(node, code) -> None:
    """And hears a no; so does who speaks for a carrier that there is not."""
    for token in ("", "guess", TOKEN.upper()):
        told = await receipts.receive(node, "tencent", token, {}, by_id(sid(code)))
        assert 400 == told[0]
    assert 404 == (await receipts.receive(node, "x", TOKEN, {}, by_id(sid(code))))[0]

    assert [] == await kept(node, code.pay_order_no)


async def test_the_former_address_is_good_until_it_is_retired(node, code) -> None:
    """A carrier is told its newer one when its people have time."""
    await registry.save(
        node,
        carrier="tencent",
        driver="tencent",
        base_url="https://example.com",
        credentials={**TENCENT, "receipt_token": NEWER},
        rotate=True,
    )
    await service.refresh(node)
    for token in (NEWER, TOKEN):
        told = await receipts.receive(node, "tencent", token, {}, by_id(sid(code)))
        assert 200 == told[0]
    await registry.retire(node, "tencent")
    await service.refresh(node)
    told = await receipts.receive(node, "tencent", TOKEN, {}, by_id(sid(code)))

    assert 400 == told[0]


async def test_a_text_of_nobodys_is_acknowledged_and_forgotten(node, code) -> None:
    """Others text by the same account; a number of another carrier's is no ours."""
    before = await node.journal.every(MessageRow)
    for carrier, body in (
        ("tencent", by_id("5000:1")),
        ("tencent", by_id("")),
        ("tencent", by_id("5000\0001")),
        ("tencent", b"[]"),
        ("aliyun", by_ours("", "order-17")),
    ):
        told = await receipts.receive(node, carrier, TOKEN, {}, body)
        assert 200 == told[0], body

    assert before == await node.journal.every(MessageRow)


async def test_a_made_up_number_leaves_nothing(node, code) -> None:
    """A carrier that is trusted may still name a payment that there never was, a code
    that was not sent, or a refund: only what has a code is written down.
    """
    no = code.pay_order_no
    never = pay_order_no(node.ids, node.now())
    made_up = [
        attempt_id(never, 1),
        attempt_id(no, 2),
        refund_no(no, 1),
        f"{no[:-1]}_01",
    ]
    told = await receipts.receive(node, "aliyun", TOKEN, {}, by_ours(*made_up))

    assert (200, b'{"code":0,"msg":"OK"}') == told
    assert [] == [*await kept(node, never), *await kept(node, no)]
    told = await receipts.receive(
        node, "aliyun", TOKEN, {}, by_ours(*made_up, attempt_id(no, 1))
    )
    assert ["DELIVERED OK"] == [row.verdict for row in await kept(node, no)]


async def test_a_receipt_shows_that_a_text_was_used(node, code) -> None:
    """Where its answer died with a node: the text that was prepared went out."""
    prepared = MessageRow(
        pay_order_no=code.pay_order_no,
        message_id=node.ids.uuid(),
        attempt_seq=1,
        direction="OUT",
        operation=Operation.SEND_CODE,
        channel=SMS_CENTRE,
        account="tencent",
        at=node.now(),
        verdict="",
        body="{}",
    )
    change = node.change()
    change.append(prepared)
    change.append(replace(prepared, message_id=node.ids.uuid(), account="aliyun"))
    assert await node.journal.commit(change) is None
    await receipts.receive(node, "tencent", TOKEN, {}, by_id(sid(code)))
    items = await timeline(node, code.pay_order_no)

    assert {
        "OUT send_code sms_centre/tencent",
        "PREPARED send_code sms_centre/aliyun",
        "RECEIPT send_code sms_centre/tencent",
    } == {item.title for item in items if item.kind == "message"}
