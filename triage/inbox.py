"""The inbox: everything that happens to the engine is a committed row first, carrying its own `now`.

Desk and command line only enqueue here. A key makes an input count once, however often it is sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms, from_epoch_ms
from config.database import Database
from triage import tables
from triage.inputs import (
    Answered,
    CarrierTold,
    ClaimReported,
    Input,
    IntakeTold,
    PersonActed,
    Tick,
    TicketChanged,
    TimerDue,
)
from triage.repository import AT_ONCE

LONGEST_KEY = 200
KINDS: dict[str, TypeAdapter[Input]] = {
    "claim": TypeAdapter(ClaimReported),
    "tick": TypeAdapter(Tick),
    "timer": TypeAdapter(TimerDue),
    "person": TypeAdapter(PersonActed),
    "ticket": TypeAdapter(TicketChanged),
    "carrier": TypeAdapter(CarrierTold),
    "intake": TypeAdapter(IntakeTold),
    "answer": TypeAdapter(Answered),
}
_KIND_OF: dict[type[Input], str] = {
    ClaimReported: "claim",
    Tick: "tick",
    TimerDue: "timer",
    PersonActed: "person",
    TicketChanged: "ticket",
    CarrierTold: "carrier",
    IntakeTold: "intake",
    Answered: "answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An input waiting to be decided: `now` is the moment it is decided for, whenever that happens."""

    seq: int
    key: str
    now: datetime
    input: Input


def short(key: str) -> str:
    """As long as its column takes: others' ids, which may be of any length, stand in keys."""
    return key if len(key) <= LONGEST_KEY else f"{key[:100]}:{hashlib.sha256(key.encode()).hexdigest()}"


async def put(connection: AsyncConnection, key: str, happened: Input, now: datetime) -> int:
    """Add an input within the caller's transaction; returns its sequence number, the old one for a known key."""
    key = short(key)
    known = await connection.scalar(select(tables.inbox.c.seq).where(tables.inbox.c.key == key))
    if known is not None:
        return int(known)
    kind = _KIND_OF[type(happened)]
    document = KINDS[kind].dump_python(happened, mode="json")
    row = await connection.execute(
        insert(tables.inbox)
        .values(key=key, kind=kind, now=epoch_ms(now), document=document)
        .returning(tables.inbox.c.seq)
    )
    return int(row.scalar_one())


async def put_all(connection: AsyncConnection, happened: Mapping[str, Input], now: datetime) -> None:
    """As `put`, many at once: inputs by their keys, in their order."""
    keys = [short(key) for key in happened]
    known: set[str] = set()
    for first in range(0, len(keys), AT_ONCE):
        some = keys[first : first + AT_ONCE]
        known |= set(await connection.scalars(select(tables.inbox.c.key).where(tables.inbox.c.key.in_(some))))
    rows = []
    for key, one in zip(keys, happened.values(), strict=True):
        kind = _KIND_OF[type(one)]
        document = KINDS[kind].dump_python(one, mode="json")
        if key not in known:
            rows.append({"key": key, "kind": kind, "now": epoch_ms(now), "document": document})
    if rows:
        await connection.execute(insert(tables.inbox), rows)


async def enqueue(database: Database, key: str, happened: Input, now: datetime) -> int:
    """Add an input in a transaction of its own; durable when it returns."""
    try:
        async with database.writing() as connection:
            return await put(connection, key, happened, now)
    except IntegrityError:  # someone else put the same key between our look and our insert
        async with database.reading() as connection:
            seq = await connection.scalar(select(tables.inbox.c.seq).where(tables.inbox.c.key == short(key)))
            if seq is None:
                raise
            return int(seq)


async def waiting(connection: AsyncConnection, limit: int = 100) -> list[Row]:
    """Inputs that nobody has consumed, oldest first."""
    rows = await connection.execute(
        select(tables.inbox).where(tables.inbox.c.consumed_at.is_(None)).order_by(tables.inbox.c.seq).limit(limit)
    )
    return [
        Row(
            seq=row.seq,
            key=row.key,
            now=from_epoch_ms(row.now),
            input=KINDS[row.kind].validate_python(row.document),
        )
        for row in rows
    ]


async def consume(connection: AsyncConnection, seqs: Sequence[int], now: datetime) -> set[int]:
    """Mark inputs as decided, within the transaction that writes what follows; returns those that were not yet."""
    row, ours = tables.inbox.c, set[int]()
    for first in range(0, len(seqs), AT_ONCE):
        mine = row.seq.in_(seqs[first : first + AT_ONCE]) & row.consumed_at.is_(None)
        taken = update(tables.inbox).where(mine).values(consumed_at=epoch_ms(now)).returning(row.seq)
        ours |= set(await connection.scalars(taken))
    return ours


async def consumed(database: Database, seq: int) -> bool:
    """Whether the engine has decided this input."""
    async with database.reading() as connection:
        moment = await connection.scalar(select(tables.inbox.c.consumed_at).where(tables.inbox.c.seq == seq))
    return moment is not None


async def forget_ticks(connection: AsyncConnection, before: datetime) -> int:
    """Remove consumed ticks older than `before`; claims, people's acts and answers are kept. Returns how many."""
    row = tables.inbox.c
    gone = await connection.execute(
        delete(tables.inbox).where(row.kind == "tick", row.consumed_at.is_not(None), row.now < epoch_ms(before))
    )
    return gone.rowcount
