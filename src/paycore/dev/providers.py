"""Accounts at the providers that `paycore dev` was asked for, and what its payer has
signed with them: by the codes that they text, as people do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from paycore.dev import vendors
from paycore.dev.folder import Kept
from paycore.dev.processes import SandboxInfo
from paycore.gateway import accounts
from paycore.gateway.call import Ask, CardFacts, Operation, Reply
from paycore.kernel.errors import Misconfigured
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.ids import pay_order_no, signing_request
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CardId
from paycore.recon import service as recon
from paycore.recon.rows import TermsRow
from paycore.sms import registry as carriers

ACCOUNT = "main"
FEE_MILLIONTHS = 3800
TIMEOUT_S = 10.0
POLL_S = 0.1
TEXTED_WITHIN_S = 5.0

Payer = CardFacts


class _Text(msgspec.Struct):
    carrier: str
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Those that were asked for, where they listen, and the contracts with them."""

    node: Node
    sandbox: SandboxInfo
    kept: Kept
    names: Sequence[str]

    @property
    def banks(self) -> list[str]:
        """Those that take money."""
        return [name for name in vendors.BANKS if name in self.names]

    async def open(self) -> None:
        """Open an account at each; their carriers are tried before the others."""
        for name in self.banks:
            base_url = self.sandbox.banks[name]
            await accounts.save(
                self.node,
                channel=name,
                account=ACCOUNT,
                driver=name,
                base_url=base_url,
                credentials=self._credentials(name, base_url),
            )
            if await self.node.journal.load(TermsRow, name, ACCOUNT) is None:
                key = (name, ACCOUNT)
                await recon.agree(self.node, key, charge_rate=FEE_MILLIONTHS)
        for name in vendors.CARRIERS:
            if name in self.names:
                base_url = self.sandbox.carriers[name]
                await carriers.save(
                    self.node,
                    carrier=name,
                    driver=name,
                    base_url=base_url,
                    credentials=self._credentials(name, base_url),
                    priority=0,
                )

    def _credentials(self, name: str, base_url: str) -> dict[str, object]:
        return vendors.credentials(self.kept.vendors[name], name, base_url)

    async def agreement(self, bank: str, payer: Payer) -> str:
        """One that the payer has with a bank: signed now, where it signs any."""
        given = self.kept.vendors[bank].agreement
        if given:
            return given
        number = pay_order_no(self.node.ids, self.node.now())
        ask = Ask(
            operation=Operation.SIGN,
            pay_order_no=number,
            attempt_seq=1,
            request_no=signing_request(number, 1),
            inst_trans_id="SIGNING",
            channel=bank,
            account=ACCOUNT,
            amount=0,
            currency="",
            asked_at=self.node.now(),
            opened_at=self.node.now(),
            timeout_s=TIMEOUT_S,
            card_id=CardId(""),
            card=payer,
        )
        await self._asked(ask)
        code = await self._code(bank, payer.phone)
        confirm = msgspec.structs.replace(
            ask, operation=Operation.SIGN_CONFIRM, code=code
        )
        reply = await self._asked(confirm)
        assert reply.agreement is not None, "a signing that succeeded has a number"
        return reply.agreement

    async def _asked(self, ask: Ask) -> Reply:
        """Call a bank as seeding may, which keeps no messages."""
        opened = await accounts.look_up(self.node, ask.channel, ask.account)
        assert opened is not None, "it was opened a moment ago"
        outgoing = opened.driver.assemble(opened.account, ask)
        reply = await opened.driver.perform(self.node, opened.account, outgoing)
        if reply.outcome is not Outcome.SUCCEEDED:
            said = f"{reply.outcome} {reply.resp_code} {reply.resp_msg}"
            raise Misconfigured(f"{ask.channel} does not {ask.operation}: {said}")
        return reply

    async def _code(self, bank: str, phone: str) -> str:
        """What the bank has texted the payer last."""
        url = f"{self.sandbox.control}/control/sms?phone={quote(phone)}"
        request = HttpRequest(
            method="GET", url=url, headers={}, body=b"", timeout_s=TIMEOUT_S
        )
        for _ in range(int(TEXTED_WITHIN_S / POLL_S)):
            match await self.node.transport.send(request):
                case Answered(status=200, body=body):
                    texts = msgspec.json.decode(body, type=list[_Text])
                    codes = [one.code for one in texts if one.carrier == bank]
                    if codes and codes[-1]:
                        return codes[-1]
                case _:
                    pass
            await self.node.clock.sleep(POLL_S)
        raise Misconfigured(f"{bank} has texted no code")
