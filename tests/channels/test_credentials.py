"""Credentials and those they replaced; how an account is tried, and taught."""

import time
from collections.abc import Mapping
from hmac import digest
from typing import Any, ClassVar

import msgspec
import pytest
from channel_bench import call, messages
from msgspec.structs import replace
from strangers import Strangers
from test_gateway import KEY, deduct, save

from paycore.gateway import accounts, checking, learning
from paycore.gateway import service as gateway
from paycore.gateway.accounts import Accounts
from paycore.gateway.call import Operation
from paycore.gateway.channel import Account
from paycore.gateway.channels.sandbox import Sandbox
from paycore.gateway.registry import Registry
from paycore.gateway.rows import AccountRow, FactRow
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.http import Answered
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.sms import registry
from paycore.sms.rows import CarrierRow
from paycore.worker import learner

NEWER = "7e" * 32
PATH = "/callbacks/deduct_a/main"


def credentials(strangers: Strangers, secret: str) -> Mapping[str, str]:
    return {
        "merchant": strangers.merchant,
        "secret": secret,
        "encryption_key": strangers.encryption_key,
    }


@pytest.fixture
async def rotated(node: Node, strangers: Strangers) -> Node:
    """A node whose account signs by a newer secret, and was known by another."""
    await save(node, strangers)
    await save(node, strangers, credentials=credentials(strangers, NEWER), rotate=True)
    await gateway.refresh(node)
    return node


def signed(secret: str, body: bytes, path: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    text = f"{stamp}\n{path}\n".encode() + body
    mark = digest(bytes.fromhex(secret), text, "sha256").hex()
    return {"X-Merchant": "M-100", "X-Timestamp": stamp, "X-Signature": mark}


async def told(node: Node, secret: str) -> bool:
    """Whether a callback that is signed by this secret is believed."""
    ask = deduct(node)
    body = msgspec.json.encode(
        {
            "operation": "deduct",
            "request_id": ask.request_no,
            "pay_order_no": ask.pay_order_no,
            "merchant": "M-100",
            "status": "SUCCESS",
            "code": "OK",
            "amount": ask.amount,
            "currency": ask.currency,
        }
    )
    received = await gateway.callback(
        node, *KEY, PATH, signed(secret, body, PATH), body
    )
    return received.callback is not None


async def test_both_are_believed_until_the_former_are_retired(
    rotated: Node, strangers: Strangers
) -> None:
    """The channel may sign by either while it changes over; by a third never."""
    assert await told(rotated, NEWER)
    assert await told(rotated, strangers.secret)
    assert not await told(rotated, "00" * 32)
    await accounts.retire(rotated, *KEY)
    await gateway.refresh(rotated)
    assert await told(rotated, NEWER)
    assert not await told(rotated, strangers.secret)


async def test_an_answer_by_the_former_is_believed(
    rotated: Node, strangers: Strangers
) -> None:
    """Read by the newer first; what neither signs is not trusted."""
    opened = rotated.state(Accounts).find(*KEY)
    assert opened is not None
    ask = deduct(rotated)
    fields = {"request_id": ask.request_no, "pay_order_no": ask.pay_order_no}
    fields |= {"merchant": "M-100", "status": "FAIL", "code": "CARD_LOST"}
    body = msgspec.json.encode(fields)

    def heard(secret: str) -> Outcome:
        marks = {k.lower(): v for k, v in signed(secret, body, "/v1/deduct").items()}
        answered = Answered(status=200, headers=marks, body=body)
        return opened.driver.believed(opened.account, ask, answered).outcome

    assert heard(NEWER) is heard(strangers.secret) is Outcome.DECLINED
    assert heard("00" * 32) is Outcome.UNKNOWN


async def test_requests_are_signed_by_the_newer(
    rotated: Node, strangers: Strangers
) -> None:
    """This bank does not know it yet, so it refuses us; neither secret is kept."""
    ask = deduct(rotated)
    reply = await call(rotated, ask)
    kept = "".join(row.body for row in await messages(rotated, ask))
    opened = rotated.state(Accounts).find(*KEY)

    assert reply.resp_code == "HTTP_401"
    assert NEWER not in kept
    assert strangers.secret not in kept
    assert opened is not None
    assert {NEWER, strangers.secret} <= set(opened.secrets)
    assert NEWER not in repr(opened.account)
    assert strangers.secret not in repr(opened.account)


async def test_a_replacement_that_is_no_rotation_forgets_the_former(
    rotated: Node, strangers: Strangers
) -> None:
    """Whoever replaces credentials at once wants the former gone."""
    await save(rotated, strangers)
    row = await rotated.journal.load(AccountRow, *KEY)
    assert row is not None
    assert row.former is None


async def test_both_are_sealed_anew(rotated: Node) -> None:
    """A key that is to be thrown away must seal nothing any more."""
    row = await rotated.journal.load(AccountRow, *KEY)
    assert row is not None
    await accounts.reseal(rotated, row)
    again = await rotated.journal.load(AccountRow, *KEY)
    assert again is not None
    assert again.former is not None
    assert (again.credentials, again.former) != (row.credentials, row.former)
    assert accounts.open_account(rotated, again).account.former is not None


# --- trying an account ----------------------------------------------------------------


async def test_an_account_that_is_well(node: Node, strangers: Strangers) -> None:
    """Asked after a number that nobody has: nothing moves, and nothing is kept."""
    await save(node, strangers)
    checked = await checking.account(node, *KEY)

    assert checked.good, checked
    assert "its answer is its own" in checked.explanation


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"base_url": "http://127.0.0.1:1"}, "NOT_SENT", "base URL"),
        ({"secret": NEWER}, "HTTP_401", "refuses our signature"),
        ({"base_url": "control"}, "HTTP_404", "path"),
    ],
)
async def test_an_account_that_is_not(
    node: Node, strangers: Strangers, changes: dict[str, str], code: str, word: str
) -> None:
    """What is wrong is said in words that tell where to look."""
    given: dict[str, object] = {}
    if "secret" in changes:
        given["credentials"] = credentials(strangers, changes["secret"])
    if "base_url" in changes:
        at = changes["base_url"]
        given["base_url"] = strangers.control if at == "control" else at
    await save(node, strangers, **given)
    checked = await checking.account(node, *KEY)

    assert not checked.good
    assert code == checked.resp_code
    assert word in checked.explanation


