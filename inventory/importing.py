"""Reading an inventory from a YAML file or from CSV, all of it or, with every fault named, nothing.

A file may name what an earlier import brought: references are checked against `known` and the file together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config.errors import ConfigurationError, Fault
from config.expected import Place
from config.yamlfile import field_name, line_of, read_yaml
from inventory.changes import items_of as known_items
from inventory.changes import merged
from inventory.crosscheck import clashes
from inventory.csvfile import read_csv
from inventory.documents import SECTIONS, Documents, MaintenanceDocument, Problem, items_of, read_documents, references
from inventory.model import Inventory

Locate = Callable[[Place], tuple[str, int | None, str]]
"""A place of a document as its file, line and field."""


def read_inventory(path: Path, known: Inventory | None = None) -> Inventory:
    """What a YAML file, a CSV file or a folder of CSV files brings (the layout of CSV is told in `inventory.csvfile`).

    Raises ConfigurationError with every fault of the file.
    """
    if path.is_dir() or path.suffix.lower() in (".csv", ".tsv"):
        csv = read_csv(path, known or Inventory())
        return inventory_of(csv.document, str(path), locate=csv.locate, known=known, faults=csv.faults)
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise ConfigurationError(f"{path} is a spreadsheet; save its sheets as CSV in UTF-8 and import that")
    document, lines = read_yaml(path)
    return inventory_of(document, str(path), lines, known=known)


def inventory_of(
    document: object,
    name: str,
    lines: Mapping[Place, int] | None = None,
    *,
    locate: Locate | None = None,
    known: Inventory | None = None,
    faults: Iterable[Fault] = (),
) -> Inventory:
    """The inventory that a document (`{clients: [..], sites: [..], devices: [..], links: [..], maintenance: [..]}`)
    brings; `name` and `lines` place its faults. Raises ConfigurationError with every fault, after those given."""
    spot = locate or (lambda place: (name, line_of(lines or {}, place), field_name(place)))
    known = known or Inventory()
    documents, problems = read_documents(document)
    places = _Places.of(document, spot)
    inventory, unplaced = _made(documents, known)
    problems += places.repeated + unplaced + _unknown(document, places, known)
    written = {section: frozenset(ids) for section, ids in places.first.items()}
    for clash in clashes(merged(known, inventory), written):
        index = places.first[clash.section].get(clash.id)
        if index is not None:
            problems.append(Problem((clash.section, index, clash.field), clash.value, clash.expected))
    found = [*faults, *(Fault(*spot(problem.place), problem.value, problem.expected) for problem in problems)]
    if found:
        found.sort(key=lambda fault: (fault.file, fault.line or 0))
        raise ConfigurationError(f"{name} has {len(found)} fault{'s' * (len(found) != 1)}; nothing is imported", found)
    return inventory


@dataclass(frozen=True, slots=True)
class _Places:
    """Where ids stand: `first[section][id]` is an index; a second item with the same id is a problem."""

    first: Mapping[str, Mapping[str, int]]
    repeated: list[Problem]

    @classmethod
    def of(cls, document: object, locate: Locate) -> _Places:
        first: dict[str, dict[str, int]] = {section: {} for section in SECTIONS}
        repeated = []
        for section, ids in first.items():
            for index, item in items_of(document, section):
                name = str(item["id"]).strip() if item.get("id") is not None else ""
                if name in ids:
                    file, line, _ = locate((section, ids[name]))
                    expected = f"an id that is not taken; {file}:{line} has it"
                    repeated.append(Problem((section, index, "id"), name, expected))
                elif name:
                    ids[name] = index
        return cls(first, repeated)


def _made(documents: Documents, known: Inventory) -> tuple[Inventory, list[Problem]]:
    """The items that are right by themselves, and the maintenance times that cannot be placed."""
    clients = _by_id(item.made(name=item.name or item.id) for item in documents.clients.values())
    zones = {name: client.timezone for name, client in {**known.clients, **clients}.items()}
    inventory = Inventory(
        clients,
        _by_id(item.made(timezone=item.timezone or zones.get(item.client, "UTC")) for item in documents.sites.values()),
        _by_id(item.made() for item in documents.devices.values()),
        _by_id(item.made() for item in documents.links.values()),
    )
    everything = merged(known, inventory)
    windows, problems = [], []
    for index, item in documents.maintenance.items():
        zones_there = {item.timezone} if item.timezone else _zones_of(item, everything)
        if len(zones_there) > 1 and None in (item.start.tzinfo, item.end.tzinfo):
            where = ", ".join(sorted(zones_there))
            expected = f"a time with its offset, or a timezone for it, because the work touches sites in {where}"
            problems.append(Problem(("maintenance", index, "start"), str(item.start), expected))
            continue
        if len(zones_there) > 1 and item.recurrence:
            expected = f"the zone whose wall clock the work follows, one of {', '.join(sorted(zones_there))}"
            problems.append(Problem(("maintenance", index, "timezone"), "", expected))
            continue
        name = min(zones_there, default="UTC")
        zone = ZoneInfo(name)
        windows.append(item.made(start=_in_utc(item.start, zone), end=_in_utc(item.end, zone), timezone=name))
    return replace(inventory, maintenance=tuple(windows)), problems


def _unknown(document: object, places: _Places, known: Inventory) -> list[Problem]:
    return [
        Problem(place, name, f"the id of one of the {section}; none is called {name}")
        for place, section, name in references(document)
        if name not in places.first[section] and name not in known_items(known, section)
    ]


def _by_id(items: Iterable[Any]) -> dict[str, Any]:
    """Of two items with one id the first: the second is a fault, and stays out of the cross-check."""
    found: dict[str, Any] = {}
    for item in items:
        found.setdefault(item.id, item)
    return found


def _zones_of(window: MaintenanceDocument, inventory: Inventory) -> set[str]:
    sites = {*window.sites, *(inventory.links[name].site for name in window.links if name in inventory.links)}
    return {inventory.sites[name].timezone for name in sites if name in inventory.sites}


def _in_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
