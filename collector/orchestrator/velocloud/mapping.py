"""From VCO rows to facts about our devices and links. Pure; what the vendor's states mean stands here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from collector.model import Fact, FactKind, Source
from collector.orchestrator.directory import Directory
from collector.orchestrator.port import StateReport
from collector.orchestrator.velocloud.rows import EdgeRow, LinkRow
from config.clock import rfc3339
from inventory.model import Device

STALE_LINK = timedelta(days=30)
"""A link disconnected for longer is a leftover in the orchestrator: it lists such links for ever, IN_SERVICE."""

EDGE_STATES = {
    "CONNECTED": "connected",
    "DEGRADED": "degraded",
    "OFFLINE": "offline",
    "NEVER_ACTIVATED": "never_activated",
    "DISABLED": "disabled",
}
WITHOUT_CONTACT = frozenset({"OFFLINE", "NEVER_ACTIVATED", "DISABLED", "EXPIRED"})
"""Edge states in which nothing that the host shows of the edge's links or its standby is news."""
LINK_STATES = {
    "STABLE": "stable",
    "UNSTABLE": "unstable",
    "DISCONNECTED": "disconnected",
    "STANDBY": "standby",
    "QUIET": "quiet",
    "INITIAL": "initial",
}
HA_STATES = {
    "UNCONFIGURED": "unconfigured",
    "PENDING_INIT": "pending",
    "PENDING_CONFIRMATION": "pending",
    "PENDING_CONFIRMED": "pending",
    "PENDING_DISSOCIATION": "pending",
    "READY": "ready",
    "FAILED": "failed",
}


def link_ids(rows: Iterable[LinkRow], known: Directory) -> dict[str, str]:
    """The host's numeric link ids of our links, for answers that name nothing else."""
    found = {row.link: known.link_of(row.edge, row.internal_id, row.interface) for row in rows if row.link is not None}
    return {number: link for number, link in found.items() if link is not None}


def state_report(
    rows: Sequence[LinkRow], edges: Sequence[EdgeRow] | None, known: Directory, now: datetime
) -> StateReport:
    """States of our edges and links at `now`.

    `edges` holds HA states where the host has pairs, each with the moment at which it was read; None when they could
    not be read. Only what is watched becomes a fact; what the inventory does not know is `unmapped`, what the host left
    out is `absent`.
    """
    ha = {edge.edge: edge for edge in edges or ()}
    facts: list[Fact] = []
    unmapped: list[str] = []
    by_device: dict[str, tuple[Device, LinkRow]] = {}
    by_link: dict[str, LinkRow] = {}
    for row in rows:
        device = known.device_of(row.edge, row.enterprise)
        if device is None:
            unmapped.append(f"edge {row.edge} {row.edge_name or ''}".rstrip())
            continue
        if device.id not in by_device or by_device[device.id][1].edge_state is None:
            by_device[device.id] = (device, row)
        link = known.link_of(row.edge, row.internal_id, row.interface)
        if link is not None:
            by_link[link] = later_active(by_link.get(link), row)
        elif row.has_link:
            unmapped.append(f"link {row.internal_id or row.link} at {row.interface or 'no interface'} of {device.id}")
    for device_id in sorted(known.watched_devices & by_device.keys()):
        facts += _edge_facts(*by_device[device_id], ha, now)
    facts += [_link_fact(link, by_link[link], now) for link in sorted(known.watched_links & by_link.keys())]
    absent = sorted(known.watched_devices - by_device.keys()) + sorted(known.watched_links - by_link.keys())
    return StateReport(facts, sorted(set(unmapped)), absent)


class _Active(Protocol):
    @property
    def last_active(self) -> datetime | None: ...


Active = TypeVar("Active", bound=_Active)


def later_active(one: Active | None, other: Active) -> Active:
    """Of two rows for one line (a replaced line leaves its predecessor behind) the one that was active last."""
    if one is None or one.last_active is None:
        return other
    return one if other.last_active is None or one.last_active >= other.last_active else other


def _edge_facts(device: Device, row: LinkRow, ha: Mapping[str, EdgeRow], now: datetime) -> list[Fact]:
    contact = f"last contact {rfc3339(row.edge_last_contact)}" if row.edge_last_contact else "last contact unknown"
    state = EDGE_STATES.get(row.edge_state or "", "unknown")
    detail = f"{row.edge_state or 'no state'}; {contact}" if state != "connected" else contact
    facts = [_fact(device.id, FactKind.EDGE_STATE, state, now, detail)]
    if row.standby_serial or len(device.serials) > 1:
        facts.append(_ha_fact(device.id, row, ha.get(row.edge or ""), now))
    return facts


def _ha_fact(device: str, row: LinkRow, read: EdgeRow | None, now: datetime) -> Fact:
    """The pair's HA state, of the moment at which it was read.

    FAILED with contact to the pair is a standby that is lost. Without contact what the host still shows is old and says
    nothing.
    """
    if read is None:
        return _fact(device, FactKind.HA_STATE, "unknown", now, "HA states could not be read")
    said = read.ha_state or "not told"
    if row.edge_state in WITHOUT_CONTACT:
        return _fact(device, FactKind.HA_STATE, "unknown", now, f"contact lost; before that {said}")
    state = HA_STATES.get(said, "unknown")
    detail = f"{said}, the standby is lost" if state == "failed" else said
    return _fact(device, FactKind.HA_STATE, state, read.time or now, detail)


def _link_fact(link: str, row: LinkRow, now: datetime) -> Fact:
    """A link's state. STANDBY is how a backup line waits; one that should be active and stands by is not well.

    The host calls a link DISCONNECTED when its statistics are old (Broadcom KB 381465), so for an edge without
    contact that is the same observation again and no statement about the line.
    """
    said = row.state or "no state"
    active = f"last active {rfc3339(row.last_active)}" if row.last_active else "last active unknown"
    if row.edge_state in WITHOUT_CONTACT:
        return _fact(link, FactKind.LINK_STATE, "unknown", now, f"{said}, but its edge is {row.edge_state}; {active}")
    state = LINK_STATES.get(said, "unknown")
    if state == "standby" and row.mode == "ACTIVE" and row.backup_state in (None, "UNCONFIGURED"):
        return _fact(link, FactKind.LINK_STATE, "unknown", now, f"{said}, though its mode is ACTIVE; {active}")
    if state == "disconnected" and row.last_active and now - row.last_active > STALE_LINK:
        return _fact(link, FactKind.LINK_STATE, "unknown", now, f"{said}, a leftover; {active}")
    return _fact(link, FactKind.LINK_STATE, state, now, f"{said}, mode {row.mode or 'unknown'}; {active}")


def _fact(subject: str, kind: FactKind, value: str, now: datetime, detail: str) -> Fact:
    return Fact(now, subject, kind, value, Source.ORCHESTRATOR, now, detail)


def edge_names(rows: Iterable[LinkRow]) -> dict[tuple[str, str], str]:
    """Edge ids by (enterprise, name), for answers that name an edge only so; a name borne twice is left out."""
    edges: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if row.enterprise is not None and row.edge is not None and row.edge_name:
            edges.setdefault((row.enterprise, row.edge_name), set()).add(row.edge)
    return {name: next(iter(ids)) for name, ids in edges.items() if len(ids) == 1}
