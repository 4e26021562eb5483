"""What one phone and one card may take of the SMS centre, on a real database."""

import pytest

from paycore.kernel.config import Settings
from paycore.kernel.terms import VerifyStatus
from paycore.sms.rows import CodeStatus

pytestmark = pytest.mark.usefixtures("one_hour")


@pytest.fixture
def settings() -> Settings:
    """Limits low enough to meet."""
    return Settings.for_dev(
        sms_timeout_s=20.0, code_per_phone_hour=2, code_wrong_per_card_day=3
    )


async def test_a_phone_gets_so_many_texts_an_hour(centre) -> None:
    """The third text of the hour is refused before anything of it is recorded."""
    await centre.send(1)
    await centre.send(2)

    with pytest.raises(Exception, match=r"sms\.phone_hour"):
        await centre.send(3)
    assert 2 == len(centre.sandbox.texts(centre.phone)) == len(await centre.rows())


async def test_a_card_gets_so_many_wrong_tries_a_day(make_centre) -> None:
    """Other orders with the same number do not buy more, nor does registering it
    again; right codes cost nothing.
    """
    first, second = make_centre(), make_centre()
    assert first.card != second.card
    await first.send()
    for _ in range(2):
        await first.verify(first.wrong())
    assert VerifyStatus.PASS == (await first.verify(first.code())).status
    await second.send()
    await second.verify(second.wrong())

    with pytest.raises(Exception, match=r"sms\.wrong$"):
        await second.verify(second.code())
    assert [CodeStatus.ACTIVE] == [row.status for row in await second.rows()]


async def test_a_phones_codes_are_tried_wrong_so_often_a_day(make_centre) -> None:
    """Nor does another number buy more where the codes go to the same phone."""
    first = make_centre()
    second = make_centre(phone=first.phone, number_hash=b"another card")
    await first.send()
    for _ in range(3):
        await first.verify(first.wrong())
    await second.send()

    with pytest.raises(Exception, match=r"sms\.wrong_phone$"):
        await second.verify(second.code())
    assert [CodeStatus.ACTIVE] == [row.status for row in await second.rows()]
