"""Texts over SMPP: what goes out, and what every way of its going wrong is called."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
import structlog
from message_centre import BIND, ENQUIRE, NACK, SUBMIT, UNBIND, submitted
from msgspec import structs
from smpp_client import CODE, PASSWORD, PHONE, WITHIN_S, a_text, until

from paycore.gateway import checking
from paycore.kernel.errors import BadRequest
from paycore.kernel.outcome import Outcome
from paycore.sms import registry, service
from paycore.sms.carriers.smpp import SmppCarrier
from paycore.sms.registry import Carriers
from paycore.sms.rows import CarrierRow
from paycore.sms.smpp.bind import Binds


async def test_a_text(client, centre) -> None:
    """To the phone, without its plus, with a receipt asked for; its number is kept."""
    said = await client.send()
    sent = submitted(centre.submits[0].body)

    assert (Outcome.SUCCEEDED, "1") == (said.delivery.outcome, said.delivery.message_id)
    assert (PHONE[1:], 1, 1, 1) == (
        sent["dest"],
        sent["dest_ton"],
        sent["dest_npi"],
        sent["registered"],
    )
    assert (0, 0, f"Your code is {CODE}.".encode()) == (
        sent["esm_class"],
        sent["coding"],
        sent["octets"],
    )


async def test_how_a_centre_wants_it(make_client, centre) -> None:
    """Sender, types, service and the name before the text, by the settings."""
    client = make_client(
        source_addr="Acme",
        source_ton=5,
        source_npi=9,
        dest_ton=2,
        dest_npi=8,
        service_type="OTP",
        sign="【{}】",
    )
    await client.bound()
    await client.send("验证码 1")
    sent = submitted(centre.submits[0].body)

    assert ("Acme", 5, 9) == (sent["source"], sent["source_ton"], sent["source_npi"])
    assert (2, 8, "OTP") == (sent["dest_ton"], sent["dest_npi"], sent["service_type"])
    assert "【Acme】验证码 1" == sent["octets"].decode("utf-16-be")


async def test_a_long_text_goes_in_parts(client, centre) -> None:
    """One after the other, with one reference; all their numbers are kept."""
    said = await client.send("验" * 140)
    parts = [submitted(got.body) for got in centre.submits]

    assert Outcome.SUCCEEDED == said.delivery.outcome
    assert ("1", ("2", "3")) == (said.delivery.message_id, said.delivery.further_ids)
    assert [0x40] * 3 == [part["esm_class"] for part in parts]
    assert 1 == len({part["octets"][3] for part in parts})
    assert "验" * 140 == "".join(p["octets"][6:].decode("utf-16-be") for p in parts)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0x58, Outcome.DECLINED),
        (0x14, Outcome.DECLINED),
        (0x0A, Outcome.DECLINED),
        (0x0B, Outcome.DECLINED),
        (0x0D, Outcome.DECLINED),
        (0x0E, Outcome.DECLINED),
        (0x0F, Outcome.DECLINED),
        (0x08, Outcome.UNKNOWN),
        (0x45, Outcome.UNKNOWN),
        (0xFF, Outcome.UNKNOWN),
        (0x0401, Outcome.UNKNOWN),
    ],
)
async def test_what_a_status_says(client, centre, status, outcome) -> None:
    """A no that is known for one; any other may be anything."""
    centre.statuses = [status]
    said = await client.send()

    assert (outcome, f"0x{status:08X}") == (
        said.delivery.outcome,
        said.delivery.resp_code,
    )


async def test_a_refusal_without_a_reason_is_no_yes(client, centre) -> None:
    """generic_nack with a status of zero: no text was taken that we know of."""

    def answer(call, got):
        if got.command == SUBMIT:
            call.say(NACK, got.sequence)

    centre.answer = answer
    said = await client.send()

    assert (Outcome.UNKNOWN, "0x000000FF") == (
        said.delivery.outcome,
        said.delivery.resp_code,
    )


async def test_a_line_may_know_more_statuses(make_client, centre) -> None:
    """By its settings; that a yes is one is not theirs to say."""
    errors = {"0x0401": "DECLINED", "0x14": "UNKNOWN", "0x0": "DECLINED"}
    client = make_client(errors=errors)
    await client.bound()
    centre.statuses = [0x0401, 0x14, 0]
    said = [(await client.send()).delivery.outcome for _ in range(3)]

    assert [Outcome.DECLINED, Outcome.UNKNOWN, Outcome.SUCCEEDED] == said


@pytest.mark.parametrize(
    ("statuses", "outcome", "sent"),
    [
        ([0x58], Outcome.DECLINED, 1),
        ([0, 0x58], Outcome.UNKNOWN, 2),
        ([0, 0, 0x0B], Outcome.UNKNOWN, 3),
    ],
)
async def test_parts_of_which_one_is_refused(
    client, centre, statuses, outcome, sent
) -> None:
    """The first: nothing was sent. A later one: half a text may be on the phone, and
    the rest is not sent.
    """
    centre.statuses = statuses
    said = await client.send("验" * 140)

    assert (outcome, sent) == (said.delivery.outcome, len(centre.submits))


async def test_parts_of_which_one_is_not_answered(client, centre) -> None:
    """Unknown; whoever took the first is known, for its receipt."""

    def answer(call, got):
        if got.command == SUBMIT and len(centre.submits) == 1:
            call.say(0x80000004, got.sequence, b"abc\0")

    centre.answer = answer
    said = await client.send("验" * 140, timeout_s=1.0)

    assert (Outcome.UNKNOWN, "2748") == (
        said.delivery.outcome,
        said.delivery.message_id,
    )


async def test_no_bind_is_not_sent(make_client) -> None:
    """Never tended, or nobody there: within the time for connecting."""
    stranger, alone = make_client(), make_client("smpp://127.0.0.1:1")
    untended = await stranger.send()
    alone.tend(alone.line)

    assert Outcome.NOT_SENT == untended.delivery.outcome
    assert Outcome.NOT_SENT == (await alone.send()).delivery.outcome


async def test_a_bind_that_hangs_is_not_sent(make_client, centre) -> None:
    """Taken, and never answered: no text is written to it."""
    centre.silent, client = {BIND}, make_client()
    client.tend(client.line)
    said = await client.send(timeout_s=0.2)

    assert (Outcome.NOT_SENT, []) == (said.delivery.outcome, centre.submits)


async def test_a_text_waits_for_a_bind_that_is_just_being_made(
    make_client, centre
) -> None:
    """A node that has just started loses no text."""
    client = make_client()
    client.tend(client.line)
    said = await client.send(connect_s=WITHIN_S)

    assert Outcome.SUCCEEDED == said.delivery.outcome


async def test_lost_after_it_was_written_is_unknown(client, centre) -> None:
    """The centre may have taken it before it hung up."""
    centre.hang_up_on = {SUBMIT}
    said = await client.send()

    assert (Outcome.UNKNOWN, "NO_ANSWER") == (
        said.delivery.outcome,
        said.delivery.resp_code,
    )


async def test_an_answer_that_comes_too_late_is_logged(client, centre) -> None:
    """Unknown at the time, and nobody's afterwards."""
    centre.silent = {SUBMIT}
    said = await client.send(timeout_s=0.5)
    await until(lambda: centre.submits)
    with structlog.testing.capture_logs() as logs:
        late = centre.submits[0]
        centre.call.say(0x80000004, late.sequence, b"1\0")
        await until(lambda: logs)
    centre.silent = set()

    assert (Outcome.UNKNOWN, "time-out") == (
        said.delivery.outcome,
        said.delivery.resp_msg,
    )
    assert ("smpp_answer_to_nothing", late.sequence) == (
        logs[0]["event"],
        logs[0]["sequence"],
    )
    assert Outcome.SUCCEEDED == (await client.send()).delivery.outcome


