"""The fleet's inventory as the YAML file that `lineproof inventory import` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any

import yaml

from inventory.model import Inventory, OpeningHours

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def inventory_yaml(inventory: Inventory) -> str:
    """The whole inventory as YAML; what is as it is by default is left out."""
    return yaml.safe_dump(_document(inventory), sort_keys=False, allow_unicode=True, width=110)


def inventory_lines(inventory: Inventory) -> str:
    """The same with one line for each item, in YAML's flow style, which is JSON: quick for big fleets."""
    sections = _document(inventory).items()
    return "".join(f"{name}:\n" + "".join(f"- {json.dumps(item)}\n" for item in items) for name, items in sections)


def _document(inventory: Inventory) -> dict[str, list[Any]]:
    return {
        "clients": [_plain(client) for client in inventory.clients.values()],
        "sites": [_plain(site) for site in inventory.sites.values()],
        "devices": [_plain(device) for device in inventory.devices.values()],
        "links": [_plain(link) for link in inventory.links.values()],
    }


def _plain(value: object) -> Any:  # noqa: ANN401 - what YAML can hold
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value) if not _by_default(value, each)}
    if isinstance(value, tuple):
        if value and isinstance(value[0], OpeningHours):
            return _opening_hours(value)
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def _by_default(holder: object, each: Field[Any]) -> bool:
    return each.default is not MISSING and getattr(holder, each.name) == each.default


def _opening_hours(hours: tuple[OpeningHours, ...]) -> Mapping[str, str]:
    return {WEEKDAYS[span.weekday]: f"{_clock(span.opens)}-{_clock(span.closes)}" for span in hours}


def _clock(moment: time) -> str:
    return f"{moment:%H:%M}"
