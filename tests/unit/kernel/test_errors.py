import re

import pytest

from paycore.kernel import errors
from paycore.kernel.errors import Refusal


def _tree() -> list[type[Refusal]]:
    def below(kind):
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return [kind for kind in below(Refusal) if kind.__module__ == errors.__name__]


def test_the_drawing_at_the_top_is_the_tree():
    """Every refusal is drawn with its status, and nothing else is."""
    drawn = dict(re.findall(r"[├└]── (\w+)\s+(\d{3})", errors.__doc__ or ""))

    assert {kind.__name__: str(kind.status) for kind in _tree()} == drawn


def test_codes_are_unique():
    """A code names one refusal, for ever."""
    codes = [kind.code for kind in _tree()]

    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("kind", _tree(), ids=lambda kind: kind.__name__)
def test_every_refusal_speaks_both_languages(kind):
    """A refusal says something in Chinese and something in English."""
    refusal = kind()

    assert re.search(r"[\u4e00-\u9fff]", refusal.zh)
    assert refusal.en.isascii()
    assert 400 <= refusal.status < 600


def test_the_articles_three_messages():
    """The three checks of a confirm say what the article says."""
    assert "支付订单已完成" == errors.PAYMENT_FINISHED[1]
    assert "快捷支付详单不存在" == errors.NO_QUICK_PAY_DETAIL[1]
    assert "未成功发送短信" == errors.CODE_NOT_SENT[1]


def test_words_of_its_own_replace_both_defaults():
    """A refusal with one text of its own does not say two different things."""
    refusal = errors.BizCheckError("Only English.")

    assert ("Only English.", "Only English.") == (refusal.en, refusal.zh)
