"""From Dashboard rows to facts about our devices and links. Pure; what the vendor's states mean stands here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model import Fact, FactKind, Source
from collector.orchestrator.directory import Directory
from collector.orchestrator.meraki.rows import AvailabilityRow, ChangeRow, UnitRow, UplinkRow
from collector.orchestrator.meraki.units import Units
from collector.orchestrator.port import StateReport
from config.clock import rfc3339
from inventory.model import Device

STALE_REPORT = timedelta(minutes=15)
"""What an appliance said of its uplinks longer ago is no news of them."""

EDGE_STATES = {"online": "connected", "alerting": "degraded", "offline": "offline", "dormant": "offline"}
"""`alerting` is in contact and has something to complain of; `dormant` is an old `offline`."""
IN_CONTACT = frozenset({"online", "alerting"})
LINK_STATES = {
    "active": "stable",
    "ready": "standby",
    "connecting": "initial",
    "failed": "disconnected",
    "not connected": "disconnected",
}
"""`ready` works and waits for a failover, which is healthy; `failed` is a port with a carrier on it behind
which nothing answers, `not connected` one without."""
UPLINK_ORDER = ("active", "ready", "", "connecting", "failed", "not connected")
AVAILABILITY_ORDER = ("online", "alerting", "", "offline", "dormant")
"""Of the words that the units of a pair say, the first speaks; "" stands for any that we do not know: it may mean
well."""
NOT_CONNECTED = "not connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationStates:
    """What one organization's two state calls answered."""

    organization: str
    appliances: Sequence[UnitRow]
    availabilities: Sequence[AvailabilityRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An appliance of one of our devices; `status` is None where the dashboard gives no availability."""

    serial: str
    listed: bool
    status: str | None
    report: UnitRow | None

    def in_contact(self, now: datetime) -> bool:
        """Whether what it says of its uplinks is news: the dashboard reaches it, or at least it reported just now."""
        reported = self.report.reported_at if self.report else None
        fresh = reported is not None and now - reported <= STALE_REPORT
        if self.status in EDGE_STATES:
            return self.status in IN_CONTACT and (fresh or reported is None)
        return fresh


def state_report(
    answers: Sequence[OrganizationStates],
    known: Directory,
    units: Units,
    targets: Mapping[str, Sequence[str]],
    now: datetime,
) -> StateReport:
    """States of our devices and links at `now`, of the organizations that answered.

    `targets` are the addresses that each link was last measured to. Only what is watched becomes a fact; what the
    inventory does not know is `unmapped`, what an organization left out is `absent`.
    """
    facts: list[Fact] = []
    unmapped: list[str] = []
    seen: set[str] = set()
    for answer in answers:
        of_devices, strangers = _units_of(answer, known, units)
        unmapped += strangers
        for device, members in of_devices.items():
            uplinks, more = _uplinks_of(device, members, known, units)
            unmapped += more
            seen.update(uplinks)
            if any(unit.listed for unit in members):
                seen.add(device)
                if device in known.watched_devices:
                    facts += _device_facts(known.devices[units.edge_of(members[0].serial) or ""], members, now)
            facts += [
                _link_fact(link, said, targets.get(link, ()), now)
                for link, said in sorted(uplinks.items())
                if link in known.watched_links
            ]
    answered = {answer.organization.casefold() for answer in answers}
    return StateReport(facts, sorted(set(unmapped)), sorted(_expected(known, answered) - seen))


def reached(answer: OrganizationStates, known: Directory, units: Units, now: datetime) -> bool:
    """Whether the dashboard has contact to any of our devices in an organization."""
    of_devices, _ = _units_of(answer, known, units)
    return any(unit.in_contact(now) for members in of_devices.values() for unit in members)


def _expected(known: Directory, organizations: set[str]) -> set[str]:
    """What we watch in these organizations, and what the inventory gives no organization: nobody can mention it."""
    edges = {
        edge: device.id
        for edge, device in known.devices.items()
        if device.orchestrator and device.orchestrator.enterprise_id.casefold() in organizations | {""}
    }
    named = [*known.links.items(), *known.interfaces.items()]
    links = {link for (edge, _), link in named if edge in edges}
    return (links & known.watched_links) | (set(edges.values()) & known.watched_devices)


def _units_of(
    answer: OrganizationStates, known: Directory, units: Units
) -> tuple[dict[str, list[Unit]], Sequence[str]]:
    """The units of each of our devices, and the appliances that are no device of ours."""
    statuses = {row.serial.casefold(): row for row in answer.availabilities}
    reports = {row.serial.casefold(): row for row in answer.appliances}
    found: dict[str, list[Unit]] = {}
    strangers = []
    for serial in sorted(statuses.keys() | reports.keys()):
        listed, report = statuses.get(serial), reports.get(serial)
        row = listed or report
        device = known.device_of(units.edge_of(serial), answer.organization)
        if row is None or device is None:
            strangers.append(f"appliance {serial.upper()}")
            continue
        status = listed.status if listed else None
        unit = Unit(serial=row.serial, listed=listed is not None, status=status, report=report)
        found.setdefault(device.id, []).append(unit)
    return found, strangers


Said = Sequence[tuple[Unit, UplinkRow]]
"""What each unit says of one uplink."""


def _uplinks_of(
    device: str, members: Sequence[Unit], known: Directory, units: Units
) -> tuple[dict[str, list[tuple[Unit, UplinkRow]]], Sequence[str]]:
    """What is said of each of a device's links, and its uplinks that are no link of ours."""
    found: dict[str, list[tuple[Unit, UplinkRow]]] = {}
    strangers = []
    for unit in members:
        for uplink in unit.report.uplinks if unit.report else ():
            link = known.link_of(units.edge_of(unit.serial), uplink.interface, uplink.interface)
            if link is not None:
                found.setdefault(link, []).append((unit, uplink))
            elif uplink.status != NOT_CONNECTED:
                strangers.append(f"uplink {uplink.interface} of {device}")
    return found, strangers


def _device_facts(device: Device, members: Sequence[Unit], now: datetime) -> list[Fact]:
    """A device's state is that of the best of its units: contact with one of them is contact with the device. Without
    any, a unit of which we do not know may have it."""
    word = _first([unit.status or "" for unit in members], AVAILABILITY_ORDER)
    state = EDGE_STATES.get(word, "unknown")
    if word == "dormant" and all(unit.report is None or unit.report.reported_at is None for unit in members):
        state = "never_activated"
    said = ", ".join(_told(unit) for unit in members)
    facts = [_fact(device.id, FactKind.EDGE_STATE, state, now, said)]
    pair = len(device.serials) > 1 or len(members) > 1 or any(unit.report and unit.report.paired for unit in members)
    if pair:
        facts.append(_fact(device.id, FactKind.HA_STATE, _ha_state(members), now, said))
    return facts


def _ha_state(members: Sequence[Unit]) -> str:
    """A pair is ready with both units in contact, and failed with one: no unit is left to take over. With neither, or
    with one that the dashboard does not tell of, it is unknown."""
    if len(members) < 2 or any(unit.status not in EDGE_STATES for unit in members):
        return "unknown"
    if any(unit.report is not None and not unit.report.paired for unit in members):
        return "unconfigured"
    reached = sum(unit.status in IN_CONTACT for unit in members)
    return {0: "unknown", len(members): "ready"}.get(reached, "failed")


def _first(words: Sequence[str], order: Sequence[str]) -> str:
    """The word that comes first in an order."""
    return min(words, key=lambda word: order.index(word if word in order else ""))


def _told(unit: Unit) -> str:
    role = f"{unit.report.role} " if unit.report and unit.report.role and unit.report.paired else ""
    reported = unit.report.reported_at if unit.report else None
    when = f"reported {rfc3339(reported)}" if reported else "no report"
    return f"{role}{unit.serial} {unit.status or 'no status'}, {when}"


def _link_fact(link: str, said: Said, targets: Sequence[str], now: datetime) -> Fact:
    """A link's state: of a pair, whose units share the lines, the best that a unit in contact says of it; what a unit
    without contact said is old."""
    words = "; ".join(f"{uplink.status or 'no status'} at {_told(unit)}" for unit, uplink in said)
    measured = f"; measured to {', '.join(targets)}" if targets else ""
    news = [uplink.status or "" for unit, uplink in said if unit.in_contact(now)]
    if not news:
        return _fact(link, FactKind.LINK_STATE, "unknown", now, f"no news: {words}")
    state = LINK_STATES.get(_first(news, UPLINK_ORDER), "unknown")
    return _fact(link, FactKind.LINK_STATE, state, now, words + measured)


def change_facts(
    rows: Iterable[ChangeRow], organization: str, known: Directory, units: Units, now: datetime
) -> list[Fact]:
    """Changes of our watched devices' status, in the vendor's word."""
    facts = []
    for row in rows:
        device = known.device_of(units.edge_of(row.serial), organization)
        if device is not None and device.id in known.watched_devices:
            detail = f"{row.serial} was {row.old or 'not told'}, is {row.new}"
            facts.append(Fact(row.time, device.id, FactKind.EVENT, row.new, Source.ORCHESTRATOR, now, detail))
    return facts


def _fact(subject: str, kind: FactKind, value: str, now: datetime, detail: str) -> Fact:
    return Fact(now, subject, kind, value, Source.ORCHESTRATOR, now, detail)
