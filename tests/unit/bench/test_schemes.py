"""A call from the tape is the genuine one, and each scheme is set beside its like."""

import asyncio
from time import process_time_ns

import pytest
from rich.progress import Progress

from paycore.bench.load import Level
from paycore.bench.payer import WrongAnswer
from paycore.bench.schemes import payments, report, run
from paycore.bench.schemes.calls import (
    CALLBACK,
    HOUSE,
    HOUSE_TEXT,
    OTHER_WAYS,
    TEXT,
    TITLES,
)
from paycore.bench.schemes.run import Cost, Costs
from paycore.bench.schemes.tape import Tape
from paycore.gateway.call import Operation
from paycore.kernel.http import Answered, HttpRequest, NoAnswer
from paycore.kernel.stream import Place, StreamLost
from paycore.sms.smpp import pdu as wire
from paycore.sms.smpp.pdu import Pdu

CARRIERS = {HOUSE_TEXT, "aliyun", "tencent", "smpp"}
BY_CODE = [Operation.SEND_CODE, Operation.CONFIRM, CALLBACK, Operation.ENQUIRE]
QUICK = {*BY_CODE, Operation.REFUND, Operation.DEDUCT}
PLACE = Place(host="localhost", port=1, tls=False, connect_timeout_s=1)


class Network:
    """One that answers each call with its number, or not at all."""

    def __init__(self, *, answers: bool = True) -> None:
        self.asked, self._answers = 0, answers

    async def send(self, request: HttpRequest) -> Answered | NoAnswer:
        """Answer, and count."""
        self.asked += 1
        if not self._answers:
            return NoAnswer(reason="time-out")
        return Answered(status=200, headers={}, body=str(self.asked).encode())

    async def connect(self, place: Place) -> "Centre":
        """To somebody who speaks SMPP."""
        return Centre()


class Centre:
    """A connection whose other side takes every text, whatever it is asked."""

    def __init__(self) -> None:
        answer = Pdu(command=wire.SUBMIT_SM | wire.RESPONSE, sequence=1, body=b"77\0")
        self._came = wire.encoded(answer)

    async def read(self, octets: int) -> bytes:
        """What it has to say."""
        given, self._came = self._came[:octets], self._came[octets:]
        return given

    async def write(self, octets: bytes) -> None:
        """Nobody listens."""

    async def close(self) -> None:
        """Nobody is there."""


def a_request() -> HttpRequest:
    return HttpRequest(url="http://localhost/a?b", headers={}, body=b"", timeout_s=1)


def a_cost(scheme: str, operation: str, assemble_us: float | None = 10.0) -> Cost:
    return Cost(
        scheme=scheme, operation=operation, assemble_us=assemble_us, read_us=20.0
    )


def a_level(payments: int, *, others: float = 0.5) -> Level:
    return Level(
        concurrency=64,
        payments=payments,
        seconds=2.0,
        send_s={},
        confirm_s={},
        cpu_s={"node": 1.0, "sandbox": 0.5},
        others=others,
    )


# --- the tape -------------------------------------------------------------------------


async def test_a_tape_answers_as_the_network_did():
    """In order, from the beginning each time, and without asking anybody."""
    network = Network()
    tape = Tape(network)
    first = [await tape.send(a_request()) for _ in range(2)]
    for _ in range(3):
        tape.wind_back()

        assert first == [await tape.send(a_request()) for _ in range(2)]
    assert 2 == network.asked


async def test_a_call_leaves_once():
    """Its first request is where assembling ends; another one belongs to reading."""
    tape = Tape(Network())
    await tape.send(a_request())
    await tape.send(a_request())
    tape.wind_back()
    assert tape.left_ns is None

    began = process_time_ns()
    await tape.send(a_request())
    left = tape.left_ns
    await tape.send(a_request())

    assert left is not None
    assert left >= began
    assert tape.left_ns == left


async def test_a_call_without_an_answer_is_no_figure():
    """Nothing of it can be read again; and no address is told with its query."""
    with pytest.raises(WrongAnswer, match="http://localhost/a answered NoAnswer"):
        await Tape(Network(answers=False)).send(a_request())


