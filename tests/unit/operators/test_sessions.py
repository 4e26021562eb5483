"""Logging in: who may, how often one may try, and how long it lasts."""

import asyncio
import os
import sys
import threading
import time
from collections import Counter

import pytest
from enrolling import PASSWORD, somebody
from msgspec.structs import replace

from paycore.kernel.errors import BadRequest, Forbidden, TooMany, Unauthorized
from paycore.operators import devices, logins, service, sessions
from paycore.operators.passwords import MOST_AT_ONCE, hasher_of
from paycore.operators.roles import Role
from paycore.operators.rows import EntryRow, LoginRow, SessionRow, TriesRow


async def acts(node, name):
    """What the log has of somebody."""
    rows = await node.journal.every(EntryRow)
    return [row.act for row in rows if row.operator == name]


async def test_a_session_is_its_operators(node):
    """Name, password and code: a cookie that says who it is, entered in the log."""
    anna = await somebody(node, "anna", Role.APPROVER)
    session, cookie = await sessions.log_in(node, anna.typed())
    found = await sessions.authenticate(node, cookie)

    assert ("anna", Role.APPROVER) == (found.name, found.role)
    assert session.operator == found
    assert ["beginEnrolment", "enrol", "logIn"] == await acts(node, "anna")


async def test_nothing_secret_is_kept_in_clear(node):
    """Neither password nor cookie, nor the secret of the codes, in any row or repr."""
    dora = await somebody(node, "dora")
    typed = dora.typed()
    _, cookie = await sessions.log_in(node, typed)
    kinds = (LoginRow, SessionRow, TriesRow, EntryRow)
    said = repr([await node.journal.every(kind) for kind in kinds])

    for secret in (PASSWORD, cookie.split("_")[2], dora.secret, dora.secret.lower()):
        assert secret not in said
    assert PASSWORD not in repr(typed)
    assert typed.code not in repr(typed)
    row = await node.journal.load(LoginRow, (await dora.operator()).operator_id)
    assert dora.secret == logins.opened(node, row)
    assert row.password.startswith("$argon2id$")


async def test_all_that_is_wrong_is_refused_alike(node):
    """Another name, password or code: the same words, and each was hashed."""
    emil = await somebody(node, "emil")
    await logins.invite(node, "unready", Role.VIEWER)
    await service.add(node, "machine", Role.VIEWER)
    wrong = (
        emil.typed(password="x" * 12),
        emil.typed(code="000000" if emil.code() != "000000" else "111111"),
        *(emil.typed(name=name) for name in ("nobody", "unready", "machine")),
    )
    said = set()
    for typed in wrong:
        with pytest.raises(Unauthorized) as caught:
            await sessions.log_in(node, typed)
        said.add((caught.value.en, caught.value.zh, caught.value.status))

    assert 1 == len(said)
    assert 2 == (await acts(node, "emil")).count("logInRefused")


async def test_it_takes_as_long_whether_there_is_somebody_or_not(node):
    """Unknown names hash a password too: the times cannot be told apart. They are those
    of the processor: who else has it makes no difference.
    """
    frida = await somebody(node, "frida")
    hasher, hashed = hasher_of(node), []
    work = hasher._work
    hasher._work = lambda password, kept: hashed.append(kept) or work(password, kept)
    took = {"frida": [], "nobody-here": []}
    for _ in range(4):
        for name, times in took.items():
            began = time.process_time()
            with pytest.raises(Unauthorized):
                await sessions.log_in(node, frida.typed(name=name, password="y" * 12))
            times.append(time.process_time() - began)

    assert 8 == len([kept for kept in hashed if kept])
    known, unknown = min(took["frida"]), min(took["nobody-here"])
    assert known / unknown < 2
    assert unknown / known < 2


async def test_a_code_is_good_once(node):
    """The same code again is refused, and so is one of an older step; the next is
    good.
    """
    gerd = await somebody(node, "gerd")
    typed, older = gerd.typed(), gerd.code(-1)
    await sessions.log_in(node, typed)
    for again in (typed, gerd.typed(code=older)):
        with pytest.raises(Unauthorized):
            await sessions.log_in(node, again)
    gerd.wait(seconds=31)

    assert await sessions.log_in(node, gerd.typed())


