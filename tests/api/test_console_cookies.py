"""The session's cookie where the console is not on this machine: for TLS, and ours."""

import pytest
from console_browser import COOKIE, PASSWORD, Browser
from console_looks import said

from paycore.operators.roles import Role


@pytest.fixture
def browser(stack, lookers) -> Browser:
    """Of somebody who has enrolled as operator."""
    return Browser(stack).enrol(lookers[Role.ADMIN], "operator")


def test_elsewhere_no_neighbour_can_put_a_cookie_beside_it(browser):
    """Another host of the domain may set cookies for ours, none that begins so: what
    has no such name is not looked at, and does not make two of one.
    """
    there = {"Host": "pay.example", "Origin": "https://pay.example"}
    right = {"name": browser.name, "password": PASSWORD, "code": browser.code()}
    made = browser.api.post("/console/session", json=right, headers=there)
    own = made.headers.get_list("set-cookie")[0].split(";")[0]
    plain = own.removeprefix("__Host-")
    browser.api.cookies.clear()

    def answer(cookie: str) -> int:
        sent = {**there, "Cookie": cookie}
        return browser.api.get("/console/session", headers=sent).status_code

    assert 200 == answer(own)
    assert 200 == answer(f"{COOKIE}=planted; {own}")
    assert 401 == answer(plain)


@pytest.mark.parametrize("host", ["[", "[::1", "127.0.0.1.evil.example", "localhost:x"])
def test_what_is_no_address_of_this_machine_is_none(browser, host):
    """However it is written: no bug, and no cookie without TLS."""
    there = {"Host": host, "Origin": f"https://{host}"}
    right = {"name": browser.name, "password": PASSWORD, "code": browser.code()}
    made = browser.api.post("/console/session", json=right, headers=there)

    assert 200 == made.status_code, made.text
    for cookie in made.headers.get_list("set-cookie"):
        assert "secure" in cookie.lower().split("; ")


def test_elsewhere_a_page_without_tls_is_not_ours(browser):
    """Whoever sits on the way could have written it."""
    there = {"Host": "pay.example", "Origin": "http://pay.example"}
    right = {"name": browser.name, "password": PASSWORD, "code": browser.code()}
    answer = browser.api.post("/console/session", json=right, headers=there)

    assert (403, "FORBIDDEN") == said(answer)
