"""A day's reconciliation as one HTML page that needs nothing else. Pure.

The picture is an inline SVG: what agreed and what did not, by kind. No script, no font,
no address: it can be sent by mail, and opened in ten years.
"""

from collections.abc import Iterable, Iterator
from html import escape

from paycore.recon.match import CURES, Kind
from paycore.recon.report import Report, rows
from paycore.recon.rows import Difference

MOST_SHOWN = 1000
"""Differences on the page; all of them are in the CSV."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884;
         vertical-align: top; overflow-wrap: anywhere; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
svg text { font: 13px system-ui, sans-serif; fill: currentColor; }
.quiet { opacity: .7; }
"""

GOOD, BAD = "#2e8b57", "#c0392b"
WIDTH, BAR, GAP, NAME = 860, 22, 8, 170
LONGEST = WIDTH - NAME - 170


def html(report: Report, differences: Iterable[Difference]) -> Iterator[str]:
    """The page, piece by piece; counts are the report's, so it comes first."""
    title = f"Reconciliation of {report.day}"
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(_sentence(report))}</p>"
    )
    yield _picture(report)
    yield from _table("Statements", rows(report))
    yield from _table("Differences by kind", _kinds(report))
    yield from _table("Differences", _shown(differences))
    whole = report.whole
    if whole.count.total() > MOST_SHOWN:
        yield f"<p class=quiet>The first {MOST_SHOWN:,}; all are in the CSV.</p>"
    yield "</body></html>\n"


def _sentence(report: Report) -> str:
    whole = report.whole
    said = (
        f"{report.matched:,} of {report.lines:,} lines agree;"
        f" {whole.count.total():,} differences stand"
    )
    return f"{said}, {whole.healed:,} have healed." if whole.healed else f"{said}."


def _picture(report: Report) -> str:
    """A bar for what agreed, and one for each kind; those in a scale of their own."""
    counted = [(str(kind), n) for kind, n in report.whole.count.most_common()]
    most = max((n for _, n in counted), default=1)
    bars = [_bar(0, "agree", report.matched, max(report.lines, 1), GOOD)]
    bars += [_bar(at, name, n, most, BAD) for at, (name, n) in enumerate(counted, 1)]
    height = len(bars) * (BAR + GAP)
    return (
        f'<svg role="img" aria-label="{escape(_sentence(report))}" '
        f'viewBox="0 0 {WIDTH} {height}" width="100%" '
        f'style="max-width:{WIDTH}px">{"".join(bars)}</svg>'
        "<p class=quiet>The first bar is of all lines; the others are in proportion to"
        " one another.</p>"
    )


def _bar(at: int, name: str, count: int, most: int, colour: str) -> str:
    top = at * (BAR + GAP)
    length = max(2, count * LONGEST // most) if count else 0
    middle = top + BAR - 6
    return (
        f'<text x="0" y="{middle}">{escape(name)}</text>'
        f'<rect x="{NAME}" y="{top}" width="{length}" height="{BAR}" rx="3" '
        f'fill="{colour}"><title>{escape(name)}: {count:,}</title></rect>'
        f'<text x="{NAME + length + 8}" y="{middle}">{count:,}</text>'
    )


def _kinds(report: Report) -> Iterator[dict[str, object]]:
    whole = report.whole
    for kind, count in whole.count.most_common():
        sums = [
            f"{amount:,} {currency}"
            for (of, currency), amount in sorted(whole.amount.items())
            if of is kind and amount
        ]
        yield {
            "kind": kind,
            "count": f"{count:,}",
            "at stake": ", ".join(sums),
            "what to do": CURES[Kind(kind)],
        }


def _shown(differences: Iterable[Difference]) -> Iterator[dict[str, object]]:
    left = MOST_SHOWN
    for one in differences:
        if one.healed_at is not None:
            continue
        if not left:
            return
        left -= 1
        yield {
            "account": f"{one.channel}/{one.account}",
            "kind": one.kind,
            "request": one.request_no or one.channel_ref,
            "payment": one.pay_order_no or "",
            "ours": _money(one.our_amount, one.our_currency, one.our_status),
            "theirs": _money(one.their_amount, one.their_currency, one.said),
            "fees": _fees(one),
            "line": one.line or "",
        }


def _money(amount: int | None, currency: str | None, said: str | None) -> str:
    shown = "" if amount is None else f"{amount:,} {currency}"
    return " ".join(filter(None, (shown, said)))


def _fees(one: Difference) -> str:
    if one.kind is not Kind.FEE:
        return ""
    return f"agreed {one.our_fee:,}, kept {one.their_fee:,}"


def _table(title: str, found: Iterable[dict[str, object]]) -> Iterator[str]:
    head = False
    for row in found:
        if not head:
            cells = "".join(f"<th>{escape(name)}</th>" for name in row)
            yield f"<h2>{escape(title)}</h2><table><tr>{cells}</tr>"
            head = True
        cells = "".join(f"<td>{escape(str(value))}</td>" for value in row.values())
        yield f"<tr>{cells}</tr>"
    yield "</table>" if head else f"<h2>{escape(title)}</h2><p>None.</p>"
