"""Cards over HTTP: what goes in, and what never comes out."""

import pytest
from stack import key

CARD = {
    "number": "6222020200112233446",
    "name": "王五",
    "id_no": "110101199003074178",
    "phone": "+8613800138999",
    "bank": "ICBC",
    "card_kind": "DEBIT",
}


def test_a_card_is_shown_masked(payer):
    """First six and last four of the number, and nothing of the payer in clear."""
    shown = payer.api.get(f"/v1/cards/{payer.card_id}")
    card = shown.json()

    assert ("622202", "3446", "ACTIVE") == (card["bin"], card["tail"], card["status"])
    assert 4 == len(card["agreements"])
    for secret in (CARD["number"], CARD["id_no"], CARD["name"], payer.phone, "token"):
        assert secret not in shown.text


def test_a_revoked_card_takes_no_payment(payer):
    """204, twice; then the card cannot be used, and the list says so."""
    path = f"/v1/cards/{payer.card_id}"
    answers = [payer.api.delete(path).status_code for _ in range(2)]
    refused = payer.open()

    assert [204, 204] == answers
    assert (409, "BIZ_CHECK_ERROR") == (refused.status_code, refused.json()["code"])
    assert "REVOKED" == payer.api.get(path).json()["status"]


def test_the_list_pages_through_the_lines_cards(payer, stack):
    """Every card of the line once, none of another's."""
    other = stack.payer(1)
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = payer.api.get("/v1/cards", params=params).json()
        seen += [card["card_id"] for card in page["items"]]
        if (cursor := page["next"]) is None:
            break

    assert len(seen) == len(set(seen))
    assert payer.card_id in seen
    assert other.card_id not in seen


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "6222020200112233447"),
        ("number", "6222 0202"),
        ("number", "622202020013"),
        ("id_no", "110101199003074179"),
        ("phone", "13800138000"),
        ("name", ""),
        ("card_kind", "GIFT"),
        ("bank", "icbc"),
    ],
)
def test_a_wrong_field_is_named_and_not_echoed(payer, field, value):
    """400 naming our field; what was sent is not in the answer."""
    answer = payer.api.post("/v1/cards", json={**CARD, field: value}, headers=key())

    assert (400, field) == (answer.status_code, answer.json().get("field"))
    assert not value or value not in answer.text


@pytest.mark.parametrize("cursor", ["!", "x", "AAAA", "a" * 300])
def test_a_made_up_cursor_is_refused_or_ends_the_list(payer, cursor):
    """A cursor of somebody's own making never breaks anything."""
    answer = payer.api.get("/v1/cards", params={"cursor": cursor})

    assert answer.status_code in (200, 400)
