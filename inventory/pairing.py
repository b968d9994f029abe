"""Which line that a host lists is which line of the inventory. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from inventory.listing import ListedLink
from inventory.model import LifeCycle, Link
from inventory.sameness import same_carrier, says_nothing

STALE_AFTER = timedelta(days=30)
"""A host goes on listing lines that are gone: one last active so long ago is told apart from those in use."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """`by_id` are lines whose id the inventory knows, `by_place` those found by port or carrier, which get an id or
    another one. `new` is what the host lists beyond, `missing` what the inventory has beyond."""

    by_id: Sequence[tuple[ListedLink, Link]]
    by_place: Sequence[tuple[ListedLink, Link]]
    new: Sequence[ListedLink]
    missing: Sequence[Link]


def is_stale(listed: ListedLink, now: datetime) -> bool:
    return listed.last_active is not None and now - listed.last_active > STALE_AFTER


def paired(listed: Sequence[ListedLink], here: Sequence[Link], loose: Sequence[Link], now: datetime) -> Pairing:
    """Pair an edge's listed lines with those that the inventory has `here`, at its device, and with `loose` ones of its
    site, which end at no device.

    By the host's id first. Then by port: a line without an id, or whose id the host no longer lists, is the one in use
    at its port. Last by carrier, where the inventory gives a line neither id nor port and only one pair is possible.
    Stale lines are found by their id alone.
    """
    by_id = _by_id(listed, here)
    open_ours = [link for link in here if link not in by_id.values() and link.life_cycle is not LifeCycle.RETIRED]
    open_listed = [one for one in listed if one.id.casefold() not in by_id and not is_stale(one, now)]
    by_port = _by_port(open_listed, open_ours)
    open_ours = [link for link in open_ours if link.id not in {ours.id for _, ours in by_port}]
    open_listed = [one for one in open_listed if one not in [listed for listed, _ in by_port]]
    by_carrier = _by_carrier(open_listed, [link for link in (*open_ours, *loose) if not _has_place(link)])
    found = {one.id.casefold() for one, _ in (*by_port, *by_carrier)} | by_id.keys()
    taken = {link.id for _, link in (*by_port, *by_carrier)}
    return Pairing(
        by_id=[(one, by_id[one.id.casefold()]) for one in listed if one.id.casefold() in by_id],
        by_place=[*by_port, *by_carrier],
        new=[one for one in listed if one.id.casefold() not in found],
        missing=[link for link in open_ours if link.id not in taken and _has_place(link) and _in_service(link)],
    )


def _in_service(link: Link) -> bool:
    """Whether a host is expected to list it: a line that is ordered may not be there yet, a retired one is gone."""
    return link.life_cycle in (LifeCycle.LIVE, LifeCycle.SUSPENDED)


def _has_place(link: Link) -> bool:
    return bool(link.interface or link.orchestrator_link)


def _by_id(listed: Iterable[ListedLink], here: Iterable[Link]) -> Mapping[str, Link]:
    """Our line for each id that the host lists; one in use goes before a retired one."""
    wanted = {one.id.casefold() for one in listed}
    ours = sorted(here, key=lambda link: link.life_cycle is not LifeCycle.RETIRED)
    found = {link.orchestrator_link.casefold(): link for link in ours if link.orchestrator_link}
    return {name: link for name, link in found.items() if name in wanted}


def _by_port(listed: Sequence[ListedLink], ours: Sequence[Link]) -> list[tuple[ListedLink, Link]]:
    """Of several lines that the host lists at one port the one that was active last."""
    ports = {link.interface.casefold(): link for link in ours if link.interface}
    latest: dict[str, ListedLink] = {}
    for one in sorted(listed, key=_activity):
        if one.interface and one.interface.casefold() in ports:
            latest[one.interface.casefold()] = one
    return [(one, ports[port]) for port, one in latest.items()]


def _activity(listed: ListedLink) -> tuple[bool, float, str]:
    moment = listed.last_active
    return moment is not None, moment.timestamp() if moment else 0.0, listed.id


def _by_carrier(listed: Sequence[ListedLink], ours: Sequence[Link]) -> list[tuple[ListedLink, Link]]:
    possible = [(one, link) for one in listed for link in ours if _same_isp(one.isp, link)]
    of_listed = [one.id for one, _ in possible]
    of_ours = [link.id for _, link in possible]
    return [(one, link) for one, link in possible if of_listed.count(one.id) == 1 == of_ours.count(link.id)]


def _same_isp(isp: str | None, link: Link) -> bool:
    if isp is None or says_nothing(isp):
        return False
    return any(name and same_carrier(isp, name) for name in (link.carrier, link.underlying_carrier))
