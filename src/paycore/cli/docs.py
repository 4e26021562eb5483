"""`paycore docs`: the pages that are drawn from code, so that they cannot be wrong.

Each page is a function without arguments that gives Markdown; a test compares what it
gives with what is in docs/. Nothing here reads a database or a setting.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.channels_page import channels
from paycore.cli.markdown import a_page, a_table, as_code, first_sentence, notes_of
from paycore.cli.schema_page import schema

if TYPE_CHECKING:
    from paycore.core.agreements.states import AgreementTransition
    from paycore.core.states import RefundTransition, Transition
    from paycore.kernel.errors import Refusal

    Rows = (
        tuple[Transition, ...]
        | tuple[RefundTransition, ...]
        | tuple[AgreementTransition, ...]
    )

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def _docs() -> None:
    """The generated pages."""


@app.command()
def generate(
    folder: Annotated[Path, typer.Option(help="Where the pages are.")] = Path("docs"),
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; 1 if a page is stale.")
    ] = False,
) -> None:
    """Write the generated pages anew, and name those that changed."""
    made = {name: page() for name, page in PAGES.items()}
    stale = [name for name, text in made.items() if _stored(folder / name) != text]
    if not check:
        for name, text in made.items():
            (folder / name).write_text(text, encoding="utf-8")
    for name in stale:
        typer.echo(name)
    if check and stale:
        raise typer.Exit(1)


def _stored(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


# --- states.md ------------------------------------------------------------------------


def states() -> str:
    """The transition table, the conversions, and the outcome table."""
    from paycore.core.agreements.states import AGREEMENT_TRANSITIONS, AgreementEvent
    from paycore.core.conversion import CONVERSIONS
    from paycore.core.states import REFUND_TRANSITIONS, TRANSITIONS, Event, RefundEvent
    from paycore.kernel.outcome import REFUNDS, TABLE
    from paycore.kernel.terms import BizStatus

    return a_page(
        "States",
        "With this page you can say what may happen to a payment and to a refund in "
        "each status, who is told, and what may follow each outcome of a call.",
        _diagram(TRANSITIONS),
        "## Transitions",
        "No other event moves a payment, and the database refuses what is not here.",
        _transitions(TRANSITIONS, notes_of(Event)),
        "Final: " + ", ".join(as_code(s) for s in BizStatus if s.final) + ".",
        "## Refunds",
        "A refund is an aggregate of its own: the payment that it belongs to stays as "
        "it is.",
        _diagram(REFUND_TRANSITIONS),
        _transitions(REFUND_TRANSITIONS, notes_of(RefundEvent)),
        "## Agreements",
        "An agreement is an aggregate of its own; money is taken while it is `ACTIVE`.",
        _diagram(AGREEMENT_TRANSITIONS),
        _transitions(AGREEMENT_TRANSITIONS, notes_of(AgreementEvent)),
        "## Conversions",
        "While a code is being sent, and never once money was asked for.",
        a_table(
            ("from", "to"),
            [(as_code(row.source), as_code(row.target)) for row in CONVERSIONS],
        ),
        "## Outcomes",
        "What one call came to, whom a refusal blames, and what may follow.",
        a_table(
            (
                *("outcome", "blame", "when sending a code", "when taking money"),
                "when giving it back",
            ),
            [
                (
                    as_code(outcome),
                    blame or "",
                    as_code(row.sending_code),
                    as_code(row.taking_money),
                    as_code(REFUNDS[outcome]),
                )
                for (outcome, blame), row in TABLE.items()
            ],
        ),
    )


def _transitions(rows: "Rows", notes: Mapping[str, str]) -> str:
    return a_table(
        ("from", "event", "to", "who is told", "meaning"),
        [
            (
                as_code(row.source),
                as_code(row.event),
                as_code(row.target),
                ", ".join(sorted(row.told)),
                notes.get(row.event.name, ""),
            )
            for row in rows
        ],
    )


def _diagram(rows: "Rows") -> str:
    # One arrow a pair: several between the same two hide one another's words.
    events: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        events.setdefault((row.source, row.target), []).append(row.event)
    # What stays is a note: an arrow back to where it began is drawn badly.
    arrows = [
        f"    {source} --> {target}: {'<br/>'.join(names)}"
        if source != target
        else f"    note left of {source}: stays by<br/>{'<br/>'.join(names)}"
        for (source, target), names in events.items()
    ]
    ends = [f"    {status} --> [*]" for status in type(rows[0].source) if status.final]
    lines = ["stateDiagram-v2", f"    [*] --> {rows[0].source}", *arrows, *ends]
    return "\n".join(("```mermaid", *lines, "```"))


# --- errors.md ------------------------------------------------------------------------


def errors() -> str:
    """Every refusal: code, status, and both messages."""
    return a_page(
        "Refusals",
        "With this page you can tell every refusal of the API by its `code`, and "
        "whether the same call may be made again.",
        "A refusal changed nothing and is not kept under an idempotency key.\n"
        "It is a problem document (RFC 9457) with `type`, `title`, `status`, `detail` "
        "and `code`; the language follows `Accept-Language`.\n"
        "What a bank answered is never a refusal: it is in the order's `biz_status`, "
        "`resp_code` and `resp_msg`.",
        a_table(
            ("code", "status", "again?", "meaning", "en", "zh"),
            [
                (
                    as_code(kind.code),
                    kind.status,
                    "yes" if kind.retryable else "no",
                    first_sentence(kind.__doc__),
                    kind.default_en,
                    kind.default_zh,
                )
                for kind in _refusals()
            ],
        ),
        "## Card numbers",
        "`out_biz_no`, `biz_order_no`, `out_refund_no` and `coupon_no` may not hold "
        "the number of a card that the line has on file, at whichever place: "
        "`BAD_REQUEST` with the `field`. What only looks like a card number is taken.\n"
        "Words (`subject`, `scope`, `reason`) are never refused for that: card and ID "
        "numbers in them are masked before they are kept or sent "
        "([why](decisions/0039-card-numbers-in-texts.md)).",
        "## The three checks of a confirm",
        "In this order, with the code of the refusal that carries each.",
        a_table(("code", "en", "zh"), _checks()),
    )


def _refusals() -> list[type["Refusal"]]:
    """All kinds but the root, by status and then in the order of the tree."""
    from paycore.kernel.errors import Refusal

    def below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    kinds = [kind for kind in below(Refusal) if kind.__module__ == Refusal.__module__]
    return sorted(kinds, key=lambda kind: kind.status)


def _checks() -> list[tuple[str, str, str]]:
    from paycore.kernel import errors as tree

    return [
        (as_code(tree.BizCheckError.code), *tree.PAYMENT_FINISHED),
        (as_code(tree.DataNotExist.code), *tree.NO_QUICK_PAY_DETAIL),
        (as_code(tree.BizCheckError.code), *tree.CODE_NOT_SENT),
    ]


# --- settings.md ----------------------------------------------------------------------


def settings() -> str:
    """Every setting, as the code reads it."""
    from paycore.kernel import config

    return a_page(
        "Settings",
        "With this page you can set up a node.",
        "The environment wins over the TOML file that `PAYCORE_SETTINGS_FILE` names, "
        "where the names are those of the first column.\n"
        "What is wrong or unknown is refused by its name before anything starts.\n"
        "Channels, routes and API keys are in the database, not here.",
        a_table(
            ("name", "variable", "must be", "default", "what it is"),
            [
                (
                    as_code(one.name),
                    as_code(one.variable),
                    one.form,
                    as_code(one.default) if one.default != "required" else "required",
                    one.description + (" Secret." if one.secret else ""),
                )
                for one in config.describe()
            ],
        ),
    )


# --- metrics.md, alerts.yml -----------------------------------------------------------


def metrics() -> str:
    """Every metric, with when it should worry somebody."""
    from paycore.api.alerts import COLUMNS, overview

    return a_page(
        "Metrics",
        "With this page you can read what a node tells Prometheus at `/metrics`, and "
        "say when to look; the alerts stand ready in `deploy/alerts.yml`.",
        "No metric has a label that names a payment, a card or a person.",
        a_table(COLUMNS, list(overview())),
    )


def alerts() -> str:
    """The example alerts as Prometheus takes them."""
    from paycore.api.alerts import rules

    return rules()


# --- audit.md -------------------------------------------------------------------------


def audit() -> str:
    """Every invariant, and what shows it."""
    from paycore.audit import page

    return a_page(*page.WORDS, a_table(page.COLUMNS, list(page.overview())))


# --- retention.md ---------------------------------------------------------------------


def retention() -> str:
    """Every table: how long its rows are kept, or why for good."""
    from paycore.retention import page

    return a_page(
        *page.WORDS,
        a_table(page.COLUMNS, list(page.overview())),
        page.HOW,
        page.PROMISE,
        a_table(page.FOR_GOOD_COLUMNS, list(page.for_good())),
    )


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "states.md": states,
        "errors.md": errors,
        "settings.md": settings,
        "schema.md": schema,
        "channels.md": channels,
        "metrics.md": metrics,
        "audit.md": audit,
        "retention.md": retention,
        "../deploy/alerts.yml": alerts,
    }
)
"""Each page's file and what makes it."""
