"""The nets under every channel's own masking."""

import pytest

from paycore.gateway.channels.sandbox import Sandbox
from paycore.gateway.masking import KEPT_OCTETS, readable, storable, without


@pytest.mark.parametrize("octets", [b"\x00", b"a\x00b", b"\xff\xfe", "\u6b27".encode()])
def test_readable_is_storable(octets: bytes) -> None:
    """Whatever a stranger sends becomes text that a column takes."""
    text = readable(octets)

    assert "\x00" not in text
    assert text.encode().decode() == text


def test_no_half_secret_at_the_cut() -> None:
    """A number that a cut goes through is gone, not half there."""
    octets = b"x" * (KEPT_OCTETS - 70) + b" 6222021234567894 " + b"y" * KEPT_OCTETS
    text = readable(octets)

    assert len(text) <= KEPT_OCTETS
    assert "622202" not in text


def test_secrets_in_escapes() -> None:
    r"""A name that is written with \u escapes is found all the same."""
    assert "欧阳锋" not in without(r"name: \u6b27\u9633\u950b", ["欧阳锋"])
    assert r"\u6b27" not in without(r"name: \u6b27\u9633\u950b", ["欧阳锋"])


def test_broken_escapes_are_storable() -> None:
    """Half a surrogate pair in an escape does not come through."""
    text = without(r"\ud83d \u0000", [])

    assert storable(text) == text


def test_code_inside_another_number() -> None:
    """A code is hidden where it stands alone; a longer number keeps its digits."""
    assert without("123456 in 991234569", ["123456"]) == "*** in 991234569"


def test_scrub_masks_by_name() -> None:
    """A reply that repeats what it must not is masked field by field."""
    kept = Sandbox().scrub(
        '{"request_id":"261122143000123ABCDEFGHJKMN01","code":"482913","name":"欧阳锋",'
        '"phone":"+8613812345678","number":"6222021234567894","token":"agr_1",'
        '"nested":{"name":"欧阳锋"},"message":"card 6222021234567894"}'
    )

    assert "261122143000123ABCDEFGHJKMN01" in kept
    for secret in ("482913", "阳", "1381234", "0212345678", "agr_1"):
        assert secret not in kept


def test_scrub_hides_an_encrypted_card_in_garbage() -> None:
    """A page that repeats our request keeps no encrypted card either."""
    sealed = "Zm9v" * 40

    assert sealed not in Sandbox().scrub(f'<html>{{"card_enc":"{sealed}"')


def test_error_codes_stay_readable() -> None:
    """`code` of a reply is a word, and people need it."""
    assert '"code":"CODE_WRONG"' in Sandbox().scrub('{"code":"CODE_WRONG"}')
