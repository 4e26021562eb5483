"""The site of documents has every page, and takes nothing from anybody at view time."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))

MADE = ("api/", "project/", "decisions/")
"""What docs/_site/hook.py puts into the navigation, or under it."""

FOREIGN = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*\ssrc=["']?(?:https?:)?//[^\s>]*"""
    r"""|<link\b[^>]*rel=["']?(?:stylesheet|preconnect|preload|icon)[^>]*href="""
    r"""["']?(?:https?:)?//[^\s>]*"""
)


def _named(nav: object) -> Iterator[str]:
    """Every page that a part of the navigation names."""
    match nav:
        case str(page):
            yield page
        case dict(parts):
            for below in parts.values():
                yield from _named(below)
        case list(parts):
            for part in parts:
                yield from _named(part)


def _scripts():
    spec = spec_from_file_location("site_scripts", DOCS / "_site" / "scripts.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_navigation_names_every_page():
    """A page that was written is found, once: name it in mkdocs.yml."""
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    named = list(_named(SITE["nav"]))

    assert {page for page in pages if not page.startswith(MADE)} == {
        page for page in named if not page.startswith(MADE)
    }
    assert sorted(set(named)) == sorted(named)


def test_nothing_comes_from_elsewhere():
    """Neither the settings nor the style name another server, and no font is asked."""
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in (ROOT / "mkdocs.yml", *(DOCS / "_site").glob("*.css"))
    }

    assert [] == [name for name, text in texts.items() if "//" in text]
    assert SITE["theme"]["font"] is False


def test_scripts_are_held_to_their_digests():
    """A script is that of the named version, and the settings name this one."""
    scripts = _scripts()

    assert [64, 64] == [len(base64.b64decode(one.sha512)) for one in scripts.SCRIPTS]
    assert [f"_site/{scripts.SHIM.name}"] == SITE["extra"]["polyfills"]


@pytest.mark.skipif(
    find_spec("mkdocs") is None, reason="mkdocs is not installed: make docs"
)
def test_it_builds_strictly(tmp_path):
    """No link is dead, and no page asks another server for what it shows."""
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == built.returncode, built.stderr[-2000:]

    pages = {page: page.read_text("utf-8") for page in tmp_path.rglob("*.html")}
    foreign = {
        str(page.relative_to(tmp_path)): found
        for page, text in pages.items()
        if (found := FOREIGN.findall(text))
    }
    assert {} == foreign
    assert (tmp_path / "search" / "search_index.js").exists()
    assert 'id="openquickpayment"' in pages[tmp_path / "api" / "quick-payments.html"]
