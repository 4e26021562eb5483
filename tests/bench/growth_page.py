"""The figures of docs/growth.md, drawn from what `make bench-growth` kept.

    python tests/bench/growth_page.py     draw them anew

What stands between the two marks of the page is drawn, and nobody writes there.
"""

from pathlib import Path

from paycore.bench.growth import report, sheets

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "growth.md"
RESULTS = Path(__file__).parent / "results" / "growth.json"

BEGIN = "<!-- Drawn by `make bench-growth` from tests/bench/results; do not edit. -->"
END = "<!-- The end of what is drawn. -->"
NOT_YET = "Not run yet: `make bench-growth`."


def drawn() -> str:
    """What stands between the marks."""
    if not RESULTS.exists():
        return NOT_YET
    said = report.read(RESULTS)
    parts = [
        f"`{said.command}`, {said.day}, {said.cores} cores, Python {said.python}.",
        *(f"**{one.title}**\n\n{one.markdown()}" for one in sheets.sheets(said)),
        sheets.summary(said).replace("\n", ".\n") + ".",
    ]
    return "\n\n".join(parts)


def render(page: str) -> str:
    """The page with its figures drawn anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{drawn()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
