"""Operators over HTTP: who may do what, how one gets in, and what is entered of it."""

import re
from datetime import timedelta

import httpx2 as httpx
import pytest
from console_browser import COOKIE, PASSWORD, Browser
from inside import inside
from operating import Person, case
from operator_posts import because, newcomer
from posts import sql
from stack import Stack, key

from paycore.api.application import HANDLERS, routes
from paycore.dev import folder
from paycore.operators import logins
from paycore.operators.roles import ALLOWS, May, Role

OPERATORS = [route for route in routes() if route.call.may is not None]
DOORS = [route for route in routes() if route.call.door]
CARD = "6222020200112233446"
EVERY = pytest.mark.parametrize("route", OPERATORS, ids=lambda route: route.call.name)


@pytest.fixture(scope="module")
def people(running) -> dict[Role, Person]:
    """One of each role, by token."""
    return {role: Person(running, role) for role in Role}


@pytest.fixture
def admin(people) -> Person:
    """Who may everything."""
    return people[Role.ADMIN]


@pytest.fixture
def browser(stack, admin) -> Browser:
    """Of somebody who has enrolled as operator."""
    return Browser(stack).enrol(admin, "operator")


def said(answer) -> tuple[int, str | None]:
    """Status and code of an answer."""
    return answer.status_code, answer.json().get("code")


def entered(stack: Stack, name: str) -> list[str]:
    """What the log has of somebody."""
    found = sql(
        stack, "SELECT act FROM operators_entry WHERE operator = $1 ORDER BY seq", name
    )
    return [row["act"] for row in found]


def everything(stack: Stack) -> tuple:
    """What no forbidden act may change."""
    return tuple(
        sql(
            stack,
            "SELECT (SELECT count(*) FROM operators_entry),"
            " (SELECT count(*) FROM idempotency_key),"
            " (SELECT count(*) FROM operators_operator),"
            " (SELECT count(*) FROM desk_step), (SELECT count(*) FROM operators_login)",
        )[0]
    )


def placed(route, **ids: str) -> str:
    """A path with what it names."""
    return re.sub(r"{(\w+)}", lambda found: ids.get(found[1], "1"), route.path)


# --- who may what ---------------------------------------------------------------------


def test_every_call_of_an_operator_is_in_the_matrix():
    """No handler under the console's and the desk's paths is without its role."""
    open_ = [
        path
        for handler in HANDLERS
        for path in handler.paths
        if path.startswith(("/v1/console/", "/v1/desk/"))
        if getattr(handler.opt.get("call"), "may", None) is None
    ]

    assert [] == open_
    assert {"GET", "POST"} <= {route.method for route in OPERATORS}


@EVERY
@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_is_declared_and_nothing_else(stack, people, route, role):
    """Role × act, of the routes: what is not allowed is 403 before anything else is
    looked at, and changes nothing; what is allowed is not.
    """
    path, before = placed(route), everything(stack)
    answer = people[role].api.request(route.method, path, headers=key())
    bad = people[role].api.request(route.method, f"{path}?x=%00", content=b"{")

    if route.call.may in ALLOWS[role]:
        assert 403 not in (answer.status_code, bad.status_code)
        return
    assert {(403, "FORBIDDEN")} == {said(answer), said(bad)}
    assert before == everything(stack)


@EVERY
def test_nobody_is_let_in_without_a_token_or_session(stack, payer, admin, route):
    """Nothing, a line's key, a made-up cookie, a session's secret as a token: 401."""
    path, before = placed(route), everything(stack)
    cookie = {"Cookie": f"{COOKIE}=cs_{'0' * 12}_{'0' * 52}"}
    same = {"Sec-Fetch-Site": "same-origin"}
    nobody = httpx.Client(base_url=stack.nodes[0].info.api, timeout=20)
    answers = [
        nobody.request(route.method, path, headers={**key(), **more})
        for more in (
            {},
            same,
            {**cookie, **same},
            {"Authorization": payer.api.headers["authorization"]},
            {"Authorization": f"Bearer cs_{'0' * 12}_{'0' * 52}", **cookie},
            {"Authorization": admin.api.headers["authorization"][:-1] + "?"},
        )
    ]
    nobody.close()

    assert {(401, "UNAUTHORIZED")} == {said(answer) for answer in answers}
    assert before == everything(stack)


