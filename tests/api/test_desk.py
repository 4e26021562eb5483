"""The exception desk over HTTP: who may do what, under whose name, and once."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from operating import Person, case, previewed
from posts import sql
from stack import Stack, key

from paycore.api.application import routes
from paycore.cures.document import id_of, ref_of
from paycore.operators.roles import Role

DESK = [route for route in routes() if "/v1/desk/" in route.path]
LINES = [
    route
    for route in routes()
    if route.path.startswith("/v1/") and route.call.may is None
]
ACTS = {"takeCase", "previewCure", "executeCure"}
APPROVES = {"approveCure"}
CARD = "6222020200112233446"


@pytest.fixture(scope="module")
def people(running) -> dict[Role, Person]:
    """One of each role."""
    return {role: Person(running, role) for role in Role}


@pytest.fixture
def no(payer) -> str:
    """A payment that is open."""
    return payer.open().json()["pay_order_no"]


@pytest.fixture
def anna(people) -> Person:
    """Who takes, previews and executes."""
    return people[Role.OPERATOR]


@pytest.fixture
def bert(people) -> Person:
    """Who approves."""
    return people[Role.APPROVER]


def said(answer) -> tuple[int, str | None]:
    """Status and code of an answer."""
    return answer.status_code, answer.json().get("code")


def steps(person: Person, ref: str) -> list[tuple[str, str]]:
    """What was done about a case, and by whom."""
    return [(one["what"], one["who"]) for one in person.see(f"/{ref}").json()["steps"]]


def allowed(role: Role, name: str) -> bool:
    """The matrix as docs/desk.md has it, written out a second time."""
    if name in APPROVES:
        return role in (Role.APPROVER, Role.ADMIN)
    return role is not Role.VIEWER if name in ACTS else True


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("route", DESK, ids=lambda route: route.call.name)
def test_a_role_and_nobody_else(people, route, role):
    """Each call by each role: what the role does not allow is 403 before anything else
    is looked at; what it allows gets on to the case, which there is none of.
    """
    path = re.sub(r"{case_ref}", ref_of("nobody's"), route.path)
    path = path.replace("{number}", "1")
    body = {"why": "so"} | ({"cure": "NOTE"} if "preview" in route.call.name else {})
    sent = {} if route.call.name == "executeCure" else body
    answer = people[role].api.request(
        route.method, path, json=sent if route.method == "POST" else None, headers=key()
    )
    bad = people[role].api.request(route.method, f"{path}?x=%00", content=b"{")

    if allowed(role, route.call.name):
        listed = route.call.name == "searchCases"
        assert ((200, None) if listed else (404, "DATA_NOT_EXIST")) == said(answer)
        assert 403 != bad.status_code
    else:
        assert (403, "FORBIDDEN") == said(answer)
        assert (403, "FORBIDDEN") == said(bad)


@pytest.mark.parametrize("route", DESK, ids=lambda route: route.call.name)
def test_no_key_of_a_line_opens_the_desk(payer, people, route):
    """A line's key, nobody's token, a revoked one: 401, and nothing is looked at."""
    gone = Person(payer.stack, Role.APPROVER)
    gone.revoke()
    other = people[Role.APPROVER].token[:-6] + "000000"
    path = re.sub(r"{\w+}", "x", route.path)
    for bearer in (None, gone.token, other, gone.token.replace("op_", "pk_")):
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        answer = payer.api.request(route.method, path, headers={**key(), **headers})
        assert (401, "UNAUTHORIZED") == said(answer)
        assert "Bearer" == answer.headers["www-authenticate"]


def test_a_body_too_deep_is_not_parsed(stack, no, anna):
    """Brackets are counted before a parser sees them, as at the lines' calls."""
    path = f"/v1/desk/cases/{case(stack, no)}/take"
    answer = anna.api.post(path, content=b"[" * 20_000, headers=key())

    assert 400 == answer.status_code
    assert "too deeply" in answer.text


@pytest.mark.parametrize("route", LINES, ids=lambda route: route.call.name)
def test_no_token_of_an_operator_opens_a_lines_calls(bert, route):
    """An approver is nobody to a business line's calls."""
    path = re.sub(r"{\w+}", "x", route.path)
    answer = bert.api.request(route.method, path, headers=key())

    assert (401, "UNAUTHORIZED") == said(answer)


