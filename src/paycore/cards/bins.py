"""The user's own table of BINs: read from CSV, and asked when a card comes without its
bank or kind.

A file is `prefix,bank,kind` a line, with or without that heading. All of it is read
before any of it is written: a line that is wrong is named by its number, and not shown.
"""

import asyncio
import csv
import re
from collections.abc import Container, Iterable, Iterator, Sequence

from msgspec.structs import replace

from paycore.cards.numbers import CREDIT, DEBIT
from paycore.cards.rows import BinRow
from paycore.cards.service import NewCard
from paycore.kernel.errors import BadRequest, Unavailable
from paycore.kernel.node import Node

SHORTEST, LONGEST = 4, 10
AT_ONCE = 500
"""Rows a change."""
WRONG_LINES_SHOWN = 5

_HEADING = ("prefix", "bank", "kind")
_PREFIX = re.compile(rf"[0-9]{{{SHORTEST},{LONGEST}}}")
_BANK = re.compile(r"[A-Z][A-Z0-9_]{1,15}")


def read(lines: Iterable[str]) -> list[BinRow]:
    """The rows of a file; BadRequest names the lines that are wrong, and why."""
    rows: dict[str, BinRow] = {}
    wrong: list[str] = []
    for number, fields in _numbered(lines):
        why = _fault(fields, rows)
        if why:
            wrong.append(f"line {number}: {why}")
        else:
            prefix, bank, kind = fields
            rows[prefix] = BinRow(prefix=prefix, bank=bank, card_kind=kind)
    if wrong:
        more = len(wrong) - WRONG_LINES_SHOWN
        shown = "; ".join(wrong[:WRONG_LINES_SHOWN])
        raise BadRequest(shown + (f"; and {more} lines more" if more > 0 else ""))
    if not rows:
        raise BadRequest("There is no BIN in it.")
    return list(rows.values())


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The fields of each line that has any; the heading is none."""
    reader = csv.reader(lines)
    while True:
        try:
            fields = [field.strip() for field in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise BadRequest(f"line {reader.line_num}: it is no CSV") from error
        if any(fields) and tuple(name.lower() for name in fields) != _HEADING:
            yield reader.line_num, fields


def _fault(fields: Sequence[str], known: Container[str]) -> str:
    """What is wrong with a line, empty where nothing is; never what it says."""
    if len(fields) != len(_HEADING):
        return "it has not the three fields prefix,bank,kind"
    prefix, bank, kind = fields
    if not _PREFIX.fullmatch(prefix) or not prefix.isascii():
        return f"a prefix has {SHORTEST}-{LONGEST} digits"
    if not _BANK.fullmatch(bank):
        return "a bank has 2-16 of A-Z 0-9 _"
    if kind not in (DEBIT, CREDIT):
        return "the kind is DEBIT or CREDIT"
    if prefix in known:
        return "its prefix is there twice"
    return ""


async def load(node: Node, rows: Sequence[BinRow]) -> int:
    """Write some rows, over what stands under their prefixes; how many are new or
    changed. Loading the same file again changes nothing.
    """
    standing = await asyncio.gather(
        *(node.journal.load(BinRow, row.prefix) for row in rows)
    )
    change, changed = node.change(), 0
    for row, old in zip(rows, standing, strict=True):
        if old is None:
            change.insert(row)
        elif (old.bank, old.card_kind) != (row.bank, row.card_kind):
            change.update(replace(row, version=old.version), version=old.version)
        else:
            continue
        changed += 1
    if changed and await node.journal.commit(change) is not None:
        raise Unavailable
    return changed


async def known(node: Node, new: NewCard) -> NewCard:
    """The card with bank and kind of the longest loaded prefix, where it has none."""
    if new.bank is not None and new.card_kind is not None:
        return new
    prefixes = (new.number[:n] for n in range(LONGEST, SHORTEST - 1, -1))
    found = await asyncio.gather(
        *(node.journal.load(BinRow, prefix) for prefix in prefixes)
    )
    best = next((row for row in found if row is not None), None)
    if best is None:
        return new
    return replace(
        new, bank=new.bank or best.bank, card_kind=new.card_kind or best.card_kind
    )
