"""Cisco Meraki Dashboard, API v1: the port's methods as aggregate calls, one set for each organization."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from collector.model import Fact, SampleBatch
from collector.orchestrator.answers import nothing_listed
from collector.orchestrator.directory import directory
from collector.orchestrator.meraki.calls import (
    AVAILABILITIES,
    CHANGE_HISTORY,
    LOSS_AND_LATENCY,
    UPLINK_STATUSES,
    USAGE_BY_NETWORK,
    pieces,
)
from collector.orchestrator.meraki.listing import read_listing
from collector.orchestrator.meraki.looking import device_report
from collector.orchestrator.meraki.mapping import OrganizationStates, change_facts, reached, state_report
from collector.orchestrator.meraki.past import LOOK_BACK, Past, read_past
from collector.orchestrator.meraki.rows import (
    LossSeries,
    UsageRow,
    availability_rows,
    change_rows,
    loss_rows,
    unit_rows,
    usage_rows,
)
from collector.orchestrator.meraki.samples import (
    batch,
    best_minutes,
    history_volumes,
    link_of,
    ticks_of,
    window_volumes,
)
from collector.orchestrator.meraki.session import MerakiSession
from collector.orchestrator.meraki.units import learned, units
from collector.orchestrator.port import DeviceReport, OrchestratorError, StateReport
from collector.orchestrator.quota import Quota
from collector.orchestrator.windows import floor_to
from collector.settings import OrchestratorSettings
from config.clock import Clock, rfc3339
from config.errors import ConfigurationError
from inventory.listing import Listing
from inventory.model import Inventory

Found = TypeVar("Found")

EARLIEST = 120
"""Seconds after its end until uplinksLossAndLatency answers for a window: `2 minutes into the past`."""
APPLIANCES = [("productTypes[]", "appliance")]

log = structlog.get_logger()


class Meraki:
    """One dashboard. An organization that does not answer costs the others nothing: what is ours there gets no news,
    so that its states stop holding by themselves; only when none answers is it an error."""

    def __init__(
        self,
        name: str,
        settings: OrchestratorSettings,
        inventory: Inventory,
        clock: Clock,
        quota: Quota,
    ) -> None:
        """Raises ConfigurationError for a tick that is not of whole minutes, and one that is asked for too early."""
        if settings.tick % 60:
            raise ConfigurationError(f"{name}: tick {settings.tick} is not of whole minutes, as the dashboard's are")
        if settings.late < EARLIEST:
            raise ConfigurationError(f"{name}: late is at least {EARLIEST}; the dashboard answers nothing newer")
        self._name = name
        self._tick = settings.tick
        self._clock = clock
        self._session = MerakiSession(name, settings, quota)
        self._known = directory(inventory, name)
        self._units = units(self._known)
        self._targets: dict[str, Sequence[str]] = {}
        self._reached: set[str] = set()
        self._troubles: dict[tuple[str, str], str] = {}

    @property
    def name(self) -> str:
        return self._name

    async def states(self, *, urgent: bool = False) -> StateReport:
        """See the port. Two calls for each organization, more where it has over a thousand appliances."""
        answers = await self._each("states", lambda organization: self._states_of(organization, urgent=urgent))
        rows = [row for answer in answers for row in answer.appliances]
        self._units = learned(self._units, [(row.serial, row.network) for row in rows])
        now = self._clock.now()
        self._reached = {answer.organization for answer in answers if reached(answer, self._known, self._units, now)}
        report = state_report(answers, self._known, self._units, self._targets, now)
        silent = [f"organization {one}: {why}" for (step, one), why in self._troubles.items() if step == "states"]
        return replace(report, unread=silent)

    async def _states_of(
        self, organization: str, query: Sequence[tuple[str, str]] = (), *, urgent: bool
    ) -> OrganizationStates:
        ids = {"organization": organization}
        appliances = await self._session.list(UPLINK_STATUSES, ids, query, urgent=urgent)
        availabilities = await self._session.list(AVAILABILITIES, ids, [*APPLIANCES, *query], urgent=urgent)
        for method, items in ((UPLINK_STATUSES, appliances), (AVAILABILITIES, availabilities)):
            if not items and self._watched_in(organization):
                raise self._empty(method, organization)
        return OrganizationStates(
            organization=organization,
            appliances=self._session.counted(UPLINK_STATUSES, unit_rows(appliances)),
            availabilities=self._session.counted(AVAILABILITIES, availability_rows(availabilities)),
        )

    async def statistics(self, start: datetime, end: datetime) -> SampleBatch:
        """See the port. Two calls for each organization: loss and latency, and volumes."""
        answers = await self._each("statistics", lambda organization: self._measured(organization, start, end))
        series = [found for one, _ in answers for found in one]
        volumes = [found for _, one in answers for found in one]
        for link, targets in _targets(series).items():
            self._targets[link] = targets
        figures = ticks_of(best_minutes(series, start, end), self._tick)
        return batch(figures, window_volumes(volumes, start), self._tick, self._clock.now())

    async def _measured(
        self, organization: str, start: datetime, end: datetime
    ) -> tuple[list[tuple[str, LossSeries]], list[tuple[str, UsageRow]]]:
        """What an organization measured of our links, and their volumes."""
        ids = {"organization": organization}
        rows: list[LossSeries] = []
        for first, last in pieces(start, end):
            items = await self._session.list(LOSS_AND_LATENCY, ids, _span(first, last), paged=False)
            rows += self._session.counted(LOSS_AND_LATENCY, loss_rows(items))
        if not rows and organization in self._reached:
            raise self._empty(LOSS_AND_LATENCY, organization)
        usage = await self._volumes(organization, start, end)
        series = [(self._link(organization, row.serial, row.uplink), row) for row in rows]
        volumes = [(self._link(organization, row.serial, row.interface, row.network), row) for row in usage]
        return (
            [(link, row) for link, row in series if link is not None],
            [(link, row) for link, row in volumes if link is not None],
        )

    async def _volumes(self, organization: str, start: datetime, end: datetime) -> Sequence[UsageRow]:
        """None where this key may not read them: loss and latency stand without."""

        async def work(one: str) -> Sequence[UsageRow]:
            query = _span(start, end)
            items = await self._session.list(USAGE_BY_NETWORK, {"organization": one}, query, paged=False)
            return self._session.counted(USAGE_BY_NETWORK, usage_rows(items))

        found = await self._attempt("volumes", organization, work)
        if isinstance(found, OrchestratorError):
            if found.retryable:
                raise found
            return ()
        return found

    def _link(self, organization: str, serial: str | None, uplink: str, network: str | None = None) -> str | None:
        return link_of(self._known, self._units, organization, serial, network, uplink)

    async def history(self, device: str, start: datetime, end: datetime, *, urgent: bool = False) -> SampleBatch:
        """See the port. One call for each link, unit and target, one for the volumes."""
        past = await self._past(device, start, end, urgent=urgent)
        return self._past_batch(past, start, end)

    async def _past(self, device: str, start: datetime, end: datetime, *, urgent: bool) -> Past:
        edge, _ = self._ids(device)
        window = (max(start, self._clock.now() - LOOK_BACK), end)
        uplinks = self._units.uplinks_of(edge, self._known)
        serials, network = self._units.serials_of(edge), self._units.network_of(edge)
        if not uplinks or window[0] >= window[1]:
            return Past()
        return await read_past(
            self._session, uplinks, serials, network, self._targets, window, self._tick, urgent=urgent
        )

    def _past_batch(self, past: Past, start: datetime, end: datetime) -> SampleBatch:
        """Of whole ticks: one that is not over yet would be told as if it were."""
        tick = timedelta(seconds=self._tick)
        first, last = floor_to(start + tick - timedelta(microseconds=1), tick), floor_to(end, tick)
        figures = ticks_of(best_minutes(past.series, first, last), self._tick)
        return batch(figures, history_volumes(past.slots, first, last, self._tick), self._tick, self._clock.now())

    async def events(self, start: datetime, end: datetime) -> Sequence[Fact]:
        """See the port. Changes of our appliances' status; one call for each organization and page. The dashboard has
        no such history of uplinks over all networks: those changes are in the states."""

        async def work(organization: str) -> list[Fact]:
            ids = {"organization": organization}
            items = await self._session.list(CHANGE_HISTORY, ids, [*APPLIANCES, *_span(start, end)])
            rows = self._session.counted(CHANGE_HISTORY, change_rows(items))
            inside = (row for row in rows if start <= row.time < end)
            return change_facts(inside, organization, self._known, self._units, self._clock.now())

        return [fact for facts in await self._each("events", work) for fact in facts]

    async def own_parts(self) -> Sequence[Fact]:
        """None: the vendor's cloud tells nothing of its own parts."""
        return ()

    async def look(self, device: str) -> DeviceReport:
        """See the port."""
        edge, organization = self._ids(device)
        serials = [("serials[]", serial) for serial in self._units.serials_of(edge)]
        answer = await self._states_of(organization, serials, urgent=True)
        rows = [(row.serial, row.network) for row in answer.appliances]
        self._units = learned(self._units, rows)
        now = self._clock.now()
        facts = state_report([answer], self._known, self._units, self._targets, now).facts
        return await device_report(self._session, device, answer, facts, self._past, self._past_batch, now)

    async def listing(self, *, rates: bool = True) -> Listing:
        """See the port."""
        return await read_listing(self._session, self._name, self._clock.now(), rates=rates)

    async def close(self) -> None:
        await self._session.close()

    async def _each(self, step: str, work: Callable[[str], Awaitable[Found]]) -> list[Found]:
        """What the organizations answer that do. Raises the first OrchestratorError when none does."""
        organizations = self._known.enterprises()
        if self._known.devices and not organizations:
            raise OrchestratorError(
                f"{self._name}: no device in the inventory names its organization; write it as `enterprise_id`"
            )
        found = await asyncio.gather(*(self._attempt(step, one, work) for one in organizations))
        answers = [one for one in found if not isinstance(one, OrchestratorError)]
        errors = [one for one in found if isinstance(one, OrchestratorError)]
        if errors and not answers:
            raise errors[0]
        return answers

    async def _attempt(
        self, step: str, organization: str, work: Callable[[str], Awaitable[Found]]
    ) -> Found | OrchestratorError:
        """An organization's answer, or why there is none, which is logged when it changes."""
        key = (step, organization)
        try:
            answer = await work(organization)
        except OrchestratorError as error:
            if self._troubles.get(key) != str(error):
                log.warning(
                    "organization_unread", orchestrator=self._name, step=step, id=organization, error=str(error)
                )
            self._troubles[key] = str(error)
            return error
        self._troubles.pop(key, None)
        return answer

    def _ids(self, device: str) -> tuple[str, str]:
        for edge, known in self._known.devices.items():
            if known.id == device and known.orchestrator:
                return edge, known.orchestrator.enterprise_id
        raise OrchestratorError(f"the inventory gives {device} no serial at {self._name}; add its orchestrator ids")

    def _watched_in(self, organization: str) -> int:
        return sum(
            device.id in self._known.watched_devices
            for device in self._known.devices.values()
            if device.orchestrator and device.orchestrator.enterprise_id == organization
        )

    def _empty(self, method: str, organization: str) -> OrchestratorError:
        known = f"{self._watched_in(organization)} appliances"
        call = f"{self._session.host} answered {method} of organization {organization}"
        return nothing_listed(call, known, "the key's rights and the ids")


def _span(start: datetime, end: datetime) -> list[tuple[str, str]]:
    return [("t0", rfc3339(start)), ("t1", rfc3339(end))]


def _targets(series: Sequence[tuple[str, LossSeries]]) -> dict[str, Sequence[str]]:
    """The addresses that each link was measured to."""
    found: dict[str, set[str]] = {}
    for link, one in series:
        if one.target and len(one.time):
            found.setdefault(link, set()).add(one.target)
    return {link: sorted(targets) for link, targets in found.items()}
