"""How a chain runs: what is committed when, under which lease, and what is noted."""

import json
from datetime import timedelta

import pytest
from a_payment import NO, NO_ANSWER, NOW, YES, begun
from a_run import an_order, converted, run_of
from msgspec.structs import replace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from paycore.core import ask as asking
from paycore.core import chain
from paycore.core.chain import Foreign, GuardRefused, Local, Mark, Next
from paycore.core.payment import Payment
from paycore.core.rows import AttemptRow, PaymentRow, TrailRow
from paycore.gateway.call import Reply
from paycore.gateway.rows import MessageRow
from paycore.kernel import errors, trace
from paycore.kernel.clock import SystemClock
from paycore.kernel.journal import LimitCounter, Refused
from paycore.kernel.meters import OPENED, Tally
from paycore.kernel.node import LEASE_MARGIN_S
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import Epoch, TransType


async def recorded(**given):
    """A passage of an order that is on record, on a node that lives."""
    run = await run_of(an_order(coupon_no="C1"), **given)
    run.node.heartbeat.epoch = Epoch(7)
    run.node.heartbeat.good_until = run.node.clock.monotonic() + 3600
    change = run.node.change()
    change.insert(run.payment.row)
    assert await run.node.journal.commit(change) is None
    return run


def a_limit(no: int = 1) -> LimitCounter:
    return LimitCounter(counter=f"c{no}", used=no, expires_at=NOW)


async def test_a_commit_writes_what_is_staged_and_begins_anew():
    """Rows, payment and trail go together; the next change is another."""
    run = await recorded()
    first = run.change
    run.note("Step", "NEXT", "a word")
    run.change.insert(a_limit())
    run.payment.respond("CODE_SENT", "…")
    run.coupon_staged = True
    run.last = object()
    await run.commit()

    assert run.last is None
    row = await run.node.journal.load(PaymentRow, NO)
    assert ("CODE_SENT", 2) == (row.resp_code, row.version)
    assert row == run.payment.row
    assert [a_limit()] == await run.node.journal.every(LimitCounter)
    (trail,) = await run.node.journal.within(TrailRow, NO)
    assert (first.id, 7) == (trail.change_id, trail.epoch)
    (step,) = json.loads(trail.steps)
    assert {"at", "command", "result", "note"} == set(step)
    assert ("Step", "NEXT", "a word") == (
        step["command"],
        step["result"],
        step["note"],
    )
    assert step["at"].startswith("2026-05-01T12:")
    assert NOW <= trail.at < NOW + timedelta(minutes=1)
    assert (True, False, []) == (run.committed, run.coupon_staged, run.steps)
    assert run.change.empty
    assert run.change.id != first.id


async def test_nothing_staged_is_nothing_written():
    """A passage that changed nothing costs no commit, and is not on record by it."""
    run = await recorded()
    change = run.change
    await run.commit()

    assert run.change is change
    assert run.committed is False


async def test_a_payment_is_counted_as_opened_by_its_first_commit():
    """Who watches reads how many came, each once."""
    run = await run_of(Payment(an_order(coupon_no="C1").row, new=True))
    await run.commit()
    run.payment.respond("CODE_SENT", "…")
    await run.commit()

    assert {("QUICK_PAY",): 1} == run.node.state(Tally).counts[OPENED.name]


async def test_a_refused_commit_says_by_whom():
    """The guard is named, and what was staged is still staged."""
    run = await recorded()
    other = run.node.change()
    other.insert(a_limit())
    await run.node.journal.commit(other)
    run.change.insert(a_limit(), guard="mine")
    with pytest.raises(GuardRefused, match="mine") as refused:
        await run.commit()

    assert Refused("mine", a_limit()) == refused.value.refused
    assert run.committed is False
    assert 1 == len(run.change.inserts)


async def test_a_lease_covers_the_call_and_its_answer():
    """Ours ends before others begin; nobody takes the leg for silent before that."""
    run = await recorded()
    attempt = begun(run.payment, TransType.QUICK_PAY_SEND_MSG)
    ask = asking.call(run, attempt, timeout_s=20.0)
    before = run.node.clock.monotonic()
    run.take_lease(ask)
    row, lasts = run.payment.row, 3 * 20.0

    assert lasts - LEASE_MARGIN_S == pytest.approx(run.lease.deadline - before, abs=5)
    assert [row.lease_until] == run.leases
    assert 7 == row.lease_epoch
    assert lasts == pytest.approx((row.lease_until - NOW).total_seconds(), abs=5)
    assert row.lease_until + timedelta(seconds=20) == (
        run.payment.attempts[attempt.seq].quiet_from
    )
    assert run.node.settings.lease_s == pytest.approx(
        (row.next_check_at - NOW).total_seconds(), abs=5
    )


