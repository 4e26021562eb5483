"""The drill of the kills does what it says, and what it compares is what stands.

The small run is the real thing: processes, kill -9, proxies. The planted differences
are planted in a real database and in the sandbox's real record, so that what is read
there is held to what is compared.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from facts import delivered
from inside import fresh_coupon
from msgspec.structs import replace
from stack import TICKETS, Stack, key, stacked

from paycore.bench.drills.kill import queries
from paycore.bench.drills.kill.compare import Facts, Theirs, compare
from paycore.bench.drills.kill.record import Record, empty
from paycore.bench.oracle import Oracle
from paycore.kernel import db

pytestmark = pytest.mark.long

DONE_WITHIN_S = 400.0
"""Many times what it takes: one run starts everything from nothing."""


def kill(state: Path, *arguments: str) -> dict[str, object]:
    """Run the drill as a user does; its line of JSON."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "paycore", "drill", "kill", "--json"),
            *("--payers", "5", "--state", str(state), *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=DONE_WITHIN_S,
        check=False,
    )
    assert 0 == done.returncode, done.stderr[-4000:] + done.stdout
    return json.loads(done.stdout.splitlines()[-1])


def test_killed_twice_nothing_differs_and_the_tally_goes_on(tmp_path: Path):
    """A run that was interrupted after its first round makes one more, with two kills:
    nothing is lost, and the tally is that of both rounds.
    """
    state = tmp_path / "rounds.jsonl"
    Record.begin(state, seed=4, payers=5).add(
        replace(
            empty(1),
            seconds=9.0,
            kills=1,
            struck={"node": 1},
            payments=1000,
            statuses={"SUCCESS": 1000},
            answers=9,
            repeated=9,
            calls=9,
            errors=9,
            quiet_s=9.0,
        )
    )

    said = kill(state, "--kills", "3", "--resume")

    assert 3 <= said["kills"] <= 4
    assert (2, 4) == (said["rounds"], said["seed"])
    assert said["payments"] > 1000
    assert said["repeated"] > 9
    assert [0, 0, True] == [
        said[key] for key in ("differences", "lost_answers", "holds")
    ]


@dataclass
class Town:
    """What a few payments left behind: a database to copy, and the banks' record."""

    stack: Stack
    paid: str
    closed: str

    def facts(self, folder: Path, plant: str = "", theirs: str = "") -> Facts:
        """All of it as the drill reads it, after something was planted in a copy."""
        return asyncio.run(self._facts(folder, plant, theirs))

    async def _facts(self, folder: Path, plant: str, theirs: str) -> Facts:
        self._copy(folder, theirs)
        with Oracle(folder) as oracle:
            said = Theirs(moves=oracle.moves(), came=oracle.came())
        async with self.planted(plant) as pool:
            return Facts(await queries.ours(pool), said)

    @asynccontextmanager
    async def planted(self, plant: str) -> AsyncIterator[db.Pool]:
        """A copy of the database in which something was planted."""
        cluster = self.stack.on.cluster
        root = await asyncpg.connect(cluster.dsn_of("postgres"))
        await root.execute("DROP DATABASE IF EXISTS planted WITH (FORCE)")
        await root.execute("CREATE DATABASE planted TEMPLATE paycore")
        await root.close()
        connection = await asyncpg.connect(cluster.dsn_of("planted"))
        # What the database itself refuses is planted all the same.
        await connection.execute("SET session_replication_role = replica")
        if plant:
            changed = await connection.execute(plant.format(**vars(self)))
            assert not changed.endswith(" 0"), changed
        await connection.close()
        pool = await db.pool(cluster.dsn_of("planted"), size=1)
        try:
            yield pool
        finally:
            await pool.close()

    def _copy(self, folder: Path, theirs: str) -> None:
        source = sqlite3.connect(self.stack.on.data / "sandbox" / "sandbox.db")
        copy = sqlite3.connect(folder / "sandbox.db")
        source.backup(copy)
        if theirs:
            assert copy.execute(theirs.format(**vars(self))).rowcount > 0
            copy.commit()
        source.close()
        copy.close()


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """Paid by quick pay with a coupon, converted, refused, closed: one of each."""
    with stacked() as stack:
        payer, other = stack.payer(), stack.payer(TICKETS)
        paid = payer.open(coupon_no=fresh_coupon(stack)).json()["pay_order_no"]
        payer.pays(paid)
        converted = other.open().json()["pay_order_no"]
        other.pays(converted)
        refused = payer.open(coupon_no=fresh_coupon(stack)).json()["pay_order_no"]
        stack.fault("bank.*.confirm", "decline:INSUFFICIENT_FUNDS")
        payer.pays(refused)
        closed = payer.open().json()["pay_order_no"]
        payer.api.post(f"/v1/payments/{closed}/close", headers=key())
        for no in (paid, converted, refused, closed):
            delivered(stack, no)
        while stack.nodes:
            stack.nodes.pop().stop()
        yield Town(stack, paid, closed)


def found(facts: Facts) -> list[tuple[str, str | None]]:
    """What differs, and about which payment."""
    return [(each.kind, each.pay_order_no) for each in compare(facts)]


def test_a_real_record_in_which_all_agree_has_no_difference(town: Town, tmp_path: Path):
    """Rows as they are written, read as they are compared."""
    facts = town.facts(tmp_path)

    assert [] == found(facts)
    assert (4, 2) == (len(facts.payments), len(facts.theirs.moves))
    assert 4 == len(facts.theirs.came) == len(facts.ours.notices)


