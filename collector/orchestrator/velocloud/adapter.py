"""VeloCloud Orchestrator (VCO), API v1 "portal": the port's methods as aggregate calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from collector.model import Fact, SampleBatch
from collector.orchestrator.answers import nothing_listed
from collector.orchestrator.directory import directory
from collector.orchestrator.port import DeviceReport, OrchestratorError, StateReport
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.calls import (
    AGGREGATE_LINK_METRICS,
    EDGE_LINK_SERIES,
    EDGE_LINK_STATUS,
    MOST_TICKS,
)
from collector.orchestrator.velocloud.event_facts import Names
from collector.orchestrator.velocloud.events import read_events
from collector.orchestrator.velocloud.gateways import read_gateways
from collector.orchestrator.velocloud.listing import read_listing
from collector.orchestrator.velocloud.looking import Edge, look_at
from collector.orchestrator.velocloud.mapping import (
    edge_names,
    link_ids,
    state_report,
)
from collector.orchestrator.velocloud.pairs import HaStates
from collector.orchestrator.velocloud.rights import Refusals
from collector.orchestrator.velocloud.rows import (
    METRICS,
    read_metrics,
    read_series,
)
from collector.orchestrator.velocloud.samples import joined, series_batch, statistics_batch
from collector.orchestrator.velocloud.session import VcoSession, interval, number
from collector.orchestrator.velocloud.status import read_status
from collector.orchestrator.windows import floor_to
from collector.settings import OrchestratorSettings
from config.clock import Clock, epoch_ms, from_epoch_ms
from inventory.listing import Listing
from inventory.model import Inventory

SHORTEST_SERIES = timedelta(minutes=15)
"""A shorter window of getEdgeLinkSeries is answered by an empty list."""

log = structlog.get_logger()


class VeloCloud:
    """One VCO host. Ids are unique only within it; each of our devices there names it in `orchestrator.name`."""

    def __init__(
        self,
        name: str,
        settings: OrchestratorSettings,
        inventory: Inventory,
        clock: Clock,
        quota: Quota,
    ) -> None:
        self._name = name
        self._tick = timedelta(seconds=settings.tick)
        self._clock = clock
        self._session = VcoSession(name, settings, quota)
        self._known = directory(inventory, name)
        self._numbers: dict[str, str] = {}
        self._edge_names: dict[tuple[str, str], str] | None = None
        self._other_ticks: set[int] = set()
        self._refusals = Refusals(name, clock)
        self._pairs = HaStates(self._session, self._known, self._refusals, clock)

    @property
    def name(self) -> str:
        return self._name

    async def states(self, *, urgent: bool = False) -> StateReport:
        """See the port. One call; where there are HA pairs a second one each five minutes, or when one switched."""
        rows = await read_status(self._session, self._refusals, self._enterprises(), urgent=urgent)
        if not rows and self._known.watched_devices:
            raise self._empty(EDGE_LINK_STATUS)
        edges = await self._pairs.read(rows, urgent=urgent)
        now = self._clock.now()

        def meaning() -> StateReport:
            self._numbers = link_ids(rows, self._known)
            self._edge_names = edge_names(rows)
            return state_report(rows, edges, self._known, now)

        return await asyncio.to_thread(meaning)

    async def statistics(self, start: datetime, end: datetime) -> SampleBatch:
        """See the port. One call; the host leaves out links without activity in the last 24 hours."""
        parameters = {
            "enterprises": self._enterprises(),
            "interval": interval(start, end),
            "metrics": list(METRICS),
        }
        rows = await self._session.rows(AGGREGATE_LINK_METRICS, parameters, read_metrics)
        if not rows and self._known.watched_links:
            raise self._empty(AGGREGATE_LINK_METRICS)
        now = self._clock.now()
        return await asyncio.to_thread(statistics_batch, rows, self._known, self._numbers, start, end, now)

    async def history(self, device: str, start: datetime, end: datetime, *, urgent: bool = False) -> SampleBatch:
        """See the port. As many calls as the host's limit of ticks makes necessary."""
        edge, enterprise = self._ids(device)
        batches = []
        for first, last in series_windows(start, end, self._tick):
            parameters = {
                "enterpriseId": number(enterprise),
                "edgeId": number(edge),
                "interval": interval(first, last),
                "metrics": list(METRICS),
            }
            rows = await self._session.rows(EDGE_LINK_SERIES, parameters, read_series, urgent=urgent)
            self._note_ticks({series.tick for row in rows for series in row.series})
            batches.append(series_batch(rows, self._known, edge, start, end, self._tick, self._clock.now()))
        return joined([batch for batch in batches if len(batch)])

    def _note_ticks(self, ticks: set[int]) -> None:
        """Say once which other ticks the host's series have, for these are left out."""
        if others := ticks - {self._tick // timedelta(milliseconds=1)} - self._other_ticks:
            log.warning("series_of_another_tick_left_out", orchestrator=self._name, milliseconds=sorted(others))
            self._other_ticks |= others

    async def events(self, start: datetime, end: datetime) -> Sequence[Fact]:
        """See the port."""

        async def names() -> Names:
            if self._edge_names is None:
                self._edge_names = edge_names(await read_status(self._session, self._refusals, self._enterprises()))
            return self._edge_names

        now = self._clock.now()
        facts = await read_events(self._session, self._known, self._refusals, names, start, end, now)
        self._pairs.note(facts)
        return facts

    async def own_parts(self) -> Sequence[Fact]:
        """See the port. One call; none for a day where this account may not see the gateways."""
        return await read_gateways(self._session, self._refusals, self._clock.now())

    async def look(self, device: str) -> DeviceReport:
        """See the port. Five calls."""
        edge, enterprise = self._ids(device)

        async def history(start: datetime, end: datetime) -> SampleBatch:
            return await self.history(device, floor_to(start, self._tick), end, urgent=True)

        return await look_at(self._session, self._known, Edge(device, edge, enterprise), history, self._clock.now())

    async def listing(self, *, rates: bool = True) -> Listing:
        """See the port. Without `rates` no call is made for an edge alone, so that rates and the kinds of lines that
        only the edges' configuration tells are None."""
        return await read_listing(self._session, self._known, self._clock.now(), rates=rates)

    async def close(self) -> None:
        await self._session.close()

    def _enterprises(self) -> list[int]:
        return [number(one) for one in self._known.enterprises()]

    def _ids(self, device: str) -> tuple[str, str]:
        for known in self._known.devices.values():
            if known.id == device and known.orchestrator:
                return known.orchestrator.edge_id, known.orchestrator.enterprise_id
        raise OrchestratorError(f"the inventory gives {device} no edge at {self._name}; add its orchestrator ids")

    def _empty(self, method: str) -> OrchestratorError:
        known = f"{len(self._known.watched_devices)} edges"
        call = f"{self._session.host} answered {method}"
        return nothing_listed(call, known, "the account's rights and the enterprise ids")


def series_windows(start: datetime, end: datetime, tick: timedelta) -> list[tuple[datetime, datetime]]:
    """The whole ticks of [start, end) in aligned windows, ascending, that getEdgeLinkSeries can answer. Pure.

    None is longer than 1,024 ticks nor shorter than 15 minutes; the last one reaches back over its predecessor
    rather than be too short, which is harmless because samples merge by identity.
    """
    step = round(tick.total_seconds() * 1000)
    first, last = epoch_ms(start) // step * step, epoch_ms(end) // step * step
    shortest = round(SHORTEST_SERIES.total_seconds() * 1000)
    windows = []
    for begin in range(first, last, MOST_TICKS * step):
        until = min(begin + MOST_TICKS * step, last)
        begin = min(begin, (until - shortest) // step * step)
        windows.append((from_epoch_ms(begin), from_epoch_ms(until)))
    return windows
