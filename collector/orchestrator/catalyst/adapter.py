"""Cisco Catalyst SD-WAN Manager (vManage): the port's methods as bulk calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from collector.model import Fact, SampleBatch
from collector.orchestrator.answers import nothing_listed
from collector.orchestrator.catalyst.calls import (
    APP_ROUTE,
    APP_ROUTE_OF_ONE,
    BFD_SESSIONS,
    DEVICES,
    EDGE_INVENTORY,
    EVENTS,
    INTERFACE_STATISTICS,
    INTERFACES,
    INTERFACES_OF_ONE,
    IOS_XE_INTERFACES,
    PAGE,
    WAN_INTERFACES,
)
from collector.orchestrator.catalyst.listing import listed_edges
from collector.orchestrator.catalyst.looking import device_figures
from collector.orchestrator.catalyst.mapping import event_facts, part_facts, state_report
from collector.orchestrator.catalyst.places import Places, places
from collector.orchestrator.catalyst.readings import (
    INTERFACE_KEYS,
    TUNNEL_KEYS,
    interface_readings,
    tunnel_readings,
)
from collector.orchestrator.catalyst.rows import (
    SESSION_KEYS,
    WAN_KEYS,
    DeviceRow,
    InterfaceRow,
    InventoryRow,
    WanRow,
    device_rows,
    event_rows,
    interface_rows,
    inventory_rows,
    session_rows,
    wan_rows,
)
from collector.orchestrator.catalyst.samples import joined, readings_window, statistics_batch
from collector.orchestrator.catalyst.session import CatalystSession
from collector.orchestrator.directory import directory
from collector.orchestrator.host import note_damage
from collector.orchestrator.port import DeviceReport, OrchestratorError, StateReport
from collector.orchestrator.quota import Quota
from collector.orchestrator.record import Rows
from collector.orchestrator.windows import floor_to
from collector.settings import OrchestratorSettings
from config.clock import Clock
from config.errors import Blame
from inventory.listing import RATES_NOT_ASKED, Listing
from inventory.model import Inventory

FINDINGS_KEPT = timedelta(hours=3)
"""How long a finding of the statistics is told with the events, which are read on another clock."""

LOOKED_BACK = timedelta(hours=1)

Row = TypeVar("Row")
Readings = TypeVar("Readings")


class Catalyst:
    """One manager, of one tenant. Its bulk answers name devices by system IP; the inventory may name them by that or by
    their uuid."""

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
        self._session = CatalystSession(name, settings, quota)
        self._known = directory(inventory, name)
        self._devices: Sequence[DeviceRow] = ()
        self._places: Places | None = None
        self._findings: Sequence[Fact] = ()

    @property
    def name(self) -> str:
        return self._name

    async def states(self, *, urgent: bool = False) -> StateReport:
        """See the port. The list of devices, and the bulk states of transports and tunnels."""
        wan = await self._fleet(urgent=urgent)
        sessions = await self._all(BFD_SESSIONS, session_rows, keys=SESSION_KEYS, urgent=urgent)
        if not sessions and len(self._reachable()) > 1:
            raise self._empty(BFD_SESSIONS)
        return state_report(self._devices, wan, sessions, self._located(), self._clock.now())

    async def statistics(self, start: datetime, end: datetime) -> SampleBatch:
        """See the port. What is found about loss that is not the links' own is told with the events."""
        if self._places is None:
            await self._fleet()
        period = _period(*readings_window(start, end))
        tunnels = await self._columns(APP_ROUTE, period, tunnel_readings, TUNNEL_KEYS)
        interfaces = await self._columns(INTERFACE_STATISTICS, period, interface_readings, INTERFACE_KEYS)
        if self._known.watched_links and not any(map(len, tunnels)) and not any(map(len, interfaces)):
            raise self._empty(APP_ROUTE)
        now = self._clock.now()
        found = statistics_batch(tunnels, interfaces, self._located(), start, end, now)
        # A second reading knows better than the first.
        kept = (fact for fact in self._findings if fact.time != start and now - fact.received_at < FINDINGS_KEPT)
        self._findings = [*kept, *found.findings]
        return found.samples

    async def history(self, device: str, start: datetime, end: datetime, *, urgent: bool = False) -> SampleBatch:
        """See the port. Two calls, and more for more pages; other sites' tunnels are not read, so that the far end's
        loss can be told apart only by the device's own other tunnels."""
        if self._places is None:
            await self._fleet(urgent=urgent)
        address = self._address(device)
        first, last = readings_window(start, start + self._tick)[0], readings_window(end - self._tick, end)[1]
        query = {"query": _query_of_one(address, first, last), "count": str(PAGE)}
        tunnels = await self._columns(APP_ROUTE_OF_ONE, query, tunnel_readings, TUNNEL_KEYS, urgent=urgent)
        interfaces = await self._columns(INTERFACES_OF_ONE, query, interface_readings, INTERFACE_KEYS, urgent=urgent)
        now = self._clock.now()
        windows = [start + i * self._tick for i in range((end - start) // self._tick)]
        batches = [
            statistics_batch(tunnels, interfaces, self._located(), at, at + self._tick, now).samples for at in windows
        ]
        return joined([batch for batch in batches if len(batch)])

    async def events(self, start: datetime, end: datetime) -> Sequence[Fact]:
        """See the port. With them what statistics that were read of late found: these facts are as old as their
        window."""
        if self._places is None:
            await self._fleet()
        rows = await self._all(EVENTS, event_rows, _period(start, end))
        facts = event_facts((row for row in rows if start <= row.time < end), self._located(), self._clock.now())
        return [*facts, *(fact for fact in self._findings if fact.time < end)]

    async def own_parts(self) -> Sequence[Fact]:
        """See the port. The manager lists its parts with the edges, so these are as old as the last states."""
        if not self._devices:
            await self._fleet()
        return part_facts(self._devices, self._name, self._clock.now())

    async def look(self, device: str) -> DeviceReport:
        """See the port. The states, the last hour's statistics, and what the manager asks of the device itself."""
        states = await self.states(urgent=True)
        address, now = self._address(device), self._clock.now()
        ours = {device, *self._known.links_of(device)}
        row = next(row for row in self._devices if row.address == address)
        figures, notes = await device_figures(self._session, row, device, self._located())
        end = floor_to(now, self._tick)
        try:
            samples = await self.history(device, end - LOOKED_BACK, end, urgent=True)
        except OrchestratorError as error:
            notes, samples = [*notes, str(error)], joined([])
        facts = [fact for fact in states.facts if fact.subject in ours]
        return DeviceReport(facts=facts, samples=samples, figures=figures, notes=notes)

    async def listing(self, *, rates: bool = True) -> Listing:
        """See the port. Rates are told where they are configured; neither carriers nor street addresses are known to
        the manager."""
        wan = await self._fleet()
        unread: list[str] = []
        unrated = [] if rates else [RATES_NOT_ASKED]
        on_file: Sequence[InventoryRow] = ()
        interfaces: list[InterfaceRow] = []
        try:
            items = await self._session.rows(EDGE_INVENTORY)
            on_file = self._session.counted(EDGE_INVENTORY, inventory_rows(items))
        except OrchestratorError as error:
            unread.append(str(error))
        for method in (INTERFACES, IOS_XE_INTERFACES) if rates else ():
            try:
                interfaces += await self._all(method, interface_rows)
            except OrchestratorError as error:
                unrated.append(str(error))
        return Listing(
            orchestrator=self._name,
            vendor="catalyst",
            read_at=self._clock.now(),
            edges=listed_edges(self._devices, on_file, wan, interfaces, self._located()),
            unread=unread,
            unrated=unrated,
        )

    async def close(self) -> None:
        await self._session.close()

    async def _fleet(self, *, urgent: bool = False) -> Sequence[WanRow]:
        """Read devices and transports anew, and where our devices and links are among them."""
        devices = self._session.counted(DEVICES, device_rows(await self._session.rows(DEVICES, urgent=urgent)))
        if not devices and self._known.watched_devices:
            raise self._empty(DEVICES)
        wan = await self._all(WAN_INTERFACES, wan_rows, keys=WAN_KEYS, urgent=urgent)
        self._devices = devices
        if not wan and self._reachable() and self._known.watched_links:
            raise self._empty(WAN_INTERFACES)
        self._places = places(devices, wan, self._known)
        return wan

    async def _all(
        self,
        method: str,
        read: Callable[[Sequence[object]], Rows[Row]],
        query: Mapping[str, str] | None = None,
        *,
        keys: tuple[str, ...] = (),
        urgent: bool = False,
    ) -> list[Row]:
        """The rows of every page."""
        rows: list[Row] = []
        async for page in self._session.pages(method, query or {"count": str(PAGE)}, keys, urgent=urgent):
            rows += self._session.counted(method, read(page))
        return rows

    async def _columns(
        self,
        method: str,
        query: Mapping[str, str],
        read: Callable[[Sequence[object]], tuple[Readings, int]],
        keys: tuple[str, ...],
        *,
        urgent: bool = False,
    ) -> list[Readings]:
        """The columns of every page."""
        pages = []
        async for page in self._session.pages(method, query, keys, urgent=urgent):
            readings, damaged = read(page)
            note_damage(self._name, method, damaged)
            pages.append(readings)
        return pages

    def _located(self) -> Places:
        return self._places or places(self._devices, (), self._known)

    def _reachable(self) -> list[str]:
        """System IPs of our devices that have contact."""
        found = places(self._devices, (), self._known)
        return [
            row.address
            for row in self._devices
            if row.reachability == "reachable" and found.device_at(row.address) is not None
        ]

    def _address(self, device: str) -> str:
        found = self._located()
        for address in found.edges:
            known = found.device_at(address)
            if known is not None and known.id == device:
                return address
        raise OrchestratorError(
            f"{self._session.host} does not list {device}; check its orchestrator ids in the inventory",
            blame=Blame.OURS,
        )

    def _empty(self, method: str) -> OrchestratorError:
        known = f"{len(self._known.watched_devices)} edges"
        call = f"{self._session.host} answered {method}"
        return nothing_listed(call, known, "the account's rights and what the manager collects")


def _period(start: datetime, end: datetime) -> dict[str, str]:
    """[start, end) as the bulk statistics take it: whole seconds, UTC."""
    stamp = "%Y-%m-%dT%H:%M:%S"
    return {
        "startDate": start.strftime(stamp),
        "endDate": end.strftime(stamp),
        "timeZone": "UTC",
        "count": str(PAGE),
    }


def _query_of_one(address: str, start: datetime, end: datetime) -> str:
    """The statistics' query language: readings of one device in a period."""
    stamp = "%Y-%m-%dT%H:%M:%S UTC"
    rules = [
        {
            "field": "entry_time",
            "type": "date",
            "operator": "between",
            "value": [f"{at:{stamp}}" for at in (start, end)],
        },
        {"field": "vdevice_name", "type": "string", "operator": "in", "value": [address]},
    ]
    return json.dumps({"query": {"condition": "AND", "rules": rules}})
