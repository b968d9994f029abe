"""The outbox's order, and what a person may do about a row. The rows themselves are in `triage.repository`.

Rows of one case are done in their order at each far end: only the oldest one that is not done is tried. A dead row is
passed over - each note and change stands for itself, and the case says what is missing - but for the one that was to
open the ticket: what belongs on that ticket waits until a person tries it again or gives it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms, from_epoch_ms
from config.errors import LineproofError, NotFoundError
from triage import inbox, repository, tables
from triage.audit import Entry, Kind, append
from triage.cases import Effect, EffectKind
from triage.inputs import Answered
from triage.reach import KINDS, ON_A_TICKET, FarEnd, far_end
from triage.repository import OutboxRow, OutboxStatus

WAITING = (OutboxStatus.PENDING, OutboxStatus.TRYING)
UNDONE = (*WAITING, OutboxStatus.DEAD, OutboxStatus.WITHHELD)
"""What a list of the outbox shows."""
TRIED_AGAIN = (OutboxStatus.DEAD, OutboxStatus.WITHHELD)
"""What a person may have tried again."""
GIVEN_UP = (OutboxStatus.PENDING, OutboxStatus.DEAD)
"""What a person may leave undone for good."""


async def next_rows(
    connection: AsyncConnection,
    end: FarEnd,
    now: datetime,
    *,
    limit: int,
    without: Sequence[int] = (),
    after: int = 0,
) -> list[OutboxRow]:
    """The rows that may be tried now at a far end, the oldest first: of each case the first that is not done.

    What belongs on a ticket that is open, but not known to its case yet, is left out: the engine has its answer.
    """
    row, older, opened = tables.outbox.c, tables.outbox.alias("older"), tables.outbox.alias("opened")
    kinds = [kind.value for kind in KINDS[end]]
    waiting = [status.value for status in WAITING]
    unopened = and_(older.c.status == OutboxStatus.DEAD.value, older.c.kind == EffectKind.OPEN_TICKET.value)
    before = exists().where(
        older.c.case_number == row.case_number,
        older.c.number < row.number,
        older.c.done_at.is_(None),
        older.c.kind.in_(kinds),
        or_(older.c.status.in_(waiting), unopened),
    )
    unlearnt = and_(
        row.kind.in_([kind.value for kind in ON_A_TICKET]),
        exists().where(tables.case.c.number == row.case_number, tables.case.c.ticket.is_(None)),
        exists().where(
            opened.c.case_number == row.case_number,
            opened.c.kind == EffectKind.OPEN_TICKET.value,
            opened.c.status == OutboxStatus.DONE.value,
        ),
    )
    query = (
        select(tables.outbox)
        .where(row.done_at.is_(None), row.status.in_(waiting), row.kind.in_(kinds), row.next_at <= epoch_ms(now))
        .where(row.number > after, row.number.not_in(without), ~before, ~unlearnt)
        .order_by(row.number)
        .limit(limit)
    )
    return [repository.outbox_row(one) for one in await connection.execute(query)]


async def begin(connection: AsyncConnection, row: OutboxRow, now: datetime) -> bool:
    """Mark a row as being tried; False where somebody else has taken it since it was read."""
    column = tables.outbox.c
    taken = await connection.execute(
        update(tables.outbox)
        .where(column.number == row.number, column.attempts == row.attempts, column.status == row.status.value)
        .values(status=OutboxStatus.TRYING.value, attempts=row.attempts + 1, tried_at=epoch_ms(now))
    )
    return taken.rowcount == 1


async def left_behind(connection: AsyncConnection, row: OutboxRow) -> bool:
    """Let a row wait again that was left `trying`, as `row` has it; False where somebody else has seen to it."""
    column = tables.outbox.c
    found = await connection.execute(
        update(tables.outbox)
        .where(column.number == row.number, column.attempts == row.attempts)
        .where(column.status == OutboxStatus.TRYING.value)
        .values(
            status=row.status.value,
            interrupted=row.interrupted,
            next_at=epoch_ms(row.next_at),
            last_error=row.last_error,
        )
    )
    return found.rowcount == 1


async def end(connection: AsyncConnection, row: OutboxRow) -> bool:
    """Write down what came of a row that is being tried or not yet; False where somebody else has done so."""
    column = tables.outbox.c
    written = await connection.execute(
        update(tables.outbox)
        .where(column.number == row.number, column.status.in_([status.value for status in WAITING]))
        .values(
            status=row.status.value,
            attempts=row.attempts,
            next_at=epoch_ms(row.next_at),
            done_at=epoch_ms(row.done_at) if row.done_at is not None else None,
            last_error=row.last_error,
        )
    )
    return written.rowcount == 1


async def opening(connection: AsyncConnection, case: str) -> OutboxRow | None:
    """The row that opens, or has opened, the case's ticket."""
    row = tables.outbox.c
    query = select(tables.outbox).where(
        row.case_number == repository.number_of(case), row.kind == EffectKind.OPEN_TICKET.value
    )
    found = (await connection.execute(query.order_by(row.number.desc()).limit(1))).one_or_none()
    return None if found is None else repository.outbox_row(found)


