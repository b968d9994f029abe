"""A host's listing compared with the inventory: what differs, told so that a person can accept some of it. Pure.

The inventory is the contract; the host says what is built. Nothing is a difference where the host says nothing, and
what a listing lacks is told, never removed.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from inventory.differences import Difference, DifferenceKind, Setting, checked, difference
from inventory.listing import ListedEdge, ListedLink, Listing
from inventory.model import Device, Inventory, LifeCycle, Link, OrchestratorIdentity
from inventory.newcomers import Newcomers
from inventory.pairing import Pairing, is_stale, paired
from inventory.quantities import checked_zone
from inventory.sameness import letters, same_carrier, same_model, says_nothing, tidy
from inventory.wording import NOT_KNOWN, days, joined, rate_words

RATE_TOLERANCE = 1e-3
"""Hosts state rates in Mbit/s with few decimals."""


def reconciled(listing: Listing, inventory: Inventory) -> list[Difference]:
    """Every difference, by site. Those that would contradict something in the inventory are blocked and say why."""
    found = list(_Comparison(listing, inventory).differences())
    return sorted(checked(inventory, found), key=lambda each: (each.unplaced, each.site))


class _Comparison:
    """One listing against one inventory, each indexed once."""

    def __init__(self, listing: Listing, inventory: Inventory) -> None:
        self._name = listing.orchestrator
        self._now = listing.read_at
        self._edges = _tidied(listing.edges)
        self._complete = bool(listing.edges) and not listing.unread
        self._inventory = inventory
        in_use_last = sorted(inventory.devices.values(), key=lambda one: one.life_cycle is not LifeCycle.RETIRED)
        self._by_edge = {
            device.orchestrator.edge_id.casefold(): device
            for device in in_use_last
            if device.orchestrator and device.orchestrator.name == self._name
        }
        self._by_serial: dict[str, list[Device]] = {}
        for device in inventory.devices.values():
            if device.life_cycle is not LifeCycle.RETIRED:
                for serial in device.serials:
                    self._by_serial.setdefault(serial.casefold(), []).append(device)
        self._links: dict[str, list[Link]] = {}
        for link in inventory.links.values():
            if link.device and link.is_wan:
                self._links.setdefault(link.device, []).append(link)
        self._loose_ones = {
            link.id: link
            for link in inventory.links.values()
            if link.device is None and link.is_wan and link.life_cycle is not LifeCycle.RETIRED
        }
        self._known = self._devices()
        self._newcomers = Newcomers(listing, self._edges, inventory, self._holders())

    def differences(self) -> Iterator[Difference]:
        known = self._known
        for edge in self._edges:
            device = known[edge.edge_id]
            if device is None:
                yield from self._new_edge(edge)
            elif device.life_cycle is LifeCycle.RETIRED:
                theirs = f"still listed as {edge.name or edge.edge_id}"
                yield _told(DifferenceKind.RETIRED_HERE, device.site, device.id, "retired", theirs)
            else:
                yield from self._of_device(edge, device)
                yield from self._of_links(edge, device)
        if self._complete:
            yield from self._missing(self._matched().keys())

    def _devices(self) -> dict[str, Device | None]:
        """Our device of each edge: by the host's edge id; else by a serial number, unless the device is another edge
        of the host."""
        known: dict[str, Device | None] = {
            edge.edge_id: self._by_edge.get(edge.edge_id.casefold()) for edge in self._edges
        }
        taken = {device.id for device in known.values() if device}
        for edge in self._edges:
            if known[edge.edge_id] is None:
                found = {one.id: one for serial in edge.serials for one in self._by_serial.get(serial.casefold(), ())}
                free = [device for device in found.values() if device.id not in taken]
                if len(found) == len(free) == 1:
                    known[edge.edge_id] = free[0]
                    taken.add(free[0].id)
        return known

    def _holders(self) -> dict[str, set[str]]:
        """The clients whose devices each enterprise holds, as the host says it, else the inventory."""
        found: dict[str, set[str]] = {}
        listed = {device.id: edge for edge in self._edges if (device := self._known[edge.edge_id])}
        for device in {**{one.id: one for one in self._by_edge.values()}, **self._matched()}.values():
            edge = listed.get(device.id)
            enterprise = self._enterprise_of(edge, device)
            found.setdefault(enterprise.casefold(), set()).add(self._inventory.sites[device.site].client)
        return found

    def _matched(self) -> dict[str, Device]:
        return {device.id: device for device in self._known.values() if device}

    def _enterprise_of(self, edge: ListedEdge | None, device: Device) -> str:
        """What the host says, else what the inventory says of this host."""
        identity = device.orchestrator
        known = identity.enterprise_id if identity and identity.name == self._name else ""
        return (edge.enterprise_id if edge else "") or known

    def _of_device(self, edge: ListedEdge, device: Device) -> Iterator[Difference]:
        identity = OrchestratorIdentity(
            name=self._name,
            edge_id=edge.edge_id,
            enterprise_id=self._enterprise_of(edge, device),
        )
        if not _same_identity(identity, device.orchestrator):
            yield _of_field(
                DifferenceKind.EDGE_IDENTITY,
                device,
                "orchestrator",
                identity,
                _identity_words(device.orchestrator),
                _identity_words(identity),
                note="" if self._by_edge.get(edge.edge_id.casefold()) else "found by its serial number",
            )
        activated = LifeCycle.LIVE if edge.activated else LifeCycle.ORDERED
        if device.life_cycle in (LifeCycle.LIVE, LifeCycle.ORDERED) and device.life_cycle is not activated:
            theirs = "in use" if edge.activated else "never activated"
            yield _of_field(DifferenceKind.LIFE_CYCLE, device, "life_cycle", activated, device.life_cycle, theirs)
        if edge.serials and _folded(edge.serials) != _folded(device.serials):
            yield _of_field(
                DifferenceKind.SERIALS,
                device,
                "serials",
                edge.serials,
                joined(device.serials) or NOT_KNOWN,
                joined(edge.serials),
            )
        if letters(edge.model) and not same_model(edge.model, device.model):
            yield _of_field(DifferenceKind.MODEL, device, "model", edge.model, device.model or NOT_KNOWN, edge.model)

    def _of_links(self, edge: ListedEdge, device: Device) -> Iterator[Difference]:
        if edge.links is None:
            return
        here = self._links.get(device.id, ())
        pairs = self._paired(edge, here, device.site)
        ports = _ports(edge.links, pairs, self._now)
        for listed, link in (*pairs.by_id, *pairs.by_place):
            yield from self._of_link(edge, replace(listed, interface=ports.get(listed.id)), link, device)
        for listed in pairs.new:
            if is_stale(listed, self._now):
                yield _stale(listed, device.site, _subject(edge, listed), "not in the inventory", self._now)
            else:
                yield self._newcomers.link(edge, replace(listed, interface=ports.get(listed.id)), device)
        for link in pairs.missing if self._complete else ():
            theirs = f"not listed at {edge.name or edge.edge_id}"
            yield _told(DifferenceKind.MISSING_LINK, link.site, link.id, _place(link), theirs)

    def _of_link(self, edge: ListedEdge, listed: ListedLink, link: Link, device: Device) -> Iterator[Difference]:
        """Of a pair; a line that is stale at the host says nothing more than that."""
        if is_stale(listed, self._now):
            if link.life_cycle is LifeCycle.LIVE and not listed.backup:
                yield _stale(listed, link.site, link.id, "live", self._now)
            return
        if link.life_cycle is LifeCycle.RETIRED:
            if listed.last_active is not None:
                theirs = f"last active {listed.last_active:%Y-%m-%d}"
                yield _told(DifferenceKind.RETIRED_HERE, link.site, link.id, "retired", theirs)
            return
        if link.life_cycle is LifeCycle.ORDERED and edge.activated and listed.last_active is not None:
            theirs = f"in use, last active {listed.last_active:%Y-%m-%d}"
            yield _of_field(DifferenceKind.LIFE_CYCLE, link, "life_cycle", LifeCycle.LIVE, "ordered", theirs)
        place = _place_settings(listed, link, device)
        if any(one.field == "orchestrator_link" for one in place):
            theirs = f"{listed.interface or 'no port'}, id {listed.id}"
            yield difference(DifferenceKind.LINK_IDENTITY, link.site, link.id, _place(link), theirs, settings=place)
        elif place:
            note = "SNMP reads the line by this name too" if device.snmp else ""
            ours = link.interface or NOT_KNOWN
            yield _of_field(
                DifferenceKind.INTERFACE, link, "interface", listed.interface, ours, str(listed.interface), note=note
            )
        yield from link_facts(listed, link)

    def _new_edge(self, edge: ListedEdge) -> Iterator[Difference]:
        placed = self._newcomers.place(edge)
        pairs = self._paired(edge, (), placed.site.id)
        ports = _ports(edge.links or (), pairs, self._now)
        by_place = [(replace(listed, interface=ports.get(listed.id)), link) for listed, link in pairs.by_place]
        new = [replace(one, interface=ports.get(one.id)) for one in pairs.new if not is_stale(one, self._now)]
        stale = [one for one in pairs.new if is_stale(one, self._now)]
        yield self._newcomers.edge(edge, placed, by_place, new, len(stale))
        for listed, link in by_place:
            yield from link_facts(listed, link)

    def _paired(self, edge: ListedEdge, here: Sequence[Link], site: str) -> Pairing:
        """An edge's lines with ours; a line of the site that ends at no device is one edge's only."""
        loose = [link for link in self._inventory.links_at(site) if link.id in self._loose_ones]
        pairs = paired(edge.links or (), here, loose, self._now)
        for _, link in pairs.by_place:
            self._loose_ones.pop(link.id, None)
        return pairs

    def _missing(self, found: Container[str]) -> Iterator[Difference]:
        enterprises = {edge.enterprise_id.casefold() for edge in self._edges}
        for device in self._by_edge.values():
            if device.id in found or device.life_cycle not in (LifeCycle.LIVE, LifeCycle.SUSPENDED):
                continue
            enterprise = device.orchestrator.enterprise_id if device.orchestrator else ""
            blind = enterprise and enterprise.casefold() not in enterprises
            note = f"nor is any edge of enterprise {enterprise}: perhaps this account may not see it" if blind else ""
            yield _told(
                DifferenceKind.MISSING_EDGE,
                device.site,
                device.id,
                _identity_words(device.orchestrator),
                "not listed",
                note,
            )


def link_facts(listed: ListedLink, link: Link) -> Iterator[Difference]:
    """Rates and carrier of a line that both sides have. Accepting another network than the carrier's writes it as the
    network that the line really runs on: who bills is not the host's to say."""
    rates = {"committed_down_bps": listed.down_bps, "committed_up_bps": listed.up_bps}
    other: dict[str, Any] = {
        name: bps for name, bps in rates.items() if bps and not _same_rate(bps, getattr(link, name))
    }
    if other:
        yield difference(
            DifferenceKind.RATES,
            link.site,
            link.id,
            rate_words(link),
            rate_words(replace(link, **other)),
            settings=[Setting("links", link.id, name, bps) for name, bps in other.items()],
        )
    isp = listed.isp or ""
    known = [name for name in (link.carrier, link.underlying_carrier) if name]
    if not says_nothing(isp) and not any(same_carrier(isp, name) for name in known):
        field = "underlying_carrier" if link.carrier else "carrier"
        note = f"would be the network that it runs on; {link.carrier} stays its carrier" if link.carrier else ""
        ours = " on ".join(known) or NOT_KNOWN
        yield _of_field(DifferenceKind.CARRIER, link, field, isp, ours, isp, note=note)


