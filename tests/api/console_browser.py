"""A browser in which an operator enrols and logs in."""

from datetime import UTC, datetime, timedelta

import httpx2 as httpx
import pyotp
from operating import Person
from operator_posts import newcomer
from stack import Stack, key

COOKIE = "paycore_console"
PASSWORD = "correct horse battery"


class Browser:
    """A page of ours in a browser: keeps cookies and says where it comes from."""

    def __init__(self, stack: Stack) -> None:
        base = stack.nodes[0].info.api
        self.api = httpx.Client(base_url=base, headers={"Origin": base}, timeout=60)
        stack._clients.append(self.api)
        self.secret = ""
        self.name = ""

    def enrol(self, person: Person, role: str) -> "Browser":
        """Invited by an admin, and enrolled; the code of a step ago is used up."""
        asked = {**newcomer(), "role": role}
        path = "/v1/console/operators"
        made = person.api.post(path, json=asked, headers=key())
        assert httpx.codes.CREATED == made.status_code, made.text
        self.name, invitation = asked["name"], made.json()["invitation"]
        given = {"invitation": invitation, "password": PASSWORD}
        begun = self.api.post("/console/enrolment", json=given)
        assert httpx.codes.OK == begun.status_code, begun.text
        self.secret = begun.json()["totp_secret"]
        self.confirm(given)
        return self

    def confirm(self, given: dict[str, str]) -> None:
        """End the enrolment, with the code of a step ago."""
        path = "/console/enrolment/confirm"
        for _ in range(3):  # the code may have become one of two steps ago on its way
            sent = {**given, "code": self.code(-1)}
            confirmed = self.api.post(path, json=sent)
            if confirmed.is_success:
                break
        assert httpx.codes.NO_CONTENT == confirmed.status_code, confirmed.text

    def code(self, steps: int = 0) -> str:
        """Of this moment, or of so many steps away."""
        return pyotp.TOTP(self.secret).at(
            datetime.now(UTC) + timedelta(seconds=30 * steps)
        )

    def log_in(self, steps: int = 0, **changes: str) -> httpx.Response:
        """By what is right, but for the changes."""
        right = {"name": self.name, "password": PASSWORD, "code": self.code(steps)}
        return self.api.post("/console/session", json={**right, **changes})
