"""An inventory as the file that a person edits and imports: `read_inventory` of it gives the same items. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

import yaml

from inventory.changes import SECTIONS, items_of
from inventory.model import Inventory, OpeningHours
from inventory.quantities import WEEKDAYS
from inventory.sameness import printable

try:
    from yaml import CSafeDumper as _SafeDumper
except ImportError:  # PyYAML without libyaml writes the same, six times slower
    from yaml import SafeDumper as _SafeDumper  # type: ignore[assignment]


class _Dumper(_SafeDumper):
    """Writes a mapping or list that stands in several places each time it stands there."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - its base's signature
        return True


def inventory_text(inventory: Inventory, remarks: Sequence[str] = ()) -> str:
    """YAML of all items, each whole but for what is as it is by default; `remarks` stand above it as comments."""
    document = {
        section: [_plain(item) for item in items.values()]
        for section in SECTIONS
        if (items := items_of(inventory, section))
    }
    comments = "".join(f"# {printable(remark)}\n" for remark in remarks)
    return comments + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _plain(value: object) -> Any:  # noqa: ANN401 - what YAML can hold
    if is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: _plain(part) for one in fields(value) if not _by_default(part := getattr(value, one.name), one)
        }
    if isinstance(value, tuple):
        hours = [one for one in value if isinstance(one, OpeningHours)]
        return _opening_hours(hours) if hours else [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal | datetime | date):
        return str(value) if isinstance(value, Decimal) else value.isoformat()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _by_default(value: object, one: Field[Any]) -> bool:
    """A zone is always written: a site without one has its client's."""
    return one.name != "timezone" and one.default is not MISSING and value == one.default


def _opening_hours(hours: Iterable[OpeningHours]) -> Mapping[str, str]:
    spans: dict[str, list[str]] = {}
    for one in hours:
        spans.setdefault(WEEKDAYS[one.weekday], []).append(f"{_clock(one.opens)}-{_clock(one.closes)}")
    return {day: ", ".join(of_day) for day, of_day in spans.items()}


def _clock(moment: time) -> str:
    return f"{moment:%H:%M}"
