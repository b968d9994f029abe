"""The inventory's values in words that a repair desk reads. Pure; `today` is the date at the site."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import groupby

from inventory.model import Access, Contract, Device, DeviceRole, LifeCycle, Link, OpeningHours, Ownership
from inventory.watching import Watching

NOT_KNOWN = "not known"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DEVICE_ROLES = {
    DeviceRole.SDWAN_EDGE: "SD-WAN edge",
    DeviceRole.ROUTER: "Router",
    DeviceRole.FIREWALL: "Firewall",
    DeviceRole.SWITCH: "Switch",
    DeviceRole.MODEM: "Modem",
}
ACCESSES = {
    Access.DIA: "DIA",
    Access.BROADBAND: "broadband",
    Access.DSL: "DSL",
    Access.LTE: "LTE",
    Access.FIVE_G: "5G",
    Access.MPLS: "MPLS",
    Access.SATELLITE: "satellite",
}
_BIT_RATES = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))
_VOLUMES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"))


def joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else "".join(parts)


def bit_rate(bps: float | None) -> str:
    """`100 Mbit/s`; decimal multiples."""
    if bps is None:
        return NOT_KNOWN
    size, unit = next((step for step in _BIT_RATES if bps >= step[0]), (1, "bit/s"))
    return f"{bps / size:g} {unit}"


def volume(size_bytes: int) -> str:
    """`50 GB`; decimal multiples."""
    size, unit = next((step for step in _VOLUMES if size_bytes >= step[0]), (1, "bytes"))
    return f"{size_bytes / size:g} {unit}"


def line_name(link: Link) -> str:
    """What a line is, in two words: `Comcast broadband`."""
    access = ACCESSES[link.access] if link.access else "line"
    return f"{link.carrier} {access}" if link.carrier else f"{access} of an unnamed carrier"


def box_words(device: Device, links: Sequence[Link]) -> str:
    """The part a device plays: `SD-WAN edge: VeloCloud 520 (HA pair, serials A and B), terminates Comcast broadband on
    GE1 (primary) and AT&T LTE on GE2 (secondary)`."""
    make = f"{device.vendor} {device.model}".strip() or "make not known"
    serials = f"serial{'s' * (len(device.serials) > 1)} {joined(device.serials)}" if device.serials else ""
    identity = ", ".join(filter(None, ("HA pair" if len(device.serials) == 2 else "", serials)))
    ends = [f"{line_name(link)}{_on(link)} ({role_words(link)})" for link in links if link.is_wan]
    lans = [f"the site's LAN{_on(link)}" for link in links if not link.is_wan]
    does = [
        f"terminates {joined(ends)}" if ends else "no line ends on it",
        *(f"faces {joined(lans)}" for _ in lans[:1]),
    ]
    state = f"; {device.life_cycle}, not in use" if device.life_cycle is not LifeCycle.LIVE else ""
    return f"{DEVICE_ROLES[device.role]}: {make}{f' ({identity})' if identity else ''}, {', '.join(does)}{state}"


def role_words(link: Link) -> str:
    """`primary`, or `secondary, ordered` of a line that is not live."""
    return link.role if link.life_cycle is LifeCycle.LIVE else f"{link.role}, {link.life_cycle}"


def money(amount: Decimal | None, currency: str) -> str:
    """`640.00 USD a month`."""
    return NOT_KNOWN if amount is None else f"{amount:,.2f} {currency} a month"


def _on(link: Link) -> str:
    return f" on {link.interface}" if link.interface else ""


def rate_words(link: Link) -> str:
    """Committed rates: `1 Gbit/s down, 1 Gbit/s up`."""
    if link.committed_down_bps is None and link.committed_up_bps is None:
        return NOT_KNOWN
    return f"{bit_rate(link.committed_down_bps)} down, {bit_rate(link.committed_up_bps)} up"


def ownership_words(link: Link) -> str:
    """Who holds the contract, which decides who may open a repair with the carrier."""
    carrier = link.carrier or "the carrier"
    if link.ownership is Ownership.CLIENT:
        return f"the client's own line (BYOB): the client holds the contract with {carrier} and reports faults to it"
    return f"provided by us: we hold the contract with {carrier} and report faults to it"


def meter_words(link: Link) -> str:
    if not link.metered:
        return "not metered"
    return f"metered, {volume(link.cap_bytes)} a month" if link.cap_bytes else "metered, allowance not known"


def contract_words(contract: Contract, today: date) -> str:
    """Dates of a contract with the days left, and the last day for a notice."""
    if contract.end is None:
        return f"since {contract.start}, no end date" if contract.start else NOT_KNOWN
    left = (contract.end - today).days
    span = f"{contract.start} to {contract.end}" if contract.start else f"until {contract.end}"
    if left < 0:
        return f"{span}, ended {days(-left)} ago"
    notice = ""
    if contract.notice_days is not None:
        last_day = contract.end - timedelta(days=contract.notice_days)
        notice = f", notice by {last_day}" if last_day >= today else f", notice was due by {last_day}"
    return f"{span}, {days(left)} left{notice}"


def days(count: int) -> str:
    return f"{count} day{'s' * (count != 1)}"


def opening_words(hours: Sequence[OpeningHours]) -> str:
    """`Mon-Fri 08:00-18:00, Sat 09:00-13:00`."""
    by_day = {
        day: " and ".join(_span(span) for span in sorted(hours, key=lambda span: span.opens) if span.weekday == day)
        for day in range(7)
    }
    parts = []
    for spans, run in groupby(range(7), key=lambda day: by_day[day]):
        names = [WEEKDAYS[day] for day in run]
        if spans:
            parts.append(f"{names[0]}{f'-{names[-1]}' if len(names) > 1 else ''} {spans}")
    return ", ".join(parts) or NOT_KNOWN


def _span(hours: OpeningHours) -> str:
    if hours.opens == hours.closes:
        return "all day" if hours.opens == time(0) else f"{hours.opens:%H:%M} for 24 hours"
    closes = "24:00" if hours.closes == time(0) else f"{hours.closes:%H:%M}"
    return f"{hours.opens:%H:%M}-{closes}"


def watching_words(watched: Watching, service: str = "") -> str:
    """The monitoring obligation: which tool sees what, and what nobody sees."""
    if watched.reason:
        return f"not watched: {watched.reason}"
    named = f" ({service})" if service else ""
    views = [
        f"{view.tool} sees {joined(view.sees)}" if view.lacks is None else f"{view.tool} sees nothing: {view.lacks}"
        for view in watched.views
    ]
    blind = f"; nobody sees {joined(watched.unseen)}" if watched.unseen else ""
    return f"subscribed{named}: {'; '.join(views) or 'no tool is set up'}{blind}"
