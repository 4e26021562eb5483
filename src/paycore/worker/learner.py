"""The day's round of what channels want used: their newest certificates, for one.

A job of `worker/daily.py`. An account that cannot be asked is left as it is, and is
asked again with the next claim; the others have theirs.
"""

from paycore.gateway import learning
from paycore.gateway.accounts import Accounts
from paycore.kernel.node import Node
from paycore.worker.daily import Job, Ran

NAME = "channels"


def job(hour: int) -> Job:
    """The job."""

    async def work(node: Node) -> Ran:
        learnt = [
            "/".join(key)
            for key, _ in node.state(Accounts).every()
            if await learning.learn(node, *key)
        ]
        return Ran(done=True, said=f"newer facts of {', '.join(learnt) or 'none'}")

    return Job(name=NAME, hour=hour, work=work)
