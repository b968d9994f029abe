"""How fresh every line's samples are, at one moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model import Cadence, Source
from inventory.model import Inventory, Link
from inventory.watching import watching

SOURCE_NAMES: Mapping[Source, str] = {
    Source.SNMP: "SNMP",
    Source.ORCHESTRATOR: "Orchestrator",
    Source.PROBE: "Probe",
    Source.IMPORT: "Import",
}


def is_fresh(end: datetime | None, cadence: Cadence, now: datetime) -> bool:
    """Whether the slot after the one that ended at `end` is not overdue: a slot is missing from its end + late on."""
    return end is not None and now < end + timedelta(seconds=cadence.every + cadence.late)


def reach(cadence: Cadence) -> timedelta:
    """How far back the newest sample is looked for: enough to tell late from silent, whatever the source."""
    return max(timedelta(minutes=15), 3 * timedelta(seconds=cadence.every + cadence.late))


def expected_sources(link: Link, inventory: Inventory) -> tuple[Source, ...]:
    """The sources that should measure a link, as its monitoring obligation and its device's set-up say."""
    views = watching(link, inventory.devices.get(link.device or "")).views
    return tuple(Source(view.tool.value) for view in views if view.lacks is None)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """`expected` names the sources that should measure each watched link; `newest` holds the end of the newest slot
    of (link, source), absent when there was none within `reach`."""

    inventory: Inventory
    cadences: Mapping[Source, Cadence]
    expected: Mapping[str, tuple[Source, ...]]
    newest: Mapping[tuple[str, Source], datetime]
    now: datetime

    def fresh(self, link: str, source: Source) -> bool:
        return is_fresh(self.newest.get((link, source)), self.cadences[source], self.now)

    def measured(self, link: str) -> bool:
        """Whether any source that should measure the link has a fresh sample of it."""
        return any(self.fresh(link, source) for source in self.expected.get(link, ()))
