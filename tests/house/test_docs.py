"""The documents say what is so: made pages are fresh, and what is named exists."""

import re
from pathlib import Path

import pytest

from paycore.cli import docs

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
NAMED_FILE = re.compile(r"`(src/paycore/[\w/]+\.(?:py|sql))`")
TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("name", docs.PAGES)
def test_a_generated_page_is_fresh(name):
    """What is drawn from code shows the code as it is: else `make generate`."""
    stored = (ROOT / "docs" / name).read_text(encoding="utf-8")

    assert docs.PAGES[name]() == stored


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_link_is_dead(page):
    """Every relative link leads to a file that is there."""
    links = LINK.findall(FENCE.sub("", _text(page)))
    relative = [link.partition("#")[0] for link in links if "://" not in link]
    dead = [link for link in relative if link and not (page.parent / link).exists()]

    assert [] == dead


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_a_page_names_exists(page):
    """A test or source file that a page relies on is there under that name."""
    text = _text(page)
    lost = [file for file in NAMED_FILE.findall(text) if not (ROOT / file).exists()]
    for file, test in NAMED_TEST.findall(text):
        path = ROOT / file
        if not path.exists() or (test and f"def {test}(" not in _text(path)):
            lost.append(f"{file}::{test}")

    assert [] == lost


def test_every_make_target_is_explained():
    """Whoever reads CONTRIBUTING.md knows every target, and no other."""
    targets = set(TARGET.findall(_text(ROOT / "Makefile")))
    explained = re.findall(
        r"^\| `make ([a-z-]+)`", _text(ROOT / "CONTRIBUTING.md"), re.MULTILINE
    )

    assert targets == set(explained)


def test_every_decision_has_its_parts():
    """A decision says what it answers, what was decided and what follows from it."""
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        text = _text(page)
        number = page.name[:4]

        assert number.isdigit(), page.name
        assert text.startswith(f"# {number} "), page.name
        for part in ("Context", "Decision", "Consequences", "Alternatives", "Files"):
            assert f"\n## {part}\n" in text, (page.name, part)


def test_decisions_are_numbered_once():
    """A number names one decision, and none is left out."""
    numbers = sorted(
        int(page.name[:4]) for page in (ROOT / "docs" / "decisions").glob("*.md")
    )

    assert list(range(1, len(numbers) + 1)) == numbers
