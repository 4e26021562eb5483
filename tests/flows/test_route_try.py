"""`paycore route try` and `paycore apikeys`, as their users run them."""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import structlog

from paycore.cards import service as cards
from paycore.cards.service import GivenAgreement, NewCard
from paycore.cli.main import main
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.terms import SMS_CENTRE, BizLineId, Json, PayType, TransType
from paycore.kernel.transport import HttpTransport
from paycore.lines import service as lines
from paycore.router import service as router
from paycore.router.rows import RuleRow, TransTypeRow

NUMBER = "6222021234567894"


@pytest.fixture(scope="module")
def seeded(dsn: str) -> str:
    """Two quick channels and the SMS centre, and a card that agreed to one of them."""
    return asyncio.run(_seed(dsn))


async def _seed(dsn: str) -> str:
    settings = Settings.for_dev()
    journal = await PostgresJournal.open(dsn)
    node = Node(
        settings=settings,
        journal=journal,
        clock=SystemClock(await journal.database_now()),
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    shop = BizLineId("shop")
    await lines.create_line(node, shop, title="小店", currencies=["CNY"])
    for channel in ("quick_a", "quick_b", SMS_CENTRE):
        row = TransTypeRow(
            inst_trans_id=f"{channel}.send",
            channel=channel,
            account="main",
            trans_type=TransType.QUICK_PAY_SEND_MSG,
            currencies=Json('["CNY"]'),
        )
        await router.save_trans_type(node, row)
        await router.allow(node, shop, channel, "main")
    rule = RuleRow(
        rule_id="big",
        title="large amounts go elsewhere",
        condition="amount > 100000",
        effect="DROP",
        channel="quick_a",
    )
    await router.save_rule(node, rule)
    agreed = GivenAgreement(
        pay_type=PayType.QUICK_PAY, channel="quick_a", account="main", token="T-1"
    )
    new = NewCard(
        biz_line=shop,
        number=NUMBER,
        name="张三",
        id_no="E1234567",
        phone="+8613800138000",
        agreements=[agreed],
    )
    change = node.change()
    card = cards.register(node, change, new)
    assert await journal.commit(change) is None
    await node.transport.close()
    await journal.close()
    return card.card_id


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def paycore(dsn, monkeypatch, capsys) -> Iterator[Callable[..., Result]]:
    """Run commands as `paycore` does, in this process: starting one takes long."""
    for name in [name for name in os.environ if name.startswith("PAYCORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", dsn)

    def run(*words: str) -> Result:
        with pytest.raises(SystemExit) as caught:
            main(words)
        out, err = capsys.readouterr()
        return Result(int(caught.value.code or 0), out, err)

    yield run
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    structlog.reset_defaults()


@pytest.fixture
def tried(paycore, seeded):
    """Try a route for the line "shop"."""

    def run(*words: str, card: str = seeded, amount: int = 500) -> Result:
        given = ["--line", "shop", "--amount", str(amount), "--currency", "CNY"]
        return paycore("route", "try", *given, "--card", card, *words)

    return run


def test_it_says_where_a_payment_would_go(tried):
    """One line of JSON names the choice and the stage of every other candidate."""
    result = tried("--json")

    (line,) = result.stdout.splitlines()
    answer = json.loads(line)
    assert (0, "quick_a.send") == (result.returncode, answer["chosen"])
    assert {"quick_a": "kept", "quick_b": "agreement", SMS_CENTRE: "name"} == {
        one["channel"]: one["stage"] for one in answer["candidates"]
    }


def test_it_says_why_there_is_none(tried):
    """Where a rule drops the last one, the table says which, and the status is 1."""
    result = tried(amount=200_000)

    assert 1 == result.returncode
    assert "ROUTE_NONE" in result.stdout
    assert "rule big" in result.stdout


def test_the_sms_centre_can_be_named(tried):
    """The SMS centre is asked for as core asks for it."""
    result = tried("--named", SMS_CENTRE, "--json")

    assert "sms_centre.send" == json.loads(result.stdout)["chosen"]


def test_a_stranger_to_the_line_is_refused_in_one_line(tried):
    """A card that is not the line's is a refusal, not a stack of calls."""
    result = tried(card="card_nobodys")

    assert (2, "") == (result.returncode, result.stdout)
    assert ["paycore: There is no such record."] == result.stderr.splitlines()


def test_a_key_is_made_listed_and_disabled(paycore, seeded):
    """A key is shown once, listed without its secret, and disabled by its id."""
    made = json.loads(
        paycore("apikeys", "add", "--line", "shop", "--label", "x", "--json").stdout
    )

    listed = paycore("apikeys", "list", "--json").stdout
    disabled = paycore("apikeys", "disable", made["key_id"])
    after = json.loads(paycore("apikeys", "list", "--json").stdout)

    assert made["api_key"].startswith(f"pk_{made['key_id']}_")
    assert made["api_key"].split("_")[2] not in listed
    assert 0 == disabled.returncode
    assert [made["key_id"]] == [
        one["key_id"] for one in after["keys"] if one["disabled_at"]
    ]


def test_a_new_line_comes_with_its_first_key(paycore, seeded):
    """With a title the line is made too; without one, an unknown line is refused."""
    words = ["apikeys", "add", "--line", "newcomer"]

    unknown = paycore(*words)
    made = paycore(*words, "--title", "New", "--currency", "USD")

    assert (2, 0) == (unknown.returncode, made.returncode)
    assert made.stdout.startswith("pk_")
