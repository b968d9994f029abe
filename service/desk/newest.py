"""The newest samples of every watched link, read at most once in a while however many pages ask."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from aiohttp import web

from collector.model import Source
from collector.store.port import Selector
from config.clock import from_epoch_ms
from service.desk.views.seen import Seen, expected_sources, reach
from service.installation import Installation

KEPT = timedelta(seconds=2)
"""Real time for which an answer is given again."""


class NewestSamples:
    """Raises StoreError when measurements cannot be read."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = asyncio.Lock()
        self._seen: Seen | None = None
        self._read_at: datetime | None = None

    async def read(self) -> Seen:
        async with self._lock:
            real_now = self._installation.real_clock.now()
            if self._seen is None or self._read_at is None or real_now - self._read_at >= KEPT:
                self._seen = await self._read()
                self._read_at = real_now
            return self._seen

    async def _read(self) -> Seen:
        inventory = await self._installation.inventory()
        cadences = self._installation.settings.cadences()
        now = self._installation.clock.now()
        expected = {link.id: expected_sources(link, inventory) for link in inventory.watched_links()}
        newest: dict[tuple[str, Source], datetime] = {}
        for source, cadence in cadences.items():
            links = tuple(link for link, sources in expected.items() if source in sources)
            if not links:
                continue
            rows = await self._installation.store.latest(Selector(links, source), now, reach(cadence))
            ends = rows.time + rows.seconds.astype("int64") * 1000
            newest |= {(link, source): from_epoch_ms(end) for link, end in zip(rows.links, ends.tolist(), strict=True)}
        return Seen(inventory, cadences, expected, newest, now)


NEWEST = web.AppKey("newest", NewestSamples)
