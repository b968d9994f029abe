"""Everything there is to know about one site, in words, for the person who picks up the phone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from inventory import wording
from inventory.maintenance import Span, announced, at_site, upcoming
from inventory.model import (
    Client,
    Contact,
    Device,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    MaintenanceSource,
    MaintenanceWindow,
    Monitoring,
    Site,
)
from inventory.watching import Watching, watching

_ROLE_ORDER = tuple(LinkRole)


@dataclass(frozen=True, slots=True)
class OpenCase:
    id: str
    status: str
    title: str


@dataclass(frozen=True, slots=True)
class Box:
    """A device, the part it plays in words, and how it is watched."""

    device: Device
    part: str
    monitoring: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A link, and in words what its values mean to the desk."""

    link: Link
    name: str
    rates: str
    ownership: str
    meter: str
    charge: str
    contract: str
    contract_days_left: int | None
    watching: Watching
    monitoring: str


@dataclass(frozen=True, slots=True)
class Reachable:
    """A contact: on site or of the client."""

    contact: Contact
    on_site: bool


@dataclass(frozen=True, slots=True)
class Work:
    """Announced maintenance at the site, under way or next to come; `when` in the site's zone.

    `remark` says where it comes from, and what of it suppresses nothing; `counts` is whether it suppresses troubles.
    """

    window: MaintenanceWindow
    when: str
    remark: str
    counts: bool
    under_way: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSheet:
    """A location's full inventory. Lines go from primary to LAN; contacts by escalation level, on site first."""

    site: Site
    client: Client
    hours: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    contacts: tuple[Reachable, ...]
    maintenance: tuple[Work, ...]
    cases: tuple[OpenCase, ...]


def site_sheet(inventory: Inventory, site_id: str, cases: Sequence[OpenCase], now: datetime) -> SiteSheet:
    """The sheet of a site at `now`. Raises KeyError for an unknown site (find it with `resolve_site` first)."""
    site = inventory.sites[site_id]
    client = inventory.client_of(site_id)
    today = now.astimezone(site.zone).date()
    links = sorted(inventory.links_at(site_id), key=lambda link: (_ROLE_ORDER.index(link.role), link.id))
    return SiteSheet(
        site=site,
        client=client,
        hours=f"{wording.opening_words(site.business_hours)} ({site.timezone})",
        boxes=tuple(_box(device, links) for device in inventory.devices_at(site_id)),
        lines=tuple(_line(link, inventory.devices.get(link.device or ""), today, client.currency) for link in links),
        contacts=_contacts(site, client),
        maintenance=_work(inventory, site, now),
        cases=tuple(cases),
    )


def _box(device: Device, links: Sequence[Link]) -> Box:
    own = [link for link in links if link.device == device.id and link.life_cycle is not LifeCycle.RETIRED]
    return Box(device, wording.box_words(device, own), _device_monitoring(device))


def _device_monitoring(device: Device) -> str:
    monitoring: Monitoring = device.monitoring
    if not monitoring.subscribed:
        return "not watched: monitoring is not subscribed"
    if device.life_cycle is not LifeCycle.LIVE:
        return f"not watched: the device is {device.life_cycle}, not live"
    ways = [f"SNMP at {device.management_address}"] if device.snmp else []
    if device.orchestrator:
        ways.append(f"orchestrator {device.orchestrator.name}, edge {device.orchestrator.edge_id}")
    named = f" ({monitoring.service})" if monitoring.service else ""
    return f"subscribed{named}: {wording.joined(ways) or 'no tool can reach it'}"


def _line(link: Link, device: Device | None, today: date, currency: str) -> Line:
    watched = watching(link, device)
    return Line(
        link=link,
        name=wording.line_name(link) if link.is_wan else "LAN port",
        rates=wording.rate_words(link),
        ownership=wording.ownership_words(link),
        meter=wording.meter_words(link),
        charge=wording.money(link.monthly_charge, currency),
        contract=wording.contract_words(link.contract, today),
        contract_days_left=(link.contract.end - today).days if link.contract.end else None,
        watching=watched,
        monitoring=wording.watching_words(watched, link.monitoring.service),
    )


def _contacts(site: Site, client: Client) -> tuple[Reachable, ...]:
    on_site = (Reachable(site.on_site_contact, True),) if site.on_site_contact else ()
    ordered = sorted(client.contacts, key=lambda contact: contact.escalation_level)
    return (*on_site, *(Reachable(contact, False) for contact in ordered))


def _work(inventory: Inventory, site: Site, now: datetime) -> tuple[Work, ...]:
    """By the time at which each is next."""
    coming = ((upcoming(window, now), window) for window in at_site(inventory, site.id))
    due = sorted(((span, window) for span, window in coming if span is not None), key=lambda one: (one[0], one[1].id))
    return tuple(
        Work(window, _when(span, site.zone), work_words(window), announced(window), span[0] <= now)
        for span, window in due
    )


def work_words(window: MaintenanceWindow) -> str:
    """Where announced work comes from, and whether it suppresses anything."""
    notice = window.notice
    by = {
        MaintenanceSource.PERSON: "entered by a person",
        MaintenanceSource.CALENDAR: "from a calendar",
        MaintenanceSource.CARRIER: f"{notice.provider}'s notice {notice.id}",
    }
    impact = f", {notice.impact}" if notice.impact is not None else ""
    again = f", again by {' '.join(window.recurrence.split())} ({window.timezone})" if window.recurrence else ""
    nothing = "" if announced(window) else "; suppresses nothing"
    return f"{by[window.source]}: {window.status}{impact}{again}{nothing}"


def _when(span: Span, zone: ZoneInfo) -> str:
    start, end = (moment.astimezone(zone) for moment in span)
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} {end:%Z}"


def sheet_document(sheet: SiteSheet) -> dict[str, Any]:
    """The sheet for `--json`: every field of the model by its own name, and beside them what they mean in words."""
    return {
        "site": _plain(sheet.site) | {"hours": sheet.hours},
        "client": _plain(sheet.client),
        "devices": [_plain(box.device) | {"part": box.part, "monitored": box.monitoring} for box in sheet.boxes],
        "links": [_line_document(line) for line in sheet.lines],
        "contacts": [_plain(reachable.contact) | {"on_site": reachable.on_site} for reachable in sheet.contacts],
        "maintenance": [
            _plain(work.window)
            | {"when": work.when, "remark": work.remark, "counts": work.counts, "under_way": work.under_way}
            for work in sheet.maintenance
        ],
        "cases": [_plain(case) for case in sheet.cases],
    }


def _line_document(line: Line) -> dict[str, Any]:
    words = {
        "name": line.name,
        "rates": line.rates,
        "ownership": line.ownership,
        "meter": line.meter,
        "charge": line.charge,
        "contract": line.contract,
        "monitoring": line.monitoring,
    }
    more = {"contract_days_left": line.contract_days_left, "watching": _plain(line.watching), "words": words}
    return _plain(line.link) | more


def _plain(record: object) -> dict[str, Any]:
    """A dataclass as JSON values."""
    document: dict[str, Any] = TypeAdapter(type(record)).dump_python(record, mode="json")
    return document
