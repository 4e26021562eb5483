"""Trying an account or a carrier: the cheapest call that moves nothing, explained.

A channel is asked after a number that nobody has: whoever answers "no such order", and
signs that, has taken our signature and lets us check his.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType

from paycore.gateway import accounts
from paycore.gateway.accounts import Opened
from paycore.gateway.call import Ask, Operation, Reply
from paycore.gateway.channel import BAD_SIGNATURE
from paycore.gateway.replies import shown, tidy
from paycore.kernel.errors import DataNotExist
from paycore.kernel.ids import attempt_id, pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CardId
from paycore.sms import registry
from paycore.sms.carrier import Carrier

_GOOD = "it took our credentials, and its answer is its own"

_NOT_BY_THE_NEWER = (
    "its answer is not signed as the newer credentials say: it has not changed yet, or"
    " the key of theirs in them is another's. What was there before is still believed:"
    " retire nothing until this check is good"
)

_SAYS = MappingProxyType(
    {
        "NOT_SENT": "nothing answers at this address: look at the base URL, the name's"
        " look-up, the firewall and the TLS certificate",
        "NO_ANSWER": "it took the connection and did not answer in time: look at the"
        " base URL's port and path, and whether its firewall knows our address",
        BAD_SIGNATURE: "it answers, and what it says is not signed as it should be:"
        " look at the key or certificate of theirs that the credentials hold",
        "HTTP_401": "it does not take our signature: look at our own key, and at the"
        " merchant or key number that goes with it",
        "HTTP_403": "it knows us and refuses: the product or this address of ours may"
        " not be opened there",
        "HTTP_404": "there is something at this address, and not this: look at the"
        " base URL's path",
        "GARBAGE": "something answers that does not speak this protocol: look at the"
        " base URL",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a test call came to."""

    good: bool
    resp_code: str
    resp_msg: str
    explanation: str
    elapsed_ms: int


_NOTHING = Checked(
    good=True,
    resp_code="",
    resp_msg="",
    explanation="it has nothing that could be asked without being done",
    elapsed_ms=0,
)


async def account(node: Node, channel: str, name: str) -> Checked:
    """Try an account at a channel; DataNotExist where there is none that opens."""
    opened = await accounts.look_up(node, channel, name)
    if opened is None:
        raise DataNotExist(
            "There is no such account, or its credentials do not open.",
            "渠道账户不存在",
        )
    if Operation.ENQUIRE not in opened.driver.capabilities:
        return _NOTHING
    began = node.clock.monotonic()
    outgoing = opened.driver.assemble(opened.account, _question(node, channel, name))
    # By what it has now and by nothing else: what it had before may be given up next.
    alone = replace(opened.account, former=None)
    heard = await opened.driver.perform(node, alone, outgoing)
    reply = tidy(heard, opened.secrets)
    good = reply.not_found or reply.outcome is not Outcome.UNKNOWN
    good = good and reply.outcome is not Outcome.NOT_SENT
    return Checked(
        good=good,
        resp_code=reply.resp_code,
        resp_msg=reply.resp_msg,
        explanation=_GOOD if good else _why(opened, reply),
        elapsed_ms=round((node.clock.monotonic() - began) * 1000),
    )


async def carrier(node: Node, name: str) -> Checked:
    """Try a carrier; DataNotExist where there is none that opens."""
    line = await registry.look_up(node, name)
    if type(line.driver).check is Carrier.check:
        return _NOTHING
    began = node.clock.monotonic()
    said = await line.driver.check(node, line, timeout_s=node.settings.sms_timeout_s)
    good = said.outcome is Outcome.SUCCEEDED
    why = _GOOD if good else said.alarm or _SAYS.get(said.resp_code, _unexplained())
    return Checked(
        good=good,
        resp_code=shown(said.resp_code, line.secrets),
        resp_msg=shown(said.resp_msg, line.secrets),
        explanation=why,
        elapsed_ms=round((node.clock.monotonic() - began) * 1000),
    )


def _question(node: Node, channel: str, name: str) -> Ask:
    """After a number that is made now, so that nobody can have it."""
    now = node.now()
    no = pay_order_no(node.ids, now)
    return Ask(
        operation=Operation.ENQUIRE,
        pay_order_no=no,
        attempt_seq=1,
        request_no=attempt_id(no, 1),
        inst_trans_id="CHECK",
        channel=channel,
        account=name,
        amount=1,
        currency="CNY",
        asked_at=now,
        timeout_s=node.settings.enquiry_timeout_s,
        card_id=CardId(""),
        opened_at=now,
        enquired_operation=Operation.DEDUCT,
    )


def _why(opened: Opened, reply: Reply) -> str:
    """What to do about an answer that is no good one."""
    if reply.resp_code == BAD_SIGNATURE and opened.account.former is not None:
        return _NOT_BY_THE_NEWER
    return opened.driver.explain(opened.account, reply) or _explained(reply)


def _explained(reply: Reply) -> str:
    if reply.alarm is not None:
        return reply.alarm
    return _SAYS.get(reply.resp_code, _unexplained())


def _unexplained() -> str:
    return "its answer is none that we know: see the code and the words it gave"