async def test_what_was_staged_since_is_taken_back():
    """The answer before a mark stays, the intent after it goes, of every kind."""
    run = await recorded()

    def stage(no: int) -> None:
        run.change.insert(a_limit(no))
        run.change.update(run.payment.row, version=no)
        run.change.amend(PaymentRow, (NO,), lambda row: row)
        run.change.count(f"d{no}", 1, limit=None, expires_at=NOW)
        run.change.append(a_limit(no))
        run.change.additions.append(a_limit(no))
        run.note(f"Step{no}", "NEXT")
        run.payment.respond(f"R{no}", "")

    stage(1)
    kept = chain._lists(run.change)
    kept = [list(each) for each in kept]
    mark = Mark.of(run)
    stage(2)
    attempt = begun(run.payment, TransType.QUICK_PAY_SEND_MSG)
    mark.restore(run)

    assert kept == [list(each) for each in chain._lists(run.change)]
    assert ["Step1"] == [step.command for step in run.steps]
    assert "R1" == run.payment.row.resp_code
    assert attempt.seq not in run.payment.attempts
    # It can be come back to once more.
    stage(3)
    mark.restore(run)
    assert "R1" == run.payment.row.resp_code


# --- the list -------------------------------------------------------------------------


class Done(Local):
    """Goes on."""

    async def run(self, run):
        """Say so."""
        return Next.NEXT


class Stops(Local):
    """Ends the chain."""

    async def run(self, run):
        """Say so."""
        return Next.STOP


class Idle(Foreign):
    """Needs nobody."""

    async def before(self, run):
        """Say so."""
        return Next.NEXT

    async def after(self, run, seq, reply):
        """Never comes."""
        raise AssertionError


class Beaten(Idle):
    """Its intent's commit is refused, then it needs nobody."""

    async def before(self, run):
        """Stage what somebody else has, the first time."""
        run.tries += 1
        if run.tries > 1:
            return Next.NEXT
        attempt = begun(run.payment, TransType.QUICK_PAY_SEND_MSG)
        run.change.insert(a_limit(), guard="mine")
        return asking.call(run, attempt, timeout_s=1.0)

    def refused(self, run, refused):
        """Once more."""
        run.last_refusal = refused.guard
        return Next.AGAIN


async def test_commands_run_in_order_until_one_stops():
    """Each is where the payment stands, and each is noted; after a stop comes none."""
    run = await recorded()
    await chain.run_commands(run, (Done, Idle, Stops, Done))

    assert [("Done", "NEXT", ""), ("Idle", "NEXT", ""), ("Stops", "STOP", "")] == [
        (step.command, step.result, step.note) for step in run.steps
    ]
    assert "Stops" == run.payment.row.step


async def test_whose_commit_was_refused_finds_another_way():
    """Nothing of the refused intent stays; the command is asked, and begins again."""
    run = await recorded()
    other = run.node.change()
    other.insert(a_limit())
    await run.node.journal.commit(other)
    await chain.run_commands(run, (Beaten,))

    assert ("mine", 2) == (run.last_refusal, run.tries)
    assert [] == await run.node.journal.within(AttemptRow, NO)
    assert {} == run.payment.attempts
    assert run.payment.row.lease_epoch is None
    assert ["Beaten"] == [step.command for step in run.steps]


async def test_a_command_without_another_way_passes_the_refusal_on():
    """By default a refused intent is a refused passage."""
    refused = Refused("mine", None)
    with pytest.raises(GuardRefused) as error:
        Idle().refused(await recorded(), refused)

    assert refused is error.value.refused


async def test_nothing_begins_while_our_own_life_is_in_doubt():
    """A node whose heartbeat may have run out asks nobody, and says: later."""
    run = await recorded()
    run.node.heartbeat.good_until = run.node.clock.monotonic()
    with pytest.raises(errors.Unavailable) as error:
        await chain.run_commands(run, (Idle,))

    assert 1 == error.value.retry_after_s


async def test_a_trace_shows_each_step_and_what_came_of_it():
    """A span a command with its result, and one a commit with who refused it."""
    run, seen = await recorded(), InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(seen))
    run.node.state(trace.Tracing, lambda: trace.Tracing(provider))
    run.change.insert(a_limit())
    await run.commit()
    await chain.run_commands(run, (Beaten, Stops))

    assert [
        ("commit", {}),
        ("commit", {"paycore.refused": "mine"}),
        ("Beaten", {"paycore.result": "NEXT"}),
        ("Stops", {"paycore.result": "STOP"}),
    ] == [(span.name, dict(span.attributes)) for span in seen.get_finished_spans()]


