"""People at the desk over HTTP: operators with their clients, and cases for them."""

import itertools
import uuid

import httpx2 as httpx
from inside import inside
from stack import PATIENCE_S, PLAIN, Payer, Stack, key

from paycore.cures.document import ref_of
from paycore.desk.service import open_case
from paycore.kernel.node import Node
from paycore.operators import service as operators
from paycore.operators.roles import Role

NOTHING_MORE = "CONTRADICTION"
"""A kind of case that a note closes."""

_names = itertools.count(1)


class Person:
    """An operator with a client at one node."""

    def __init__(self, stack: Stack, role: Role, *, node: int = 0) -> None:
        self.name = f"{role}-{next(_names)}-{uuid.uuid4().hex[:6]}"
        self.stack, self.role = stack, role
        add = operators.add
        self.token = inside(stack, lambda inner: add(inner, self.name, role))
        self.operator_id = self.token.split("_")[1]
        self.api = self.at(node)

    def at(self, node: int) -> httpx.Client:
        """A client at a node."""
        made = httpx.Client(
            verify=PLAIN,
            base_url=self.stack.nodes[node].info.api,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=PATIENCE_S,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self.stack._clients.append(made)
        return made

    def act(self, path: str, body: object = (), **headers: str) -> httpx.Response:
        """A POST at the desk, under a key of its own if none is given."""
        sent = {**key(), **headers}
        return self.api.post(f"/v1/desk/cases/{path}", json=dict(body), headers=sent)

    def see(self, path: str = "", **query: object) -> httpx.Response:
        """A GET at the desk."""
        return self.api.get(f"/v1/desk/cases{path}", params=query)

    def revoke(self) -> None:
        """The token is good no more."""
        inside(self.stack, lambda node: operators.revoke(node, self.name))


def case(stack: Stack, no: str, *, kind: str = NOTHING_MORE, **about: object) -> str:
    """A case about a payment, as it stands in a path."""

    async def tell(node: Node) -> str | None:
        change = node.change()
        given = {"evidence": {"card": "6222020200112233446"}, **about}
        case_id = await open_case(node, change, kind=kind, pay_order_no=no, **given)
        assert await node.journal.commit(change) is None
        return case_id

    case_id = inside(stack, tell)
    assert case_id is not None
    return ref_of(case_id)


def previewed(
    person: Person, ref: str, cure: str = "NOTE", why: str = "settled by phone"
) -> int:
    """The number of a preview."""
    answer = person.act(f"{ref}/cures", {"cure": cure, "why": why})
    assert httpx.codes.CREATED == answer.status_code, answer.text
    return answer.json()["number"]


def at_the_desk(payer: Payer, person: Person) -> Payer:
    """The payer whose rows are counted, with the client of an operator."""
    return Payer(payer.stack, person.api, payer.card_id, payer.phone)
