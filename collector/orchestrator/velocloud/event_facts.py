"""From a VCO's events to facts about our devices and links. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.model import Fact, FactKind, Source
from collector.orchestrator.directory import Directory
from collector.orchestrator.record import Record, Rows, read_rows

EVENTS = (
    "EDGE_UP",
    "EDGE_DOWN",
    "EDGE_REBOOTING",
    "EDGE_SERVICE_FAILED",
    "EDGE_MEMORY_USAGE_WARNING",
    "OVERTEMP",
    "LINK_ALIVE",
    "LINK_DEAD",
    "EDGE_INTERFACE_UP",
    "EDGE_INTERFACE_DOWN",
    "HA_READY",
    "HA_FAILED",
    "HA_GOING_ACTIVE",
    "HA_STANDBY_ACTIVATED",
    "HA_TERMINATED",
    "BW_UNMEASURABLE",
)
"""The events that say something about a site's lines; the others are not asked for."""

Names = Mapping[tuple[str, str], str]
"""Edge ids by (enterprise, edge name)."""

_INTERFACE_IN_MESSAGE = re.compile(r"\b(?:Link|Interface)\s+([^\s,;:]+)\s+is\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event. event/getEnterpriseEvents names its edge, monitoring/getAggregateEnterpriseEvents gives ids too."""

    time: datetime
    event: str
    message: str
    enterprise: str | None
    edge: str | None
    edge_name: str | None
    internal_id: str | None


def event_rows(items: Sequence[object], enterprise: str | None = None) -> Rows[EventRow]:
    """Rows of either method; `enterprise` is the one that was asked for. An event without a name or a usable time says
    nothing."""

    def read(record: Record) -> tuple[EventRow | None, int]:
        time, event = record.moment("eventTime"), record.text("event")
        if time is None or event is None:
            return None, 1
        row = EventRow(
            time=time,
            event=event,
            message=record.text("message") or "",
            enterprise=enterprise or record.identifier("enterpriseId"),
            edge=record.identifier("edgeId"),
            edge_name=record.text("edgeName"),
            internal_id=_internal_id(record.text("detail", longest=10_000)),
        )
        return row, 0

    return read_rows(items, read)


def _internal_id(detail: str | None) -> str | None:
    """The link's internalId where the event's detail is the JSON text that link events carry."""
    try:
        document = json.loads(detail or "")
    except (ValueError, RecursionError):
        return None
    return Record(document).text("internalId")


def nameless(rows: Iterable[EventRow]) -> bool:
    """Whether an edge must be found by its name, because an event gives no id of it."""
    return any(row.edge is None and row.edge_name is not None for row in rows)


def event_facts(rows: Iterable[EventRow], names: Names, known: Directory, now: datetime) -> list[Fact]:
    """Events of our edges.

    The edge is found by its id, which a name that was given anew does not change, nor a pair whose boxes change
    places; else by its name within the enterprise. The line is found by the internalId in the event's detail, else by
    the interface in its text; else the event is the device's. What was not asked for is left out: a page's link makes
    a host forget the filter.
    """
    facts = []
    for row in rows:
        edge = row.edge or names.get((row.enterprise or "", row.edge_name or ""))
        device = known.device_of(edge, row.enterprise)
        if row.event not in EVENTS or edge is None or device is None or device.id not in known.watched_devices:
            continue
        named = _INTERFACE_IN_MESSAGE.search(row.message)
        link = known.link_of(edge, row.internal_id, None)
        if link is None and row.internal_id is None and named:
            link = known.interfaces.get((edge.casefold(), named.group(1).casefold()))
        subject = link if link is not None and link in known.watched_links else device.id
        facts.append(Fact(row.time, subject, FactKind.EVENT, row.event, Source.ORCHESTRATOR, now, row.message))
    return facts
