"""What the pages about all sites read: inventory, newest samples, open cases, facts about what is stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from collector.model import Cadence, Fact, FactKind, Source
from inventory.model import Inventory
from service.desk.context import INSTALLATION
from service.desk.newest import NEWEST, Newest
from service.desk.views.freshness import SourceFreshness, expected_sources, is_fresh, source_freshness
from service.desk.views.states import SiteLine, site_lines
from service.installation import Installation
from triage import repository
from triage.cases import Case

FACTS_REACH = timedelta(hours=2)
MOST_DEVICES_ASKED = 200


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    inventory: Inventory
    cadences: Mapping[Source, Cadence]
    newest: Newest
    cases: Sequence[Case]
    facts: Sequence[Fact]
    now: datetime

    def lines(self) -> tuple[SiteLine, ...]:
        return site_lines(self.inventory, self.newest, self.cadences, self.cases, self.now)

    def sources(self) -> tuple[SourceFreshness, ...]:
        return source_freshness(self.inventory, self.newest, self.cadences, self.facts, self.now)


async def read_overview(app: web.Application) -> Overview:
    """Raises StoreError when measurements cannot be read."""
    installation = app[INSTALLATION]
    inventory = await installation.inventory()
    reading = await app[NEWEST].read()
    cadences = installation.settings.cadences()
    async with installation.database.reading() as connection:
        cases = await repository.cases(connection, only_open=True, limit=10_000)
    facts = await _facts_about_stale(installation, inventory, cadences, reading.newest, reading.now)
    return Overview(inventory, cadences, reading.newest, cases, facts, reading.now)


async def _facts_about_stale(
    installation: Installation,
    inventory: Inventory,
    cadences: Mapping[Source, Cadence],
    newest: Newest,
    now: datetime,
) -> Sequence[Fact]:
    """What the sources said of themselves, and how the devices of stale links answered lately."""
    silent = {
        link.device
        for link in inventory.watched_links()
        if link.device is not None
        and Source.SNMP in expected_sources(link, inventory)
        and not is_fresh(newest.get((link.id, Source.SNMP)), cadences[Source.SNMP], now)
    }
    sources = [*(source.value for source in Source), *installation.settings.orchestrators]
    return await installation.store.facts(
        [*sources, *sorted(silent)[:MOST_DEVICES_ASKED]],
        now - FACTS_REACH,
        now + timedelta(milliseconds=1),
        (FactKind.SOURCE_STATE, FactKind.POLL_OUTCOME),
    )
