"""Business lines and their keys, on a real database."""

import pytest

from paycore.kernel.errors import BadRequest, DataNotExist, Duplicate, Unauthorized
from paycore.kernel.terms import BizLineId
from paycore.lines import service
from paycore.lines.rows import ApiKeyRow
from paycore.lines.service import Lines


@pytest.fixture
async def shop(node):
    """The line "shop", made once a module."""
    try:
        await service.create_line(node, "shop", title="小店", currencies=["CNY"])
    except Duplicate:
        await service.refresh(node)
    return BizLineId("shop")


async def test_a_key_names_its_line(node, shop):
    """A fresh key works at once, on a node that has never seen it too."""
    clear = await service.create_key(node, shop, "web")

    caller = await service.authenticate(node, clear)

    assert shop == caller.biz_line
    assert clear.split("_")[1] == caller.key_id
    assert "小店" == service.line(node, shop).title


async def test_the_secret_is_not_kept(node, shop):
    """The row has a digest; neither the key nor its secret half is in it."""
    clear = await service.create_key(node, shop, "web")
    _, key_id, secret = clear.split("_")

    row = await node.journal.load(ApiKeyRow, key_id)

    assert 32 == len(row.digest)
    assert secret not in repr(row)


async def test_what_is_not_a_key_is_refused(node, shop):
    """A wrong secret, an unknown id, another form: all the same to a stranger."""
    clear = await service.create_key(node, shop, "web")
    prefix, key_id, secret = clear.split("_")
    wrong = "0" if secret[-1] != "0" else "1"

    for bearer in (
        "",
        clear + " ",
        clear.lower(),
        f"{prefix}_{key_id}_{secret[:-1]}{wrong}",
        f"{prefix}_{'0' * 12}_{secret}",
        f"{prefix}_{key_id}_",
    ):
        with pytest.raises(Unauthorized):
            await service.authenticate(node, bearer)


async def test_a_disabled_key_is_refused(node, shop):
    """A key that was disabled is refused at once here, and stays refused."""
    clear = await service.create_key(node, shop, "web")
    key_id = clear.split("_")[1]
    await service.authenticate(node, clear)

    await service.disable_key(node, key_id)
    await service.disable_key(node, key_id)

    with pytest.raises(Unauthorized):
        await service.authenticate(node, clear)
    await service.refresh(node)
    with pytest.raises(Unauthorized):
        await service.authenticate(node, clear)


async def test_a_refresh_brings_what_others_disabled(node, shop):
    """A key that another node disabled is refused after the next refresh."""
    clear = await service.create_key(node, shop, "web")
    await service.refresh(node)
    key_id = clear.split("_")[1]
    held = node.state(Lines).keys[key_id]
    await service.disable_key(node, key_id)
    node.state(Lines).keys[key_id] = held

    await service.refresh(node)

    with pytest.raises(Unauthorized):
        await service.authenticate(node, clear)


async def test_there_is_no_key_without_a_line(node):
    """Keys are made for lines that exist; keys that never were cannot be disabled."""
    with pytest.raises(DataNotExist):
        await service.create_key(node, BizLineId("nobody"), "web")
    with pytest.raises(DataNotExist):
        await service.disable_key(node, "0" * 12)
    with pytest.raises(DataNotExist):
        service.line(node, BizLineId("nobody"))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("biz_line", {"biz_line": "Shop 1"}),
        ("title", {"title": ""}),
        ("language", {"language": "fr"}),
        ("currencies", {"currencies": []}),
        ("currencies", {"currencies": ["XYZW"]}),
    ],
)
async def test_a_line_is_well_formed(node, field, changes):
    """A refusal names the field that is wrong."""
    given = {"biz_line": "other", "title": "Other", "currencies": ["CNY"], **changes}

    with pytest.raises(BadRequest) as caught:
        await service.create_line(node, given.pop("biz_line"), **given)

    assert field == caught.value.field
