"""A ledger of the user's own in a simulated world: it books what it is told, once, and
what it has at the end is what our books have.
"""

import base64
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace
from standardwebhooks.webhooks import Webhook

from paycore.accounting.rows import EntryRow, FeedRow, FeedStatus, PostingRow
from paycore.kernel.config import Settings
from paycore.kernel.http import HttpRequest
from paycore.kernel.terms import PayOrderNo
from paycore.prove.strangers import signed_by

if TYPE_CHECKING:
    from paycore.prove.world import World

SECRET = base64.b64encode(b"a ledger's key, of 32 octets, ok").decode()
PATH = "/postings"

Name = tuple[object, ...]


def fed(settings: Settings) -> Settings:
    """The settings of a run whose postings are told."""
    url = f"http://ledger.sim{PATH}"
    return replace(settings, ledger_url=url, ledger_secret=SECRET)


class Ledger:
    """Takes postings and looks at them; what it finds is the oracle's to keep."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._webhook = Webhook(SECRET)
        self._books: dict[str, bytes] = {}
        """By id: what came first."""
        self._born: dict[Name, float] = {}
        """When a posting was first there to be told."""

    def _holds(self, good: object, what: str, no: str) -> None:
        self._world.oracle.holds("I14", good, what, no)

    # --- in the moment ----------------------------------------------------------------

    def written(self, old: FeedRow | None, new: FeedRow) -> None:
        """A posting to be told, or one that was: with its posting, and told indeed."""
        no, base = new.pay_order_no, self._world.base
        if old is None:
            self._born[new.key()] = self._world.loop.time()
            posting = base.load(PostingRow, no, new.kind, new.fact)
            self._holds(posting, "to be told, and not posted", no)
        elif new.status is FeedStatus.ACKNOWLEDGED is not old.status:
            told = new.posting_id in self._books
            self._holds(told, "acknowledged, and the ledger has it not", no)

    def take(self, request: HttpRequest) -> int:
        """A posting comes: the ledger's answer."""
        said = msgspec.json.decode(request.body, type=dict[str, Any])
        name, no = str(said["posting_id"]), PayOrderNo(str(said["pay_order_no"]))
        signed = signed_by(self._webhook, request)
        self._holds(signed, "told by nobody who has the key", no)
        self._as_posted(said, no)
        self._in_turn(said, no)
        first = self._books.setdefault(name, request.body)
        self._holds(first == request.body, "told twice, in other words", no)
        return 204

    def _as_posted(self, said: dict[str, Any], no: PayOrderNo) -> None:
        """What is told was posted before, and so."""
        base = self._world.base
        key = (said["kind"], said["fact"])
        posting = base.load(PostingRow, no, *key)
        entries = [
            {
                "line": row.line,
                "account": row.account,
                "side": row.side,
                "amount": row.amount,
            }
            for row in base.within(EntryRow, no)
            if (row.kind, row.fact) == key
        ]
        stands = posting is not None and (posting.amount, posting.currency) == (
            *(said["amount"], said["currency"]),
        )
        self._holds(stands, "told before it was posted", no)
        self._holds(entries == said["entries"], "told other entries than posted", no)

    def _in_turn(self, said: dict[str, Any], no: PayOrderNo) -> None:
        """Of one payment each is told after the one before it was acknowledged."""
        rows = self._world.base.within(FeedRow, no)
        mine = next(
            row for row in rows if (row.kind, row.fact) == (said["kind"], said["fact"])
        )
        waiting = [
            row
            for row in rows
            if row.status is FeedStatus.PENDING
            and _place(row) < _place(mine)
            and self._born[row.key()] < self._born[mine.key()]
        ]
        self._holds(not waiting, "told before its turn", no)

    # --- at the end -------------------------------------------------------------------

    def judge(self) -> None:
        """What it has is all that was posted."""
        world = self._world
        if not world.settings.ledger_url:
            return
        told = {row.key(): row for row in world.base.every(FeedRow)}
        for posting in world.base.every(PostingRow):
            row = told.pop(posting.key(), None)
            has = row is not None and row.posting_id in self._books
            done = has and row is not None and row.status is FeedStatus.ACKNOWLEDGED
            self._holds(done, "posted, and never told", posting.pay_order_no)
        self._holds(not told, "told, and never posted", "")

    def still_open(self) -> bool:
        """Whether it has not been told everything."""
        return any(True for _ in self._world.base.waiting(FeedRow))


def _place(row: FeedRow) -> tuple[object, ...]:
    return (row.booked_at, row.kind, row.fact)