async def test_an_answer_may_lack_a_number(client, centre) -> None:
    """A yes is one without it, and with one that does not end."""
    for body in (b"", b"\0", b"garbled"):
        centre.answer = lambda call, got, body=body: call.say(
            0x80000004, got.sequence, body
        )
        said = await client.send()

        assert (Outcome.SUCCEEDED, "") == (
            said.delivery.outcome,
            said.delivery.message_id,
        )


# --- what may be kept, and set --------------------------------------------------------


async def test_nothing_secret_is_kept_or_logged(client, centre, capsys) -> None:
    """Of phone, code and password nothing in what is stored, shown or logged, whatever
    the centre writes.
    """
    centre.ids = [PHONE[1:]]
    with structlog.testing.capture_logs() as logs:
        said = await client.send()
        centre.call.raw(b"\0\0\0\x11\0\0\0\x05\0\0\0\0\0\0\0\1" + b"8")
        centre.hang_up_on = {SUBMIT}
        lost = await client.send()
        await until(lambda: any(each["event"] == "smpp_unbound" for each in logs))
    masked = client.driver.masked(client.line, a_text())
    kept = f"{logs} {masked} {client.driver.scrub(said.answer)} {lost} {client.line}"
    kept += "".join(capsys.readouterr())

    for secret in (PHONE, PHONE[1:], PHONE[3:], CODE, PASSWORD):
        assert secret not in kept.replace(said.delivery.message_id, "")
    assert (PASSWORD,) == client.line.secrets


async def test_what_is_kept_says_what_was_sent(make_client) -> None:
    """The fields that matter, and how many parts the text itself took."""
    client = make_client(source_addr="Acme")
    kept = msgspec.json.decode(client.driver.masked(client.line, a_text("验" * 71)))

    assert {
        "source_addr": "Acme",
        "destination_addr": "+86*******5678",
        "data_coding": 8,
        "parts": 2,
        "text": "验" * 71,
    } == kept


@pytest.mark.parametrize(
    "wrong",
    [
        {"system_id": ""},
        {"system_id": "x" * 16},
        {"system_id": "acmé"},
        {"password": "a\n"},
        {"source_addr": "x" * 21},
        {"sign": "{}{}"},
        {"sign": "{0}"},
        {"window": 0},
        {"errors": {"58": "DECLINED"}},
        {"errors": {"0x58": "SUCCEEDED"}},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong) -> None:
    """When they are set, and not when the first text is sent."""
    given = {"system_id": "acme", "password": "x"} | wrong
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, SmppCarrier.Config)


