"""From the manager's rows to facts about our devices and links. Pure; what its states mean stands here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from collector.model import Fact, FactKind, Source
from collector.orchestrator.catalyst.places import End, Places
from collector.orchestrator.catalyst.rows import EDGE, DeviceRow, EventRow, Session, WanRow
from collector.orchestrator.port import StateReport
from config.clock import rfc3339

EDGE_STATES = {
    "reachable": "connected",
    "unreachable": "offline",
    "auth-failed": "offline",
    "staging": "never_activated",
}
"""`reachability` is contact with the manager over the control connections, no statement about the site."""
UNWELL = frozenset({"red", "yellow"})
"""`state` of a reachable device whose daemons are not all up."""
WITNESS_SITES = 2
MOST_DOWN = 0.5
"""From this share of its tunnels down, without their far ends being down for others too, a line is unstable."""
EVENTS = frozenset(
    {
        "bfd-state-change",
        "control-connection-state-change",
        "control-connection-tloc-ip-change",
        "control-no-active-vsmart",
        "interface-state-change",
        "interface-admin-state-change",
        "link-state-change",
        "sla-change",
        "sla-violation",
        "system-reboot-issued",
        "system-reboot-complete",
        "system-site-id-change",
        "vrrp-group-state-change",
        "certificate-expiring",
        "certificate-expired",
        "device-clock-change",
    }
)
"""The events that say something about a site's edge and lines."""


@dataclass(slots=True)
class _Line:
    """What is said of one end's tunnels: by itself (`up` of `count`), and by the other ends about it."""

    site: str
    up: int = 0
    count: int = 0
    down_towards: list[End] = field(default_factory=list)
    seen_up: set[str] = field(default_factory=set)
    seen_down: dict[End, str] = field(default_factory=dict)
    """The ends, with their sites, whose tunnels to it are down; and the sites whose tunnels to it are up."""


def state_report(
    devices: Sequence[DeviceRow],
    wan: Iterable[WanRow],
    sessions: Iterable[Session],
    places: Places,
    now: datetime,
) -> StateReport:
    """States of our edges and links at `now`.

    Only what is watched becomes a fact; what the inventory does not know is `unmapped`, what the host left out is
    `absent`.
    """
    known = places.known
    contact = {row.address: row.reachability == "reachable" for row in devices}
    transports = {(row.address, row.colour): row for row in wan}
    lines = _lines(sessions, contact, places.sites)
    carrying = {address for (address, _), line in lines.items() if line.up or line.seen_up}
    facts: list[Fact] = []
    unmapped: set[str] = set()
    told: set[str] = set()
    for row in devices:
        device = places.device_at(row.address)
        if device is None:
            if row.personality in (EDGE, None):
                unmapped.add(f"edge {row.uuid or row.address} {row.name or ''}".rstrip())
        elif device.id in known.watched_devices and device.id not in told:
            told.add(device.id)
            facts.append(_edge_fact(device.id, row, now))
    for end in sorted({*transports, *lines}):
        device = places.device_at(end[0])
        if device is None or end[0] not in contact:
            continue
        link = places.link_of(*end)
        if link is None:
            if known.link_of(places.edges.get(end[0]), end[1], places.interfaces.get(end)) is None:
                unmapped.add(f"link {end[1]} at {places.interfaces.get(end) or 'no interface'} of {device.id}")
        elif link not in told:
            told.add(link)
            facts.append(_link_fact(link, end, transports, lines, contact, carrying, now))
    facts.sort(key=lambda fact: (fact.kind is not FactKind.EDGE_STATE, fact.subject))
    absent = sorted(known.watched_devices - told) + sorted(known.watched_links - told)
    return StateReport(facts, sorted(unmapped), absent)


def _lines(sessions: Iterable[Session], contact: Mapping[str, bool], sites: Mapping[str, str]) -> dict[End, _Line]:
    """Sessions by end. What a device without contact said is old and left out; what others say of its ends is not."""
    lines: dict[End, _Line] = {}
    for session in sessions:
        if not contact.get(session.address, False) or session.up is None:
            continue
        near, far = (session.address, session.colour), (session.remote, session.remote_colour)
        for end in (near, far):
            if end not in lines:
                lines[end] = _Line(sites.get(end[0], end[0]))
        lines[near].count += 1
        lines[near].up += session.up
        if session.up:
            lines[far].seen_up.add(lines[near].site)
        else:
            lines[near].down_towards.append(far)
            lines[far].seen_down[near] = lines[near].site
    return lines


def _edge_fact(device: str, row: DeviceRow, now: datetime) -> Fact:
    seen = f"last update {rfc3339(row.updated)}" if row.updated else "last update unknown"
    state = EDGE_STATES.get(row.reachability or "", "unknown")
    parts = [] if state == "connected" else [row.reachability or "no reachability"]
    if state == "connected" and row.state in UNWELL:
        state = "degraded"
        parts.append(row.said or str(row.state))
    if row.certificate is not None and row.certificate.lower() != "valid":
        parts.append(f"certificate {row.certificate}")
    return _fact(device, FactKind.EDGE_STATE, state, now, "; ".join([*parts, seen]))


