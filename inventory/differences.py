"""What a host has otherwise than the inventory, and what accepting that writes. Values and pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from inventory.changes import items_of, merged
from inventory.crosscheck import Clash, clashes
from inventory.model import Client, Device, Inventory, Link, Site

Record = Client | Site | Device | Link

SECTION_OF: Mapping[type[Record], str] = {Client: "clients", Site: "sites", Device: "devices", Link: "links"}
_PLACES = frozenset(("orchestrator", "serials", "device", "interface", "orchestrator_link"))
"""Fields in which two items in use cannot be alike."""
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._:-]+")
LONGEST_SUBJECT = 40


class DifferenceKind(StrEnum):
    NEW_EDGE = "new_edge"
    NEW_LINK = "new_link"
    EDGE_IDENTITY = "edge_identity"
    LINK_IDENTITY = "link_identity"
    LIFE_CYCLE = "life_cycle"
    SERIALS = "serials"
    MODEL = "model"
    INTERFACE = "interface"
    RATES = "rates"
    CARRIER = "carrier"
    MISSING_EDGE = "missing_edge"
    MISSING_LINK = "missing_link"
    STALE_LINK = "stale_link"
    RETIRED_HERE = "retired_here"


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of an item of the inventory, and what it becomes."""

    section: str
    id: str
    field: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that the host has otherwise than the inventory.

    `id` stays the same as long as inventory and host say the same about it, from one run to the next. `site` is our
    site's id, or the one that is proposed; `subject` our device or link, or the host's name of what we do not know.
    `ours` and `theirs` are for a person to read. `added` and `settings` are what accepting it writes; without either it
    is only told. `blocked` says why what could be written cannot be for now.
    """

    id: str
    kind: DifferenceKind
    site: str
    subject: str
    ours: str
    theirs: str
    note: str = ""
    added: tuple[Record, ...] = ()
    settings: tuple[Setting, ...] = ()
    blocked: str = ""

    @property
    def acceptable(self) -> bool:
        return bool(self.added or self.settings) and not self.blocked

    @property
    def unplaced(self) -> bool:
        """An edge of a client that the inventory does not know; the proposed client is among `added`."""
        return any(isinstance(item, Client) for item in self.added)


def difference(
    kind: DifferenceKind,
    site: str,
    subject: str,
    ours: str,
    theirs: str,
    *,
    note: str = "",
    added: Sequence[Record] = (),
    settings: Sequence[Setting] = (),
    blocked: str = "",
) -> Difference:
    """A difference with its id: kind, subject, and four digits of a digest of both sides and of what is written."""
    content = repr((kind.value, subject, ours, theirs, added, settings)).encode()
    digest = hashlib.sha256(content).hexdigest()[:4]
    return Difference(
        id=f"{kind}/{_NOT_IN_AN_ID.sub('-', subject)[:LONGEST_SUBJECT]}/{digest}",
        kind=kind,
        site=site,
        subject=subject,
        ours=ours,
        theirs=theirs,
        note=note,
        added=tuple(added),
        settings=tuple(settings),
        blocked=blocked,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """`items` are the items to be put into the inventory, whole; `refused` says for ids of differences why they cannot
    be written."""

    items: Inventory
    refused: Mapping[str, str] = field(default_factory=dict)


def outcome(inventory: Inventory, accepted: Sequence[Difference]) -> Outcome:
    """What `accepted` make of the inventory together. Of those that contradict what is there, or each other, none is
    in it: two lines at one port, a serial at two devices."""
    refused = {each.id: each.blocked for each in accepted if each.blocked}
    while True:
        items = _written(inventory, [each for each in accepted if each.id not in refused])
        written = {section: frozenset(items_of(items, section)) for section in (*SECTION_OF.values(), "maintenance")}
        wrong = dict(_responsible(clashes(merged(inventory, items), written), accepted, refused))
        if not wrong:
            return Outcome(items, refused)
        refused |= wrong


def proposed(inventory: Inventory, differences: Sequence[Difference]) -> Inventory:
    """The items that accepting everything would write, those of clients that we do not know too, for a file that a
    person looks through."""
    possible = [replace(each, blocked="") if each.unplaced else each for each in differences]
    return outcome(inventory, [each for each in possible if each.acceptable]).items


def checked(inventory: Inventory, differences: Sequence[Difference]) -> list[Difference]:
    """The differences; those that cannot be accepted even with all others are blocked, and say why."""
    refused = outcome(inventory, [each for each in differences if each.acceptable]).refused
    return [replace(each, blocked=refused[each.id]) if each.id in refused else each for each in differences]


def _written(inventory: Inventory, accepted: Iterable[Difference]) -> Inventory:
    """The items, those that take a new place last: of two items at one place the cross-check names the later."""
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTION_OF.values()}
    settings: dict[tuple[str, str], dict[str, Any]] = {}
    for each in accepted:
        for setting in each.settings:
            settings.setdefault((setting.section, setting.id), {})[setting.field] = setting.value
    for (section, name), values in sorted(settings.items(), key=lambda one: not _PLACES.isdisjoint(one[1])):
        sections[section][name] = replace(items_of(inventory, section)[name], **values)
    for each in accepted:
        for item in each.added:
            sections[SECTION_OF[type(item)]][item.id] = item
    return Inventory(sections["clients"], sections["sites"], sections["devices"], sections["links"])


def _responsible(
    found: Iterable[Clash], accepted: Sequence[Difference], refused: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The ids of the differences that lead to a clash, and what is wrong."""
    writers: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for each in accepted:
        if each.id in refused:
            continue
        for item in each.added:
            writers.setdefault((SECTION_OF[type(item)], item.id), []).append((each.id, ""))
        for setting in each.settings:
            writers.setdefault((setting.section, setting.id), []).append((each.id, setting.field))
    for clash in found:
        for name, written in writers.get((clash.section, clash.id), ()):
            if written in ("", clash.field):
                yield name, f"{clash.field} {clash.value} of {clash.id}: expected {clash.expected}"


def difference_document(each: Difference) -> dict[str, Any]:
    """A difference for `--json`."""
    added = [{"section": SECTION_OF[type(item)], "id": item.id, "add": _plain(item)} for item in each.added]
    changed = [
        {"section": one.section, "id": one.id, "set": {one.field: _ANY.dump_python(one.value, mode="json")}}
        for one in each.settings
    ]
    return {
        "id": each.id,
        "kind": each.kind.value,
        "site": each.site or None,
        "subject": each.subject,
        "inventory": each.ours,
        "orchestrator": each.theirs,
        "note": each.note or None,
        "acceptable": each.acceptable,
        "blocked": each.blocked or None,
        "writes": [*added, *changed],
    }


_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def _plain(item: Record) -> dict[str, Any]:
    """The fields that are not as they are by default."""
    plain: dict[str, Any] = TypeAdapter(type(item)).dump_python(item, mode="json", exclude_defaults=True)
    return plain