async def test_a_code_at_once_by_many_is_good_once(node):
    """One of them has a session."""
    hans = await somebody(node, "hans")
    typed = hans.typed()
    tries = [sessions.log_in(node, typed) for _ in range(4)]
    ended = await asyncio.gather(*tries, return_exceptions=True)

    assert 1 == sum(isinstance(one, tuple) for one in ended), ended


@pytest.mark.parametrize("name", ["ilse", "no-such-person"])
async def test_wrong_tries_lock_a_name(node, name):
    """Whether there is such an operator or not: five are heard, then none for a time
    that grows; the right password does not help meanwhile.
    """
    known = await somebody(node, f"{name}-too" if name != "ilse" else name)
    bad = known.typed(name=name, password="z" * 12)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await sessions.log_in(node, bad)
    waits = []
    for _ in range(3):
        with pytest.raises(TooMany) as caught:
            await sessions.log_in(node, known.typed(name=name))
        waits.append(caught.value.retry_after_s)
        known.wait(seconds=caught.value.retry_after_s)
        with pytest.raises(Unauthorized):
            await sessions.log_in(node, bad)

    assert 25 <= waits[0] <= 31
    assert waits[0] * 1.8 < waits[1]
    assert waits[1] * 1.8 < waits[2]


async def test_a_lock_does_not_hold_in_his_own_browser(node):
    """Whoever locks a name goes on for ever; a browser that he logged in with before
    has tries of its own, which lock as well, and of no other name.
    """
    jutta = await somebody(node, "jutta")
    cookie = devices.remembered(node, "jutta")
    bad = jutta.typed(password="z" * 12)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await sessions.log_in(node, bad)
    own = devices.known(node, "jutta", cookie)
    with pytest.raises(TooMany):
        await sessions.log_in(node, jutta.typed())
    session, _ = await sessions.log_in(node, jutta.typed(device=own))
    jutta.wait(minutes=1)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await sessions.log_in(node, replace(bad, device=own))
    with pytest.raises(TooMany):
        await sessions.log_in(node, jutta.typed(device=own))

    assert "jutta" == session.operator.name
    assert cookie == devices.remembered(node, "jutta", own)
    for name, sent in (
        ("jens", cookie),
        ("jutta", ""),
        ("jutta", cookie[:-1] + ("0" if cookie[-1] != "0" else "1")),
        ("jutta", devices.remembered(node, "jens")),
    ):
        assert not devices.known(node, name, sent)


async def test_a_lock_is_in_the_database(node):
    """A node that was started anew knows it: it is asked of another node here, whose
    memory is empty.
    """
    jana = await somebody(node, "jana")
    bad = jana.typed(password="z" * 12)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await sessions.log_in(node, bad)
    node._states.clear()

    with pytest.raises(TooMany):
        await sessions.log_in(node, jana.typed())


async def test_a_good_try_is_the_end_of_the_wrong_ones(node):
    """Four wrong ones, a good one, and four more are no lock."""
    karl = await somebody(node, "karl")
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(Unauthorized):
                await sessions.log_in(node, karl.typed(password="z" * 12))
        await sessions.log_in(node, karl.typed())
        karl.wait(minutes=1)


async def test_a_hundred_at_once_are_five_guesses(node):
    """Tries are counted before they are compared."""
    lena = await somebody(node, "lena")
    hasher, compared = hasher_of(node), []
    work = hasher._work
    hasher._work = lambda password, kept: compared.append(1) or work(password, kept)
    bad = lena.typed(password="z" * 12)
    tries = [sessions.log_in(node, bad) for _ in range(100)]
    ended = await asyncio.gather(*tries, return_exceptions=True)

    assert all(isinstance(one, Unauthorized | TooMany) for one in ended), ended
    assert len(compared) <= 5 + 1  # nobody's own hash is made once


async def test_who_finds_no_room_is_not_counted(node):
    """A flood under other names makes nobody's own tries wrong ones, and writes nothing
    for those who are refused.
    """
    lutz = await somebody(node, "lutz")
    hasher, let_go = hasher_of(node), threading.Event()
    work = hasher._work
    hasher._work = lambda password, kept: let_go.wait(30) and work(password, kept)
    before = len(await node.journal.every(TriesRow))
    flood = [
        asyncio.ensure_future(sessions.log_in(node, lutz.typed(name=f"flood-{n}")))
        for n in range(200)
    ]
    await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    for _ in range(8):
        with pytest.raises(TooMany):
            await sessions.log_in(node, lutz.typed())
    let_go.set()
    ended = await asyncio.gather(*flood, return_exceptions=True)
    tries = await node.journal.every(TriesRow)

    kinds = Counter(type(one) for one in ended)
    assert {TooMany: 200 - MOST_AT_ONCE, Unauthorized: MOST_AT_ONCE} == kinds
    assert MOST_AT_ONCE == len(tries) - before
    assert await sessions.log_in(node, lutz.typed())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no nice of their own")