def _link_fact(
    link: str,
    end: End,
    transports: Mapping[End, WanRow],
    lines: Mapping[End, _Line],
    contact: Mapping[str, bool],
    carrying: Set[str],
    now: datetime,
) -> Fact:
    line, transport = lines.get(end) or _Line(end[0]), transports.get(end)
    if contact.get(end[0], False):
        state, detail = _own_state(line, transport, lines, others_up=end[0] in carrying)
    else:
        state, detail = _seen_by_others(line, lines)
        if state != "stable" and transport is not None and transport.last_resort and end[0] in carrying:
            state, detail = "standby", f"last-resort circuit; {detail}"
    return _fact(link, FactKind.LINK_STATE, state, now, f"{end[1]}: {detail}")


def _own_state(
    line: _Line, transport: WanRow | None, lines: Mapping[End, _Line], *, others_up: bool
) -> tuple[str, str]:
    """The state of a line whose edge has contact, and why.

    A BFD session needs both its lines. So a line all of whose sessions are down is disconnected, unless the far ends
    are down for other sites as well: then it is the far end's, and the line is what its control connections say. A
    last-resort circuit has no tunnels while another line of its edge carries: that is its healthy state.
    """
    control = transport.controllers if transport is not None else None
    said = f"{line.up} of {line.count} tunnels up" + (f", {control} control connections" if control is not None else "")
    if line.up:
        own = sum(not _down_for_others(far, line, lines) for far in line.down_towards)
        return ("unstable" if own and own >= MOST_DOWN * line.count else "stable"), said
    if transport is not None and transport.last_resort and others_up:
        return "standby", f"last-resort circuit; {said}"
    if line.count and all(_down_for_others(far, line, lines) for far in line.down_towards):
        return ("stable" if control else "unknown"), f"{said}; the far ends are down for other sites as well"
    if line.count:
        compared = len(set(line.down_towards)) > 1 or any(lines[far].seen_up for far in line.down_towards)
        return "disconnected", said if compared else f"{said}; one far end and nobody to compare with"
    if transport is None or transport.up is None:
        return "unknown", said
    if not transport.up:
        return "disconnected", f"interface {'down' if transport.admin_up is not False else 'shut'}"
    return ("quiet" if control else "unknown"), said


def _down_for_others(far: End, line: _Line, lines: Mapping[End, _Line]) -> bool:
    """Whether a far end is down for at least two other sites too, and up for none."""
    seen = lines[far]
    return not seen.seen_up and not seen.up and len({*seen.seen_down.values()} - {line.site}) >= WITNESS_SITES


def _seen_by_others(line: _Line, lines: Mapping[End, _Line]) -> tuple[str, str]:
    """The state of a line whose edge has no contact, by the tunnels that others report to it.

    One tunnel that is up proves the line. Tunnels that are down prove it down if their near ends are well otherwise.
    """
    lost = "contact with its edge lost"
    if line.seen_up:
        return "stable", f"{lost}, but tunnels of {len(line.seen_up)} other sites to it are up"
    sound = [near for near in line.seen_down if lines[near].up]
    if sound:
        return "disconnected", f"{lost}, and tunnels of {len(sound)} other lines to it are down"
    return "unknown", f"{lost}, and nobody else tells of it"


def _fact(subject: str, kind: FactKind, value: str, now: datetime, detail: str) -> Fact:
    return Fact(now, subject, kind, value, Source.ORCHESTRATOR, now, detail)


def part_facts(devices: Iterable[DeviceRow], name: str, now: datetime) -> list[Fact]:
    """States of the manager's own parts, which it lists beside the edges."""
    facts = []
    for row in devices:
        if row.personality in (EDGE, None):
            continue
        state = {"reachable": "ok", "unreachable": "down", "auth-failed": "down"}.get(row.reachability or "", "unknown")
        if state == "ok" and row.state in UNWELL:
            state = "degraded"
        detail = "; ".join(text for text in (row.personality, row.reachability, row.said) if text)
        facts.append(_fact(f"{name}/{row.name or row.address}", FactKind.PART_STATE, state, now, detail))
    return sorted(facts)


def event_facts(rows: Iterable[EventRow], places: Places, now: datetime) -> list[Fact]:
    """Events of our edges: about the line whose colour or interface the event names, else about the device."""
    facts = []
    for row in rows:
        device = places.device_at(row.address)
        if device is None or device.id not in places.known.watched_devices or row.name not in EVENTS:
            continue
        values = row.values
        colour = values.get("local-color") or values.get("src-color") or values.get("color")
        interface = values.get("if-name")
        link = places.link_of(row.address, colour) if colour else None
        if link is None and interface:
            link = places.link_at(row.address, interface)
        subject = link or device.id
        facts.append(Fact(row.time, subject, FactKind.EVENT, row.name, Source.ORCHESTRATOR, now, row.details))
    return facts
