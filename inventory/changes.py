"""Putting a new inventory over an old one, and what that changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from inventory.model import Inventory

SECTIONS = ("clients", "sites", "devices", "links", "maintenance")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after, as texts."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """One item that is added (`fields` empty) or changed; `section` is `clients`, `sites`, ..."""

    section: str
    id: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What an import does. Items that the file does not name stay untouched and are not counted."""

    added: tuple[Change, ...]
    changed: tuple[Change, ...]
    unchanged: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed)


def items_of(inventory: Inventory, section: str) -> Mapping[str, Any]:
    """The items of one of SECTIONS by id."""
    items = getattr(inventory, section)
    return items if isinstance(items, Mapping) else {window.id: window for window in items}


def merged(old: Inventory, new: Inventory) -> Inventory:
    """`old` with the items of `new` added, or put in the place of those with the same id; those of `new` come last."""
    kept = [
        {name: item for name, item in items_of(old, section).items() if name not in items_of(new, section)}
        for section in SECTIONS
    ]
    clients, sites, devices, links, windows = (
        {**items, **items_of(new, section)} for items, section in zip(kept, SECTIONS, strict=True)
    )
    return Inventory(clients, sites, devices, links, tuple(windows.values()))


def diff(old: Inventory, new: Inventory) -> Changes:
    """What importing `new` over `old` adds and changes."""
    added, changed, unchanged = [], [], 0
    for section in SECTIONS:
        before = items_of(old, section)
        for name, item in items_of(new, section).items():
            if name not in before:
                added.append(Change(section, name))
            elif before[name] != item:
                changed.append(Change(section, name, _field_changes(before[name], item)))
            else:
                unchanged += 1
    return Changes(tuple(added), tuple(changed), unchanged)


def _field_changes(old: Any, new: Any) -> tuple[FieldChange, ...]:  # noqa: ANN401 - two records of one kind
    pairs = ((field.name, getattr(old, field.name), getattr(new, field.name)) for field in fields(old))
    return tuple(FieldChange(name, _words(before), _words(after)) for name, before, after in pairs if before != after)


def _words(value: object) -> str:
    """A value as a person reads it; of a nested record its fields that are set."""
    if value is None or value == ():
        return "nothing"
    if is_dataclass(value):
        inner = ((field.name, getattr(value, field.name)) for field in fields(value))
        return ", ".join(f"{name} {_words(part)}" for name, part in inner if part not in (None, (), "")) or "nothing"
    return " | ".join(map(_words, value)) if isinstance(value, tuple) else str(value)
