"""A POST under /v1 as it is made, and what comes of it; the cases are in `posts`."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import asyncpg
import httpx2 as httpx
from operating import Person
from stack import Payer, Stack

OPENED_WITHIN_S = 60.0
ANSWERED_WITHIN_S = 120.0
"""Only who gets no answer at all waits so long: some wait for a node that sleeps."""

SECRETS = frozenset({"invitation", "secret", "api_key"})
"""Members of answers that are shown once and not kept."""

EFFECTS = """
WITH ours AS (SELECT pay_order_no AS no FROM payment WHERE card_id = $1),
  payers AS (SELECT card_id FROM cards_card WHERE phone_hash =
    (SELECT phone_hash FROM cards_card WHERE card_id = $1))
SELECT
  (SELECT count(*) FROM ours) AS orders,
  (SELECT count(*) FROM attempt WHERE pay_order_no IN (TABLE ours)) AS attempts,
  (SELECT count(*) FROM transition WHERE pay_order_no IN (TABLE ours)) AS transitions,
  (SELECT count(*) FROM sms_code WHERE pay_order_no IN (TABLE ours)) AS codes,
  (SELECT count(*) FROM accounting_posting WHERE pay_order_no IN (TABLE ours))
    AS postings,
  (SELECT count(*) FROM notify_notice WHERE pay_order_no IN (TABLE ours)) AS notices,
  (SELECT count(*) FROM refund WHERE pay_order_no IN (TABLE ours)) AS refunds,
  (SELECT count(*) FROM refund_transition WHERE pay_order_no IN (TABLE ours))
    AS refund_transitions,
  (SELECT count(*) FROM desk_step JOIN desk_case USING (case_id)
    WHERE pay_order_no IN (TABLE ours)) AS steps,
  (SELECT count(*) FROM desk_cure JOIN desk_case USING (case_id)
    WHERE pay_order_no IN (TABLE ours)) AS cures,
  (SELECT count(*) FROM checkout WHERE card_ids @> to_jsonb($1::text)) AS checkouts,
  (SELECT count(*) FROM payers) AS cards,
  (SELECT count(*) FROM cards_agreement WHERE card_id IN (TABLE payers)) AS agreements
"""

Body = dict[str, object]


def sql(stack: Stack, query: str, *args: object) -> list[asyncpg.Record]:
    """What the database itself says."""

    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(stack.on.cluster.dsn)
        try:
            return await connection.fetch(query, *args)
        finally:
            await connection.close()

    return asyncio.run(ask())


def keys_kept(stack: Stack) -> int:
    """How many keys the database has on record."""
    return sql(stack, "SELECT count(*) FROM idempotency_key")[0][0]


@dataclass(kw_only=True)
class Post:
    """One POST that can be made: by whom, where, with what."""

    payer: Payer
    line: int
    path: str
    body: Body = field(default_factory=dict)
    others: Iterable[Body] = ()
    """Bodies that are other requests: each differs in one field."""
    slow: str | None = None
    """The stranger that is asked on the way, by its target; None where none is."""
    fresh: Callable[[], Body] | None = None
    """A body that is another request each time; None where a call takes none."""
    person: Person | None = None
    """Who makes it, where it is an operator's."""

    def client(self, node: int) -> httpx.Client:
        """The same caller's client at another node."""
        if self.person is not None:
            return self.person.at(node)
        return self.stack.client(self.line, node=node)

    @property
    def stack(self) -> Stack:
        """Where it is made."""
        return self.payer.stack

    def send(
        self,
        headers: object = (),
        *,
        body: Body | bytes | None = None,
        api: httpx.Client | None = None,
    ) -> httpx.Response:
        """Make it; the answer."""
        sent = self.body if body is None else body
        content = {"content": sent} if isinstance(sent, bytes) else {"json": sent}
        given = list(headers.items() if isinstance(headers, dict) else headers)
        return (api or self.payer.api).request(
            "POST", self.path, headers=given, timeout=ANSWERED_WITHIN_S, **content
        )

    def effects(self) -> dict[str, int]:
        """All that can be counted of what it does, here and at the strangers."""
        (found,) = sql(self.stack, EFFECTS, self.payer.card_id)
        ours = "SELECT pay_order_no FROM payment WHERE card_id = $1"
        numbers = [row[0] for row in sql(self.stack, ours, self.payer.card_id)]
        charges = [one for no in numbers for one in self.stack.charges(no)]
        texts = self.stack.sms(self.payer.phone)
        return {
            **dict(found),
            "texts": len(texts),
            "charges": len(charges),
            "entries": 0 if self.person is None else entries(self.person),
        }

    def gained(self, before: dict[str, int]) -> dict[str, int]:
        """What was done since."""
        return {name: n - before[name] for name, n in self.effects().items()}


def entries(person: Person) -> int:
    """How much the log has of an operator."""
    count = "SELECT count(*) FROM operators_entry WHERE operator = $1"
    return sql(person.stack, count, person.name)[0][0]


def off_by(code: str, by: int) -> str:
    """Another code of the same length."""
    return f"{(int(code) + by) % 10 ** len(code):0{len(code)}d}"


def replays(first: httpx.Response, second: httpx.Response) -> bool:
    """Whether the second answer is the first one's, and says so; where that held a
    secret, whether it says that it was shown.
    """
    if holds_secret(first):
        return is_shown(second)
    if is_shown(first):
        return is_shown(second)
    return (
        first.status_code == second.status_code
        and first.content == second.content
        and second.headers.get("idempotent-replayed") == "true"
    )


def fresh(answer: httpx.Response) -> bool:
    """Whether an answer is a good one, and of its own."""
    return not answer.is_error and "idempotent-replayed" not in answer.headers


def holds_secret(answer: httpx.Response) -> bool:
    """Whether it is one that is not given again."""
    return not answer.is_error and not SECRETS.isdisjoint(answer.json())


def is_shown(answer: httpx.Response) -> bool:
    """Whether it says that its secret was shown."""
    return (409, "SHOWN_ONCE") == (answer.status_code, answer.json().get("code"))


def opened(payer) -> str:
    """An order that is open; a node that says 503 is asked again, as its page says.

    After a database came back a node takes nothing until it has beaten once more.
    """
    deadline = time.monotonic() + OPENED_WITHIN_S
    while (answer := payer.open()).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        assert time.monotonic() < deadline, "the node has not come back"
        time.sleep(0.2)

    assert 201 == answer.status_code, answer.text
    return answer.json()["pay_order_no"]
