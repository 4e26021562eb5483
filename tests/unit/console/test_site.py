"""Which file a path gets, how it is sent, and what is said where nothing was built."""

from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from paycore.console import pages, site

PAGE, SCRIPT, SQUEEZED = b"<!doctype html>", b"let a=1", b"squeezed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small console, and something beside it that is nobody's business."""
    built = tmp_path / "static"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_bytes(PAGE)
    (built / "assets" / "index-AbC_1.js").write_bytes(SCRIPT)
    (built / "assets" / "index-AbC_1.js.br").write_bytes(SQUEEZED)
    (built / "manifest.json").write_bytes(b"{}")
    (tmp_path / "secret.js").write_bytes(b"secret")
    return built


@pytest.fixture
def client(folder: Path):
    """Who asks for it."""
    with TestClient(Litestar(pages.handlers(site.built(folder)))) as asking:
        yield asking


@pytest.mark.parametrize(
    "path", ["", "/", "/payments", "/payments/2611", "/enrol", "/manifest.json"]
)
def test_every_address_of_the_page_gets_the_page(client, path):
    """A link into the middle works, and is asked for anew every time."""
    answer = client.get(f"/console{path}")

    assert (200, PAGE) == (answer.status_code, answer.content)
    assert "no-store" == answer.headers["cache-control"]
    assert "text/html; charset=utf-8" == answer.headers["content-type"]


def test_what_has_its_hash_in_its_name_is_kept_for_good(client):
    """Another content has another name, so nobody asks twice."""
    answer = client.get(
        "/console/assets/index-AbC_1.js", headers={"Accept-Encoding": ""}
    )

    assert SCRIPT == answer.content
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["assets/gone.js", "assets/..%2f..%2fsecret.js"])
def test_what_was_not_built_is_not_there(client, path):
    """A script that is gone is no page, and no path leads out of the folder."""
    answer = client.get(f"/console/{path}")

    assert (404, b"") == (answer.status_code, answer.content)


def test_no_script_but_ours_and_nobody_else_is_asked(client):
    """The policy lets nothing inline run, nothing load and nothing ask elsewhere."""
    policy = client.get("/console/").headers["content-security-policy"]
    said = dict(part.split(" ", 1) for part in policy.split("; "))

    assert "'none'" == said["default-src"]
    assert "'self'" == said["script-src"] == said["connect-src"]
    assert "'none'" == said["frame-ancestors"] == said["base-uri"]
    assert not [rule for rule in said.values() if "http" in rule or "*" in rule]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("BR;q=0.5", "br"),
        ("br;q=0, gzip", ""),
        ("br;q=0.000", ""),
        ("gzip", ""),
        ("", ""),
    ],
)
def test_it_is_sent_as_the_client_takes_it(folder, accepted, coding):
    """The best coding there is of those that the client takes."""
    found = site.built(folder).find("assets/index-AbC_1.js")

    assert found is not None
    assert (coding, SQUEEZED if coding else SCRIPT) == found.best(accepted)


def test_where_nothing_was_built_a_page_says_how(tmp_path):
    """503, with the command; the node goes on."""
    with TestClient(Litestar(pages.handlers(site.built(tmp_path)))) as client:
        answer = client.get("/console/payments")

    assert 503 == answer.status_code
    assert "make web" in answer.text
