"""The log of what operators did, and whether it is whole."""

import msgspec
from litestar import Response, get

from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.keyset import number_of
from paycore.api.console.schema import (
    AuditEntries,
    AuditEntry,
    AuditVerified,
    SearchEntries,
)
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.paging import cut, query_of
from paycore.kernel.errors import TooMany
from paycore.operators import queries, verification
from paycore.operators.queries import Entry, Wanted
from paycore.operators.roles import May

VERIFIED_WITHIN_S = 60.0
"""A million entries take some fifteen seconds."""

_SEARCH = Shape(SearchEntries)


@get(
    "/v1/console/audit",
    opt={
        "call": Call(
            name="searchAudit",
            summary="What operators did, the newest first",
            asks=SearchEntries,
            gives=((200, AuditEntries),),
            may=May.READ,
        )
    },
)
async def list_entries(request: Plain) -> Response[bytes]:
    """Entries of the log, the newest first."""
    await operator_of(request)
    door, asked = door_of(request), _SEARCH.convert(query_of(request))
    wanted = Wanted(
        operator=asked.operator,
        act=asked.act,
        subject=asked.subject,
        since=asked.since,
        until=asked.until,
    )
    rows = await read(
        door,
        queries.entries(
            door.pool, wanted, before=number_of(asked.cursor), limit=asked.limit + 1
        ),
    )
    page, more = cut(rows, asked.limit, [str(row.seq) for row in rows])
    return found(AuditEntries(items=[_entry(row) for row in page], next=more))


@get(
    "/v1/console/audit/verification",
    opt={
        "call": Call(
            name="verifyAudit",
            summary="Whether the log is whole: every entry is hashed anew",
            gives=((200, AuditVerified),),
            refuses=(TooMany,),
            may=May.READ,
        )
    },
)
async def verify(request: Plain) -> Response[bytes]:
    """Walk the whole chain."""
    await operator_of(request)
    door = door_of(request)
    said = await read(
        door, verification.verify(door.node, door.pool), within_s=VERIFIED_WITHIN_S
    )
    return found(
        AuditVerified(
            entries=said.entries,
            intact=said.intact,
            broken_at=said.broken_at,
            head=said.head,
        )
    )


def _entry(row: Entry) -> AuditEntry:
    return AuditEntry(
        seq=row.seq,
        at=row.at,
        operator=row.operator,
        role=row.role,
        act=row.act,
        subject=row.subject,
        why=row.why,
        detail=msgspec.json.decode(row.detail, type=dict[str, object]),
        hash=row.hash.hex(),
    )
