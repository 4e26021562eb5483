"""The user's own BINs: what a file may say, and what a card is told by."""

import pytest

from paycore.cards import bins, service
from paycore.cards.numbers import bank_name, bank_phone
from paycore.cards.service import NewCard
from paycore.kernel.errors import BadRequest
from paycore.kernel.terms import BizLineId


def card(number: str, **known: str) -> NewCard:
    return NewCard(
        biz_line=BizLineId("shop"),
        number=number,
        name="张三丰",
        id_no="11010519491231002X",
        phone="+8613800138000",
        **known,
    )


def test_a_wrong_line_is_named_and_not_shown():
    """Every wrong line by its number and the reason; nothing of what it says."""
    lines = ["prefix,bank,kind", "622202,ICBC,DEBIT", "62x,ICBC,DEBIT", "", "1,2"]

    with pytest.raises(BadRequest) as caught:
        bins.read([*lines, "622203,icbc,DEBIT", "622204,ICBC,GIFT", "622202,ABC,DEBIT"])

    told = caught.value.en
    assert [f"line {n}:" in told for n in (3, 5, 6, 7, 8)] == [True] * 5
    assert "62x" not in told
    assert "icbc" not in told


async def test_the_longest_prefix_tells_a_card(node):
    """Loaded twice it changes nothing; what the caller says comes first."""
    rows = bins.read(["9999,AAA,DEBIT", "99999900,BBB,CREDIT"])
    first, again = await bins.load(node, rows), await bins.load(node, rows)
    told = await bins.known(node, card("9999990000000006"))
    said = await bins.known(node, card("9999990000000006", bank="CCC"))
    change = node.change()
    row = service.register(node, change, told)

    assert (2, 0) == (first, again)
    assert ("BBB", "CREDIT") == (row.bank, row.card_kind)
    assert ("CCC", "CREDIT") == (said.bank, said.card_kind)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("王五", "王五"),
        ("买买提•艾力", "买买提·艾力"),
        ("欧阳锋", "欧阳锋"),
        ("John O'Neil-Smith", "John O'Neil-Smith"),
        ("王", None),
        ("王五1", None),
        ("·王五", None),
        ("", None),
    ],
)
def test_a_name_is_kept_as_banks_have_it(name, kept):
    """One dot for all that are written; digits and lone letters are no name."""
    assert kept == bank_name(name)


def test_a_bank_texts_mobiles():
    """A Chinese number must be a mobile's."""
    assert bank_phone("+8613800138000")
    assert not bank_phone("+862112345678")
    assert bank_phone("+14155552671")
