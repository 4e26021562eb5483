"""What tests of the console's reads have in common."""

from operating import Person

CARD, HOLDER, ID_NO = "6222020200112233446", "王五", "110101199003074178"
PAGE = "/v1/console/payments"


def see(person: Person, path: str = PAGE, **query: object):
    """What a call answers to who may look."""
    answer = person.api.get(path, params=query)
    assert 200 == answer.status_code, answer.text
    return answer.json()


def said(answer) -> tuple[int, str | None]:
    """Status and code of an answer."""
    return answer.status_code, answer.json().get("code")
