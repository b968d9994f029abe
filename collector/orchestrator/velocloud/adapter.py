"""VeloCloud Orchestrator (VCO), API v1 "portal": the port's methods as aggregate calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from collector.metrics import ORCHESTRATOR_DAMAGED
from collector.model import Fact, SampleBatch
from collector.orchestrator.directory import directory
from collector.orchestrator.port import DeviceReport, OrchestratorError, StateReport
from collector.orchestrator.quota import Quota
from collector.orchestrator.record import Record, Rows
from collector.orchestrator.velocloud.calls import (
    AGGREGATE_LINK_METRICS,
    EDGE_LINK_SERIES,
    EDGE_LINK_STATUS,
    ENTERPRISE_EVENTS,
    MOST_TICKS,
    NETWORK_ENTERPRISES,
)
from collector.orchestrator.velocloud.mapping import (
    EVENTS,
    edge_names,
    event_facts,
    link_ids,
    state_report,
)
from collector.orchestrator.velocloud.rows import (
    METRICS,
    EdgeRow,
    EventRow,
    edge_rows,
    event_rows,
    link_rows,
    metrics_rows,
    series_rows,
)
from collector.orchestrator.velocloud.samples import joined, series_batch, statistics_batch
from collector.orchestrator.velocloud.session import VcoSession
from collector.settings import OrchestratorSettings
from config.clock import Clock, epoch_ms, from_epoch_ms
from config.errors import Blame
from inventory.listing import Listing
from inventory.model import Inventory

Row = TypeVar("Row")

SHORTEST_SERIES = timedelta(minutes=15)
"""A shorter window of getEdgeLinkSeries is answered by an empty list."""
EVENT_PAGE = 2048

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
        self._ha_error = ""

    @property
    def name(self) -> str:
        return self._name

    async def states(self, *, urgent: bool = False) -> StateReport:
        """See the port. One call; a second one where the host has HA pairs."""
        items = await self._list(EDGE_LINK_STATUS, {"enterprises": self._enterprises()}, urgent=urgent)
        rows = self._counted(EDGE_LINK_STATUS, link_rows(items))
        if not rows and self._known.watched_devices:
            raise self._empty(EDGE_LINK_STATUS)
        self._numbers = link_ids(rows, self._known)
        self._edge_names = edge_names(rows)
        pairs = any(row.standby_serial and self._known.device_of(row.edge, row.enterprise) for row in rows)
        edges = await self._ha_states() if pairs else None
        return state_report(rows, edges, self._known, self._clock.now())

    async def _ha_states(self) -> Sequence[EdgeRow] | None:
        """HA states; None, which becomes the fact `unknown`, where this account may not read them."""
        parameters = {"enterprises": self._enterprises(), "with": ["edges"]}
        try:
            items = await self._list(NETWORK_ENTERPRISES, parameters)
        except OrchestratorError as error:
            if str(error) != self._ha_error:
                log.warning("ha_states_unread", orchestrator=self._name, error=str(error))
            self._ha_error = str(error)
            return None
        self._ha_error = ""
        return self._counted(NETWORK_ENTERPRISES, edge_rows(items))

    async def statistics(self, start: datetime, end: datetime) -> SampleBatch:
        """See the port. One call; the host leaves out links without activity in the last 24 hours."""
        parameters = {
            "enterprises": self._enterprises(),
            "interval": _interval(start, end),
            "metrics": list(METRICS),
        }
        items = await self._list(AGGREGATE_LINK_METRICS, parameters)
        if not items and self._known.watched_links:
            raise self._empty(AGGREGATE_LINK_METRICS)
        rows = self._counted(AGGREGATE_LINK_METRICS, metrics_rows(items))
        return statistics_batch(rows, self._known, self._numbers, start, end, self._clock.now())

    async def history(self, device: str, start: datetime, end: datetime, *, urgent: bool = False) -> SampleBatch:
        """See the port. As many calls as the host's limit of ticks makes necessary."""
        edge, enterprise = self._ids(device)
        batches = []
        for first, last in series_windows(start, end, self._tick):
            parameters = {
                "enterpriseId": _number(enterprise),
                "edgeId": _number(edge),
                "interval": _interval(first, last),
                "metrics": list(METRICS),
            }
            items = await self._list(EDGE_LINK_SERIES, parameters, urgent=urgent)
            rows = self._counted(EDGE_LINK_SERIES, series_rows(items))
            batches.append(series_batch(rows, self._known, edge, start, end, self._clock.now()))
        return joined([batch for batch in batches if len(batch)])

    async def events(self, start: datetime, end: datetime) -> Sequence[Fact]:
        """See the port. One call for each enterprise and page."""
        if self._edge_names is None:
            await self.states()
        facts: list[Fact] = []
        for enterprise in self._known.enterprises():
            rows = await self._events(enterprise, start, end)
            inside = (row for row in rows if start <= row.time < end)
            facts += event_facts(inside, enterprise, self._edge_names or {}, self._known, self._clock.now())
        return facts

    async def own_parts(self) -> Sequence[Fact]:
        return ()

    async def look(self, device: str) -> DeviceReport:
        raise OrchestratorError(f"{device} cannot be looked at yet")

    async def listing(self) -> Listing:
        raise OrchestratorError(f"{self._name} cannot be listed yet")

    async def close(self) -> None:
        await self._session.close()

    async def _events(self, enterprise: str, start: datetime, end: datetime) -> list[EventRow]:
        """Every page. A host that says there is more and gives no link to it is asked for two halves instead."""
        parameters: dict[str, object] = {
            "enterpriseId": _number(enterprise),
            "interval": _interval(start, end),
            "filter": {"limit": EVENT_PAGE, "rules": [{"field": "event", "op": "is", "values": list(EVENTS)}]},
        }
        found: list[EventRow] = []
        followed: set[str] = set()
        while True:
            page = await self._session.call(ENTERPRISE_EVENTS, parameters)
            if not isinstance(page, dict) or not isinstance(page.get("data"), list):
                raise self._misshapen(ENTERPRISE_EVENTS, "an object with a list `data`")
            found += self._counted(ENTERPRISE_EVENTS, event_rows(page["data"]))
            meta = page.get("metaData")
            if not (isinstance(meta, dict) and meta.get("more")):
                return found
            following = Record(meta).text("nextPageLink", longest=10_000)
            if following is None:
                return await self._events_by_halves(enterprise, start, end)
            if following in followed:
                raise OrchestratorError(
                    f"{self._session.host} pages its events in a circle ({ENTERPRISE_EVENTS}); asking again later",
                    retryable=True,
                    blame=Blame.VENDOR,
                )
            followed.add(following)
            parameters = {**parameters, "nextPageLink": following}

    async def _events_by_halves(self, enterprise: str, start: datetime, end: datetime) -> list[EventRow]:
        if end - start <= timedelta(seconds=2):
            raise OrchestratorError(
                f"{self._session.host} has more events in two seconds than it gives ({ENTERPRISE_EVENTS})",
                blame=Blame.VENDOR,
            )
        middle = start + (end - start) / 2
        return await self._events(enterprise, start, middle) + await self._events(enterprise, middle, end)

    def _enterprises(self) -> list[int]:
        return [_number(one) for one in self._known.enterprises()]

    def _ids(self, device: str) -> tuple[str, str]:
        for known in self._known.devices.values():
            if known.id == device and known.orchestrator:
                return known.orchestrator.edge_id, known.orchestrator.enterprise_id
        raise OrchestratorError(f"the inventory gives {device} no edge at {self._name}; add its orchestrator ids")

    async def _list(self, method: str, parameters: Mapping[str, object], *, urgent: bool = False) -> list[object]:
        answer = await self._session.call(method, parameters, urgent=urgent)
        if not isinstance(answer, list):
            raise self._misshapen(method, "a list")
        return answer

    def _counted(self, method: str, rows: Rows[Row]) -> Sequence[Row]:
        if rows.damaged:
            ORCHESTRATOR_DAMAGED.labels(self._name, method).inc(rows.damaged)
            log.debug("damaged_answer", orchestrator=self._name, method=method, fields=rows.damaged)
        return rows.rows

    def _empty(self, method: str) -> OrchestratorError:
        count = len(self._known.watched_devices)
        return OrchestratorError(
            f"{self._session.host} answered {method} with an empty list, though the inventory has {count} edges there; "
            "nothing is concluded from it, check the account's rights and the enterprise ids",
            retryable=True,
            blame=Blame.VENDOR,
        )

    def _misshapen(self, method: str, expected: str) -> OrchestratorError:
        return OrchestratorError(
            f"{self._session.host} answered {method} with JSON that is not {expected}; asking again later",
            retryable=True,
            blame=Blame.VENDOR,
        )


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


def _interval(start: datetime, end: datetime) -> dict[str, int]:
    return {"start": epoch_ms(start), "end": epoch_ms(end)}


def _number(identity: str) -> int:
    """A VCO id as the host wants it. Raises OrchestratorError for one that is no number."""
    if not (identity.isascii() and identity.isdigit()):
        raise OrchestratorError(f"a VeloCloud id is a number, not {identity!r}; correct it in the inventory")
    return int(identity)
