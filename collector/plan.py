"""The polling plan: what collecting will cost devices, orchestrators and metered lines. Pure; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.echo import ICMP_HEADER, PAYLOAD
from collector.orchestrator.velocloud import (
    AGGREGATE_LINK_METRICS,
    EDGE_LINK_STATUS,
    ENTERPRISE_EVENTS,
    MOST_TICKS,
    NETWORK_ENTERPRISES,
)
from collector.orchestrator.velocloud_mapping import Directory, directory
from collector.probe import probed_links
from collector.settings import CollectorSettings, OrchestratorSettings, ProbeSettings
from collector.snmp.interfaces import READ_COLUMNS
from collector.snmp.reading import VARBINDS_PER_GET
from collector.snmp.watch import polled_devices, polled_links
from inventory.model import Inventory, Link

MONTH_SECONDS = 30 * 86400
IP_HEADER = 20
PROBE_OCTETS = IP_HEADER + ICMP_HEADER.size + PAYLOAD.size
"""One probe packet on an IPv4 line, either way; UDP's header (RFC 768) is as long as ICMP's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpPlan:
    devices: int
    links: int
    polls_per_minute: float
    datagrams_per_minute: float
    """Requests and answers, while nothing has to be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    links: int
    packets_per_minute: float
    """Sent; as many come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPlan:
    method: str
    calls_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorPlan:
    name: str
    host: str
    devices: int
    links: int
    methods: tuple[MethodPlan, ...]
    calls_per_hour: float
    """In the steady state."""
    calls_at_first_contact: int
    """Once, to read the past."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredPlan:
    """What probing costs a metered line: both ways together, in megabytes (10^6) of 30 days."""

    link: str
    megabytes_per_month: float
    percent_of_cap: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    snmp: SnmpPlan
    probe: ProbePlan
    orchestrators: tuple[OrchestratorPlan, ...]
    metered: tuple[MeteredPlan, ...]

    def lines(self) -> Iterator[str]:
        """The plan for a terminal."""
        yield (
            f"SNMP: {self.snmp.devices} devices with {self.snmp.links} links, {self.snmp.polls_per_minute:.0f} polls "
            f"and {self.snmp.datagrams_per_minute:.0f} datagrams a minute"
        )
        yield f"Probes: {self.probe.links} links, {self.probe.packets_per_minute:.0f} packets sent a minute"
        for host in self.orchestrators:
            yield (
                f"Orchestrator {host.name} ({host.host}): {host.devices} devices with {host.links} links, "
                f"{host.calls_per_hour:.0f} calls an hour, {host.calls_at_first_contact} once at first contact"
            )
            for each in host.methods:
                yield f"  {each.method}: {each.calls_per_hour:.1f} an hour"
        for line in self.metered:
            share = f", {line.percent_of_cap:.1f} % of its cap" if line.percent_of_cap is not None else ""
            yield f"Metered {line.link}: {line.megabytes_per_month:.1f} MB a month by probes{share}"


def polling_plan(inventory: Inventory, settings: CollectorSettings) -> Plan:
    """What one collector will send with these settings."""
    return Plan(
        snmp=_snmp_plan(inventory, settings.snmp.every),
        probe=_probe_plan(inventory, settings.probe),
        orchestrators=tuple(
            _orchestrator_plan(name, each, directory(inventory, name)) for name, each in settings.orchestrators.items()
        ),
        metered=_metered_plan(inventory, settings.probe),
    )


def _snmp_plan(inventory: Inventory, every: int) -> SnmpPlan:
    devices = polled_devices(inventory)
    links = {device.id: polled_links(inventory, device) for device in devices}
    gets = sum(gets_for(len(of_device)) for of_device in links.values())
    per_minute = 60 / every
    return SnmpPlan(
        devices=len(devices),
        links=sum(map(len, links.values())),
        polls_per_minute=len(devices) * per_minute,
        datagrams_per_minute=2 * gets * per_minute,
    )


def gets_for(links: int) -> int:
    """GETs that one poll of a device needs at most: sysUpTime, and for each link its columns and its name."""
    per_link = len(READ_COLUMNS) + 1
    per_get = max(1, (VARBINDS_PER_GET - 1) // per_link)
    return max(1, -(-links // per_get))


def _probe_plan(inventory: Inventory, settings: ProbeSettings) -> ProbePlan:
    links = len(probed_links(inventory)) if settings.enabled else 0
    return ProbePlan(links=links, packets_per_minute=links * settings.packets * 60 / settings.every)


def _orchestrator_plan(name: str, settings: OrchestratorSettings, known: Directory) -> OrchestratorPlan:
    pairs = any(len(device.serials) > 1 for device in known.devices.values())
    states = 3600 / settings.states_every
    ticks = 3600 / settings.tick
    calls = {
        EDGE_LINK_STATUS: states,
        NETWORK_ENTERPRISES: states if pairs else 0.0,
        AGGREGATE_LINK_METRICS: 2 * ticks,
        ENTERPRISE_EVENTS: ticks * len(known.enterprises()),
    }
    windows = -(-settings.history_days * 86400 // (MOST_TICKS * settings.tick))
    return OrchestratorPlan(
        name=name,
        host=str(settings.url.host),
        devices=len(known.watched_devices),
        links=len(known.watched_links),
        methods=tuple(MethodPlan(method=method, calls_per_hour=count) for method, count in calls.items() if count),
        calls_per_hour=sum(calls.values()),
        calls_at_first_contact=int(windows) * len(known.watched_devices),
    )


def _metered_plan(inventory: Inventory, settings: ProbeSettings) -> tuple[MeteredPlan, ...]:
    if not settings.enabled:
        return ()
    megabytes = 2 * PROBE_OCTETS * settings.packets * MONTH_SECONDS / settings.every / 1e6
    return tuple(
        MeteredPlan(link=link.id, megabytes_per_month=megabytes, percent_of_cap=_share(link, megabytes))
        for link, _ in probed_links(inventory)
        if link.metered
    )


def _share(link: Link, megabytes: float) -> float | None:
    return 100 * megabytes * 1e6 / link.cap_bytes if link.cap_bytes else None