async def test_an_account_that_nothing_can_be_asked_of(node: Node) -> None:
    """The SMS centre is no stranger."""
    await gateway.save_account(
        node,
        channel="sms_centre",
        account="main",
        driver="sms_centre",
        base_url="",
        credentials={},
    )
    assert (await checking.account(node, "sms_centre", "main")).good


async def test_a_carrier_that_nothing_can_be_asked_of(
    node: Node, strangers: Strangers
) -> None:
    """The sandbox's would text somebody."""
    await registry.save(
        node,
        carrier="plain",
        driver="sandbox",
        base_url=strangers.carriers["a"],
        credentials={"merchant": strangers.merchant, "secret": strangers.secret},
    )
    assert (await checking.carrier(node, "plain")).good
    await registry.switch(node, "plain", enabled=False)


async def test_no_such_account(node: Node) -> None:
    """What is not there is not tried."""
    with pytest.raises(DataNotExist):
        await checking.account(node, "nowhere", "main")


async def test_former_credentials_of_another_form(
    rotated: Node, strangers: Strangers
) -> None:
    """A newer version may want more of them: the account goes on with the newer ones,
    and so does a carrier.
    """

    def older(row: Any) -> Any:
        whose = (
            f"gateway_account/{row.channel}/{row.account}"
            if isinstance(row, AccountRow)
            else f"sms_carrier:{row.carrier}"
        )
        sealed = rotated.key_ring.seal(b"{}", context=whose.encode())
        return replace(row, former=sealed)

    await registry.save(
        rotated,
        carrier="older",
        driver="sandbox",
        base_url=strangers.carriers["a"],
        credentials={"merchant": strangers.merchant, "secret": strangers.secret},
    )
    change = rotated.change()
    change.amend(AccountRow, KEY, older)
    change.amend(CarrierRow, ("older",), older)
    assert await rotated.journal.commit(change) is None
    await gateway.refresh(rotated)
    opened = rotated.state(Accounts).find(*KEY)
    line = await registry.look_up(rotated, "older")
    await registry.switch(rotated, "older", enabled=False)

    assert opened is not None
    assert opened.account.former is None
    assert line.former is None
    assert await told(rotated, NEWER)


async def test_a_file_that_breaks_over_one_account(
    node: Node, strangers: Strangers
) -> None:
    """It has that one not open; the others do, and are switched off in time."""

    class Breaking(Sandbox):
        code = "breaking"
        broken: ClassVar[bool] = False

        def unfit(self, account: Account) -> str:
            if self.broken:
                raise KeyError(account.base_url)
            return ""

    node.state(Registry)._by_code["breaking"] = Breaking()
    await save(node, strangers, channel="breaks", driver="breaking")
    await save(node, strangers)
    Breaking.broken = True
    await gateway.refresh(node)
    known = node.state(Accounts)

    assert known.find("breaks", "main") is None
    assert ("breaks", "main") in known.closed
    assert known.find(*KEY) is not None


# --- two who change the same --------------------------------------------------------


async def test_what_was_switched_off_meanwhile_stays_so(
    node: Node, strangers: Strangers
) -> None:
    """Whoever replaces an account says nothing of that: a switch between his look and
    his commit is not undone.
    """
    await save(node, strangers)
    await accounts.switch(node, *KEY, enabled=False)
    for changes in ({"enabled": None}, {"enabled": None, "rotate": True}):
        await save(node, strangers, **changes)
        row = await node.journal.load(AccountRow, *KEY)

        assert row is not None
        assert not row.enabled


