"""HA states of pairs, which no answer about links has: read every five minutes, and when a pair seems to have switched.

A pair is one edge with two serials; they change places on failover, so everything goes by the edge's id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from collector.model import Fact, FactKind
from collector.orchestrator.directory import Directory
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.velocloud.calls import ENTERPRISE_EDGES, HA_EVERY, NETWORK_ENTERPRISES
from collector.orchestrator.velocloud.mapping import WITHOUT_CONTACT
from collector.orchestrator.velocloud.rights import Refusals
from collector.orchestrator.velocloud.rows import EdgeRow, LinkRow, read_edges, read_enterprise_edges
from collector.orchestrator.velocloud.session import VcoSession, number
from config.clock import Clock

HELD_FOR = timedelta(minutes=15)
"""How long a reading stands while the ones after it fail."""
ENTERPRISES_AT_ONCE = 4
"""Calls in one reading of states for an account that must ask each enterprise; the others have their turn next time."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Reading:
    """The edges of one enterprise; none where they may not be read."""

    edges: Sequence[EdgeRow]
    at: datetime


class HaStates:
    """One host's HA states. Only enterprises that have pairs of ours are asked for."""

    def __init__(self, session: VcoSession, known: Directory, refusals: Refusals, clock: Clock) -> None:
        self._session = session
        self._known = known
        self._paired = frozenset(edge for edge, device in known.devices.items() if len(device.serials) > 1)
        self._refusals = refusals
        self._clock = clock
        self._readings: dict[str, _Reading] = {}
        self._looked: dict[str, tuple[str, str, bool]] = {}
        self._event_at: datetime | None = None
        self._error = ""

    async def read(self, rows: Iterable[LinkRow], *, urgent: bool = False) -> Sequence[EdgeRow]:
        """The newest state of each pair, of the moment at which it was read; pairs of which none is known are missing.

        No call while the last reading holds; else one for all enterprises, or one each where the account may not.
        """
        now = self._clock.now()
        if due := self._due(rows, now):
            try:
                await self._ask(due, now, urgent=urgent)
                self._error = ""
            except OrchestratorError as error:
                if str(error) != self._error:
                    log.warning("ha_states_unread", orchestrator=self._session.name, error=str(error))
                self._error = str(error)
        held = (reading for reading in self._readings.values() if now - reading.at < HELD_FOR)
        return [edge for reading in held for edge in reading.edges]

    def note(self, facts: Iterable[Fact]) -> None:
        """An HA event that is newer than a reading makes the reading due."""
        times = (fact.time for fact in facts if fact.kind is FactKind.EVENT and fact.value.startswith("HA_"))
        self._event_at = max([*times, *([self._event_at] if self._event_at else [])], default=None)

    def _due(self, rows: Iterable[LinkRow], now: datetime) -> list[str]:
        """Enterprises whose pairs must be read now, the longest unread first."""
        pairs: dict[str, bool] = {}
        for row in rows:
            if not row.standby_serial and row.edge not in self._paired:
                continue
            device = self._known.device_of(row.edge, row.enterprise)
            if device is not None and device.orchestrator is not None:
                enterprise = device.orchestrator.enterprise_id
                pairs[enterprise] = self._changed(device.id, row) or pairs.get(enterprise, False)
        due = [each for each, changed in pairs.items() if changed or self._is_old(each, now)]
        return sorted(due, key=lambda each: self._readings[each].at.timestamp() if each in self._readings else 0.0)

    def _changed(self, device: str, row: LinkRow) -> bool:
        """Whether the boxes changed places, or contact came back, since this was last looked at."""
        if row.serial is None or row.standby_serial is None:
            return False
        contact = row.edge_state not in WITHOUT_CONTACT
        looks = (row.serial, row.standby_serial, contact)
        before = self._looked.get(device, looks)
        self._looked[device] = looks
        return before != looks and contact

    def _is_old(self, enterprise: str, now: datetime) -> bool:
        reading = self._readings.get(enterprise)
        if reading is None or now - reading.at >= timedelta(seconds=HA_EVERY):
            return True
        return self._event_at is not None and reading.at < self._event_at <= now

    async def _ask(self, enterprises: Sequence[str], now: datetime, *, urgent: bool) -> None:
        """Operators have all enterprises in one answer; partners may not call that and ask for each by itself."""
        numbers = {enterprise: number(enterprise) for enterprise in enterprises}

        async def together() -> Sequence[EdgeRow]:
            parameters = {"enterprises": list(numbers.values()), "with": ["edges"]}
            return await self._session.rows(NETWORK_ENTERPRISES, parameters, read_enterprise_edges, urgent=urgent)

        async def alone(enterprise: str) -> Sequence[EdgeRow]:
            parameters = {"enterpriseId": numbers[enterprise]}
            return await self._session.rows(ENTERPRISE_EDGES, parameters, read_edges, urgent=urgent)

        if (edges := await self._refusals.unless_refused(NETWORK_ENTERPRISES, together)) is not None:
            self._keep(enterprises, edges, now)
            return
        for enterprise in enterprises[:ENTERPRISES_AT_ONCE]:
            what = f"{ENTERPRISE_EDGES} of enterprise {enterprise}"
            found = await self._refusals.unless_refused(what, partial(alone, enterprise))
            self._keep([enterprise], found or (), now)

    def _keep(self, enterprises: Sequence[str], edges: Iterable[EdgeRow], now: datetime) -> None:
        """What was read of these enterprises; an edge that the host left out has no state then."""
        found: dict[str, list[EdgeRow]] = {enterprise: [] for enterprise in enterprises}
        for edge in edges:
            device = self._known.device_of(edge.edge, None)
            if device is not None and device.orchestrator is not None and device.orchestrator.enterprise_id in found:
                kept = EdgeRow(edge=edge.edge, ha_state=edge.ha_state, time=now)
                found[device.orchestrator.enterprise_id].append(kept)
        self._readings.update({enterprise: _Reading(kept, now) for enterprise, kept in found.items()})
