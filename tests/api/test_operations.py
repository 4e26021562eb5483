"""Pages and operations: what machines and readers ask of a node."""

import re
from collections import Counter

import httpx2 as httpx
import pytest
from waiting import until

from paycore.api.application import routes
from paycore.api.contract import document
from paycore.api.problems import catalogue, language_of


@pytest.fixture
def node(stack):
    """A client with no key."""
    with httpx.Client(base_url=stack.nodes[0].info.api, timeout=60) as client:
        yield client


def test_health_and_readiness(node):
    """The process answers, and says that it can take payments."""
    assert 200 == node.get("/healthz").status_code
    until(lambda: node.get("/readyz").is_success)  # one too slow to beat lives anew
    has = node.get("/readyz").json()["has"]
    assert {"staying", "database", "schema", "life", "work"} == has.keys()
    assert all(has.values())


def test_metrics_count_calls_by_their_pattern(node):
    """A call is counted under its pattern; a stranger's paths make no new series."""
    node.get("/v1/payments/x")
    node.get("/some/path/of/a/stranger")
    text = node.get("/metrics").text

    assert 'call="/v1/payments/{pay_order_no}",method="GET",status="401"' in text
    assert "stranger" not in text
    assert "paycore_node_epoch" in text


def test_the_document_describes_every_call(node):
    """OpenAPI 3.1, made of the code: each /v1 call, its key, its problems."""
    said = node.get("/openapi.json").json()
    keyed = [
        (path, parameter["name"])
        for path, item in said["paths"].items()
        if "post" in item
        for parameter in item["post"]["parameters"]
        if parameter["in"] == "header"
    ]
    named = Counter(name for _, name in keyed)

    assert "3.1.0" == said["openapi"]
    # The payer's address where a text may be sent: on opening, on sending again, and
    # on signing.
    keys = [route for route in routes() if route.method == "POST" and route.call.keyed]
    assert {"Idempotency-Key": len(keys), "Payer-Address": 3} == named
    assert document(routes()) == said
    amount = said["components"]["schemas"]["OpenQuickPayment"]["properties"]["amount"]
    assert (1, 10**12) == (amount["minimum"], amount["maximum"])


@pytest.mark.parametrize(
    "route",
    [one for one in routes() if one.path.startswith("/v1/")],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_every_call_asks_who_calls(node, route):
    """No call under /v1 answers anything but 401 to one without a key."""
    path = re.sub(r"{\w+}", "x", route.path)
    answer = node.request(route.method, f"{path}?nonsense=1", content=b"x")

    assert (401, "UNAUTHORIZED") == (answer.status_code, answer.json()["code"])


def test_the_document_refers_to_what_is_there(node):
    """No reference leads to nowhere, and patterns are everybody's."""
    text = node.get("/openapi.json").text
    known = set(node.get("/openapi.json").json()["components"]["schemas"])

    assert known >= set(re.findall(r"#/components/schemas/(\w+)", text))
    assert r"\\A" not in text


@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
def test_the_pages_need_nothing_from_anywhere(node, path):
    """No script, no style, no image from elsewhere: readable without a network."""
    page = node.get(path)

    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", page.text)
    assert not re.search(r"https?://", page.text)


def test_every_code_has_a_place_on_the_page(node):
    """The `type` of every problem leads to a row of the page."""
    page = node.get("/docs/errors").text

    assert all(f'id="{code}"' in page for code, *_ in catalogue())


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB, zh;q=0.5", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=x", "en"),
        ("*", "en"),
    ],
)
def test_the_reader_chooses_the_language(header, language):
    """Whichever of zh and en the header likes better."""
    assert language == language_of(header)


def test_a_callback_of_nobody_is_refused(node):
    """A message that no channel signed, or for no channel, changes nothing."""
    unsigned = node.post("/callbacks/quick_a/main", content=b"{}")
    nowhere = node.post("/callbacks/none/main", content=b"{}")

    assert unsigned.status_code in range(400, 500)
    assert nowhere.status_code in range(400, 500)
