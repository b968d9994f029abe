"""The polling plan: what collecting will cost devices, orchestrators, metered lines and us. Pure; nothing is sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector.echo import PROBE_OCTETS
from collector.orchestrator.directory import Directory, directory
from collector.orchestrator.opening import planned_calls
from collector.probe import probed_links
from collector.settings import CollectorSettings, OrchestratorSettings, ProbeSettings, SnmpSettings
from collector.snmp.budget import MEGABYTE
from collector.snmp.intervals import Intervals, LineLoad, Stretched, intervals, limits_of
from collector.snmp.polled import polled_devices, polled_links
from collector.snmp.wire import COMPILED
from inventory.model import Inventory, Link

CPU_MICROSECONDS = 15.0
"""Of one core for each request of a poll, from schedule to journal: the most that `benchmarks/snmp.py` lets it take."""
SHOWN, NAMES_SHOWN = 20, 4
"""Of metered lines, of reasons for longer intervals, and of what they apply to, on a terminal; JSON has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpPlan:
    devices: int
    links: int
    polls_per_minute: float
    datagrams_per_minute: float
    """Requests and answers, while nothing has to be repeated."""
    bytes_per_minute: float
    """Of these, with IP and UDP headers; answers at their largest."""
    every: int
    """Seconds over which a round is spread: one poll of each device, where nothing is stretched."""
    fastest_round_seconds: float
    """How long a round takes at least, at the pace and each site's share."""
    core_percent: float
    """Of one core of this machine, about."""
    compiled: bool = False
    """Whether answers are compared in C; without it polling takes about half as much again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    links: int
    packets_per_minute: float
    """Sent; as many come back."""
    bytes_per_minute: float
    """Both ways."""
    every: int


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
    quota_per_hour: int
    percent_of_quota: float
    calls_at_first_contact: int
    """Once, to read the past."""
    calls_of_a_listing: int
    """Each time the inventory is compared with the host's."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredPlan:
    """What SNMP and probes cost a metered line: both ways together, in megabytes (10^6) of 30 days. None of it is the
    client's traffic, nor an orchestrator's."""

    link: str
    megabytes_per_month: float
    snmp_megabytes_per_month: float
    probe_megabytes_per_month: float
    percent_of_cap: float | None
    budget_megabytes: float
    """The most that is sent and received in a calendar month, retries included; then it stops."""
    percent_of_budget: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    snmp: SnmpPlan
    probe: ProbePlan
    orchestrators: tuple[OrchestratorPlan, ...]
    metered: tuple[MeteredPlan, ...]
    stretched: tuple[Stretched, ...]
    """Devices that are polled, and links that are probed, less often than the settings say."""

    def lines(self) -> Iterator[str]:
        """The plan for a terminal."""
        yield from self._snmp_lines()
        yield (
            f"Probes: {self.probe.links} links, {_count(self.probe.packets_per_minute)} packets sent a minute, "
            f"{_volume(self.probe.bytes_per_minute)} a minute"
        )
        for host in self.orchestrators:
            yield (
                f"Orchestrator {host.name} ({host.host}): {host.devices} devices with {host.links} links, "
                f"{host.calls_per_hour:.0f} calls an hour, {host.calls_at_first_contact} once at first contact"
            )
            yield f"  {_share(host.percent_of_quota)} of its quota of {host.quota_per_hour} calls an hour"
            for each in host.methods:
                yield f"  {each.method}: {each.calls_per_hour:.1f} an hour"
            yield from (f"  {note}" for note in host.notes)
        by_cost = sorted(self.metered, key=lambda line: -line.megabytes_per_month)
        for line in by_cost[:SHOWN]:
            yield _metered_line(line)
        if len(by_cost) > SHOWN:
            yield f"and {len(by_cost) - SHOWN} more metered lines, none of which carries more"

    def _snmp_lines(self) -> Iterator[str]:
        snmp = self.snmp
        yield (
            f"SNMP: {snmp.devices} devices with {snmp.links} links, {_count(snmp.polls_per_minute)} polls "
            f"and {_count(snmp.datagrams_per_minute)} datagrams a minute, {_volume(snmp.bytes_per_minute)} a minute"
        )
        yield (
            f"  a round is spread over {snmp.every} s, and could be done in {snmp.fastest_round_seconds:.1f} s within "
            f"the limits; it takes {_share(snmp.core_percent)} of one core"
            f"{'' if snmp.compiled else ', half as much again without the compiled part, which was not built'}"
        )
        groups: dict[tuple[int, str], list[str]] = {}
        for each in self.stretched:
            groups.setdefault((each.every, each.why), []).append(each.subject)
        for (every, why), subjects in list(groups.items())[:SHOWN]:
            names = ", ".join(subjects[:NAMES_SHOWN]) + (", ..." if len(subjects) > NAMES_SHOWN else "")
            yield f"  only each {every} s, {len(subjects)} of them ({names}): {why}"
        if len(groups) > SHOWN:
            yield f"  and {len(groups) - SHOWN} more reasons to poll or probe less often"


