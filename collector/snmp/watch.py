"""Polls every watched device over SNMP v2c, once a slot, and hands over samples and poll outcomes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from collector.echo import ping
from collector.model import Fact, FactKind, Source
from collector.pacing import Turns
from collector.settings import SnmpSettings
from collector.sink import Gatherer, Sink
from collector.snmp.agent import Agent
from collector.snmp.ask import Outcome
from collector.snmp.counters import Continuity, continuity
from collector.snmp.interfaces import MEASURED_FIELDS, Facing, Reading, Row, measure
from collector.snmp.poller import SnmpPoller
from collector.snmp.reading import AgentReading, Discovery, discover, read
from collector.snmp.report import PollOutcome, PollReport, at, outcome_of, silence
from config.clock import Clock, epoch_ms
from inventory.model import Device, Inventory, LifeCycle, Link, Tool

log = structlog.get_logger()

FIND_AGAIN_IN_SLOTS = 10
"""How often an interface that the device does not show is looked for again."""
NAMES_SHOWN = 12
SAY_AGAIN_SECONDS = 300
"""An outcome that does not change is written this often, so that "still silent" and "no longer asked" differ."""


@dataclass(slots=True)
class _DeviceState:
    """What is remembered of a device between polls."""

    rows: Mapping[str, Row] = field(default_factory=dict)
    discovery: Discovery | None = None
    found_at: float | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
    uptime: tuple[float, int] | None = None
    outcome: PollOutcome | None = None
    said_at: float = 0.0


class SnmpWatch:
    """Polls until cancelled. Devices have their turns spread over the slot; a slow one delays no other.

    A failed poll yields no sample, only a fact about the device. Samples carry the start of the slot in which the
    turn was due, however late the answer.
    """

    def __init__(
        self, inventory: Inventory, settings: SnmpSettings, clock: Clock, sink: Sink, poller: SnmpPoller
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._poller = poller
        self._devices = polled_devices(inventory)
        self._links = {device.id: polled_links(inventory, device) for device in self._devices}
        self._inventory = inventory
        self._states: dict[str, _DeviceState] = {}
        self.gatherer = Gatherer(Source.SNMP, MEASURED_FIELDS, sink, clock)
        self.turns = Turns(clock, settings.every)
        self.polls = dict.fromkeys(PollOutcome, 0)

    async def run(self) -> None:
        """Poll every watched device once a slot until cancelled."""
        async with self.gatherer.handing_over():
            await self.turns.run(self._devices, lambda device: device.id, self._turn)

    async def poll_device(self, device: Device) -> PollReport:
        """One poll now; nothing is handed to the sink. Rates are known from the second call on."""
        return await self._with_ping(await self._poll(device))

    async def _turn(self, device: Device, slot_ms: int) -> None:
        report = await self._poll(device)
        self.polls[report.outcome] += 1
        received = epoch_ms(self._clock.now())
        for link, measured in report.measurements.items():
            if not all(map(math.isnan, measured.row())):
                self.gatherer.add((link, slot_ms, self._settings.every, received, measured.row()))
        if report.rebooted and report.uptime_seconds is not None:
            now = self._clock.now()
            booted = now - timedelta(seconds=report.uptime_seconds)
            uptime = f"{report.uptime_seconds:.0f}"
            self.gatherer.add_fact(Fact(booted, device.id, FactKind.REBOOT, uptime, Source.SNMP, now))
            log.info("device_rebooted", device=device.id, uptime_seconds=report.uptime_seconds)
        # Each poll that failed is a fact, so that one can be told from many; the same good news only now and then.
        repeated = self._said_lately(device, report)
        if report.outcome is not PollOutcome.OK or not repeated:
            await self._say(device, report, repeated=repeated)

    def _said_lately(self, device: Device, report: PollReport) -> bool:
        state = self._states[device.id]
        return report.outcome is state.outcome and self._clock.monotonic() - state.said_at < SAY_AGAIN_SECONDS

    async def _say(self, device: Device, report: PollReport, *, repeated: bool) -> None:
        state = self._states[device.id]
        news = report.outcome is not (state.outcome or PollOutcome.OK)
        now = self._clock.now()
        if not repeated:
            state.outcome, state.said_at = report.outcome, self._clock.monotonic()
            report = await self._with_ping(report)
        self.gatherer.add_fact(
            Fact(now, device.id, FactKind.POLL_OUTCOME, report.outcome.value, Source.SNMP, now, report.message)
        )
        if news or (report.message and not repeated):
            log.info("poll_outcome", device=device.id, outcome=report.outcome, message=report.message)

    async def _with_ping(self, report: PollReport) -> PollReport:
        if report.outcome is not PollOutcome.TIMEOUT:
            return report
        reachability = await ping(report.address)
        return replace(report, message=silence(report.address, report.port, reachability, report.message))

    async def _poll(self, device: Device) -> PollReport:
        state = self._states.setdefault(device.id, _DeviceState())
        address, port = device.management_address or "", device.snmp.port if device.snmp else 0
        agent = self._agent(device)
        if isinstance(agent, str):
            return PollReport(device=device.id, address=address, port=port, outcome=PollOutcome.ERROR, message=agent)
        links = self._links.get(device.id) or polled_links(self._inventory, device)
        started = asyncio.get_running_loop().time()
        reading = await self._read(state, agent, {link.id: link.interface or "" for link in links})
        took = (asyncio.get_running_loop().time() - started) * 1000
        outcome = outcome_of(reading.answer.outcome, reading.answer.error_status)
        if outcome is not PollOutcome.OK:
            detail = reading.answer.detail
            message = detail if outcome is PollOutcome.TIMEOUT else f"{at(address, port)}: {detail}"
            return PollReport(
                device=device.id, address=address, port=port, outcome=outcome, message=message, milliseconds=took
            )
        return self._digest(device, state, reading, links, took)

    def _agent(self, device: Device) -> Agent | str:
        """Where and how to ask, or why it cannot be asked."""
        if device.management_address is None or device.snmp is None:
            return f"the inventory gives device {device.id} no management address or no SNMP access; add both"
        credential = self._settings.credentials.get(device.snmp.credential)
        if credential is None:
            name = device.snmp.credential
            return (
                f"device {device.id} names the SNMP credential {name!r}; add it to the settings under snmp.credentials"
            )
        return Agent(device.management_address, device.snmp.port, credential.credential())

    async def _read(self, state: _DeviceState, agent: Agent, interfaces: Mapping[str, str]) -> AgentReading:
        """Read the known rows. They are found first where they are not known, and again when one has gone."""
        while True:
            finding = self._must_find(state, len(interfaces))
            if finding:
                discovery = await discover(self._poller, agent, interfaces)
                if discovery.answer.outcome is not Outcome.OK:
                    return AgentReading(answer=discovery.answer)
                state.discovery, state.rows, state.found_at = discovery, discovery.rows, self._clock.monotonic()
            reading = await read(self._poller, agent, state.rows, self._clock)
            if finding or not reading.vanished:
                return reading
            state.found_at = None

    def _must_find(self, state: _DeviceState, wanted: int) -> bool:
        if state.found_at is None:
            return True
        age = self._clock.monotonic() - state.found_at
        return len(state.rows) < wanted and age > FIND_AGAIN_IN_SLOTS * self._settings.every

    def _digest(
        self, device: Device, state: _DeviceState, reading: AgentReading, links: Sequence[Link], took: float
    ) -> PollReport:
        now = self._clock.monotonic()
        measurements = {
            link.id: measure(
                state.readings.get(link.id),
                reading.readings[link.id],
                Facing.of(link),
                every=self._settings.every,
                committed_bps=max(link.committed_down_bps or 0.0, link.committed_up_bps or 0.0),
            )
            for link in links
            if link.id in reading.readings
        }
        rebooted = _rebooted(state.uptime, reading.uptime, now)
        state.readings.update(reading.readings)
        state.rows = reading.rows
        if reading.uptime is not None:
            state.uptime = (now, reading.uptime)
        if rebooted:
            state.found_at = None
        missing = tuple(link for link in links if link.id not in reading.readings)
        return PollReport(
            device=device.id,
            address=str(device.management_address),
            port=device.snmp.port if device.snmp else 0,
            outcome=PollOutcome.ERROR if missing and not measurements else PollOutcome.OK,
            message=_about_missing(missing, state.discovery.names if state.discovery else ()),
            uptime_seconds=None if reading.uptime is None else reading.uptime / 100,
            rebooted=rebooted,
            milliseconds=took,
            rows=reading.rows,
            readings=reading.readings,
            measurements=measurements,
            missing=tuple(link.id for link in missing),
        )


def polled_devices(inventory: Inventory) -> tuple[Device, ...]:
    """Live devices under a monitoring obligation that have SNMP access, and not tools that leave SNMP out."""
    return tuple(
        device
        for device in inventory.devices.values()
        if device.snmp is not None
        and device.life_cycle is LifeCycle.LIVE
        and device.monitoring.subscribed
        and (not device.monitoring.tools or Tool.SNMP in device.monitoring.tools)
    )


def polled_links(inventory: Inventory, device: Device) -> tuple[Link, ...]:
    """The watched links of a device whose interface is known."""
    return tuple(
        link
        for link in inventory.links_at(device.site)
        if link.device == device.id
        and link.interface
        and link.watched
        and (not link.monitoring.tools or Tool.SNMP in link.monitoring.tools)
    )


def _rebooted(before: tuple[float, int] | None, uptime: int | None, now: float) -> bool:
    if before is None:
        return False
    return continuity(before[1], uptime, now - before[0]) is Continuity.REBOOTED


def _about_missing(links: Sequence[Link], names: Sequence[str]) -> str:
    """Which interfaces of the inventory the device does not show, and what it shows instead."""
    if not links:
        return ""
    wanted = ", ".join(f"{link.interface} (link {link.id})" for link in links)
    shown = ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
    return f"the device has no single interface {wanted}; it shows: {shown or 'none'}; correct the link's interface"
