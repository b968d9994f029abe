"""The polling plan: what collecting will cost devices, orchestrators, metered lines and us. Pure; nothing is sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from collector.echo import PROBE_OCTETS
from collector.orchestrator.directory import Directory, directory
from collector.orchestrator.opening import planned_calls
from collector.orchestrator.port import CallPlan
from collector.orchestrator.quota import KEPT_FOR_URGENT
from collector.orchestrator.windows import clocks
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
    percent_of_quota: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorPlan:
    name: str
    host: str
    devices: int
    links: int
    methods: tuple[MethodPlan, ...]
    calls_per_hour: float
    """In the steady state."""
    calls_in_busiest_minute: float | None
    """When all clocks meet; None where the adapter does not say what is called on which."""
    quota_per_hour: int
    percent_of_quota: float
    shares_quota_with: tuple[str, ...]
    """Other orchestrators of the settings at the same host."""
    percent_of_quota_together: float
    calls_at_first_contact: int
    """Once, to read the past."""
    seconds_at_first_contact: float | None
    """How long that takes with what the steady state leaves of the quota; None when that leaves nothing."""
    calls_of_a_listing: int
    """Each time the inventory is compared with the host's."""
    seconds_of_a_listing: float | None
    notes: tuple[str, ...]

    @property
    def exceeds_quota(self) -> bool:
        return self.percent_of_quota_together > 100.0

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        busiest = self.calls_in_busiest_minute
        yield (
            f"Orchestrator {self.name} ({self.host}): {self.devices} devices with {self.links} links, "
            f"{self.calls_per_hour:.0f} calls an hour"
            f"{f', at most {_count(busiest)} in one minute' if busiest is not None else ''}"
        )
        yield f"  {_share(self.percent_of_quota)} of its quota of {self.quota_per_hour} calls an hour"
        if self.shares_quota_with:
            others = ", ".join(self.shares_quota_with)
            yield f"  shares that quota with {others}: {_share(self.percent_of_quota_together)} of it together"
        if self.exceeds_quota:
            yield "  WARNING: that is more than the quota, everything will be read late; lengthen the intervals"
        elif self.percent_of_quota_together > 100.0 * (1.0 - KEPT_FOR_URGENT):
            yield "  WARNING: that leaves little for people who wait, for listings and for the past"
        for each in self.methods:
            yield f"  {each.method}: {each.calls_per_hour:.1f} an hour, {_share(each.percent_of_quota)}"
        yield f"  the past, once at first contact: {_once(self.calls_at_first_contact, self.seconds_at_first_contact)}"
        yield f"  a listing of its inventory: {_once(self.calls_of_a_listing, self.seconds_of_a_listing)}"
        yield from (f"  {note}" for note in self.notes)


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
            yield from host.lines()
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
        orchestrators=orchestrator_plans(inventory, settings),
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


def orchestrator_plans(inventory: Inventory, settings: CollectorSettings) -> tuple[OrchestratorPlan, ...]:
    """What each orchestrator of the settings will be called."""
    plans = [
        _orchestrator_plan(name, each, directory(inventory, name)) for name, each in settings.orchestrators.items()
    ]
    at = {name: (each.url.host, each.url.port) for name, each in settings.orchestrators.items()}
    return tuple(_beside(plan, [other for other in plans if at[other.name] == at[plan.name]]) for plan in plans)


def _orchestrator_plan(name: str, settings: OrchestratorSettings, known: Directory) -> OrchestratorPlan:
    calls = planned_calls(settings, known)
    hourly, quota = math.fsum(calls.hourly.values()), settings.calls_per_hour
    return OrchestratorPlan(
        name=name,
        host=str(settings.url.host),
        devices=len(known.watched_devices),
        links=len(known.watched_links),
        methods=tuple(
            MethodPlan(method=method, calls_per_hour=count, percent_of_quota=100 * count / quota)
            for method, count in calls.hourly.items()
        ),
        calls_per_hour=hourly,
        calls_in_busiest_minute=busiest_minute(calls, settings),
        quota_per_hour=quota,
        percent_of_quota=100 * hourly / quota,
        shares_quota_with=(),
        percent_of_quota_together=100 * hourly / quota,
        calls_at_first_contact=calls.at_first_contact,
        seconds_at_first_contact=_seconds_for(calls.at_first_contact, quota - hourly),
        calls_of_a_listing=calls.listing,
        seconds_of_a_listing=_seconds_for(calls.listing, quota - hourly),
        notes=tuple(calls.notes),
    )


def _beside(plan: OrchestratorPlan, there: Sequence[OrchestratorPlan]) -> OrchestratorPlan:
    """A plan beside all plans at its host, which draw on one quota."""
    hourly, quota = math.fsum(each.calls_per_hour for each in there), plan.quota_per_hour
    return replace(
        plan,
        shares_quota_with=tuple(each.name for each in there if each is not plan),
        percent_of_quota_together=100 * hourly / quota,
        seconds_at_first_contact=_seconds_for(plan.calls_at_first_contact, quota - hourly),
        seconds_of_a_listing=_seconds_for(plan.calls_of_a_listing, quota - hourly),
    )


def busiest_minute(calls: CallPlan, settings: OrchestratorSettings) -> float | None:
    """The calls of one round of every clock, for at times all rounds fall into one minute; None where the adapter does
    not say which clock its methods are called on."""
    if calls.hourly.keys() - calls.clocks.keys():
        return None
    every = clocks(settings, 1.0)
    # Statistics are read in whole ticks, however often we look.
    round_of = {"states": every.states, "statistics": max(every.statistics, settings.tick), "events": every.events}
    return math.fsum(
        hourly * max(round_of[calls.clocks[method]], 60.0) / 3600 for method, hourly in calls.hourly.items()
    )


def _seconds_for(calls: int, hourly: float) -> float | None:
    return calls * 3600 / hourly if hourly > 0 else None


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
    if percent >= 100:
        return f"about {percent:.0f} %"
    return f"about {percent:.2g} %" if percent >= 0.01 else "less than 0.01 %"


def _once(calls: int, seconds: float | None) -> str:
    if calls == 0:
        return "no calls"
    how_long = f"about {duration(seconds)}" if seconds is not None else "never done, for the quota leaves nothing"
    return f"{calls} call{'s' if calls > 1 else ''}, {how_long}"


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `2 h 47 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _count(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or abs(number - round(number)) < 0.05 else f"{number:.1f}"


def _volume(octets: float) -> str:
    return f"{octets / 1e6:.1f} MB" if octets >= 1e6 else f"{octets / 1e3:.1f} kB"