def test_a_session_may_what_its_role_may(stack, browser):
    """By the cookie alone, as by a token."""
    assert 200 == browser.log_in().status_code
    assert 200 == browser.api.get("/v1/console/audit").status_code
    refused = browser.api.post("/v1/console/operators", json=newcomer(), headers=key())
    ref = case(stack, stack.payer().open().json()["pay_order_no"])
    taken = browser.api.post(
        f"/v1/desk/cases/{ref}/take", json=because(), headers=key()
    )

    assert (403, "FORBIDDEN") == said(refused)
    assert (200, browser.name) == (taken.status_code, taken.json()["owner"])
    assert "takeCase" == entered(stack, browser.name)[-1]


# --- getting in -----------------------------------------------------------------------


def test_logging_in_says_who_it_is_and_sets_a_cookie_no_script_reads(browser):
    """HttpOnly, SameSite, for the whole address, for TLS but on loopback."""
    answer = browser.log_in()
    cookie, device = answer.headers.get_list("set-cookie")
    marks = {mark.strip().lower() for mark in cookie.split(";")[1:]}

    assert {
        "name": browser.name,
        "role": "operator",
        "may": sorted(ALLOWS[Role.OPERATOR]),
    }.items() <= answer.json().items()
    assert cookie.startswith(f"{COOKIE}=cs_")
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= marks
    assert "secure" not in marks
    assert device.startswith(f"{COOKIE}_device=")
    assert {"httponly", "samesite=strict", "path=/console/session"} <= {
        mark.strip().lower() for mark in device.split(";")[1:]
    }
    assert "no-store" == answer.headers["cache-control"]
    assert answer.json() == browser.api.get("/console/session").json()


def test_elsewhere_the_cookie_is_for_tls_alone(browser):
    """Wherever the address is not this machine's."""
    answer = browser.api.post(
        "/console/session",
        json={"name": browser.name, "password": PASSWORD, "code": browser.code()},
        headers={"Host": "pay.example", "Origin": "https://pay.example"},
    )

    assert 200 == answer.status_code, answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert 2 == len(cookies)
    assert all("secure" in cookie.lower().split("; ") for cookie in cookies)
    assert cookies[0].startswith(f"__Host-{COOKIE}=cs_")


def test_a_session_that_was_planted_is_not_taken_over(browser):
    """Session fixation: whatever cookie came along, the one that is set is new."""
    planted = f"cs_{'0' * 12}_{'0' * 52}"
    browser.api.cookies.set(COOKIE, planted)
    first = browser.log_in().headers["set-cookie"]

    assert planted not in first
    again = browser.api.get(
        "/console/session", headers={"Cookie": f"{COOKIE}={planted}"}
    )
    assert 401 == again.status_code


def test_all_that_is_wrong_is_refused_alike(browser):
    """Name, password, code: 401, the same words, no cookie; then 429 for the name."""
    wrong = [{"name": "nobody-here"}, {"password": "x" * 12}, {"code": "000000"}]
    answers = [browser.log_in(**change) for change in wrong]
    answers += [browser.log_in(password="y" * 12) for _ in range(4)]
    last = answers.pop()

    assert 1 == len({answer.content for answer in answers})
    assert {401} == {answer.status_code for answer in answers}
    assert (429, "TOO_MANY") == said(last)
    assert 1 <= int(last.headers["retry-after"]) <= 60
    assert all("set-cookie" not in answer.headers for answer in (*answers, last))
    assert 429 == browser.log_in().status_code


def test_nobody_is_locked_out_of_his_own_browser(stack, browser):
    """Of the one that he enrolled with, or has logged in with."""
    elsewhere = Browser(stack)
    elsewhere.name, elsewhere.secret = browser.name, browser.secret
    for _ in range(5):
        assert 401 == elsewhere.log_in(password="y" * 12).status_code

    assert (429, "TOO_MANY") == said(elsewhere.log_in())
    assert 200 == browser.log_in().status_code


def test_a_lock_survives_a_restart(stack, browser):
    """Another node, which was started later, knows of it."""
    elsewhere = Browser(stack)
    elsewhere.name, elsewhere.secret = browser.name, browser.secret
    for _ in range(5):
        elsewhere.log_in(password="y" * 12)
    # The first lock is half a minute, in which a node may not even have started.
    longer = "UPDATE operators_tries SET locked_until = locked_until + $1"
    sql(stack, f"{longer} WHERE locked_until IS NOT NULL", timedelta(minutes=10))
    late = stack.start_node()
    right = {"name": browser.name, "password": PASSWORD, "code": browser.code()}
    answer = httpx.post(f"{late.info.api}/console/session", json=right, timeout=60)
    stack.nodes.remove(late)
    late.stop()

    assert (429, "TOO_MANY") == said(answer)


