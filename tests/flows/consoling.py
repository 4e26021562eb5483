"""An operator who looks at everything, and types into every box what he must not."""

import re
from collections.abc import Callable, Mapping, Sequence

import httpx2 as httpx
import pyotp
from stack import Stack, key

from paycore.dev import folder

COOKIE = "paycore_console"
READ = ("/v1/console/", "/v1/desk/")
BOXES = ("payments", "refunds", "notices", "agreements", "coupons")


def look_around(
    stack: Stack,
    numbers: Sequence[str],
    typed: Sequence[str],
    note: Callable[[httpx.Response], None],
) -> str:
    """Every call that reads, about these payments; what is typed goes into searches,
    reasons and names. The secret of the session, which was heard by nobody else.
    """
    who = folder.load(stack.on.data).operators["admin"]
    api = stack.nodes[0].info.api
    with httpx.Client(base_url=api, timeout=120, headers={"Origin": api}) as http:
        login = {
            "name": "admin",
            "password": who.password,
            "code": pyotp.TOTP(who.totp_secret).now(),
        }
        answer = http.post("/console/session", json=login)
        assert 200 == answer.status_code, answer.text
        http.event_hooks["response"].append(note)
        for path in _paths(http, numbers):
            http.get(path)
        for text in typed:
            _type(http, numbers[0], text)
        http.get("/v1/console/audit", params={"limit": 100})
        http.post("/console/session", json={**login, "name": typed[0]})
        return http.cookies[COOKIE]


def _paths(http: httpx.Client, numbers: Sequence[str]) -> list[str]:
    """Of the API's own list, each with what there is put in."""
    known = _known(http, numbers)
    found = []
    for path, calls in http.get("/openapi.json").json()["paths"].items():
        if "get" not in calls or not path.startswith(READ):
            continue
        names = re.findall(r"\{(\w+)\}", path)
        if set(names) <= known[0].keys():
            found += [path.format(**values) for values in known]
    return sorted(set(found))


def _known(http: httpx.Client, numbers: Sequence[str]) -> list[Mapping[str, str]]:
    def first(what: str, name: str) -> str:
        items = http.get(f"/v1/console/{what}").json()["items"]
        return items[0][name] if items else "none"

    rest = {
        "notice_id": first("notices", "notice_id"),
        "refund_no": first("refunds", "refund_no"),
        "operator_id": first("operators", "operator_id"),
        "case_ref": "none",
        "channel": "quick_a",
        "account": "main",
        "day": "2026-11-28",
        "line": "shop",
        "number": "1",
        "work_id": "none",
    }
    return [{**rest, "pay_order_no": no} for no in numbers]


def _type(http: httpx.Client, no: str, text: str) -> None:
    """One text in every box."""
    for box in BOXES:
        http.get(f"/v1/console/{box}", params={"q": text})
    http.get("/v1/console/payments.csv", params={"q": text})
    http.get("/v1/console/audit", params={"subject": text, "operator": text})
    http.get(f"/v1/console/payments/{text}")
    http.get(f"/v1/console/books/days/{text}/{text}/{text}")
    why = {"why": f"asked by {text}"}
    for act in ("notices", "enquire", "close"):
        path = f"/v1/console/payments/{no}/{act}"
        http.post(path, json=why, headers=key())
    http.put("/v1/console/views/payments/dmlldw", json={"query": f"q={text}"})
    http.get("/v1/console/views", params={"page": "payments"})
    facts = {"biz_line": text, "trans_type": text, "currency": text}
    http.post("/v1/console/routes/trials", json={"facts": facts}, headers=key())
    new = {"name": text, "role": text, "why": text}
    http.post("/v1/console/operators", json=new, headers=key())