def _tidied(edges: Iterable[ListedEdge]) -> list[ListedEdge]:
    """The edges with texts and rates that can be kept, each id once, ordered by id."""
    found: dict[str, ListedEdge] = {}
    for edge in edges:
        tidied = _tidy_edge(edge)
        if tidied.edge_id:
            found.setdefault(tidied.edge_id.casefold(), tidied)
    return sorted(found.values(), key=lambda edge: (len(edge.edge_id), edge.edge_id))


def _tidy_edge(edge: ListedEdge) -> ListedEdge:
    serials = {serial.casefold(): serial for serial in map(tidy, edge.serials) if serial}
    links: dict[str, ListedLink] = {}
    for link in edge.links or ():
        tidied = _tidy_link(link)
        if tidied.id:
            links.setdefault(tidied.id.casefold(), tidied)
    return replace(
        edge,
        edge_id=tidy(edge.edge_id),
        enterprise_id=tidy(edge.enterprise_id),
        enterprise_name=tidy(edge.enterprise_name),
        name=tidy(edge.name),
        model=tidy(edge.model),
        serials=tuple(serials.values()),
        address=tidy(edge.address),
        timezone=_zone(edge.timezone),
        links=None if edge.links is None else tuple(links.values()),
    )


def _tidy_link(link: ListedLink) -> ListedLink:
    return replace(
        link,
        id=tidy(link.id),
        interface=tidy(link.interface) or None,
        name=tidy(link.name) or None,
        isp=tidy(link.isp) or None,
        down_bps=_rate(link.down_bps),
        up_bps=_rate(link.up_bps),
    )


