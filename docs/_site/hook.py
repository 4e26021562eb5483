"""What mkdocs is told beyond mkdocs.yml: pages that are made, and links that move.

Documents of the root come along under project/, the API's calls are drawn from the
code, decisions and pictures are whatever is in their folder. A link is written as it
works in the repository; here it leads to where the file stands on the site, and what
is not on the site (source, tests) keeps its words only.
"""

import posixpath
import re
import struct
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify
from scripts import DIAGRAMS, SHIM

from paycore.cli import api_page

ROOT = Path(__file__).parents[2]

PROJECT: Mapping[str, str] = MappingProxyType(
    {
        f"{name}.md": f"project/{name.lower()}.md"
        for name in ("ARCHITECTURE", "CONTRIBUTING", "STYLE", "SECURITY", "CHANGELOG")
    }
    | {"docs/decisions": "decisions/index.md"}
)
"""Where on the site a file of the repository is, beside those of docs/."""

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)
DIAGRAM = re.compile(r'(<pre class="mermaid">.*?</pre>)', re.DOTALL)
CALLS = "<!-- the calls -->"
README = re.compile(r"<!-- README: (.+) -->")
PICTURES = re.compile(r"<!-- pictures: (\S+) -->")
SCRIPTS = "_site"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name in the navigation what only the folders know."""
    api = {api_page.titled(name): f"api/{name}.md" for name in api_page.pages()}
    decisions = {
        _title(page).replace(" ", " · ", 1): f"decisions/{page.name}"
        for page in _decisions()
    }
    _fill(config.nav, "API", api)
    _fill(config.nav, "Decisions", decisions)
    # Anchors as the links in the repository have them.
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    return config


def _fill(parts: list[Any] | None, section: str, pages: Mapping[str, str]) -> None:
    """Put the pages at the end of the section by that name, however deep it is."""
    for part in parts or []:
        for name, below in part.items() if isinstance(part, dict) else ():
            if name == section:
                below += [{title: path} for title, path in pages.items()]
            elif isinstance(below, list):
                _fill(below, section, pages)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made, and what is taken from outside of docs/."""
    made = {f"api/{name}.md": text for name, text in api_page.pages().items()}
    made["decisions/index.md"] = _list_of_decisions()
    for name, path in PROJECT.items():
        if path.startswith("project/"):
            made[path] = (ROOT / name).read_text(encoding="utf-8")
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    for script in (DIAGRAMS, SHIM):
        # What was not fetched is an empty one: mkdocs.yml names them.
        text = script.file.read_text(encoding="utf-8") if script.file.exists() else ""
        files.append(File.generated(config, f"{SCRIPTS}/{script.name}", content=text))
    for name in sorted(set(_linked_files())):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def _linked_files() -> Iterator[str]:
    """Examples to start from that a page links to: they come along as they are."""
    for page in (ROOT / "docs").rglob("*.md"):
        for _, _, target, _ in LINK.findall(page.read_text(encoding="utf-8")):
            name = _in_repository(f"docs/{page.relative_to(ROOT / 'docs')}", target)
            if name.startswith("deploy/") and (ROOT / name).is_file():
                yield name


def _decisions() -> list[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("*.md"))


def _title(page: Path) -> str:
    """The first line without its hash."""
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _list_of_decisions() -> str:
    lines = [f"- [{_title(page)}]({page.name})" for page in _decisions()]
    says = "Why it is as it is: what was asked, what was decided, what follows."
    return "\n".join(["# Decisions", "", says, "", *lines, ""])


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Put in what is made, and turn links to where their files are on the site."""
    path = page.file.src_uri
    if path == "index.md":
        # It is alone in its part.
        page.meta["hide"] = ["navigation", "toc"]
    markdown = markdown.replace(CALLS, api_page.overview())
    markdown = README.sub(lambda found: _section(found[1]), markdown)
    markdown = PICTURES.sub(lambda found: _gallery(found[1]), markdown)
    if not DIAGRAMS.file.exists():
        markdown = markdown.replace("```mermaid", "```text")
    parts = FENCE.split(markdown)
    parts[::2] = [
        LINK.sub(lambda found: _moved(found, path, files), part) for part in parts[::2]
    ]
    return "".join(parts)


def _section(title: str) -> str:
    """A section of README.md, without its heading; its links as a page's of docs/."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, found, after = text.partition(f"\n## {title}\n")
    assert found, title
    return LINK.sub(
        lambda link: link[0] if "://" in link[3] else link[0].replace("](", "](../", 1),
        after.partition("\n## ")[0],
    )


def _gallery(pattern: str) -> str:
    """All pictures of docs/images by that name; none is no fault, tests make them."""
    shown = []
    for picture in sorted((ROOT / "docs" / "images").glob(pattern)):
        words = escape(picture.stem.replace("-", " ").capitalize())
        link = f"images/{picture.name}"
        shown.append(
            f'<figure{_breadth(picture)}><a href="{link}">'
            f'<img src="{link}" alt="{words}" loading="lazy"></a>'
            f"<figcaption>{words}</figcaption></figure>"
        )
    return f'<div class="gallery">{"".join(shown)}</div>' if shown else ""


def _breadth(picture: Path) -> str:
    """A picture that lies down has the place of two."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return ' class="broad"' if width > height else ""


def _moved(found: re.Match[str], path: str, files: Files) -> str:
    picture, words, target, anchor = found.groups()
    if "://" in target or not target:
        return found[0]
    goal = _on_site(_in_repository(_source(path), target))
    if goal is None or files.get_file_from_path(goal) is None:
        return words
    relative = posixpath.relpath(goal, posixpath.dirname(path) or ".")
    return f"{picture}[{words}]({relative}{anchor or ''})"


def _source(path: str) -> str:
    """Where a page of the site is in the repository."""
    known = {place: name for name, place in PROJECT.items() if "project/" in place}
    return known.get(path, f"docs/{path}")


def _in_repository(source: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def _on_site(name: str) -> str | None:
    if name in PROJECT:
        return PROJECT[name]
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    return name if name.startswith("deploy/") else None


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Bring the script of diagrams where there are some: it is large."""
    if 'class="mermaid"' not in output:
        return output
    up = posixpath.relpath(".", posixpath.dirname(page.file.dest_uri) or ".")
    script = f'<script src="{up}/{SCRIPTS}/{DIAGRAMS.name}"></script>'
    # On a phone a diagram is moved under the thumb rather than shrunk.
    wide = DIAGRAM.sub(r'<div class="wide">\1</div>', output)
    return wide.replace("</body>", f"{script}</body>")
