"""The dashboard's inventory: appliances, their networks, uplinks and the rates that are set for them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.orchestrator.meraki.calls import DEVICES, NETWORKS, ORGANIZATIONS, UPLINK_BANDWIDTH, UPLINK_STATUSES
from collector.orchestrator.meraki.mapping import NOT_CONNECTED
from collector.orchestrator.meraki.rows import (
    DeviceRow,
    NetworkRow,
    OrganizationRow,
    UnitRow,
    bandwidth_limits,
    device_rows,
    network_rows,
    organization_rows,
    unit_rows,
)
from collector.orchestrator.meraki.session import MerakiSession
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.record import Row, Rows
from inventory.listing import RATES_NOT_ASKED, ListedEdge, ListedLink, Listing

VENDOR = "Cisco Meraki"
CELLULAR = "cellular"
INTERFACES = ("wan1", "wan2", "wan3", CELLULAR)
APPLIANCES = [("productTypes[]", "appliance")]

Limits = Mapping[str, tuple[float, float]]
"""(down, up) in kbit/s by interface."""


@dataclass(slots=True)
class Answers:
    """What one organization answered; `appliances` is None where its uplinks could not be read."""

    organization: OrganizationRow
    devices: Sequence[DeviceRow]
    networks: Mapping[str, NetworkRow]
    appliances: Mapping[str, UnitRow] | None
    limits: Mapping[str, Limits] = field(default_factory=dict)


async def read_listing(session: MerakiSession, name: str, now: datetime, *, rates: bool) -> Listing:
    """Every appliance of every organization that the key sees. One call for the organizations, three for each, and with
    `rates` one for each network's. Raises OrchestratorError when nothing could be read."""
    items = await session.list(ORGANIZATIONS, {})
    edges: list[ListedEdge] = []
    unread: list[str] = []
    unrated = [] if rates else [RATES_NOT_ASKED]
    errors: list[OrchestratorError] = []
    organizations = session.counted(ORGANIZATIONS, organization_rows(items))
    for organization in organizations:
        try:
            answers = await _read(session, organization, unread)
            if rates:
                answers.limits = await _limits_of(session, answers, unrated)
        except OrchestratorError as error:
            errors.append(error)
            unread.append(f"organization {organization.organization}: {error}")
        else:
            edges += listed_edges(answers)
    if errors and len(errors) == len(organizations):
        raise errors[0]
    return Listing(orchestrator=name, vendor=VENDOR, read_at=now, edges=edges, unread=unread, unrated=unrated)


async def _read(session: MerakiSession, organization: OrganizationRow, unread: list[str]) -> Answers:
    ids = {"organization": organization.organization}
    devices = session.counted(DEVICES, device_rows(await session.list(DEVICES, ids, APPLIANCES)))
    networks: Sequence[NetworkRow] = await _or_unread(session, NETWORKS, ids, APPLIANCES, network_rows, unread) or ()
    appliances = await _or_unread(session, UPLINK_STATUSES, ids, (), unit_rows, unread)
    return Answers(
        organization=organization,
        devices=devices,
        networks={network.network: network for network in networks},
        appliances=None if appliances is None else {row.serial: row for row in appliances},
    )


async def _limits_of(session: MerakiSession, answers: Answers, unrated: list[str]) -> Mapping[str, Limits]:
    """Rates by network."""
    places = sorted({device.network for device in answers.devices if device.network})
    found = await asyncio.gather(*(_limits(session, network) for network in places))
    refused = [one for one in found if isinstance(one, OrchestratorError)]
    if refused:
        organization = answers.organization.organization
        unrated.append(f"the rates of {len(refused)} networks of organization {organization}: {refused[0]}")
    return {place: one for place, one in zip(places, found, strict=True) if not isinstance(one, OrchestratorError)}


async def _or_unread(
    session: MerakiSession,
    method: str,
    ids: Mapping[str, str],
    query: Sequence[tuple[str, str]],
    read: Callable[[Sequence[object]], Rows[Row]],
    unread: list[str],
) -> Sequence[Row] | None:
    try:
        return session.counted(method, read(await session.list(method, ids, query)))
    except OrchestratorError as error:
        unread.append(str(error))
        return None


async def _limits(session: MerakiSession, network: str) -> Limits | OrchestratorError:
    try:
        value = await session.get(UPLINK_BANDWIDTH, {"network": network})
    except OrchestratorError as error:
        return error
    limits, damaged = bandwidth_limits(value, INTERFACES)
    session.counted(UPLINK_BANDWIDTH, Rows([], damaged))
    return limits


def listed_edges(answers: Answers) -> list[ListedEdge]:
    """An edge for each network's appliance, or warm-spare pair: the two are one edge, known by the primary's serial.
    Pure."""
    groups: dict[str, list[DeviceRow]] = {}
    for device in answers.devices:
        groups.setdefault(device.network or device.serial, []).append(device)
    return [_edge(answers, group) for _, group in sorted(groups.items())]


def _edge(answers: Answers, group: Sequence[DeviceRow]) -> ListedEdge:
    rows = answers.appliances
    reports = {device.serial: rows.get(device.serial) for device in group} if rows is not None else {}

    def spare(device: DeviceRow) -> tuple[bool, str]:
        report = reports.get(device.serial)
        return report is not None and report.role == "spare", device.serial

    first, *others = sorted(group, key=spare)
    network = answers.networks.get(first.network or "")
    limits = answers.limits.get(first.network or "", {})
    there = [report for report in reports.values() if report is not None]
    return ListedEdge(
        edge_id=first.serial,
        enterprise_id=answers.organization.organization,
        enterprise_name=answers.organization.name or "",
        name=first.name or (network.name if network else None) or "",
        model=first.model or "",
        serials=(first.serial, *(other.serial for other in others)),
        activated=rows is None or any(report.reported_at is not None for report in there),
        address=first.address or "",
        timezone=network.timezone if network else None,
        links=None if rows is None else _links(there, limits),
    )


def _links(reports: Sequence[UnitRow], limits: Limits) -> tuple[ListedLink, ...]:
    """The uplinks in use. A port without a cable is listed by the dashboard too, and is no line."""
    uplinks = {
        uplink.interface: uplink
        for report in reversed(reports)
        for uplink in report.uplinks
        if uplink.status not in (None, NOT_CONNECTED)
    }
    return tuple(
        ListedLink(
            id=interface,
            interface=interface,
            isp=uplink.provider,
            down_bps=_bps(limits.get(interface, (math.nan, math.nan))[0]),
            up_bps=_bps(limits.get(interface, (math.nan, math.nan))[1]),
            wireless=True if interface.casefold() == CELLULAR else None,
        )
        for interface, uplink in sorted(uplinks.items())
    )


def _bps(kilobits: float) -> float | None:
    """A rate set for shaping; without a limit the dashboard says nothing of the line's rate."""
    return kilobits * 1000 if kilobits > 0 else None
