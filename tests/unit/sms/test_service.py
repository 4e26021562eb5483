"""The SMS centre on real PostgreSQL, its texts through the sandbox's carriers."""

import asyncio
import json
from dataclasses import replace as with_fields
from datetime import timedelta

import pytest
from msgspec.structs import replace

from paycore.kernel.errors import BadRequest
from paycore.kernel.http import Answered
from paycore.kernel.journal import ChangeRejected, LimitCounter
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import Epoch, VerifyStatus
from paycore.sms import service
from paycore.sms.carriers.sandbox import SandboxCarrier, _signature
from paycore.sms.quota import quotas_of_phone
from paycore.sms.rows import CarrierRow, CodeStatus, SentRow
from paycore.sms.service import Verified, VerifyRequest


def statuses(rows):
    return [row.status for row in rows]


# --- sending --------------------------------------------------------------------------


async def test_a_code_is_sent_and_passes_once_typed(centre) -> None:
    """The first carrier delivers the text, and the code in it passes."""
    sent = await centre.send()
    (text,) = centre.sandbox.texts(centre.phone)

    assert (Outcome.SUCCEEDED, "a") == (sent.outcome, text["carrier"])
    assert text["code"] in text["text"]
    assert VerifyStatus.PASS == (await centre.verify(text["code"])).status
    assert [CodeStatus.PASSED] == statuses(await centre.rows())


@pytest.mark.parametrize(
    "fault", ["refuse_connection", "decline:MAINTENANCE", "http_500", "timeout_before"]
)
async def test_the_next_carrier_sends_where_the_first_does_not(centre, fault) -> None:
    """A refusal, an error and a time-out each bring the text by the second carrier."""
    centre.wait_briefly()
    centre.sandbox.fault("carrier.a.send", fault)

    sent = await centre.send()
    (text,) = centre.sandbox.texts(centre.phone)

    assert (Outcome.SUCCEEDED, "b") == (sent.outcome, text["carrier"])
    assert VerifyStatus.PASS == (await centre.verify(text["code"])).status


@pytest.mark.parametrize("fault", ["timeout_after", "bad_signature", "garbage"])
async def test_a_text_that_goes_out_twice_has_the_same_code(centre, fault) -> None:
    """Where the first carrier acted and we cannot know, both texts hold one code."""
    centre.wait_briefly()
    centre.sandbox.fault("carrier.a.send", fault)

    sent = await centre.send()
    texts = centre.sandbox.texts(centre.phone)

    assert Outcome.SUCCEEDED == sent.outcome
    assert ["a", "b"] == [text["carrier"] for text in texts]
    assert texts[0]["code"] == texts[1]["code"]
    assert (None if fault == "timeout_after" else "bad signature") == sent.alarm


async def test_all_carriers_saying_no_is_a_refusal_of_the_channel(centre) -> None:
    """Nothing was sent: the code is void and the phone's limits are as before."""
    centre.sandbox.fault("carrier.*.send", "decline:MAINTENANCE")

    sent = await centre.send()
    node, (row,) = centre.node, await centre.rows()
    quotas = quotas_of_phone(node.settings, row.phone_hash, row.created_at)
    counters = [await node.journal.load(LimitCounter, each.counter) for each in quotas]

    assert Outcome.DECLINED == sent.outcome
    assert CodeStatus.VOID == row.status
    assert [0, 0] == [counter.used for counter in counters]


async def test_carriers_that_cannot_be_reached_have_sent_nothing(centre) -> None:
    """With no carrier's door open, it is known at once that nothing was sent."""
    centre.sandbox.fault("carrier.*.send", "refuse_connection")

    assert Outcome.NOT_SENT == (await centre.send()).outcome
    assert [CodeStatus.VOID] == statuses(await centre.rows())


async def test_a_carrier_that_may_have_sent_outweighs_one_that_did_not(centre) -> None:
    """Unknown, then a sure no: unknown, whatever the order of the two."""
    centre.sandbox.fault("carrier.a.send", "decline:MAINTENANCE")
    centre.sandbox.fault("carrier.b.send", "http_500")

    assert Outcome.UNKNOWN == (await centre.send()).outcome


async def test_a_carrier_whose_credentials_do_not_open_is_left_out(centre) -> None:
    """One carrier that was set up wrongly does not stop the others."""
    node = centre.node
    stands = await node.journal.load(CarrierRow, "a")
    change = node.change()
    change.update(
        replace(stands, credentials=b"\x02k1nonsense"), version=stands.version
    )
    await node.journal.commit(change)
    await service.refresh(node)

    assert Outcome.SUCCEEDED == (await centre.send()).outcome
    assert ["b"] == [text["carrier"] for text in centre.sandbox.texts(centre.phone)]


