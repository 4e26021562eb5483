"""What a run changes in the set-up before it begins."""

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from paycore.gateway.rows import AccountRow
from paycore.kernel.journal import Change
from paycore.lines.rows import BizLineRow
from paycore.prove import providers
from paycore.router.rows import LineAccountRow, TransTypeRow

if TYPE_CHECKING:
    from paycore.prove.world import World

FULL_MINOR = 60_000
"""A day's limit that some twenty payments fill."""


async def prepare(world: "World") -> None:
    """Change what this run's faults want changed."""
    providers.prepare(world)
    rng = world.stream("setup")
    change = Change(UUID(int=rng.getrandbits(128)))
    base, faults = world.base, world.faults
    if faults.strikes("quick_switched_off"):
        account = base.load(AccountRow, "quick_a", "main")
        assert account is not None
        off = msgspec.structs.replace(account, enabled=False)
        change.update(off, version=account.version)
    if faults.strikes("no_deduct_route"):
        for name in ("deduct_a", "deduct_b"):
            allowed = base.load(LineAccountRow, "shop", name, "main")
            assert allowed is not None
            withdrawn = msgspec.structs.replace(allowed, enabled=False)
            change.update(withdrawn, version=allowed.version)
    if faults.strikes("day_is_full"):
        for row in base.every(TransTypeRow):
            if row.inst_trans_id in (
                "quick_a.quick_pay_send_msg",
                "deduct_a.deduct",
                "deduct_b.deduct",
            ):
                limit = FULL_MINOR * (1 + rng.randrange(4))
                full = msgspec.structs.replace(row, daily_limit=limit)
                change.update(full, version=row.version)
    if faults.strikes("line_deducts"):
        line = base.load(BizLineRow, "shop")
        assert line is not None
        deducts = msgspec.structs.replace(line, always_converted=True)
        change.update(deducts, version=line.version)
    if not change.empty:
        assert base.commit(change) is None, "nobody else is here yet"