async def test_hashing_leaves_the_processors_to_payments(node):
    """Its threads are less urgent than whatever else the node does, and each of them is
    one.
    """
    hasher = hasher_of(node)
    kept = await hasher.hashed("correct horse battery")
    theirs = hasher._threads.submit(os.getpriority, os.PRIO_PROCESS, 0).result()

    assert theirs >= min(os.getpriority(os.PRIO_PROCESS, 0) + 5, 19)
    assert ",p=1$" in kept


async def test_a_session_ends(node):
    """Idle for half an hour; after twelve hours whatever was done; by logging out."""
    max_ = await somebody(node, "max")
    _, idle = await sessions.log_in(node, max_.typed())
    max_.wait(minutes=31)
    with pytest.raises(Unauthorized):
        await sessions.authenticate(node, idle)
    _, used = await sessions.log_in(node, max_.typed())
    for _ in range(28):
        max_.wait(minutes=25)
        await sessions.authenticate(node, used)
    max_.wait(minutes=21)
    with pytest.raises(Unauthorized):
        await sessions.authenticate(node, used)
    _, left = await sessions.log_in(node, max_.typed())
    await sessions.log_out(node, await sessions.authenticate(node, left))
    with pytest.raises(Unauthorized):
        await sessions.authenticate(node, left)

    assert "logOut" == (await acts(node, "max"))[-1]


async def test_a_session_is_of_its_secret(node):
    """Another secret under the same id, another kind of token: nobody's."""
    nora = await somebody(node, "nora")
    _, cookie = await sessions.log_in(node, nora.typed())
    kind, name, secret = cookie.split("_")
    for wrong in (
        "",
        f"{kind}_{name}_{secret[:-1]}{'0' if secret[-1] != '0' else '1'}",
        f"op_{name}_{secret}",
        f"{kind}_{'0' * 12}_{secret}",
    ):
        with pytest.raises(Unauthorized):
            await sessions.authenticate(node, wrong)


async def test_logging_in_is_always_another_session(node):
    """What cookie was sent does not matter, but that its session ends."""
    otto = await somebody(node, "otto")
    _, first = await sessions.log_in(node, otto.typed())
    otto.wait(minutes=1)
    _, second = await sessions.log_in(node, otto.typed(), old=first)

    assert first != second
    assert await sessions.authenticate(node, second)
    with pytest.raises(Unauthorized):
        await sessions.authenticate(node, first)


async def test_who_is_revoked_has_no_session(node):
    """At once; and cannot log in."""
    paul = await somebody(node, "paul")
    _, cookie = await sessions.log_in(node, paul.typed())
    await service.revoke(node, "paul")
    paul.wait(minutes=1)
    with pytest.raises(Unauthorized):
        await sessions.authenticate(node, cookie)
    with pytest.raises(Unauthorized):
        await sessions.log_in(node, paul.typed())


async def test_another_password_ends_all_sessions(node):
    """By the old one and a code; then the new one is good and the old is not."""
    rosa = await somebody(node, "rosa")
    _, cookie = await sessions.log_in(node, rosa.typed())
    who = await sessions.authenticate(node, cookie)
    rosa.wait(minutes=1)
    new = "another horse battery"
    for old, refusal in (
        (("wrong horse battery", rosa.code()), Forbidden),
        ((PASSWORD, "12345x"), Forbidden),
    ):
        with pytest.raises(refusal):
            await sessions.change_password(node, who, old, new)
    with pytest.raises(BadRequest):
        await sessions.change_password(node, who, (PASSWORD, rosa.code()), "short")
    await sessions.change_password(node, who, (PASSWORD, rosa.code()), new)
    rosa.wait(minutes=1)

    done = await acts(node, "rosa")
    assert (2, 1) == (done.count("changePasswordRefused"), done.count("changePassword"))
    with pytest.raises(Unauthorized):
        await sessions.authenticate(node, cookie)
    with pytest.raises(Unauthorized):
        await sessions.log_in(node, rosa.typed())
    assert await sessions.log_in(node, rosa.typed(password=new))


