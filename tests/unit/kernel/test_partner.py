"""Many that are told at once: the trouble of one is its own."""

import asyncio

import pytest

from paycore.kernel.errors import Unavailable
from paycore.kernel.partner import AT_ONCE, each


async def test_one_that_fails_lets_the_others_come_to_their_end():
    """And is heard of when all have; nothing runs on behind the back of who asked."""
    done = []

    async def tell(number):
        await asyncio.sleep(0)
        if number == 1:
            raise Unavailable
        done.append(number)

    with pytest.raises(Unavailable):
        await each(range(3 * AT_ONCE), tell)

    assert 3 * AT_ONCE - 1 == len(done)