async def rows_of(connection: AsyncConnection, case: str) -> list[OutboxRow]:
    """What is not done of a case, the oldest first."""
    row = tables.outbox.c
    query = select(tables.outbox).where(
        row.case_number == repository.number_of(case), row.status.in_([status.value for status in UNDONE])
    )
    return [repository.outbox_row(one) for one in await connection.execute(query.order_by(row.number))]


async def tried_since(connection: AsyncConnection, moment: datetime) -> list[tuple[EffectKind, datetime]]:
    """The effects that were last tried then or later."""
    row = tables.outbox.c
    tried = await connection.execute(select(row.kind, row.tried_at).where(row.tried_at >= epoch_ms(moment)))
    return [(EffectKind(one.kind), from_epoch_ms(one.tried_at)) for one in tried]


async def depths(connection: AsyncConnection) -> dict[OutboxStatus, tuple[int, datetime | None]]:
    """How many rows are not done, and since when the oldest of them has been there."""
    row = tables.outbox.c
    counted = await connection.execute(
        select(row.status, func.count(), func.min(row.created_at))
        .where(row.status.in_([status.value for status in UNDONE]))
        .group_by(row.status)
    )
    found = {OutboxStatus(status): (count, from_epoch_ms(oldest)) for status, count, oldest in counted}
    return {status: found.get(status, (0, None)) for status in UNDONE}


async def retry(connection: AsyncConnection, key: str, by: str, now: datetime) -> list[str]:
    """Let a dead or withheld row be tried again from the start; returns their keys. `key` is one row's, or a case's id:
    all of its dead and withheld rows, or `all`: every dead one.

    Raises NotFoundError, and LineproofError where there is nothing to be tried again.
    """
    rows = await _named(connection, key, TRIED_AGAIN, by)
    for row in rows:
        again = replace(row, status=OutboxStatus.PENDING, attempts=0, interrupted=0, next_at=now, done_at=None)
        await repository.mark_outbox(connection, again)
    await append(connection, [_told(row.effect, "outbox_retry", by, now) for row in rows])
    return [row.effect.key for row in rows]