async def test_a_node_without_carriers_sends_nothing(centre) -> None:
    """Disabled carriers are not tried."""
    node = centre.node
    for name, url in centre.sandbox.carriers.items():
        await service.save_carrier(
            node,
            carrier=name,
            driver="sandbox",
            base_url=url,
            credentials={"merchant": "m1", "secret": "00"},
            enabled=False,
        )
    await service.refresh(node)

    sent = await centre.send()
    assert (Outcome.NOT_SENT, "NO_CARRIER") == (sent.outcome, sent.resp_code)


async def test_a_carrier_nobody_can_speak_to_is_not_saved(centre) -> None:
    """An unknown driver, and credentials of another form, are refused at once."""
    for driver, credentials in (("none", {}), ("sandbox", {"merchant": "m1"})):
        with pytest.raises(BadRequest):
            await service.save_carrier(
                centre.node,
                carrier="c",
                driver=driver,
                base_url="http://127.0.0.1:1",
                credentials=credentials,
            )


async def test_two_silent_carriers_are_unknown(centre) -> None:
    """Nobody's word is no yes: the code is void, and typing it opens nothing."""
    centre.wait_briefly()
    centre.sandbox.fault("carrier.*.send", "timeout_after")

    sent = await centre.send()

    assert Outcome.UNKNOWN == sent.outcome
    assert [CodeStatus.VOID] == statuses(await centre.rows())
    assert VerifyStatus.EXPIRED == (await centre.verify(centre.code())).status


@pytest.mark.parametrize("how", ["is silent", "is born again"])
async def test_a_node_whose_life_ran_out_sends_nothing(centre, how: str) -> None:
    """A life that ended while the first carrier was silent stops the second one, also
    where the node lives again: the payment may be another's, with a code of its own.
    """
    centre.wait_briefly()
    centre.sandbox.fault("carrier.a.send", "timeout_before")
    node = centre.node

    def ends() -> None:
        if how == "is born again":
            node.heartbeat.epoch = Epoch(node.epoch + 1)
        else:
            node.heartbeat.good_until = node.clock.monotonic()

    asyncio.get_running_loop().call_later(0.9, ends)
    sent = await centre.send()

    assert Outcome.UNKNOWN == sent.outcome
    assert [] == centre.sandbox.texts(centre.phone)


async def test_a_new_code_makes_the_old_one_void(centre) -> None:
    """Once the second text is out only its code passes; the first is known as old."""
    await centre.send(1)
    old = centre.code()
    await centre.send(2)

    wrong = await centre.verify(old)
    assert (VerifyStatus.WRONG, 4) == (wrong.status, wrong.tries_left)
    assert "a code that was replaced" == wrong.reason
    assert VerifyStatus.PASS == (await centre.verify(centre.code())).status
    assert [CodeStatus.VOID, CodeStatus.PASSED] == statuses(await centre.rows())


async def test_a_failed_resend_leaves_the_old_code_good(centre) -> None:
    """The payer can still use the code he has when another could not be sent."""
    await centre.send(1)
    centre.sandbox.fault("carrier.*.send", "decline:MAINTENANCE")
    await centre.send(2)

    assert [CodeStatus.ACTIVE, CodeStatus.VOID] == statuses(await centre.rows())
    assert VerifyStatus.PASS == (await centre.verify(centre.code())).status


async def test_a_code_whose_send_never_concluded_opens_nothing(centre) -> None:
    """After a crash between the text and its record, only the code sent next passes."""
    change = centre.node.change()
    prepared = await service.prepare_send(centre.node, centre.request(1), change)
    await centre.node.journal.commit(change)
    await service.send(centre.node, prepared, within_s=20.0)
    lost = centre.code()

    assert VerifyStatus.EXPIRED == (await centre.verify(lost)).status
    await centre.send(2)
    assert VerifyStatus.WRONG == (await centre.verify(lost)).status
    assert VerifyStatus.PASS == (await centre.verify(centre.code())).status


async def test_a_late_yes_does_not_revive_a_replaced_code(centre) -> None:
    """The answer of a node that was taken over changes nothing of the newer code."""
    change = centre.node.change()
    prepared = await service.prepare_send(centre.node, centre.request(1), change)
    await centre.node.journal.commit(change)
    sent = await service.send(centre.node, prepared, within_s=20.0)
    await centre.send(2)

    change = centre.node.change()
    service.conclude_send(centre.node, prepared, sent, change)

    assert None is await centre.node.journal.commit(change)
    assert [CodeStatus.VOID, CodeStatus.ACTIVE] == statuses(await centre.rows())


