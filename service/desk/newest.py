"""The newest samples of every watched link, read at most once in a while however many pages ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from collector.model import Source
from collector.store.port import Selector
from config.clock import from_epoch_ms
from service.installation import Installation

REACH = timedelta(hours=2)
"""How far back the newest sample of a link is looked for on pages about all sites."""
KEPT = timedelta(seconds=2)
"""Real time for which an answer is given again."""
SOURCES = (Source.SNMP, Source.ORCHESTRATOR, Source.PROBE)

Newest = Mapping[tuple[str, Source], datetime]
"""The end of the newest slot of (link, source); absent when there is none within `REACH`."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    now: datetime
    newest: Newest


class NewestSamples:
    """Raises StoreError when measurements cannot be read."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = asyncio.Lock()
        self._reading: Reading | None = None
        self._read_at: datetime | None = None

    async def read(self) -> Reading:
        async with self._lock:
            real_now = self._installation.real_clock.now()
            if self._reading is None or self._read_at is None or real_now - self._read_at >= KEPT:
                self._reading = await self._read()
                self._read_at = real_now
            return self._reading

    async def _read(self) -> Reading:
        inventory = await self._installation.inventory()
        now = self._installation.clock.now()
        links = tuple(link.id for link in inventory.watched_links())
        newest: dict[tuple[str, Source], datetime] = {}
        for source in SOURCES if links else ():
            rows = await self._installation.store.latest(Selector(links, source), now, REACH)
            for link, row in rows.items():
                newest[link, source] = from_epoch_ms(int(row.time[-1]) + int(row.seconds[-1]) * 1000)
        return Reading(now, newest)


NEWEST = web.AppKey("newest", NewestSamples)
