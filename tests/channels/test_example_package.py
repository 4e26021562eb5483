"""A channel in a package of its own: found, listed and used, with nothing edited."""

import json
import re
import shutil
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest
from channel_bench import CARD, Bench, Raw, call, enquiry
from contract import ChannelContract
from example_peer import MERCHANT, SECRET, Peer
from msgspec.structs import replace
from packages import installed, ran
from paycore_channel_acme import AcmeChannel

from paycore.cli.main import main
from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Operation
from paycore.kernel.ids import attempt_id, letters, pay_order_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame
from paycore.kernel.terms import CardId

EXAMPLE = Path(__file__).parent / "example_package"
PROJECT = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
MADE_ANEW = "cd into a folder elsewhere; `paycore channel new acme`; take what it wrote"


def texts(folder: Path) -> dict[str, str]:
    """Its files, but for what tools leave behind."""
    files = {file.relative_to(folder): file for file in folder.rglob("*.*")}
    return {
        str(name): file.read_text("utf-8")
        for name, file in files.items()
        if file.is_file() and not re.search(r"(^|/)(\.|__pycache__)", str(name))
    }


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What is left of the example once it is installed, far from this repository."""
    folder = tmp_path / "site-packages"
    shutil.copytree(EXAMPLE / "src", folder)
    installed(folder, PROJECT["name"], PROJECT["entry-points"])
    return folder


def test_the_example_is_what_a_new_channel_is(tmp_path, monkeypatch):
    """The example is written by `paycore channel new`, as it writes today."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["channel", "new", "acme"])

    assert 0 == ended.value.code
    assert texts(tmp_path / "paycore-channel-acme") == texts(EXAMPLE), MADE_ANEW


def test_an_installed_channel_is_listed(tmp_path, site):
    """To be installed is all that it takes; the channels of paycore are there too."""
    listed = ran(
        *("paycore", "channels", "drivers", "--json"), within=tmp_path, path=(site,)
    )
    alone = ran("paycore", "channels", "drivers", "--json", within=tmp_path)
    told, before = json.loads(listed.stdout), json.loads(alone.stdout)

    assert [
        {
            "kind": "channel",
            "driver": "acme",
            "title": "Acme",
            "credentials": ["merchant", "secret"],
        }
    ] == [one for one in told["drivers"] if one not in before["drivers"]]
    assert len(before["drivers"]) + 1 == len(told["drivers"])


def test_its_own_test_passes_where_it_is(tmp_path, site):
    """The example's tests need nothing of this repository but the installed paycore."""
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    tested = ran(
        *("pytest", "-q", "-p", "no:cacheprovider", "tests"),
        within=tmp_path,
        path=(site,),
    )

    assert 0 == tested.returncode, tested.stdout
    assert "skipped" not in tested.stdout


class Provider(Bench):
    """The peer of the example, and a node with an account there."""

    def __init__(self, node: Node) -> None:
        self.node, self.peer = node, Peer()

    async def open(self) -> None:
        """Open our account."""
        await gateway.save_account(
            self.node,
            channel="acme",
            account="main",
            driver="acme",
            base_url=await self.peer.open(),
            credentials={"merchant": MERCHANT, "secret": SECRET},
        )
        await gateway.refresh(self.node)

    async def ask(self, operation: Operation) -> Ask:
        """A charge, or the question after one that was made."""
        no = pay_order_no(self.node.ids, self.node.now())
        ask = Ask(
            operation=Operation.DEDUCT,
            pay_order_no=no,
            attempt_seq=1,
            request_no=attempt_id(no, 1),
            inst_trans_id="acme.main",
            channel="acme",
            account="main",
            amount=self.node.ids.below(90_000) + 10_000,
            currency="CNY",
            asked_at=self.node.now(),
            timeout_s=5.0,
            card_id=CardId("c1"),
            card=CARD,
            agreement="agr_" + letters(self.node.ids, 12),
            subject="三杯咖啡",
        )
        if operation is Operation.ENQUIRE:
            await call(self.node, ask)
            return enquiry(replace(ask, card=None))
        return ask

    async def fault(self, operation: Operation, fault: str) -> None:
        """Have the peer misbehave at its next call, or be gone."""
        if fault == "refuse_connection":
            await self.peer.close()
        self.peer.faults[f"/v1/{operation}"] = fault

    async def charges(self, pay_order_no: str) -> int:
        """Count the peer's orders of a payment."""
        return sum(no.startswith(pay_order_no) for no in self.peer.paid)

    async def called_back(self, operation: Operation) -> Raw:
        """It calls nobody back."""
        raise AssertionError(operation)

    def secrets(self) -> tuple[str, ...]:
        """The key of the account."""
        return (SECRET,)


@pytest.fixture
async def bench(node: Node, site: Path, monkeypatch) -> AsyncIterator[Provider]:
    """The example installed, and its provider at work."""
    monkeypatch.syspath_prepend(site)
    provider = Provider(node)
    await provider.open()
    yield provider
    await provider.peer.close()


class TestExample(ChannelContract):
    """What `paycore channel new` writes keeps all that a channel must."""

    driver = AcmeChannel
    over_http = AcmeChannel.capabilities
    enquired_after: ClassVar = frozenset({Operation.DEDUCT})
    of_asking: ClassVar = frozenset({"BAD_REQUEST"})
    refusals: ClassVar = {
        "INSUFFICIENT_FUNDS": Blame.PAYER,
        "MANDATE_ENDED": Blame.CARD,
        "MAINTENANCE": Blame.CHANNEL,
        "BAD_REQUEST": Blame.REQUEST,
    }

    async def test_every_class_has_a_code(self) -> None:
        """Each but the payer's code: it asks for none."""
        assert set(Blame) - {Blame.CODE} == set(self.refusals.values())