@pytest.mark.parametrize(
    ("base_url", "good"),
    [
        ("smpp://smsc.example:2775", True),
        ("smpps://smsc.example", True),
        ("smpp://[::1]:2775", True),
        ("https://smsc.example", False),
        ("smpp://", False),
        ("smpp://smsc.example:0", False),
        ("smpp://smsc.example:77777", False),
        ("smpp://smsc.example/path", False),
        ("smpp://smsc.example?tls=1", False),
        ("smpp://acme:secret@smsc.example", False),
        ("smsc.example:2775", False),
    ],
)
async def test_where_a_centre_may_be(node, base_url, good) -> None:
    """Its scheme, a host and a port, and nothing else; other carriers keep theirs."""

    def save(driver):
        return registry.save(
            node,
            carrier="smsc",
            driver=driver,
            base_url=base_url,
            credentials={"system_id": "acme", "password": "x"},
        )

    if good:
        await save("smpp")
        with pytest.raises(BadRequest) as refused:
            await save("sandbox")
    else:
        with pytest.raises(BadRequest) as refused:
            await save("smpp")
    assert "base_url" == refused.value.field


async def test_an_address_that_cannot_be_opens_no_line(node, centre) -> None:
    """However it came into the table; the other lines are tended all the same."""
    login = msgspec.json.encode({"system_id": "acme", "password": "x"})
    change = node.change()
    for carrier, base_url in (("bad", "smpp://h:x"), ("good", centre.url)):
        sealed = node.key_ring.seal(login, context=f"sms_carrier:{carrier}".encode())
        change.insert(
            CarrierRow(
                carrier=carrier, driver="smpp", base_url=base_url, credentials=sealed
            )
        )
    assert await node.journal.commit(change) is None
    await service.refresh(node)
    await until(lambda: centre.calls)

    assert ["good"] == [line.carrier for line in node.state(Carriers).lines]


# --- a trial --------------------------------------------------------------------------


async def checked(node, centre):
    await registry.save(
        node,
        carrier="smsc",
        driver="smpp",
        base_url=centre.url,
        credentials={"system_id": "acme", "password": PASSWORD},
    )
    return await checking.carrier(node, "smsc")


async def test_a_trial_makes_a_bind_and_leaves(node, centre) -> None:
    """Bound, a sign of life, goodbye; nobody is texted."""
    result = await checked(node, centre)

    assert result.good
    assert [BIND, ENQUIRE, UNBIND] == [got.command for got in centre.call.got]
    assert set() == node.transport._streams._open


async def test_a_trial_uses_the_bind_that_stands(client, centre) -> None:
    """A centre may allow one only."""
    said = await client.driver.check(client.node, client.line, timeout_s=WITHIN_S)

    assert (Outcome.SUCCEEDED, 1) == (said.outcome, len(centre.calls))


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (0x0E, "password"),
        (0x0F, "does not know this system_id"),
        (0x0D, "transceiver"),
        (0x05, "has a bind"),
        (0x08, "none that we know"),
    ],
)
async def test_a_trial_that_is_refused_is_explained(node, centre, status, why) -> None:
    """By what the status means."""
    centre.bind_status = status
    result = await checked(node, centre)

    assert not result.good
    assert (f"0x{status:08X}", True) == (result.resp_code, why in result.explanation)


@pytest.mark.parametrize("silent", [{BIND}, {ENQUIRE}])
async def test_a_trial_that_is_not_answered_is_explained(node, centre, silent) -> None:
    """The connection was taken: look at the port."""
    centre.silent = silent
    node.settings = structs.replace(node.settings, sms_timeout_s=0.5)
    result = await checked(node, centre)

    assert (False, "NO_ANSWER") == (result.good, result.resp_code)
    assert "did not answer in time" in result.explanation


async def test_a_trial_of_what_is_no_centre_is_explained(node, centre) -> None:
    """A web server at this port; and nobody at all."""

    def answer(call, _got):
        call.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    centre.answer = answer
    web = await checked(node, centre)
    await centre.close()
    nobody = await checked(node, centre)
    await centre.open()

    assert (False, "GARBAGE") == (web.good, web.resp_code)
    assert "does not speak this protocol" in web.explanation
    assert (False, "NOT_SENT") == (nobody.good, nobody.resp_code)


async def test_binds_of_two_lines_are_two(make_client, centre) -> None:
    """One node, two carriers: neither waits for the other."""
    first, second = make_client(), make_client()
    second.line = replace(second.line, carrier="other")
    first.driver.tend(first.node, [first.line, second.line])
    await until(lambda: len(centre.calls) == 2)
    sends = (each.send(connect_s=WITHIN_S) for each in (first, second))
    said = await asyncio.gather(*sends)

    assert [Outcome.SUCCEEDED] * 2 == [each.delivery.outcome for each in said]
    assert 2 == len(first.node.state(Binds)._standing)
