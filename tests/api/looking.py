"""What operators' looks answer, for tests of them."""

from operating import Person
from stack import key

CARD, HOLDER, ID_NO = "6222020200112233446", "王五", "110101199003074178"
PAGE = "/v1/console/payments"


def see(person: Person, path: str = PAGE, **query: object):
    """What a call answers to who may look."""
    answer = person.api.get(path, params=query)
    assert 200 == answer.status_code, answer.text
    return answer.json()


def numbers(person: Person, **query: object) -> list[str]:
    """The payments that a search finds."""
    return [one["pay_order_no"] for one in see(person, **query)["items"]]


def said(answer) -> tuple[int, str | None]:
    """Status and code of an answer."""
    return answer.status_code, answer.json().get("code")


def act(person: Person, no: str, what: str, why: str = "as told", **headers: str):
    """One of a payment's acts."""
    sent = {**key(), **headers}
    return person.api.post(f"{PAGE}/{no}/{what}", json={"why": why}, headers=sent)


def entries(person: Person, no: str) -> list[tuple[str, str, str]]:
    """What the log has of a payment: who did what, and why."""
    items = see(person, "/v1/console/audit", subject=no)["items"]
    return [(one["operator"], one["act"], one["why"]) for one in items]