async def test_a_text_over_a_connection_is_answered_under_its_own_number():
    """As one of its kind was; what was never answered waits until it is over."""
    tape = Tape(Network())
    real = await tape.connect(PLACE)
    body = (await real.read(wire.HEAD_OCTETS), await real.read(3))[1]
    tape.wind_back()
    echo = await tape.connect(PLACE)
    await echo.write(wire.encoded(Pdu(command=wire.SUBMIT_SM, sequence=9, body=b"x")))
    head = wire.head_of(await echo.read(wire.HEAD_OCTETS))

    assert (wire.SUBMIT_SM | wire.RESPONSE, 9) == (head.command, head.sequence)
    assert body == await echo.read(head.body_octets)
    assert tape.left_ns is not None

    waiting = asyncio.create_task(echo.read(wire.HEAD_OCTETS))
    await echo.write(wire.encoded(Pdu(command=wire.UNBIND, sequence=10)))
    await echo.close()
    with pytest.raises(StreamLost):
        await waiting


# --- the calls ------------------------------------------------------------------------


def test_every_call_of_a_payment_is_measured_at_everybody(monkeypatch):
    """Each is genuine, or there were no figure; the sandbox ends before the rounds."""
    monkeypatch.setattr(run, "WINDOW_NS", 1)
    rounds: list[int] = []
    found = run.measure(2, lambda: rounds.append(1))
    by_scheme = {scheme: {c.operation for c in found.of(scheme)} for scheme in TITLES}

    assert [1, 1] == rounds
    assert by_scheme == {
        **dict.fromkeys((HOUSE, "unionpay", "huifu", *OTHER_WAYS), QUICK),
        "stripe": {Operation.DEDUCT, CALLBACK, Operation.ENQUIRE, Operation.REFUND},
        **{carrier: {TEXT} for carrier in CARRIERS},
    }
    for cost in found.costs:
        assert (cost.assemble_us is None) is (cost.operation == CALLBACK), cost
        assert cost.read_us > 0, cost


# --- what is told ---------------------------------------------------------------------


def _costs() -> Costs:
    house = [a_cost(HOUSE, name) for name in ("deduct", "confirm")]
    return Costs(
        rounds=3,
        costs=[
            *house,
            a_cost("stripe", "deduct", 100.0),
            a_cost("stripe", CALLBACK, None),
            a_cost(HOUSE, CALLBACK, None),
            *(a_cost(one, "deduct") for one in ("huifu", "unionpay", *OTHER_WAYS)),
            a_cost(HOUSE_TEXT, TEXT, 40.0),
            *(a_cost(one, TEXT, 100.0) for one in CARRIERS - {HOUSE_TEXT}),
        ],
        others_busy=0.254,
    )


def test_a_scheme_is_set_beside_the_same_calls():
    """No call that it lacks counts, and a carrier is no bank."""
    costs = _costs()

    assert costs.by_hmac("stripe") == pytest.approx(140 / 50)
    assert costs.by_hmac("aliyun") == pytest.approx(120 / 60)
    assert costs.by_hmac(HOUSE) == pytest.approx(1.0)


def test_the_line_of_json_has_plain_numbers():
    """Means over a scheme's calls; a call that has no such half is not in them."""
    said = report.document(_costs(), [])

    assert (100.0, 20.0, 2.8) == tuple(
        said[f"stripe_{name}"] for name in ("assemble_us", "read_us", "by_hmac")
    )
    assert (3, 0.25) == (said["rounds"], said["others_busy"])
    assert "sandbox_by_hmac" not in said
    assert all(isinstance(value, int | float) for value in said.values())


def test_payments_at_a_provider_are_told_beside_the_houses():
    """Over all rounds, with the ratio and who spent what."""
    pair = payments.Pair(
        provider="unionpay",
        house=[a_level(300), a_level(500)],
        theirs=[a_level(100), a_level(100, others=0.1)],
    )
    said = report.document(_costs(), [pair])

    assert (50.0, 200.0, 4.0) == (
        *(said["unionpay_payments_per_s"], said["unionpay_house_per_s"]),
        said["house_by_unionpay"],
    )
    assert {"node": 10_000, "sandbox": 5_000} == said["unionpay_cpu_us_per_payment"]
    assert said["unionpay_others_busy"] == pytest.approx(0.4)
    assert 2 == len(report.tables(_costs(), [pair]))


# A node in this process, and its framework's advice to whoever writes handlers.
@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
@pytest.mark.long
def test_payments_at_providers_are_whole(monkeypatch):
    """Each succeeded, was charged once and was told of, or there were no figure."""
    monkeypatch.setattr(payments, "DUEL_AT", 2)
    with Progress(disable=True) as progress:
        plan = payments.Plan(seconds=1, rounds=1, processes=1)
        found = payments.measure(plan, progress)

    assert list(payments.WAYS) == [pair.provider for pair in found]
    for pair in found:
        assert [2, 2] == [one.concurrency for one in (*pair.house, *pair.theirs)]