def _zone(name: str | None) -> str | None:
    try:
        return checked_zone(name) if name else None
    except ValueError:
        return None


def _rate(bps: float | None) -> float | None:
    """A host writes 0 where no rate is set."""
    return bps if bps is not None and math.isfinite(bps) and bps > 0 else None


def _same_rate(bps: float, known: float | None) -> bool:
    return known is not None and math.isclose(bps, known, rel_tol=RATE_TOLERANCE)


def _ports(listed: Sequence[ListedLink], pairs: Pairing, now: datetime) -> dict[str, str | None]:
    """The port of each line by its id. Of several lines at one port one has it: ours that is there already, else the
    first; the inventory knows lines that share a port by the host's id alone."""
    ours = {one.id: link for one, link in (*pairs.by_id, *pairs.by_place)}

    def turn(one: ListedLink) -> bool:
        known = ours.get(one.id)
        return known is None or (known.interface or "").casefold() != (one.interface or "").casefold()

    ports: dict[str, str | None] = {}
    taken: set[str] = set()
    for one in sorted((one for one in listed if not is_stale(one, now)), key=turn):
        port = (one.interface or "").casefold()
        ports[one.id] = one.interface if port and port not in taken else None
        taken.add(port)
    return ports


def _place_settings(listed: ListedLink, link: Link, device: Device) -> list[Setting]:
    """What gives our line the device, id and port of the listed one; only what differs. A port whose name is the id
    says nothing that an inventory without ports lacks."""
    named = (listed.interface or "").casefold() == listed.id.casefold() == (link.orchestrator_link or "").casefold()
    port = None if named and link.interface is None else listed.interface
    new = {"device": device.id, "orchestrator_link": listed.id, "interface": port}
    return [
        Setting("links", link.id, name, value)
        for name, value in new.items()
        if value is not None and value.casefold() != (getattr(link, name) or "").casefold()
    ]