def test_a_code_is_good_once(browser):
    """The very same request again: 401."""
    code = browser.code()
    assert 200 == browser.log_in(code=code).status_code
    assert 401 == browser.log_in(code=code).status_code


def test_another_page_cannot_act_with_the_cookie(stack, browser):
    """No word of where it comes from, another origin, another site: 403 for all that
    is not a GET; the same page's word is good.
    """
    browser.log_in()
    cookie = browser.api.cookies[COOKIE]
    nobody = httpx.Client(
        base_url=stack.nodes[0].info.api, cookies={COOKIE: cookie}, timeout=20
    )
    ours = stack.nodes[0].info.api
    ref = case(stack, stack.payer().open().json()["pay_order_no"])
    take = ("POST", f"/v1/desk/cases/{ref}/take", because())
    before = everything(stack)
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": ours},
        {"Sec-Fetch-Site": "none"},
        {"Origin": f"{ours}.evil.example"},
    ):
        for method, path, body in (
            take,
            ("DELETE", "/console/session", None),
            ("POST", "/console/session/password", {}),
        ):
            sent = {**key(), **headers}
            answer = nobody.request(method, path, json=body, headers=sent)
            assert (403, "FORBIDDEN") == said(answer), (headers, path)
        assert 200 == nobody.get("/console/session", headers=headers).status_code
    unchanged = everything(stack)
    method, path, body = take
    good = {**key(), "Sec-Fetch-Site": "same-origin"}
    done = nobody.request(method, path, json=body, headers=good)
    nobody.close()

    assert before == unchanged
    assert 200 == done.status_code


def test_another_page_cannot_log_somebody_in(browser):
    """Not even with what is right: whose session it would be is not his to choose."""
    browser.api.headers["Origin"] = "https://evil.example"
    assert (403, "FORBIDDEN") == said(browser.log_in())


def test_logging_out_ends_the_session(stack, browser):
    """Here and for whoever has kept the cookie; twice is 401."""
    browser.log_in()
    cookie = {"Cookie": f"{COOKIE}={browser.api.cookies[COOKIE]}"}
    out = browser.api.delete("/console/session")

    assert 204 == out.status_code
    assert "max-age=0" in out.headers["set-cookie"].lower()
    assert 401 == browser.api.get("/console/session", headers=cookie).status_code
    assert 401 == browser.api.delete("/console/session", headers=cookie).status_code
    assert "logOut" == entered(stack, browser.name)[-1]


def test_who_is_revoked_is_out_at_once(stack, admin, browser):
    """The very next call; and there is no way back in."""
    browser.log_in()
    listed = admin.api.get("/v1/console/operators", params={"limit": 100}).json()
    (who,) = [one for one in listed["items"] if one["name"] == browser.name]
    path = f"/v1/console/operators/{who['operator_id']}/revoke"
    revoked = admin.api.post(path, json=because(), headers=key())

    assert (True, "operator") == (who["enrolled"], who["role"])
    assert who["last_seen_at"] is not None
    assert 200 == revoked.status_code, revoked.text
    assert 401 == browser.api.get("/console/session").status_code
    assert 401 == browser.api.get("/v1/console/audit").status_code
    assert 401 == browser.log_in(1).status_code
    assert 404 == admin.api.post(path, json=because(), headers=key()).status_code


def test_another_password_is_by_the_old_one_and_a_code(browser):
    """Wrong is 403 and the session stays; right, and all sessions are over."""
    browser.log_in()
    new = "another horse battery"
    path = "/console/session/password"
    wrong = {"password": "x" * 12, "code": browser.code(1), "new_password": new}
    refused = browser.api.post(path, json=wrong)
    short = browser.api.post(
        path, json={**wrong, "password": PASSWORD, "new_password": "short"}
    )
    right = browser.api.post(path, json={**wrong, "password": PASSWORD})

    assert (403, "FORBIDDEN") == said(refused)
    assert (400, "BAD_REQUEST") == said(short)
    assert 204 == right.status_code, right.text
    assert 401 == browser.api.get("/console/session").status_code