# --- a call ---------------------------------------------------------------------------


CALL_S = 1.0


class Asks(Idle):
    """Asks somebody of whom there is no account, so nothing leaves in any case."""

    async def before(self, run):
        """Record the attempt."""
        attempt = begun(run.payment, TransType.QUICK_PAY_SEND_MSG, channel="nowhere")
        return asking.call(run, attempt, timeout_s=CALL_S)

    async def after(self, run, seq, reply):
        """Keep the answer."""
        run.last_refusal = reply.resp_msg
        return Next.STOP


async def test_a_call_is_noted_before_it_leaves_and_when_it_is_answered():
    """Where it went is on record with the intent; what came waits for the next one."""
    run = await recorded()
    await chain.run_commands(run, (Asks,))
    (trail,) = await run.node.journal.within(TrailRow, NO)

    assert [
        ("Asks", "CALL", "nowhere/main"),
        ("Asks", "STOP", "NOT_SENT NOT_SENT"),
    ] == [
        *((one["command"], one["result"], one["note"]) for one in _steps_of(trail)),
        *((one.command, one.result, one.note) for one in run.steps),
    ]


def _steps_of(trail):
    return json.loads(trail.steps)


async def test_the_last_answer_is_remembered_as_the_calls_own():
    """Should a commit be refused, what to absorb anew is known, and that it is over."""
    run = await recorded()
    await chain.run_commands(run, (Asks,))

    assert (1, 1, Outcome.NOT_SENT) == (
        run.last.seq,
        run.last.prepared.ask.attempt_seq,
        run.last.answer.reply.outcome,
    )
    assert run.last.call_ended is True
    assert [run.last.answer.message] == run.change.appends


@pytest.mark.parametrize(
    ("left_s", "why"),
    [
        (0.001, "no such account"),
        (0.0, "lease ran out before the call"),
        (-1.0, "lease ran out before the call"),
    ],
)
async def test_nothing_leaves_on_a_lease_that_ran_out(left_s, why):
    """A commit that took too long ends the call before it begins, and says so."""
    run, moment = await recorded(), [0.0]
    run.node.clock = SystemClock(NOW, monotonic=lambda: moment[0])

    def commit_takes(_change, _written) -> None:
        moment[0] = run.lease.deadline - CALL_S - left_s

    run.node.journal.store.watch = commit_takes
    await chain.run_commands(run, (Asks,))
    (message,) = [one for one in run.change.appends if isinstance(one, MessageRow)]

    assert why == run.last_refusal
    assert Outcome.NOT_SENT is run.last.answer.reply.outcome
    assert ("IN", "nowhere", "main", f"NOT_SENT NOT_SENT {why}", 0) == (
        message.direction,
        message.channel,
        message.account,
        message.verdict,
        message.elapsed_ms,
    )


async def test_nothing_leaves_in_another_life_than_took_the_lease():
    """Who was declared dead while his commit waited comes back with empty hands."""
    run = await recorded()

    def others_take_over(_change, _written) -> None:
        run.node.heartbeat.epoch = Epoch(9)

    run.node.journal.store.watch = others_take_over
    await chain.run_commands(run, (Asks,))

    assert "lease ran out before the call" == run.last_refusal


# --- lines and places -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (NO_ANSWER, "UNKNOWN NO_ANSWER"),
        (YES, "SUCCEEDED"),
        (
            Reply(outcome=Outcome.DECLINED, blame=Blame.CARD, resp_code="LOST"),
            "DECLINED (card) LOST",
        ),
        (Reply(outcome=Outcome.NOT_SENT), "NOT_SENT"),
    ],
)
def test_an_answer_in_a_line(reply, said):
    """The timeline shows outcome, blame where there is one, and the channel's code."""
    assert said == chain._said(reply)


async def test_where_a_passage_was_is_not_gone_to_again():
    """An attempt's account is excluded, and no other."""
    run = await run_of(converted())
    attempt = replace(
        begun(run.payment, TransType.DEDUCT), channel="deduct_a", account="x"
    )
    run.exclude(attempt)

    assert {("deduct_a", "x")} == run.excluded


async def test_a_late_passage_leaves_the_lease_of_another():
    """It gives back what it took itself, and nothing else."""
    run = await recorded()
    until = NOW + timedelta(minutes=1)
    run.payment.lease(Epoch(9), until=until, look_at=NOW)
    run.release()
    assert (9, until) == (run.payment.row.lease_epoch, run.payment.row.lease_until)

    run.leases.append(until)
    run.release()
    assert (None, None) == (run.payment.row.lease_epoch, run.payment.row.lease_until)