OURS = {
    "charged_unpaid": "UPDATE payment SET biz_status = 'FAIL' WHERE {number}",
    "charged_unknown": "DELETE FROM payment WHERE {number}",
    "charged_otherwise": "UPDATE attempt SET request_no = 'x' WHERE {number}",
    "legs_of_success": "UPDATE attempt SET process_status = 'GW_FAIL' WHERE {number}",
    "leg_otherwise": "UPDATE attempt SET amount = 1 WHERE {number}",
    "posted": "DELETE FROM accounting_posting WHERE {number}",
    "posted_otherwise": "UPDATE accounting_entry SET amount = 1 WHERE {number}",
    "trial_balance": "UPDATE accounting_entry SET side = 'DEBIT' WHERE {number}",
    "balance": "UPDATE accounting_balance SET amount = amount + 1",
    "clearing": "UPDATE accounting_balance SET amount = amount + 1",
    "coupon_locked": "UPDATE coupon SET status = 'LOCKED', used_at = NULL,"
    " next_check_at = used_at WHERE holder = '{paid}'",
    "coupon_not_used": "UPDATE coupon SET holder = '{closed}' WHERE holder = '{paid}'",
    "coupon_used_unpaid": "UPDATE coupon SET holder = '{closed}'"
    " WHERE holder = '{paid}'",
    "announced": "UPDATE notify_notice SET type = 'payment.failed' WHERE {number}",
    "announced_otherwise": "UPDATE payment SET resp_msg = 'other' WHERE {number}",
    "notice_undelivered": "UPDATE notify_notice SET status = 'PARKED' WHERE {number}",
    "notice_otherwise": "UPDATE notify_notice SET body = '{{}}' WHERE {number}",
    "notice_stray": "DELETE FROM notify_notice WHERE {number}",
    "left_leased": "UPDATE payment SET lease_epoch = 1 WHERE {number}",
    "left_open_attempt": "UPDATE attempt SET process_status = 'INIT',"
    " finished_at = NULL WHERE {number}",
}
THEIRS = {
    "charged_twice": "INSERT INTO move (bank, kind, request_id, pay_order_no, amount,"
    " currency, at_ms) SELECT bank, kind, request_id, pay_order_no, amount, currency,"
    " at_ms FROM move WHERE pay_order_no = '{paid}'",
    "paid_uncharged": "DELETE FROM move WHERE pay_order_no = '{paid}'",
    "charged_otherwise": "UPDATE move SET amount = 1 WHERE pay_order_no = '{paid}'",
    "charged_unpaid": "UPDATE move SET pay_order_no = '{closed}'",
    "notice_lost": "DELETE FROM notice WHERE pay_order_no = '{paid}'",
    "notice_unsigned": "UPDATE notice SET verified = 0 WHERE pay_order_no = '{paid}'",
    "notice_otherwise": "UPDATE notice SET payload = '{{}}'"
    " WHERE pay_order_no = '{paid}'",
}


@pytest.mark.parametrize("kind", OURS)
def test_what_is_wrong_in_the_database_is_found(town: Town, tmp_path: Path, kind: str):
    """Planted past all guards of the database."""
    plant = OURS[kind].replace("{number}", "pay_order_no = '{paid}'")

    facts = town.facts(tmp_path, plant=plant)

    assert kind in {name for name, _ in found(facts)}


@pytest.mark.parametrize("kind", THEIRS)
def test_what_is_wrong_at_the_strangers_is_found(town: Town, tmp_path: Path, kind: str):
    """Planted in what banks and business line have on record."""
    facts = town.facts(tmp_path, theirs=THEIRS[kind])

    assert kind in {name for name, _ in found(facts)}


def asked(town: Town, plant: str, ask: Callable[[db.Pool], Awaitable[list]]) -> list:
    """What a question finds after something was planted."""

    async def found() -> list:
        async with town.planted(plant) as pool:
            return await ask(pool)

    return asyncio.run(found())


OPENED = """UPDATE payment SET biz_status = 'DOING', finished_at = NULL,
 expires_at = now() + interval '1 hour',
 next_check_at = now() + interval '{due}' WHERE pay_order_no = '{{closed}}'"""


@pytest.mark.parametrize(
    ("due", "closed"), [("1 hour", True), ("59 minutes", False), ("-1 s", False)]
)
def test_quiet_closes_only_what_waits_for_its_payer(town: Town, due: str, closed):
    """What a worker is to look at before it expires must come to its end by itself."""
    now = datetime.now(UTC)

    forsaken = asked(
        town, OPENED.format(due=due), lambda pool: queries.forsaken(pool, now)
    )

    assert ([town.closed] if closed else []) == [no for no, _ in forsaken]


def test_quiet_tells_what_is_parked_from_what_is_only_late(town: Town):
    """A parked notice is found as such, and is not one whose next try is far away."""
    now = datetime.now(UTC)
    parked = "UPDATE notify_notice SET status = 'PARKED', last_result = 'HTTP 410'"
    late = """UPDATE notify_notice SET status = 'PENDING', delivered_at = NULL,
    next_check_at = now() + interval '5 minutes' WHERE pay_order_no = '{paid}'"""

    found = asked(town, parked, queries.parked)

    assert {"HTTP 410"} == {result for _, _, result in found}
    assert 4 == len(found)
    assert [] == asked(town, parked, lambda pool: queries.put_off(pool, now))
    assert [] == asked(town, late, queries.parked)
    (only,) = asked(town, late, lambda pool: queries.put_off(pool, now))
    assert town.paid == only[0]
