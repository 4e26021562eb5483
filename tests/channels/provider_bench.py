"""A provider that the sandbox plays, as the peer of its channel: over real HTTP, with
the keys that both sides were given.
"""

from collections.abc import Mapping
from typing import ClassVar, cast

from channel_bench import CARD, Bench, Raw, call, enquiry
from door import Came, Door
from msgspec.structs import replace
from strangers import Control, Strangers

from paycore.dev import vendors
from paycore.gateway import accounts
from paycore.gateway import service as gateway
from paycore.gateway.accounts import Accounts
from paycore.gateway.call import Ask, Operation, Reply
from paycore.gateway.channel import Account, Channel
from paycore.kernel.ids import attempt_id, pay_order_no, refund_no, signing_request
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CardId

ACCOUNT = "main"
SHORT = 16
"""What is no key: words of a PEM's heading."""

_OF_SIGNINGS = frozenset({Operation.SIGN, Operation.SIGN_CONFIRM})
_WITH_CARD = frozenset({Operation.SIGN, Operation.SEND_CODE, Operation.DEDUCT})


class ProviderBench(Bench):
    """One provider; what its channel needs beyond the usual is its subclass's."""

    driver: ClassVar[type[Channel]]
    settings: ClassVar[Mapping[str, object]] = {}
    """Of the account, beyond the keys."""
    agreed: ClassVar[str] = ""
    """Where a provider has several kinds of agreement: which these are."""

    def __init__(self, node: Node, strangers: Strangers, door: Door) -> None:
        self.node, self.strangers, self.door = node, strangers, door
        self.name = self.called()
        self.control = Control(node.transport, strangers.control)
        self.base_url = strangers.banks[self.name]
        self.credentials = self.ours()

    def called(self) -> str:
        """What the sandbox calls it, and we."""
        return self.driver.code

    def ours(self) -> Mapping[str, object]:
        """What we are given by the provider."""
        contract = self.strangers.contracts[self.name]
        return vendors.credentials(contract, self.name, self.base_url)

    async def open(self, account: str = ACCOUNT, **changes: object) -> None:
        """Open an account of ours, once for all nodes that share what they keep."""
        if await accounts.look_up(self.node, self.name, account) is None:
            await self.rotate(account, **changes)

    async def rotate(self, account: str, **changes: object) -> None:
        """Give an account other credentials; those that it had are still believed."""
        await gateway.save_account(
            self.node,
            channel=self.name,
            account=account,
            driver=self.driver.code,
            base_url=self.base_url,
            credentials={**self.credentials, **self.settings, **changes},
            rotate=True,
        )
        await gateway.refresh(self.node)

    def opened(self) -> Account:
        """Our account, as the channel's file gets it."""
        found = self.node.state(Accounts).find(self.name, ACCOUNT)
        assert found is not None
        return found.account

    async def ask(self, operation: Operation) -> Ask:
        """Do what must come before, and give the ask."""
        match operation:
            case Operation.CONFIRM | Operation.SIGN_CONFIRM:
                return await self._confirm(operation)
            case Operation.ENQUIRE:
                ask = await self.new(Operation.DEDUCT)
                reply = await call(self.node, ask)
                return replace(enquiry(ask), channel_ref=reply.channel_ref)
            case Operation.REFUND:
                return await self.refund(await self.ask(Operation.DEDUCT))
            case Operation.REVOKE:
                return await self._revocation()
            case _:
                return await self.new(operation)

    async def new(self, operation: Operation, agreement: str | None = None) -> Ask:
        """An ask about a payment, or a signing, that nobody has heard of."""
        no, now = pay_order_no(self.node.ids, self.node.now()), self.node.now()
        signs = operation in _OF_SIGNINGS
        if agreement is None and not signs:
            agreement = await self.agreement()
        return Ask(
            operation=operation,
            pay_order_no=no,
            attempt_seq=1,
            request_no=signing_request(no, 1) if signs else attempt_id(no, 1),
            inst_trans_id=f"{self.name}.{ACCOUNT}",
            channel=self.name,
            account=ACCOUNT,
            amount=0 if signs else self.node.ids.below(90_000) + 10_000,
            currency="" if signs else "CNY",
            asked_at=now,
            opened_at=now,
            timeout_s=5.0,
            card_id=CardId("c1"),
            card=CARD if operation in _WITH_CARD else None,
            agreement=agreement,
            subject="三杯咖啡",
            notify_url=f"{self.door.url}/callbacks/{self.name}/{ACCOUNT}",
        )

    async def agreement(self) -> str:
        """One that the payer has with the provider: signed once, for all tests."""
        known, key = self.strangers.agreements, f"{self.name} {self.agreed}".strip()
        if key not in known:
            known[key] = (await self.signed())[1]
        return known[key]

    async def signed(self) -> tuple[Ask, str]:
        """A signing of its own that went well, and its agreement."""
        ask = await self.ask(Operation.SIGN_CONFIRM)
        agreement = (await call(self.node, ask)).agreement
        assert agreement is not None
        return ask, agreement

    async def code(self) -> str:
        """What the provider texted the payer last."""
        return (await self.control.texts(CARD.phone, self.name))[-1]["code"]

    async def _confirm(self, operation: Operation) -> Ask:
        signs = operation is Operation.SIGN_CONFIRM
        first = Operation.SIGN if signs else Operation.SEND_CODE
        ask = await self.new(first)
        await call(self.node, ask)
        named = signs or self.driver().confirm_names_card(self.opened())
        card = CARD if named else None
        return replace(ask, operation=operation, card=card, code=await self.code())

    async def _revocation(self) -> Ask:
        """It ends an agreement of its own, so that the others' stand."""
        signing, agreement = await self.signed()
        now = self.node.now()
        return replace(
            signing,
            operation=Operation.REVOKE,
            request_no=signing_request(signing.pay_order_no, 2),
            asked_at=now,
            opened_at=None,
            card=None,
            code=None,
            agreement=agreement,
            original_request_no=signing.request_no,
            original_opened_at=signing.opened_at,
        )

    async def refund(self, ask: Ask) -> Ask:
        """To give back in full what a call takes, which is made first."""
        reply = await self.stands(ask)
        now = self.node.now()
        return replace(
            ask,
            operation=Operation.REFUND,
            attempt_seq=101,
            request_no=refund_no(ask.pay_order_no, 1),
            card=None,
            code=None,
            asked_at=now,
            opened_at=now,
            original_operation=ask.operation,
            original_request_no=ask.request_no,
            original_opened_at=ask.opened_at,
            original_channel_ref=reply.channel_ref,
            original_amount=ask.amount,
        )

    async def stands(self, ask: Ask) -> Reply:
        """What became of a call, asked after where its answer was none yet."""
        reply = await call(self.node, ask)
        if reply.outcome is not Outcome.PENDING:
            return reply
        return await call(self.node, enquiry(ask))

    async def fault(self, operation: Operation, fault: str) -> None:
        """Have the provider misbehave."""
        # Both steps of a signing are one operation there.
        signs = operation is Operation.SIGN_CONFIRM
        name = "sign" if signs else operation.value
        await self.control.fault(f"bank.{self.name}.{name}", fault)

    async def charges(self, pay_order_no: str) -> int:
        """Count what the provider's bank says moved."""
        return await self.control.charges(pay_order_no)

    async def called_back(self, operation: Operation) -> Raw:
        """Wait for what is told of a call that went well."""
        ask = await self.ask(operation)
        await call(self.node, ask)
        came = await self.told(ask)
        return Raw(ask, came.path, came.headers, came.body)

    async def told(self, ask: Ask) -> Came:
        """What is told of a call."""
        number = ask.request_no.encode()
        return await self.door.until(lambda came: number in came.body)

    def secrets(self) -> tuple[str, ...]:
        """Our keys; of one that has lines each."""
        return tuple(
            line
            for field in self.driver.secret_fields
            for text in _texts(self.credentials.get(field, ""))
            for line in text.split()
            if len(line) > SHORT
        )


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else cast("list[str]", value)