def _of_field(
    kind: DifferenceKind, item: Device | Link, field: str, value: object, ours: str, theirs: str, *, note: str = ""
) -> Difference:
    section = "devices" if isinstance(item, Device) else "links"
    setting = Setting(section, item.id, field, value)
    return difference(kind, item.site, item.id, ours, theirs, note=note, settings=[setting])


def _told(kind: DifferenceKind, site: str, subject: str, ours: str, theirs: str, note: str = "") -> Difference:
    return difference(kind, site, subject, ours, theirs, note=note)


def _stale(listed: ListedLink, site: str, subject: str, ours: str, now: datetime) -> Difference:
    last = listed.last_active or now
    theirs = f"last active {last:%Y-%m-%d}, {days((now - last).days)} ago"
    note = "retire it in the inventory if the line is gone" if ours == "live" else ""
    return _told(DifferenceKind.STALE_LINK, site, subject, ours, theirs, note)


def _folded(serials: Iterable[str]) -> set[str]:
    """A pair's two serials swap at a failover, which is no difference."""
    return {serial.casefold() for serial in serials}


def _same_identity(one: OrchestratorIdentity, other: OrchestratorIdentity | None) -> bool:
    return other is not None and _identity_key(one) == _identity_key(other)


def _identity_key(identity: OrchestratorIdentity) -> tuple[str, str, str]:
    return identity.name, identity.edge_id.casefold(), identity.enterprise_id.casefold()


def _identity_words(identity: OrchestratorIdentity | None) -> str:
    if identity is None:
        return "no orchestrator"
    enterprise = f" of enterprise {identity.enterprise_id}" if identity.enterprise_id else ""
    return f"{identity.name}, edge {identity.edge_id}{enterprise}"


def _place(link: Link) -> str:
    known = [link.interface or "no port", f"id {link.orchestrator_link}" if link.orchestrator_link else "no id"]
    return ", ".join(known)


def _subject(edge: ListedEdge, listed: ListedLink) -> str:
    return f"{edge.name or edge.edge_id}:{listed.interface or listed.id}"