async def test_what_is_kept_of_a_text_shows_neither_code_nor_phone(centre) -> None:
    """The masked message has the words, and no code, phone, key or signature, nor the
    card number that a business line wrote into them.
    """
    change, card = centre.node.change(), "6222021234567894"
    asked = with_fields(centre.request(1), subject=f"card {card}")
    prepared = await service.prepare_send(centre.node, asked, change)
    kept = repr(prepared)
    code = prepared.messages[0].text.code

    assert ["a", "b"] == [message.line.carrier for message in prepared.messages]
    assert "CNY 12.50" in prepared.messages[0].masked
    for secret in (code, centre.phone, "5ec7e7", card):
        assert secret not in kept


async def test_a_carrier_that_repeats_the_text_leaves_no_trace_of_the_code(
    centre,
) -> None:
    """Whatever a carrier says of code and phone, what is kept of it has neither."""
    node, real = centre.node, centre.node.transport
    node.transport = Parrot(real)

    sent = await centre.send()
    node.transport = real
    (tried,) = sent.tried

    assert (Outcome.SUCCEEDED, "sent ****** to") == (sent.outcome, sent.resp_msg[:14])
    for kept in (sent.resp_msg, tried.delivery.resp_msg, tried.answer):
        assert centre.code() not in kept
        assert centre.phone not in kept


class Parrot:
    """The real network, with a carrier at its end that repeats what it was told."""

    def __init__(self, real) -> None:
        self.real = real

    async def send(self, request):
        """Send, and put the request's code and phone into the signed answer."""
        answered = await self.real.send(request)
        sent, said = json.loads(request.body), json.loads(answered.body)
        told = f"sent {sent['params']['code']} to {sent['phone']}"
        body = json.dumps(said | {"message": told}).encode()
        timestamp = answered.headers["x-timestamp"]
        config = SandboxCarrier.Config(merchant="m1", secret="5ec7e7" * 10)
        signature = _signature(config, timestamp, "/v1/send", body)
        headers = {"x-timestamp": timestamp, "x-signature": signature}
        return Answered(status=200, headers=headers, body=body)


async def test_a_carrier_file_that_breaks_is_passed_over(centre, monkeypatch) -> None:
    """Before anything is sent as well: the other carriers text all the same."""
    masked = SandboxCarrier.masked

    def broken(self, line, text):
        if line.carrier == "a":
            raise ValueError("of somebody else's")
        return masked(self, line, text)

    monkeypatch.setattr(SandboxCarrier, "masked", broken)
    sent = await centre.send()
    (text,) = centre.sandbox.texts(centre.phone)

    assert (Outcome.SUCCEEDED, "b") == (sent.outcome, text["carrier"])


async def test_a_number_that_no_column_takes(centre, monkeypatch) -> None:
    """A text that is out is on record as such, whatever its carrier calls it."""
    read = SandboxCarrier.read

    def odd(self, line, text, answered):
        return with_fields(read(self, line, text, answered), message_id="7\x008")

    monkeypatch.setattr(SandboxCarrier, "read", odd)
    monkeypatch.setattr(SandboxCarrier, "receipts_by_id", True)
    await centre.send()
    rows = await centre.node.journal.within(SentRow, "a/78")

    assert [centre.no] == [row.pay_order_no for row in rows]
    assert [CodeStatus.ACTIVE] == statuses(await centre.rows())


# --- verifying ------------------------------------------------------------------------


async def test_five_wrong_tries_lock_a_code(centre) -> None:
    """The tries count down, and after the fifth the right code is not even compared."""
    await centre.send()
    wrong = centre.wrong()

    answers = [await centre.verify(wrong) for _ in range(5)]
    locked = await centre.verify(centre.code())

    assert [4, 3, 2, 1, 0] == [answer.tries_left for answer in answers]
    assert {VerifyStatus.WRONG} == {answer.status for answer in answers}
    assert (VerifyStatus.LOCKED, 0) == (locked.status, locked.tries_left)
    assert [(CodeStatus.LOCKED, 5)] == [
        (r.status, r.tries) for r in await centre.rows()
    ]


async def test_ten_wrong_tries_lock_a_payment(centre) -> None:
    """A third code does not buy more tries than the payment has."""
    for seq in (1, 2):
        await centre.send(seq)
        for _ in range(5):
            await centre.verify(centre.wrong())
    await centre.send(3)

    assert VerifyStatus.LOCKED == (await centre.verify(centre.code())).status


async def test_a_hundred_guesses_at_once_give_five_comparisons(centre) -> None:
    """However guesses race, at most five are compared and the code is never passed."""
    await centre.send()
    wrong = centre.wrong()

    answers = await asyncio.gather(
        *(centre.verify(wrong) for _ in range(100)), return_exceptions=True
    )
    compared = [
        answer
        for answer in answers
        if isinstance(answer, Verified) and answer.status is VerifyStatus.WRONG
    ]
    again = [await centre.verify(wrong) for _ in range(10)]
    compared += [answer for answer in again if answer.status is VerifyStatus.WRONG]

    assert 5 == len(compared)
    assert [(CodeStatus.LOCKED, 5)] == [
        (r.status, r.tries) for r in await centre.rows()
    ]