def test_who_acts_is_whose_token_it_is(stack: Stack, no, anna, bert):
    """A body has no name; the steps have the token's, and each its act, in order."""
    ref = case(stack, no, amount=1250, currency="CNY")
    named = anna.act(f"{ref}/take", {"why": "mine", "who": bert.name})
    by = anna.act(f"{ref}/take", {"why": "mine", "by": bert.name})
    taken = anna.act(f"{ref}/take", {"why": "mine"})
    number = previewed(anna, ref)
    agreed = bert.act(f"{ref}/cures/{number}/approve", {"why": "so it is"})
    done = anna.act(f"{ref}/cures/{number}/execute")

    assert {(400, "BAD_REQUEST")} == {said(named), said(by)}
    assert (200, anna.name) == (taken.status_code, taken.json()["owner"])
    assert (200, bert.name) == (agreed.status_code, agreed.json()["approved_by"])
    assert ("DONE", anna.name) == (done.json()["status"], done.json()["executed_by"])
    whats = ("TAKEN", "PREVIEWED", "APPROVED", "EXECUTED")
    names = (anna.name, anna.name, bert.name, anna.name)
    assert list(zip(whats, names, strict=True)) == steps(bert, ref)
    found = sql(
        stack,
        "SELECT s.what, s.who, o.name FROM desk_step s"
        " LEFT JOIN operators_act a USING (case_id, seq)"
        " LEFT JOIN operators_operator o USING (operator_id)"
        " WHERE s.case_id = $1 ORDER BY s.seq",
        id_of(ref),
    )
    assert list(zip(whats, names, names, strict=True)) == [tuple(one) for one in found]


def test_two_people_are_two(stack: Stack, no, bert):
    """An approver may preview, and then another must approve; without it nothing is
    executed, and the first one's word counts for nothing.
    """
    ref = case(stack, no, amount=1250, currency="CNY")
    second = Person(stack, Role.APPROVER)
    number = previewed(bert, ref)
    at = f"{ref}/cures/{number}"
    alone = bert.act(f"{at}/execute")
    himself = bert.act(f"{at}/approve", {"why": "I say so"})
    agreed = second.act(f"{at}/approve", {"why": "seen the slip"})
    done = second.act(f"{at}/execute")

    assert {(409, "SECOND_PERSON")} == {said(alone), said(himself)}
    assert [200, 200] == [agreed.status_code, done.status_code]
    assert ["PREVIEWED", "APPROVED", "EXECUTED"] == [
        what for what, _ in steps(bert, ref)
    ]


def test_a_cure_is_executed_once_under_any_keys(stack: Stack, no, anna, bert):
    """Many at once under keys of their own, by two people: one step, and everybody who
    is not told to try again hears what came of it; so does who comes later.
    """
    ref = case(stack, no)
    at = f"{ref}/cures/{previewed(anna, ref)}/execute"
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda who: who.act(at), [anna, bert] * 10))
    later = bert.act(at)
    good = [one for one in answers if not one.is_error]
    refused = {said(one) for one in answers if one.is_error}

    assert refused <= {(409, "idempotency_in_flight")}
    assert len({one.content for one in [*good, later]}) == 1
    assert "DONE" == later.json()["status"]
    assert ["PREVIEWED", "EXECUTED"] == [what for what, _ in steps(anna, ref)]
    assert "CLOSED" == anna.see(f"/{ref}").json()["status"]


def test_what_no_longer_holds_is_refused_and_written_down(stack: Stack, payer, anna):
    """The payment has had its last word since: 409, and a step that says by whom."""
    no = payer.open().json()["pay_order_no"]
    ref = case(stack, no, kind="UNKNOWN_TOO_LONG", amount=1250, currency="CNY")
    at = f"{ref}/cures/{previewed(anna, ref, 'ENQUIRE')}/execute"
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    one = key()
    stale, again = anna.act(at, **one), anna.act(at, **one)

    assert (409, "PREVIEW_STALE") == said(stale) == said(again)
    assert "idempotent-replayed" not in again.headers
    assert ("STALE", anna.name) == steps(anna, ref)[-1]
    assert (409, "BIZ_CHECK_ERROR") == said(
        anna.act(f"{ref}/cures", {"cure": "ENQUIRE", "why": "again"})
    )