async def test_what_was_replaced_meanwhile_is_looked_at_again(
    node: Node, strangers: Strangers
) -> None:
    """A rotation is of the account that was seen: its address and driver with it."""
    await save(node, strangers)
    seen = await node.journal.load(AccountRow, *KEY)
    assert seen is not None
    await save(node, strangers, base_url=strangers.control)

    with pytest.raises(BadRequest):
        await save(node, strangers, rotate=True, version=seen.version)
    stands = await node.journal.load(AccountRow, *KEY)
    assert stands is not None
    assert (stands.base_url, stands.former) == (strangers.control, None)


async def test_carriers_alike(node: Node, strangers: Strangers) -> None:
    """Switched off it stays, and what was changed is looked at again."""

    async def keep(**given: Any) -> bool:
        return await registry.save(
            node,
            carrier="pair",
            driver="sandbox",
            base_url=strangers.carriers["a"],
            credentials={"merchant": strangers.merchant, "secret": strangers.secret},
            **given,
        )

    assert await keep(enabled=None)
    seen = await node.journal.load(CarrierRow, "pair")
    assert seen is not None
    await registry.switch(node, "pair", enabled=False)
    with pytest.raises(BadRequest):
        await keep(rotate=True, version=seen.version)

    assert not await keep(enabled=None, rotate=True)
    assert await keep()
    await registry.switch(node, "pair", enabled=False)


# --- what a channel teaches -----------------------------------------------------------


class Teaching(Sandbox):
    """A channel whose certificate changes, as a plug-in may have one."""

    code = "teaching"

    async def learn(self, node: Node, account: Account) -> Mapping[str, str] | None:
        """The next one after the one that is known."""
        known = int(account.facts.get("certificate", "0"))
        return None if known == 2 else {"certificate": str(known + 1)}


class Stumbling(Teaching):
    """One that breaks over the answer."""

    code = "stumbling"

    async def learn(self, node: Node, account: Account) -> Mapping[str, str] | None:
        """Break."""
        raise ValueError("not a certificate")


async def test_what_a_channel_teaches_is_kept_and_used(
    node: Node, strangers: Strangers
) -> None:
    """Each newer fact is in the account of every node a second later; None is none."""
    node.state(Registry)._by_code["teaching"] = Teaching()
    await save(node, strangers, driver="teaching")
    await gateway.refresh(node)
    learnt = []
    for _ in range(3):
        learnt.append(await learning.learn(node, *KEY))
        await gateway.refresh(node)
    opened = node.state(Accounts).find(*KEY)
    row = await node.journal.load(FactRow, *KEY)

    assert learnt == [True, True, False]
    assert opened is not None
    assert opened.account.facts == {"certificate": "2"}
    assert row is not None
    assert msgspec.json.decode(row.facts) == {"certificate": "2"}
    assert Operation.DEDUCT in opened.driver.capabilities


async def test_an_account_that_is_opened_meanwhile(
    node: Node, strangers: Strangers
) -> None:
    """Whoever goes through all of them asks the network in between: one that a payment
    opens just then is another day's.
    """

    class Slow(Sandbox):
        code = "slow"

        async def learn(self, node: Node, account: Account) -> None:
            await save(node, strangers, channel="meanwhile", enabled=False)
            assert await accounts.look_up(node, "meanwhile", "main") is not None

    node.state(Registry)._by_code["slow"] = Slow()
    await save(node, strangers, driver="slow")
    await gateway.refresh(node)
    ran = await learner.job(0).work(node)

    assert ran.done


async def test_a_channel_that_stumbles_teaches_nothing(
    node: Node, strangers: Strangers
) -> None:
    """And goes on with what it knew."""
    node.state(Registry)._by_code["stumbling"] = Stumbling()
    await save(node, strangers, driver="stumbling")
    known = await node.journal.load(FactRow, *KEY)
    assert not await learning.learn(node, *KEY)
    assert known == await node.journal.load(FactRow, *KEY)


async def test_a_currency_that_a_channel_does_not_take(
    node: Node, strangers: Strangers
) -> None:
    """Nothing leaves: it is refused here, and surely not sent."""

    class Yuan(Sandbox):
        code = "yuan"
        currencies = frozenset({"CNY"})

    node.state(Registry)._by_code["yuan"] = Yuan()
    await save(node, strangers, driver="yuan")
    await gateway.refresh(node)
    strange = await call(node, replace(deduct(node), currency="USD"))
    ours = await call(node, deduct(node))

    assert (strange.outcome, strange.resp_msg) == (
        Outcome.NOT_SENT,
        "not in that currency",
    )
    assert ours.outcome is Outcome.SUCCEEDED