def planned_intervals(inventory: Inventory, settings: CollectorSettings) -> Intervals:
    """How often each device is polled and each link probed."""
    polled = [(device, polled_links(inventory, device)) for device in polled_devices(inventory)]
    probed = [link for link, _ in probed_links(inventory)] if settings.probe.enabled else []
    return intervals(inventory, polled, probed, settings)


def polling_plan(inventory: Inventory, settings: CollectorSettings) -> Plan:
    """What one collector will send with these settings."""
    planned = planned_intervals(inventory, settings)
    probed = [link for link, _ in probed_links(inventory)] if settings.probe.enabled else []
    links = sum(len(polled_links(inventory, device)) for device in polled_devices(inventory))
    return Plan(
        snmp=_snmp_plan(planned, links, settings.snmp),
        probe=_probe_plan(planned, probed, settings.probe),
        orchestrators=tuple(
            _orchestrator_plan(name, each, directory(inventory, name)) for name, each in settings.orchestrators.items()
        ),
        metered=tuple(_metered_plan(load, inventory.links[load.link]) for load in planned.metered),
        stretched=planned.stretched,
    )


def _snmp_plan(planned: Intervals, links: int, settings: SnmpSettings) -> SnmpPlan:
    limits = limits_of(settings)
    datagrams_per_second = math.fsum(entry.datagrams / entry.every for entry in planned.entries)
    by_site: dict[str, float] = {}
    for entry in planned.entries:
        by_site[entry.site] = by_site.get(entry.site, 0.0) + limits.site_seconds(entry.datagrams)
    at_full_pace = sum(entry.datagrams for entry in planned.entries) / limits.packets_per_second
    return SnmpPlan(
        devices=len(planned.entries),
        links=links,
        polls_per_minute=math.fsum(60 / entry.every for entry in planned.entries),
        datagrams_per_minute=2 * 60 * datagrams_per_second,
        bytes_per_minute=math.fsum(60 * entry.octets / entry.every for entry in planned.entries),
        every=settings.every,
        fastest_round_seconds=max(at_full_pace, *by_site.values(), 0.0),
        core_percent=100 * datagrams_per_second * CPU_MICROSECONDS / 1e6,
        compiled=COMPILED,
    )


def _probe_plan(planned: Intervals, probed: Sequence[Link], settings: ProbeSettings) -> ProbePlan:
    trains = math.fsum(60 / planned.probe_every.get(link.id, settings.every) for link in probed)
    packets = trains * settings.packets
    return ProbePlan(
        links=len(probed),
        packets_per_minute=packets,
        bytes_per_minute=2 * PROBE_OCTETS * packets,
        every=settings.every,
    )


def _orchestrator_plan(name: str, settings: OrchestratorSettings, known: Directory) -> OrchestratorPlan:
    calls = planned_calls(settings, known)
    hourly = math.fsum(calls.hourly.values())
    return OrchestratorPlan(
        name=name,
        host=str(settings.url.host),
        devices=len(known.watched_devices),
        links=len(known.watched_links),
        methods=tuple(MethodPlan(method=method, calls_per_hour=count) for method, count in calls.hourly.items()),
        calls_per_hour=hourly,
        quota_per_hour=settings.calls_per_hour,
        percent_of_quota=100 * hourly / settings.calls_per_hour,
        calls_at_first_contact=calls.at_first_contact,
        calls_of_a_listing=calls.listing,
        notes=tuple(calls.notes),
    )


def _metered_plan(load: LineLoad, link: Link) -> MeteredPlan:
    octets = load.snmp + load.probe
    return MeteredPlan(
        link=link.id,
        megabytes_per_month=octets / MEGABYTE,
        snmp_megabytes_per_month=load.snmp / MEGABYTE,
        probe_megabytes_per_month=load.probe / MEGABYTE,
        percent_of_cap=100 * octets / link.cap_bytes if link.cap_bytes else None,
        budget_megabytes=load.budget / MEGABYTE,
        percent_of_budget=100 * octets / load.budget,
    )


def _metered_line(line: MeteredPlan) -> str:
    cap = f", {line.percent_of_cap:.1f} % of its cap" if line.percent_of_cap is not None else ""
    return (
        f"Metered {line.link}: {line.megabytes_per_month:.1f} MB a month "
        f"({line.snmp_megabytes_per_month:.1f} by SNMP, {line.probe_megabytes_per_month:.1f} by probes){cap}, "
        f"{line.percent_of_budget:.0f} % of its budget of {line.budget_megabytes:g} MB"
    )


def _share(percent: float) -> str:
    return f"about {percent:.2g} %" if percent >= 0.01 else "less than 0.01 %"


def _count(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or abs(number - round(number)) < 0.05 else f"{number:.1f}"


def _volume(octets: float) -> str:
    return f"{octets / 1e6:.1f} MB" if octets >= 1e6 else f"{octets / 1e3:.1f} kB"
