"""A channel's yes to other money than ours, and what it says afterwards (F32). Pure.

It is neither a yes nor a no: something moved, and not what we asked for. So no
later word is the last one either, but a yes to our own money: a no, or "no such order",
contradicts what the channel has signed before, and a person finds out which of the two
is right; two may then say that nothing was taken, or given back.
"""

from paycore.gateway.call import OTHER_MONEY, Reply, of_other_money
from paycore.kernel.outcome import Outcome

FORCED = "BY_HAND"
"""The code of two people's word that a leg took no money, or a refund gave none back,
in the place of its channel's: the last one, whatever the channel has said."""


def remembering(resp_code: str, reply: Reply) -> Reply:
    """The reply, to a leg or a refund whose code was this before it came: `OTHER_MONEY`
    stays, until a yes to our own money.
    """
    ends = reply.outcome is Outcome.SUCCEEDED or reply.resp_code == FORCED
    if ends or resp_code != OTHER_MONEY:
        return reply
    return of_other_money(reply)
