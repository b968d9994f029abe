"""How other processes ask for faster polling: rows in the records database, which the collector reads and which end by
themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from collector.snmp.schedule import SHORTEST_EVERY
from collector.tables import poll_wish
from config.clock import epoch_ms, from_epoch_ms

LONGEST = timedelta(hours=24)
"""Whoever still wants it after this asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollWish:
    """Poll `device` each `every` seconds until `until`. One asker's wish is known by its `reason`, such as a case's
    id: asking again replaces it."""

    device: str
    every: int
    until: datetime
    reason: str

    def __post_init__(self) -> None:
        if self.every < SHORTEST_EVERY:
            raise ValueError(f"polling each {self.every} s is not possible; ask for {SHORTEST_EVERY} s or more")


async def wish(connection: AsyncConnection, asked: Sequence[PollWish], now: datetime) -> None:
    """Ask, within the caller's transaction, from `now` on and for at most a day; wishes that have ended go."""
    table = poll_wish.c
    await connection.execute(delete(poll_wish).where(table.until <= epoch_ms(now)))
    last = {(one.device, one.reason): one for one in asked}
    if not last:
        return
    same = (table.device == bindparam("of_device")) & (table.reason == bindparam("of_reason"))
    await connection.execute(
        delete(poll_wish).where(same), [{"of_device": device, "of_reason": reason} for device, reason in last]
    )
    rows = [
        {
            "device": one.device,
            "reason": one.reason,
            "every_seconds": one.every,
            "until": epoch_ms(min(one.until, now + LONGEST)),
            "asked_at": epoch_ms(now),
        }
        for one in last.values()
    ]
    await connection.execute(insert(poll_wish), rows)


async def wishes(connection: AsyncConnection, now: datetime) -> Sequence[PollWish]:
    """What is wished at `now`: for each device its fastest wish (of equally fast ones the one that lasts longest), by
    device id. When that one ends, the next slower one is left."""
    table = poll_wish.c
    rows = await connection.execute(
        select(table.device, table.every_seconds, table.until, table.reason)
        .where(table.until > epoch_ms(now))
        .order_by(table.device, table.every_seconds.desc(), table.until)
    )
    fastest = {
        device: PollWish(device=device, every=every, until=from_epoch_ms(until), reason=reason)
        for device, every, until, reason in rows
    }
    return list(fastest.values())
