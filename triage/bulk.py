"""Cases and what belongs to them, many at once: a statement costs as much for one row as for a hundred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms
from triage import tables
from triage.cases import Case, Effect, Proposal, Timer, TimerKind
from triage.repository import AT_ONCE, case_row, effect_row, number_of

_CASE = TypeAdapter(Case)
_PROPOSAL = TypeAdapter(Proposal)


async def open_cases(connection: AsyncConnection, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Case]:
    """The open cases of these clients' sites."""
    found: dict[tuple[str, str], Case] = {}
    for first in range(0, len(places), AT_ONCE):
        some = set(places[first : first + AT_ONCE])
        for document in await connection.scalars(_OPEN_AT, {"sites": [site for _, site in some]}):
            if (document["client"], document["site"]) in some:
                found[document["client"], document["site"]] = _CASE.validate_python(document)
    return found


async def last_cases(
    connection: AsyncConnection, places: Sequence[tuple[str, str]], most: int
) -> dict[tuple[str, str], list[Case]]:
    """The newest cases of these clients' sites, each site's newest first, no more than `most`."""
    found: dict[tuple[str, str], list[Case]] = {}
    for first in range(0, len(places), AT_ONCE):
        some = set(places[first : first + AT_ONCE])
        sites = [site for _, site in some]
        for document in await connection.scalars(_LAST_AT, {"sites": sites, "most": most}):
            if (document["client"], document["site"]) in some:
                found.setdefault((document["client"], document["site"]), []).append(_CASE.validate_python(document))
    return found


_AT_SITES = tables.case.c.site.in_(bindparam("sites", expanding=True))
_OPEN_AT = select(tables.case.c.document).where(_AT_SITES, tables.case.c.open.is_(True))
_RANKED = (
    select(
        tables.case.c.number,
        func.row_number()
        .over(partition_by=(tables.case.c.client, tables.case.c.site), order_by=tables.case.c.number.desc())
        .label("place"),
    )
    .where(_AT_SITES)
    .subquery()
)
_LAST_AT = (
    select(tables.case.c.document)
    .join(_RANKED, _RANKED.c.number == tables.case.c.number)
    .where(_RANKED.c.place <= bindparam("most"))
    .order_by(tables.case.c.number.desc())
)


async def proposals_of_all(connection: AsyncConnection, cases: Sequence[str]) -> dict[str, list[Proposal]]:
    """The proposals of these cases, each case's newest first."""
    found: dict[str, list[Proposal]] = {}
    numbers = [number_of(case) for case in cases]
    for first in range(0, len(numbers), AT_ONCE):
        rows = await connection.execute(_PROPOSED, {"cases": numbers[first : first + AT_ONCE]})
        for number, document in rows:
            found.setdefault(f"C-{number}", []).append(_PROPOSAL.validate_python(document))
    return found


_PROPOSED = (
    select(tables.proposal.c.case_number, tables.proposal.c.document)
    .where(tables.proposal.c.case_number.in_(bindparam("cases", expanding=True)))
    .order_by(tables.proposal.c.number.desc())
)


async def save_cases(connection: AsyncConnection, changed: Sequence[Case], new: Sequence[Case]) -> None:
    """Cases that are there and cases that are not, each once."""
    if changed:
        rows = [{"changed_number": number_of(case.id), **case_row(case)} for case in changed]
        await connection.execute(_CHANGE_CASE, rows)
    if new:
        await connection.execute(_NEW_CASE, [{"number": number_of(case.id), **case_row(case)} for case in new])


_CHANGE_CASE = update(tables.case).where(tables.case.c.number == bindparam("changed_number"))
_NEW_CASE = insert(tables.case)


async def set_timers(connection: AsyncConnection, timers: Sequence[Timer]) -> None:
    """None of which is there."""
    if timers:
        rows = [
            {"case_number": number_of(timer.case), "kind": timer.kind.value, "due_at": epoch_ms(timer.due_at)}
            for timer in timers
        ]
        await connection.execute(_NEW_TIMER, rows)


async def clear_timers(connection: AsyncConnection, timers: Sequence[tuple[str, TimerKind]]) -> None:
    """Of these cases and kinds, where they are there."""
    if timers:
        rows = [{"of_case": number_of(case), "of_kind": kind.value} for case, kind in timers]
        await connection.execute(_END_TIMER, rows)


_NEW_TIMER = insert(tables.timer)
_END_TIMER = delete(tables.timer).where(
    tables.timer.c.case_number == bindparam("of_case"), tables.timer.c.kind == bindparam("of_kind")
)


def verdict_row(
    case: str, inbox_seq: int, made_at: datetime, evidence_sha256: str, document: Mapping[str, Any]
) -> dict[str, Any]:
    """Its columns. The number is the document's, which the audit trail names: a sequence would leave numbers out."""
    return {
        "number": int(document["id"].removeprefix("V-")),
        "case_number": number_of(case),
        "inbox_seq": inbox_seq,
        "made_at": epoch_ms(made_at),
        "evidence_sha256": evidence_sha256,
        "document": dict(document),
    }


async def save_verdicts(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await connection.execute(_NEW_VERDICT, rows)


_NEW_VERDICT = insert(tables.verdict)


async def add_effects(connection: AsyncConnection, effects: Sequence[tuple[Effect, datetime]]) -> Iterator[bool]:
    """Commit the intents to do something, each since when; a key that is known is not done again. Gives whether each is
    new."""
    known: set[str] = set()
    keys = [effect.key for effect, _ in effects]
    for first in range(0, len(keys), AT_ONCE):
        some = keys[first : first + AT_ONCE]
        known |= set(await connection.scalars(select(tables.outbox.c.key).where(tables.outbox.c.key.in_(some))))
    rows, are_new = [], []
    for effect, now in effects:
        are_new.append(effect.key not in known)
        if effect.key not in known:
            known.add(effect.key)
            rows.append(effect_row(effect, now))
    if rows:
        await connection.execute(insert(tables.outbox), rows)
    return iter(are_new)
