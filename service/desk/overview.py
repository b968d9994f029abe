"""What the pages about all sites read: inventory, newest samples, open cases, facts about what is stale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from collector.model import Fact, FactKind, Source
from service.desk.context import INSTALLATION
from service.desk.newest import NEWEST
from service.desk.views.freshness import SourceFreshness, source_freshness
from service.desk.views.seen import Seen
from service.desk.views.states import SiteLine, site_lines
from service.installation import Installation
from triage import repository
from triage.cases import Case

FACTS_REACH = timedelta(hours=2)
MOST_DEVICES_ASKED = 200


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    seen: Seen
    cases: Sequence[Case]
    facts: Sequence[Fact]

    def lines(self) -> tuple[SiteLine, ...]:
        return site_lines(self.seen, self.cases)

    def sources(self) -> tuple[SourceFreshness, ...]:
        return source_freshness(self.seen, self.facts)


async def read_overview(app: web.Application) -> Overview:
    """Raises StoreError when measurements cannot be read."""
    installation = app[INSTALLATION]
    seen = await app[NEWEST].read()
    async with installation.database.reading() as connection:
        cases = await repository.cases(connection, only_open=True, limit=10_000)
    return Overview(seen, cases, await _facts_about_stale(installation, seen))


async def _facts_about_stale(installation: Installation, seen: Seen) -> Sequence[Fact]:
    """What the sources said of themselves, and how the devices of stale links answered lately."""
    links = seen.inventory.links
    silent = {
        links[name].device or ""
        for name, sources in seen.expected.items()
        if Source.SNMP in sources and not seen.fresh(name, Source.SNMP)
    }
    sources = [*(source.value for source in Source), *installation.settings.orchestrators]
    return await installation.store.facts(
        [*sources, *sorted(silent)[:MOST_DEVICES_ASKED]],
        seen.now - FACTS_REACH,
        seen.now + timedelta(milliseconds=1),
        (FactKind.SOURCE_STATE, FactKind.POLL_OUTCOME),
    )
