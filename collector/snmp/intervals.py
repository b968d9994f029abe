"""How often each device can be polled: the ordinary interval, stretched to a multiple of it where a site's uplink, the
overall pace or a metered line's budget asks for it. Pure; `lineproof check` shows what it decides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from collector.echo import PROBE_OCTETS
from collector.settings import CollectorSettings, ProbeSettings, SnmpSettings
from collector.snmp.budget import MEGABYTE, budget_octets, metered_lines
from collector.snmp.schedule import FIRST_ATTEMPTS, Entry, Limits
from collector.snmp.sizes import PollSize, poll_size
from inventory.model import Device, Inventory, LifeCycle, Link

MONTH_SECONDS = 30 * 86400


class Reason(StrEnum):
    """Why an interval is longer than the ordinary one."""

    METERED = "metered"
    SITE = "site"
    PACE = "pace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretched:
    """A device's polling, or a link's probing, that has a longer interval; `why` is a clause for a person."""

    subject: str
    every: int
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLoad:
    """What is planned over a metered link: octets of 30 days, both ways, with the stretched intervals."""

    link: str
    budget: int
    snmp: float
    probe: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """`entries` are for the Schedule, in the order of the devices given; `sizes` beside them.

    `lines` names the metered links that polling a device is charged to (devices without one are absent), `probe_every`
    the interval of each link whose probing is stretched, `budgets` each metered link's octets of a calendar month.
    """

    entries: tuple[Entry, ...]
    sizes: tuple[PollSize, ...]
    stretched: tuple[Stretched, ...]
    lines: Mapping[str, tuple[str, ...]]
    probe_every: Mapping[str, int]
    budgets: Mapping[str, int]
    metered: tuple[LineLoad, ...]


@dataclass(slots=True, eq=False)
class _Work:
    """A device's polling or a link's probing, done in every `multiple`-th of its ordinary slots."""

    subject: str
    every: int
    multiple: int = 1
    why: tuple[Reason, str] | None = None


_Load = tuple[_Work, float]
"""Work, and what it takes of something a second, or a month, in its ordinary interval."""


def limits_of(settings: SnmpSettings) -> Limits:
    """How much may be sent in a second, by the settings."""
    return Limits(
        packets_per_second=settings.packets_per_second,
        site_packets_per_second=settings.site_packets_per_second,
        attempts=settings.retries + 1,
    )


def intervals(
    inventory: Inventory,
    polled: Sequence[tuple[Device, Sequence[Link]]],
    probed: Sequence[Link],
    settings: CollectorSettings,
) -> Intervals:
    """The interval of each polled device (given with its polled links), and of each probed link.

    A fifth of the pace and of every budget is left for retries; a site's limit counts them already.
    """
    sizes = [_size(device, links, settings) for device, links in polled]
    polls = [_Work(device.id, settings.snmp.every) for device, _ in polled]
    probes = {link.id: _Work(link.id, settings.probe.every) for link in probed}
    lines = {device.id: metered_lines(inventory, device) for device, _ in polled}
    budgets = {
        link.id: budget_octets(link, settings.metered)
        for link in inventory.links.values()
        if link.metered and link.is_wan and link.life_cycle is LifeCycle.LIVE
    }
    by_line: dict[str, list[_Load]] = {line: [] for line in budgets}
    for poll, size in zip(polls, sizes, strict=True):
        for link in lines[poll.subject]:
            by_line[link.id].append((poll, size.octets * MONTH_SECONDS / poll.every))
    for line in by_line.keys() & probes.keys():
        by_line[line].append((probes[line], probe_octets_per_month(settings.probe)))
    _fit_lines(by_line, budgets)
    _fit_rates([device.site for device, _ in polled], polls, sizes, limits_of(settings.snmp))
    return Intervals(
        entries=tuple(_entry(device, poll, size) for (device, _), poll, size in zip(polled, polls, sizes, strict=True)),
        sizes=tuple(sizes),
        stretched=tuple(_stretched([*polls, *probes.values()])),
        lines={device: tuple(link.id for link in charged) for device, charged in lines.items() if charged},
        probe_every={link_id: probe.every * probe.multiple for link_id, probe in probes.items() if probe.multiple > 1},
        budgets=budgets,
        metered=tuple(_line_load(line, loads, budgets[line], probes.get(line)) for line, loads in by_line.items()),
    )


def probe_octets_per_month(settings: ProbeSettings) -> float:
    """What probing takes of a line in 30 days, both ways, when no packet is lost."""
    return 2 * PROBE_OCTETS * settings.packets * MONTH_SECONDS / settings.every


def _fit_lines(by_line: Mapping[str, Sequence[_Load]], budgets: Mapping[str, int]) -> None:
    for line, loads in by_line.items():
        why = f"its metered line {line} may carry {budgets[line] / MEGABYTE:g} MB of polling and probing a month"
        _fit(loads, FIRST_ATTEMPTS * budgets[line], Reason.METERED, why)


def _fit_rates(sites: Sequence[str], polls: Sequence[_Work], sizes: Sequence[PollSize], limits: Limits) -> None:
    """Let no site, and not all together, be sent more in a second than the limits say."""
    by_site: dict[str, list[_Load]] = {}
    for site, poll, size in zip(sites, polls, sizes, strict=True):
        by_site.setdefault(site, []).append((poll, limits.site_seconds(size.datagrams) / poll.every))
    for site, loads in by_site.items():
        why = f"at most {limits.site_packets_per_second:g} requests a second may go to site {site}"
        _fit(loads, 1.0, Reason.SITE, why)
    everything = [(poll, size.datagrams / poll.every) for poll, size in zip(polls, sizes, strict=True)]
    why = f"at most {limits.packets_per_second:g} requests a second may be sent in all"
    _fit(everything, FIRST_ATTEMPTS * limits.packets_per_second, Reason.PACE, why)


def least_multiple(loads: Sequence[tuple[float, int]], room: float) -> int:
    """The smallest m with which everything fits, when each load (what it takes, and its multiple so far) that is done
    more often than each m-th time is done each m-th time: sum(load / max(multiple, m)) <= room."""
    total = math.fsum(load for load, _ in loads)
    low, high = 1, max(1, math.ceil(total / room))
    while low < high:
        middle = (low + high) // 2
        if math.fsum(load / max(multiple, middle) for load, multiple in loads) <= room:
            high = middle
        else:
            low = middle + 1
    return low


def _fit(loads: Sequence[_Load], room: float, reason: Reason, why: str) -> None:
    multiple = least_multiple([(load, work.multiple) for work, load in loads], room)
    for work, _ in loads:
        if work.multiple < multiple:
            work.multiple, work.why = multiple, (reason, why)


def _size(device: Device, links: Sequence[Link], settings: CollectorSettings) -> PollSize:
    credential = settings.snmp.credentials.get(device.snmp.credential) if device.snmp else None
    version3 = credential is not None and credential.community is None
    return poll_size(links, version3=version3, ipv6=not _is_ipv4(device.management_address or ""))


def _is_ipv4(address: str) -> bool:
    """Whether it is a literal IPv4 address; a name may mean the longer headers of IPv6."""
    try:
        return ip_address(address).version == 4
    except ValueError:
        return False


def _entry(device: Device, poll: _Work, size: PollSize) -> Entry:
    every = poll.every * poll.multiple
    return Entry(key=device.id, site=device.site, every=every, datagrams=size.datagrams, octets=size.octets)


def _stretched(all_work: Sequence[_Work]) -> Iterator[Stretched]:
    for work in all_work:
        if work.why is not None:
            reason, why = work.why
            yield Stretched(subject=work.subject, every=work.every * work.multiple, reason=reason, why=why)


def _line_load(line: str, loads: Sequence[_Load], budget: int, probe: _Work | None) -> LineLoad:
    snmp = sum(load / work.multiple for work, load in loads if work is not probe)
    probing = sum(load / work.multiple for work, load in loads if work is probe)
    return LineLoad(link=line, budget=budget, snmp=snmp, probe=probing)