async def test_a_code_that_passed_passes_again_for_its_order(centre) -> None:
    """After a crash before the charge the payer types the same code and is let in."""
    await centre.send()
    for _ in range(4):
        await centre.verify(centre.wrong())

    first = await centre.verify(centre.code())
    passed_at = (await centre.rows())[0].passed_at
    again = await centre.verify(centre.code())
    other = await centre.verify(centre.wrong())
    (row,) = await centre.rows()

    assert [VerifyStatus.PASS] * 2 == [first.status, again.status]
    assert passed_at == row.passed_at
    assert (VerifyStatus.WRONG, 0) == (other.status, other.tries_left)
    assert VerifyStatus.LOCKED == (await centre.verify(centre.code())).status


async def test_another_orders_code_is_wrong(make_centre) -> None:
    """A code opens the order it was sent for and no other."""
    mine, other = make_centre(), make_centre()
    await mine.send()
    await other.send()

    assert VerifyStatus.WRONG == (await mine.verify(other.code())).status


async def test_a_code_is_good_for_its_amount_only(centre) -> None:
    """Had the amount changed since the text, its code would be wrong."""
    await centre.send()

    assert VerifyStatus.WRONG == (await centre.verify(centre.code(), amount=1)).status


async def test_a_code_passes_at_the_moment_of_its_comparison(centre) -> None:
    """A node that sleeps after the comparison writes when it compared (I8, I27)."""
    await centre.send()
    request = VerifyRequest(
        pay_order_no=centre.no,
        amount=12_50,
        currency="CNY",
        card_id=centre.card,
        number_hash=centre.number_hash,
        code=centre.code(),
    )
    change = centre.node.change()
    prepared = await service.prepare_verify(centre.node, request, change)
    await centre.node.journal.commit(change)
    verified = service.verify(centre.node, prepared)
    centre.node.clock.anchor(centre.node.now() + timedelta(hours=1))
    change = centre.node.change()
    service.conclude_verify(centre.node, prepared, verified, change)
    await centre.node.journal.commit(change)
    (row,) = await centre.rows()

    assert VerifyStatus.PASS is verified.status
    assert row.passed_at < row.expires_at


async def test_an_expired_code_stays_expired(centre) -> None:
    """Neither the node's clock nor a restart with an earlier one revives a code."""
    await centre.send()
    node, code = centre.node, centre.code()
    start = node.now()
    node.clock.anchor(start + timedelta(seconds=301))
    expired = await centre.verify(code)
    node.clock.anchor(start)
    jumped_back = await centre.verify(code)
    restarted = type(node.clock)(start)
    node.clock = restarted
    after_restart = await centre.verify(code)

    assert [VerifyStatus.EXPIRED] * 3 == [
        expired.status,
        jumped_back.status,
        after_restart.status,
    ]
    assert [CodeStatus.VOID] == statuses(await centre.rows())


# --- what the database itself refuses -------------------------------------------------


@pytest.mark.parametrize(
    "forbidden",
    [
        {"status": CodeStatus.PENDING},
        {"tries": -1},
        {"amount": 1},
        {"expires_at": "later"},
    ],
)
async def test_the_database_refuses_what_a_code_cannot_become(
    centre, forbidden
) -> None:
    """A code is never sent anew, rebound or prolonged, whatever the program says."""
    await centre.send()
    (row,) = await centre.rows()
    if "expires_at" in forbidden:
        forbidden = {"expires_at": row.expires_at + timedelta(minutes=5)}
    change = centre.node.change()
    change.update(replace(row, **forbidden), version=row.version)

    with pytest.raises(ChangeRejected):
        await centre.node.journal.commit(change)


async def test_the_database_refuses_a_second_good_code(centre) -> None:
    """Two good codes of one payment cannot stand side by side (I9)."""
    await centre.send()
    (row,) = await centre.rows()
    change = centre.node.change()
    change.insert(replace(row, seq=2, version=1))

    with pytest.raises(ChangeRejected, match="another code is good"):
        await centre.node.journal.commit(change)


@pytest.mark.parametrize("final", [CodeStatus.VOID, CodeStatus.LOCKED])
async def test_nothing_leaves_a_final_status(centre, final) -> None:
    """A void or locked code never becomes good again."""
    await centre.send()
    (row,) = await centre.rows()
    change = centre.node.change()
    change.update(replace(row, status=final), version=row.version)
    assert await centre.node.journal.commit(change) is None
    change = centre.node.change()
    change.update(row, version=row.version + 1)

    with pytest.raises(ChangeRejected, match="final"):
        await centre.node.journal.commit(change)