async def give_up(connection: AsyncConnection, key: str, by: str, now: datetime) -> list[str]:
    """Leave a waiting or dead row (a case's id: all of its; `all`: every dead one) undone for good; returns the keys,
    also of what belonged on a ticket that is now never opened.

    Raises NotFoundError, and LineproofError where there is nothing to be given up.
    """
    rows = await _named(connection, key, GIVEN_UP, by)
    gone = {row.number: row for row in rows}
    for row in rows:
        if row.effect.kind is EffectKind.OPEN_TICKET:
            gone |= {one.number: one for one in await _on_its_ticket(connection, row)}
    for row in gone.values():
        why = f"given up by {by}" + (f": {row.last_error}" if row.last_error else "")
        given = replace(row, status=OutboxStatus.WITHHELD, done_at=now, last_error=why)
        await repository.mark_outbox(connection, given)
        if row.status is OutboxStatus.PENDING:
            answer = Answered(
                key=row.effect.key, kind=row.effect.kind, case=row.effect.case, ok=False,
                proposal=row.effect.proposal, text=why,
            )  # fmt: skip
            await inbox.put(connection, f"answer:{row.effect.key}:{row.number}:given up", answer, now)
    await append(connection, [_told(row.effect, "outbox_give_up", by, now) for row in gone.values()])
    return [row.effect.key for row in gone.values()]


async def _on_its_ticket(connection: AsyncConnection, opens: OutboxRow) -> Sequence[OutboxRow]:
    row = tables.outbox.c
    query = select(tables.outbox).where(
        row.case_number == repository.number_of(opens.effect.case),
        row.status == OutboxStatus.PENDING.value,
        row.kind.in_([kind.value for kind in ON_A_TICKET]),
        row.number > opens.number,
    )
    return [repository.outbox_row(one) for one in await connection.execute(query.order_by(row.number))]


async def _named(
    connection: AsyncConnection, key: str, statuses: Sequence[OutboxStatus], by: str
) -> Sequence[OutboxRow]:
    if not by.strip():
        raise LineproofError("this needs the name of a person: --by NAME")
    row = tables.outbox.c
    if key == "all":
        query = select(tables.outbox).where(row.status == OutboxStatus.DEAD.value).order_by(row.number)
        found = [repository.outbox_row(one) for one in await connection.execute(query)]
        if not found:
            raise LineproofError("nothing has been given up; `lineproof ticket outbox` shows what waits")
        return found
    if ":" not in key and key.startswith("C-"):
        of_case = [one for one in await rows_of(connection, key) if one.status in statuses]
        if not of_case:
            raise LineproofError(f"of {key} nothing is {' or '.join(statuses)}; `lineproof ticket outbox` has what is")
        return of_case
    one = (await connection.execute(select(tables.outbox).where(row.key == key))).one_or_none()
    if one is None:
        raise NotFoundError(f"the outbox has no {key[:80]!r}; `lineproof ticket outbox` shows the keys")
    known = repository.outbox_row(one)
    if known.status not in statuses:
        allowed = " or ".join(statuses)
        raise LineproofError(f"{key} is {known.status}; this is for what is {allowed}")
    return [known]


def _told(effect: Effect, what: str, by: str, now: datetime) -> Entry:
    return Entry(at=now, kind=Kind.INPUT, reason=what, actor=by, case=effect.case, document={"key": effect.key})


def firsts(rows: Sequence[OutboxRow]) -> dict[tuple[str, FarEnd], str]:
    """Of these rows, oldest first, the key that each case's far ends do next, or wait for."""
    found: dict[tuple[str, FarEnd], str] = {}
    for row in rows:
        unopened = row.status is OutboxStatus.DEAD and row.effect.kind is EffectKind.OPEN_TICKET
        if row.status in WAITING or unopened:
            found.setdefault((row.effect.case, far_end(row.effect.kind)), row.effect.key)
    return found


def reason_of(row: OutboxRow, known: Mapping[tuple[str, FarEnd], str]) -> str:
    """Why a row that is not done stands where it does; `known` as `firsts` tells."""
    if row.last_error:
        return row.last_error
    if row.status is OutboxStatus.TRYING:
        return "is being tried"
    first = known.get((row.effect.case, far_end(row.effect.kind)), row.effect.key)
    return f"waits behind {first}" if first != row.effect.key else "waits for its turn"


def age(row: OutboxRow, now: datetime) -> timedelta:
    return max(timedelta(0), now - row.created_at)
