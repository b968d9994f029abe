"""The audit trail: append-only, each row naming the digest of the one before it, so that no row can be changed,
taken out, put in or moved without the rows after it ceasing to fit.

It is written in the same transaction as what it tells of. What a chain cannot tell is that its newest rows were cut
off: for that its head is written down elsewhere (`Anchor`), and only what came after the last anchor can vanish unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms, from_epoch_ms
from triage import tables
from triage.evidence import canonical_json

MACHINE = "lineproof"
"""Who acts when no person does."""
GENESIS = "0" * 64
"""What the first row names as the digest before it."""
PAGE = 5_000
LONGEST_ACTOR = 100


class Kind(StrEnum):
    INPUT = "input"
    """A person's act, a client's claim, a change of a ticket, a carrier's word."""
    VERDICT = "verdict"
    """A judgement that is kept, with its evidence pack's digest."""
    DECISION = "decision"
    """What followed, why, and under which policy."""
    INTENT = "intent"
    """An effect that was committed to be done."""
    ATTEMPT = "attempt"
    """A far end is about to be called."""
    OUTCOME = "outcome"
    """What came of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing to be told. `case` is `C-7`; `document` is JSON without secrets, phone numbers and addresses."""

    at: datetime
    kind: Kind
    reason: str
    actor: str = MACHINE
    case: str | None = None
    site: str | None = None
    inbox_seq: int | None = None
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry as it stands in the chain."""

    number: int
    entry: Entry
    previous: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The chain's head as it was written down elsewhere at that time."""

    at: datetime
    number: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a walk along the chain found: how many rows fit, the last of them, and the first that does not."""

    rows: int
    head: str
    row: int | None = None
    fault: str = ""

    @property
    def ok(self) -> bool:
        return not self.fault


async def append(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Add entries to the chain within the caller's writing transaction, which is alone.

    Should somebody write who does not queue as `Database.writing` does, `previous` is unique: the chain never forks,
    the later transaction fails.
    """
    if not entries:
        return
    await connection.execute(insert(tables.audit), chained(*await head(connection), entries))


async def head(connection: AsyncConnection) -> tuple[int, str]:
    """The newest row's number and digest; (0, GENESIS) of an empty chain."""
    row = tables.audit.c
    newest = (await connection.execute(select(row.number, row.sha256).order_by(row.number.desc()).limit(1))).first()
    return (0, GENESIS) if newest is None else (newest.number, newest.sha256)


def chained(number: int, previous: str, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The rows of these entries behind the row with that number and digest."""
    rows = []
    for entry in entries:
        number += 1
        row = {
            "number": number,
            "at": epoch_ms(entry.at),
            "case_number": int(entry.case.removeprefix("C-")) if entry.case else None,
            "site": entry.site,
            "inbox_seq": entry.inbox_seq,
            "kind": entry.kind.value,
            "reason": entry.reason,
            "actor": entry.actor[:LONGEST_ACTOR],
            "document": dict(entry.document),
            "previous": previous,
        }
        previous = digest(row)
        rows.append({**row, "sha256": previous})
    return rows


def digest(row: Mapping[str, Any] | RowMapping) -> str:
    """SHA-256 over the canonical JSON of a row's columns but its own digest; the digest before it is one of them."""
    return hashlib.sha256(canonical_json({name: row[name] for name in _HASHED})).hexdigest()


_HASHED = tuple(column.name for column in tables.audit.c if column.name != "sha256")


async def story(connection: AsyncConnection, case: str) -> list[Recorded]:
    """All that the trail tells of a case, in order."""
    query = select(tables.audit).where(tables.audit.c.case_number == int(case.removeprefix("C-")))
    rows = await connection.execute(query.order_by(tables.audit.c.number))
    return [_recorded(row) for row in rows.mappings()]


async def verify_chain(connection: AsyncConnection, anchors: Sequence[Anchor] = ()) -> Checked:
    """Walk the whole chain, and name the first row that does not fit; then hold it against what was written down."""
    number, previous = 0, GENESIS
    wanted = {anchor.number: anchor for anchor in anchors}
    async for row in _rows(connection):
        fault = _fault(row, number, previous)
        anchor = wanted.get(row["number"])
        if not fault and anchor is not None and anchor.sha256 != row["sha256"]:
            fault = f"row {row['number']} is not the one that was written down {anchor.at:%Y-%m-%d %H:%M}Z"
        if fault:
            return Checked(rows=number, head=previous, row=row["number"], fault=fault)
        number, previous = row["number"], row["sha256"]
    cut = [anchor for anchor in anchors if anchor.number > number]
    if cut:
        first = min(cut, key=lambda anchor: anchor.number)
        fault = (
            f"the trail ends with row {number}; {first.at:%Y-%m-%d %H:%M}Z it had {first.number}: its end was cut off"
        )
        return Checked(rows=number, head=previous, row=number + 1, fault=fault)
    return Checked(rows=number, head=previous)


def _fault(row: RowMapping, number: int, previous: str) -> str:
    if row["number"] != number + 1:
        gone = (
            f"row {number + 1} is" if row["number"] == number + 2 else f"rows {number + 1} to {row['number'] - 1} are"
        )
        return f"{gone} missing"
    if digest(row) != row["sha256"]:
        return f"row {row['number']} was changed after it was written"
    if row["previous"] != previous:
        return f"row {row['number']} does not follow row {number}: one of them was replaced, put in or moved"
    return ""


async def _rows(connection: AsyncConnection) -> AsyncIterator[RowMapping]:
    """Every row in order, a page at a time."""
    last = 0
    while True:
        query = select(tables.audit).where(tables.audit.c.number > last).order_by(tables.audit.c.number).limit(PAGE)
        page = (await connection.execute(query)).mappings().all()
        for row in page:
            yield row
        if len(page) < PAGE:
            return
        last = page[-1]["number"]


def _recorded(row: RowMapping) -> Recorded:
    return Recorded(
        number=row["number"],
        entry=Entry(
            at=from_epoch_ms(row["at"]),
            kind=Kind(row["kind"]),
            reason=row["reason"],
            actor=row["actor"],
            case=f"C-{row['case_number']}" if row["case_number"] is not None else None,
            site=row["site"],
            inbox_seq=row["inbox_seq"],
            document=row["document"],
        ),
        previous=row["previous"],
        sha256=row["sha256"],
    )