@pytest.mark.parametrize("end", ["logs out", "another password", "invited again"])
async def test_nothing_is_done_by_a_session_that_was_ended_meanwhile(node, end):
    """Whoever sent the head of his request in time and its body later is refused."""
    berta = await somebody(node, f"berta-{end.split()[0]}")
    _, cookie = await sessions.log_in(node, berta.typed())
    who = await sessions.authenticate(node, cookie)
    assert who == await service.again(node, who)
    berta.wait(minutes=1)
    if end == "logs out":
        await sessions.log_out(node, who)
    elif end == "invited again":
        await logins.invite(node, berta.name, Role.OPERATOR)
    else:
        old = (PASSWORD, berta.code())
        await sessions.change_password(node, who, old, "another horse battery")

    with pytest.raises(Unauthorized):
        await service.again(node, who)


async def test_an_invitation_is_good_once_and_for_a_day(node):
    """Wrong, used, over, of somebody who is gone, or not the newest: all alike."""
    first = await logins.invite(node, "sven", Role.VIEWER)
    second = await logins.invite(node, "sven", Role.VIEWER)
    begun = await logins.enrol(node, second.clear, PASSWORD)
    sven = replace_secret(await somebody(node, "tina"), begun.totp_secret)
    await logins.confirm(node, second.clear, PASSWORD, sven.code())
    late = await logins.invite(node, "ulla", Role.VIEWER)
    sven.wait(hours=25)
    gone = await logins.invite(node, "vera", Role.VIEWER)
    await service.revoke(node, "vera")
    for bad in (first.clear, second.clear, late.clear, gone.clear, "", "oi_x"):
        with pytest.raises(Unauthorized):
            await logins.enrol(node, bad, PASSWORD)
        with pytest.raises(Unauthorized):
            await logins.confirm(node, bad, PASSWORD, sven.code())

    assert "oi_" not in repr(first)
    assert "secret" not in repr(begun)


def replace_secret(person, secret):
    """Another device in the same hands."""
    person.secret = secret
    return person


async def test_a_second_invitation_ends_what_there_was(node):
    """From then on, not from the enrolment on: a device may be in strange hands."""
    willi = await somebody(node, "willi")
    _, cookie = await sessions.log_in(node, willi.typed())
    willi.wait(minutes=1)
    await logins.invite(node, "willi", Role.OPERATOR)

    with pytest.raises(Unauthorized):
        await sessions.authenticate(node, cookie)
    with pytest.raises(Unauthorized):
        await sessions.log_in(node, willi.typed())


async def test_an_enrolment_is_confirmed_by_its_password_and_code(node):
    """Neither alone; until then nobody may log in."""
    invitation = (await logins.invite(node, "xenia", Role.VIEWER)).clear
    with pytest.raises(Unauthorized):
        await logins.confirm(node, invitation, PASSWORD, "123456")
    with pytest.raises(BadRequest):
        await logins.enrol(node, invitation, "elevenchars")
    begun = await logins.enrol(node, invitation, PASSWORD)
    xenia = replace_secret(await somebody(node, "yves"), begun.totp_secret)
    xenia.name = "xenia"
    for password, code in (("x" * 12, xenia.code()), (PASSWORD, "12345x")):
        with pytest.raises(Unauthorized):
            await logins.confirm(node, invitation, password, code)
    with pytest.raises(Unauthorized):
        await sessions.log_in(node, xenia.typed())
    await logins.confirm(node, invitation, PASSWORD, xenia.code())
    xenia.wait(minutes=1)

    assert await sessions.log_in(node, xenia.typed())
    assert "otpauth://totp/paycore:xenia?" in begun.otpauth_uri


async def test_a_key_that_is_let_go_takes_the_codes_with_it(node):
    """Sealed anew, the secret is the same."""
    zoe = await somebody(node, "zoe")
    row = await node.journal.load(LoginRow, (await zoe.operator()).operator_id)
    assert await logins.reseal(node, row)
    again = await node.journal.load(LoginRow, row.operator_id)

    assert row.totp != again.totp
    assert zoe.secret == logins.opened(node, again)
    assert not await logins.reseal(node, replace(row, version=1))
