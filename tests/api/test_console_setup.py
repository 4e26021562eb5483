"""Lines and keys, jobs, invariants and the system in the console."""

import time

import httpx2 as httpx
import pytest
from operating import Person
from operator_posts import because
from posts import sql
from setup_posts import idle_line
from stack import Stack, key
from test_console_notices import until_over

from paycore import __version__
from paycore.audit.catalogue import CATALOGUE
from paycore.operators.roles import Role

ALIVE_WITHIN_S = 60.0
DAY_S = 86_400
"""As `audit_window_s` is if nobody says so."""

CARD = "6222020200112233446"


@pytest.fixture(scope="module")
def admin(running) -> Person:
    """Who may everything."""
    return Person(running, Role.ADMIN)


@pytest.fixture(scope="module")
def operator(running) -> Person:
    """Who may act, and not administer."""
    return Person(running, Role.OPERATOR)


def act(person: Person, path: str, **body: object) -> httpx.Response:
    """A POST under a key of its own, with a reason."""
    return person.api.post(path, json={**because(), **body}, headers=key())


def called_with(stack: Stack, api_key: str) -> int:
    """What a line's call with a key comes to."""
    asked = {"Authorization": f"Bearer {api_key}"}
    base = stack.nodes[0].info.api
    return httpx.get(f"{base}/v1/payments", headers=asked, timeout=60).status_code


def test_a_key_is_shown_once_works_and_is_revoked(stack, operator, admin):
    """By who administers; no list and no log has it."""
    path = idle_line(stack)
    made = act(admin, f"{path}/keys", label="till")
    key_id, api_key = made.json()["key_id"], made.json()["api_key"]
    good = called_with(stack, api_key)
    listed = operator.api.get(f"{path}/keys")
    refused = act(operator, f"{path}/keys/{key_id}/revoke")
    elsewhere = act(admin, f"{idle_line(stack)}/keys/{key_id}/revoke")
    revoked = act(admin, f"{path}/keys/{key_id}/revoke")
    shown = operator.api.get(f"{path}/keys").json()["items"]

    assert (201, 200) == (made.status_code, good)
    assert ["till"] == [one["label"] for one in listed.json()["items"]]
    assert api_key not in listed.text
    assert (403, 404, 200) == (
        refused.status_code,
        elsewhere.status_code,
        revoked.status_code,
    )
    assert revoked.json()["disabled_at"] == shown[0]["disabled_at"]
    entries = sql(stack, "SELECT detail || subject || why AS said FROM operators_entry")
    assert not [row for row in entries if api_key in row["said"]]
    assert 404 == operator.api.get("/v1/console/lines/none/keys").status_code
    assert 403 == act(operator, f"{path}/keys").status_code


def test_lines_are_listed(stack, operator):
    """By name, with what they are set to."""
    items = operator.api.get("/v1/console/lines", params={"limit": 100}).json()["items"]

    assert sorted(one["biz_line"] for one in items) == [
        one["biz_line"] for one in items
    ]
    assert {"shop", "tickets"} <= {one["biz_line"] for one in items}


def test_a_job_is_run_and_told(stack, operator):
    """It goes on after the answer; the list has what came of it."""
    answer = act(operator, "/v1/console/jobs/channels/runs")
    work = until_over(operator, answer.json()["work_id"])
    items = operator.api.get("/v1/console/jobs").json()["items"]
    (job,) = (one for one in items if one["job"] == "channels")

    assert 201 == answer.status_code
    assert ("DONE", "runJob", operator.name) == (
        work["state"],
        work["kind"],
        work["begun_by"],
    )
    assert job["finished_at"] is not None
    assert work["said"] == job["result"]


@pytest.mark.parametrize(
    ("job", "body"),
    [
        ("none", {}),
        ("retention", {"day": "2026-11-28"}),
        ("statements", {"day": "2026-02-30"}),
        ("statements", {"day": CARD}),
        ("statements", {"day": "9999-12-31"}),
    ],
)
def test_what_cannot_be_run_is_refused_and_not_entered(stack, operator, job, body):
    """A clear refusal, nothing begun."""
    count = (
        "SELECT (SELECT count(*) FROM operators_work), count(*) FROM operators_entry"
    )
    before = sql(stack, count)
    answer = act(operator, f"/v1/console/jobs/{job}/runs", **body)

    assert (400, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])
    assert CARD not in answer.text
    assert before == sql(stack, count)


def test_the_invariants_are_asked_and_what_was_said_is_kept(stack, operator, payer):
    """Every one of them; an audit that was begun here is the last one."""
    assert 201 == payer.open().status_code
    answer = act(operator, "/v1/console/invariants/runs")
    work = until_over(operator, answer.json()["work_id"])
    told = operator.api.get("/v1/console/invariants").json()
    items = told["items"]

    assert 201 == answer.status_code
    assert DAY_S == told["window_s"]
    assert ("DONE", work["total"]) == (work["state"], work["done"])
    assert [one.id for one in CATALOGUE] == [one["id"] for one in items]
    assert {"HOLDS", "ELSEWHERE"} >= {one["state"] for one in items}
    assert "HOLDS" in {one["state"] for one in items}


def with_a_living_node(person: Person) -> dict:
    """What is told of the system, once a node that was too slow to beat lives anew."""
    deadline = time.monotonic() + ALIVE_WITHIN_S
    while True:
        system = person.api.get("/v1/console/system").json()
        if any(life["died_at"] is None for life in system["nodes"]):
            return system
        assert time.monotonic() < deadline, system["nodes"]
        time.sleep(0.2)


def test_who_lives_is_told_however_many_have_died_since(stack, operator):
    """Each command is a life too: hundreds of them hide no node that runs."""
    with_a_living_node(operator)
    sql(
        stack,
        "INSERT INTO node SELECT (SELECT max(epoch) FROM node) + n, 1, 'a command', 9,"
        " now(), now(), now() FROM generate_series(1, 150) n",
    )
    nodes = with_a_living_node(operator)["nodes"]

    assert nodes[0]["died_at"] is None
    assert 100 == len(nodes)


def test_the_system_tells_everything_but_secrets(stack, operator):
    """Nodes, the database, settings; of a secret that there is one."""
    system = with_a_living_node(operator)
    settings = {one["name"]: one for one in system["settings"]}

    assert __version__ == system["version"]
    assert "0023_console_acts" in " ".join(system["database"]["migrations"])
    assert system["database"]["size"] > 0
    for name in ("key_ring", "code_key", "search_key"):
        assert settings[name]["value"] in ("", "***")
    assert stack.on.cluster.dsn not in f"{system}"