def test_an_invitation_is_shown_once(admin):
    """A repeat of the key says so, whoever asks gets no secret a second time."""
    one, asked = key(), newcomer()
    first = admin.api.post("/v1/console/operators", json=asked, headers=one)
    again = admin.api.post("/v1/console/operators", json=asked, headers=one)
    other = admin.api.post("/v1/console/operators", json=asked, headers=key())

    assert first.json()["invitation"].startswith("oi_")
    assert (409, "SHOWN_ONCE") == said(again)
    assert (409, "DUPLICATE") == said(other)


# --- what is entered ------------------------------------------------------------------


def test_every_act_is_entered_with_who_and_why(stack, admin, browser):
    """In a chain that is whole; found by operator and act, page by page."""
    browser.log_in()
    browser.log_in(password="z" * 12)
    asked = {**newcomer(), "why": f"he said {CARD}"}
    admin.api.post("/v1/console/operators", json=asked, headers=key())
    found = browser.api.get(
        "/v1/console/audit", params={"act": "inviteOperator", "operator": admin.name}
    ).json()
    newest = found["items"][0]
    paged = browser.api.get("/v1/console/audit", params={"limit": 1}).json()
    next_ = browser.api.get(
        "/v1/console/audit", params={"limit": 1, "cursor": paged["next"]}
    ).json()
    whole = browser.api.get("/v1/console/audit/verification").json()

    acts = entered(stack, browser.name)
    assert ["beginEnrolment", "enrol", "logIn", "logInRefused"] == acts
    assert (admin.name, "admin", asked["name"]) == (
        newest["operator"],
        newest["role"],
        newest["subject"],
    )
    assert {"role": "viewer"} == newest["detail"]
    assert CARD not in newest["why"]
    assert paged["items"][0]["seq"] == next_["items"][0]["seq"] + 1
    assert (True, None) == (whole["intact"], whole["broken_at"])
    assert whole["entries"] >= len(acts)
    last = sql(stack, "SELECT hash FROM operators_head")[0][0]
    assert last.hex() == whole["head"]


def test_nothing_secret_is_kept_or_logged(stack, browser):
    """Password, cookie, the codes' secret: in no row and no line of a log."""
    answer = browser.log_in()
    cookie = browser.api.cookies[COOKIE]
    browser.log_in(password="yet another secret")
    rows = str(
        [
            tuple(row)
            for name in ("entry", "login", "session", "tries", "operator", "head")
            for row in sql(stack, f"SELECT * FROM operators_{name}")
        ]
        + [tuple(row) for row in sql(stack, "SELECT * FROM idempotency_key")]
    )
    logged = "".join(
        path.read_text(errors="replace")
        for path in stack.on.data.rglob("*.log")
        if "postgres" not in path.name
    )

    assert 200 == answer.status_code
    for secret in (
        *(PASSWORD, "yet another secret", cookie, cookie.split("_")[2]),
        browser.secret,
    ):
        assert secret not in rows
        assert secret not in logged
        assert secret not in answer.text


def test_dev_has_one_of_each_role(stack):
    """Each may log in with what the folder keeps; nowhere else are there such."""
    kept = folder.load(stack.on.data).operators

    assert set(kept) == set(Role)
    page = Browser(stack)
    page.name, page.secret = "admin", kept["admin"].totp_secret
    answer = page.log_in(password=kept["admin"].password)
    assert ("admin", sorted(May)) == (answer.json()["role"], answer.json()["may"])


def test_the_command_line_invites_the_first_admin(stack):
    """An invitation that is good here: enrolled and logged in."""
    made = inside(stack, lambda node: logins.invite(node, "first-admin", Role.ADMIN))
    page = Browser(stack)
    given = {"invitation": made.clear, "password": PASSWORD}
    begun = page.api.post("/console/enrolment", json=given).json()
    page.name, page.secret = "first-admin", begun["totp_secret"]
    page.confirm(given)

    assert begun["otpauth_uri"].startswith("otpauth://totp/paycore:first-admin?")
    assert "admin" == page.log_in().json()["role"]


@pytest.mark.parametrize("route", DOORS, ids=lambda route: route.call.name)
def test_the_doors_are_strict(stack, route):
    """What is no JSON, or has a member too many or twice, is 400 or 401, never 500, and
    is not told again.
    """
    page = Browser(stack)
    for body in (b"{", b"[]", b'{"name":"canary","name":"canary"}', b'{"canary":1}'):
        answer = page.api.request(route.method, route.path, content=body)
        assert answer.status_code in (400, 401), answer.text
        assert "canary" not in answer.text