def test_a_case_tells_all_and_nothing_secret(stack: Stack, no, anna):
    """Evidence and reasons are masked; what may be done is named, the best first."""
    ref = case(stack, no)
    assert 200 == anna.act(f"{ref}/take", {"why": f"{CARD} called"}).status_code
    answer = anna.see(f"/{ref}")
    found = answer.json()

    assert CARD not in answer.text
    assert ("622202*********3446", no) == (
        found["evidence"]["card"],
        found["pay_order_no"],
    )
    assert ["NOTE"] == found["suggested"]
    assert "no-store" == answer.headers["cache-control"]


def test_a_list_has_each_case_once_the_oldest_first(stack: Stack, payer, anna):
    """By status, kind, payment and owner; page by page the same as all at once."""
    no = payer.open().json()["pay_order_no"]
    refs = [
        *(case(stack, no, attempt_seq=seq) for seq in range(1, 5)),
        case(stack, no, kind="COUPON_GONE"),
    ]
    anna.act(f"{refs[1]}/take", {"why": "mine"})
    anna.act(f"{refs[2]}/cures/{previewed(anna, refs[2])}/execute")

    def listed(**query: object) -> list[str]:
        answer = anna.see(pay_order_no=no, **query).json()
        found = answer["items"]
        while answer["next"]:
            answer = anna.see(pay_order_no=no, cursor=answer["next"], **query).json()
            found += answer["items"]
        return [one["case_ref"] for one in found]

    assert refs == listed()
    assert refs == listed(limit=2)
    assert [refs[2]] == listed(status="CLOSED")
    assert [refs[1]] == listed(owner=anna.name)
    assert refs[4:] == listed(kind="COUPON_GONE")
    assert [one for one in refs if one != refs[2]] == listed(status="OPEN", limit=1)


@pytest.mark.parametrize(
    "query",
    [
        *("status=open", "status=null", "kind=x", "kind=%00", "owner=a%20b"),
        *("limit=0", "limit=101", "limit=1.0", "pay_order_no=x", "who=zq7Xcanary"),
        *("cursor=!", "cursor=zq7Xcanary", "cursor=%2F", "status=OPEN&status=OPEN"),
    ],
)
def test_junk_in_queries(anna, query):
    """400 in our form, and nothing of it is repeated."""
    answer = anna.api.get(f"/v1/desk/cases?{query}")

    assert (400, "BAD_REQUEST") == said(answer)
    assert "zq7Xcanary" not in answer.text


@pytest.mark.parametrize(
    "ref", ["x", "zq7Xcanary", "%00", "AA", "AAAA", "YQ%3D%3D", "%ff", "Y" * 4000]
)
def test_junk_in_paths(anna, ref):
    """404: no such case, whatever it is called, and nothing of it is repeated."""
    one = anna.see(f"/{ref}")
    two = anna.act(f"{ref}/take", {"why": "so"})
    three = anna.act(f"{ref}/cures/1/execute")

    assert {404} == {one.status_code, two.status_code, three.status_code}
    assert "zq7Xcanary" not in one.text + two.text + three.text


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "x", "01", "9" * 18, "9" * 30])
def test_a_preview_that_is_none(stack: Stack, no, anna, number):
    """404, and no step is made."""
    ref = case(stack, no)
    answer = anna.act(f"{ref}/cures/{number}/execute")

    assert (404, "DATA_NOT_EXIST") == said(answer)
    assert [] == steps(anna, ref)


def test_a_token_revoked_meanwhile_acts_no_more(stack: Stack, no, anna):
    """From the revocation on, whatever node is asked."""
    ref = case(stack, no)
    gone = Person(stack, Role.OPERATOR)
    assert 200 == gone.act(f"{ref}/take", {"why": "mine"}).status_code
    gone.revoke()
    answer = gone.act(f"{ref}/cures", {"cure": "NOTE", "why": "still mine"})

    assert (401, "UNAUTHORIZED") == said(answer)
    assert [("TAKEN", gone.name)] == steps(anna, ref)
