"""Maintenance windows from iCalendar files (RFC 5545), also of the BCOP's kind with X-MAINTNOTE properties. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from config.errors import ConfigurationError
from inventory.model import Impact, Inventory, MaintenanceSource, MaintenanceStatus, MaintenanceWindow, Notice
from inventory.notices import announcement, lines_of, named_in, revised, window_id
from inventory.quantities import checked_zone
from inventory.recurrence import checked_recurrence

LARGEST = 20_000_000
"""Bytes of a calendar that are read; years of a provider's work stay below a tenth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What all events of a file are about, where the file does not say it; `zone` is of times without one."""

    sites: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    zone: str | None = None


@dataclass(slots=True)
class CalendarReading:
    """What a calendar brings. Each sentence names the event: nothing is dropped without one."""

    windows: list[MaintenanceWindow] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    """Circuits that no line has, and events that name nothing we know."""
    refused: list[str] = field(default_factory=list)
    older: list[str] = field(default_factory=list)
    """Events that say nothing newer than what is known."""


class _EventError(Exception):
    """Why an event cannot become a window."""


def read_calendar(content: bytes, known: Inventory, target: Target, now: datetime) -> CalendarReading:
    """The windows that the file adds or changes. Raises ConfigurationError when it is no calendar at all."""
    if len(content) > LARGEST:
        raise ConfigurationError(f"the calendar has {len(content)} bytes; {LARGEST} are read at most, so divide it")
    try:
        calendars = Calendar.from_ical(content, multiple=True)
    except (ValueError, IndexError, KeyError) as error:
        raise ConfigurationError(f"this is no iCalendar file ({error}); export it as .ics (RFC 5545)") from None
    reading = CalendarReading()
    events: dict[str, list[tuple[Event, bool]]] = {}
    for calendar in calendars:
        cancels = str(calendar.get("METHOD", "")).upper() == "CANCEL"
        for event in calendar.walk("VEVENT"):
            events.setdefault(str(event.get("UID", "")), []).append((event, cancels))
    if not events:
        raise ConfigurationError("the file has no event (VEVENT) at all; export the calendar again as .ics")
    for uid, same in events.items():
        try:
            _read_series(uid, same, known, target, now, reading)
        except _EventError as why:
            reading.refused.append(f"{_named(same[0][0])}: {why}")
    return reading


def _read_series(
    uid: str,
    events: Sequence[tuple[Event, bool]],
    known: Inventory,
    target: Target,
    now: datetime,
    reading: CalendarReading,
) -> None:
    """All events of one UID: the work itself, and those of its times that were moved or called off."""
    if not uid:
        raise _EventError("it has no UID, so a later version of it could not be told from it")
    masters = [_window(event, cancels, known, target) for event, cancels in events if "RECURRENCE-ID" not in event]
    moved = [(event, cancels) for event, cancels in events if "RECURRENCE-ID" in event]
    before = [one for one in known.maintenance if one.notice.id and announcement(one) == _key(events[0][0], uid)]
    series = max(masters, key=lambda one: (one[0].notice.sequence, str(one[0].notice.stamp)), default=None)
    if series is None:
        whole = next((one for one in before if one.recurrence), None)
        if whole is None:
            raise _EventError("it moves one time of recurring work that is not known; import the whole calendar")
        series = (whole, [])
    window, unmatched = series
    fresh = []
    for event, cancels in moved:
        moment, single = _moved(event, cancels, window, known)
        window = replace(window, recurrence=f"{window.recurrence}\nEXDATE:{moment:%Y%m%dT%H%M%S}")
        if single.status is not MaintenanceStatus.CANCELLED:
            fresh.append(single)
        newest = max(window.notice, single.notice, key=lambda one: (one.sequence, str(one.stamp)))
        window = replace(window, notice=replace(window.notice, sequence=newest.sequence, stamp=newest.stamp))
    written = {window.id, *(one.id for one in fresh)}
    changed = revised([one for one in before if masters or one.id in written], [window, *fresh], now)
    reading.unmatched += [f"{_named(events[0][0])}: {name}" for name in unmatched]
    if changed is None:
        reading.older.append(_named(events[0][0]))
        return
    placed = [one for one in changed if one.sites or one.links]
    if len(placed) < len(changed) and not unmatched:
        reading.unmatched.append(f"{_named(events[0][0])}: names no site, alias or circuit that is known")
    reading.windows += placed


def _window(event: Event, cancels: bool, known: Inventory, target: Target) -> tuple[MaintenanceWindow, list[str]]:
    """An event as a window, and the circuits that it names and no line has."""
    provider, circuits = _text(event, "X-MAINTNOTE-PROVIDER"), _texts(event, "X-MAINTNOTE-OBJECT-ID")
    unmatched: list[str] = []
    sites, links = target.sites, target.links
    if not sites and not links:
        sites, links, unmatched = _found(event, circuits, provider, known)
    here = {known.sites[site].timezone for site in sites if site in known.sites}
    here |= {known.sites[known.links[link].site].timezone for link in links}
    start, end, zone = _times(event, target.zone, here)
    if not zone and "RRULE" in event:
        raise _EventError("it comes again by a clock that is no IANA zone; say the zone with --timezone")
    uid = str(event["UID"])
    own = _text(event, "X-MAINTNOTE-MAINTENANCE-ID") or uid
    notice = Notice(
        provider=provider,
        account=_text(event, "X-MAINTNOTE-ACCOUNT"),
        id=own,
        sequence=_sequence(event),
        stamp=_stamp(event),
        circuits=circuits,
        impact=_one_of(Impact, _text(event, "X-MAINTNOTE-IMPACT")),
    )
    window = MaintenanceWindow(
        id=window_id(provider, own) if provider else window_id("calendar", own),
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        sites=sites,
        links=links,
        reason=str(event.get("SUMMARY", "")).strip()[:500],
        recurrence=_recurrence(event, zone or "UTC"),
        timezone=zone or "UTC",
        source=MaintenanceSource.CALENDAR,
        status=MaintenanceStatus.CANCELLED if cancels else _status(event),
        notice=notice,
    )
    return window, unmatched


def _moved(
    event: Event, cancels: bool, series: MaintenanceWindow, known: Inventory
) -> tuple[datetime, MaintenanceWindow]:
    """The wall-clock time of the series that an event stands for, and the event as a window of its own."""
    if event["RECURRENCE-ID"].params.get("RANGE"):
        raise _EventError("it moves all later times too (RANGE); end the series and begin a new one")
    own, _ = _window(event, cancels, known, Target(sites=series.sites, links=series.links, zone=series.timezone))
    zone = ZoneInfo(series.timezone)
    moment = event["RECURRENCE-ID"].dt
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, series.start.astimezone(zone).time())
    wall = moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
    single = replace(own, id=window_id(series.id, f"{wall:%Y%m%dT%H%M}"), recurrence="")
    return wall, single


def _found(
    event: Event, circuits: Sequence[str], provider: str, known: Inventory
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Sites, lines, and what is named and not known. Circuits that are named by themselves count alone."""
    if not circuits:
        text = " ".join(str(event.get(name, "")) for name in ("SUMMARY", "DESCRIPTION", "LOCATION"))
        sites, links = named_in(text, known)
        return tuple(sites), tuple(links), []
    links, unmatched = [], []
    for circuit in circuits:
        own = lines_of(known.links.values(), circuit)
        of_provider = lines_of(own, circuit, provider) if len(own) > 1 else own
        if len(of_provider) == 1:
            links.append(of_provider[0].id)
        else:
            unmatched.append(f"circuit {circuit}, which {f'{len(own)} lines have' if own else 'no line has'}")
    return (), tuple(dict.fromkeys(links)), unmatched


def _times(event: Event, given: str | None, here: set[str]) -> tuple[datetime, datetime, str]:
    """Start and end, aware, and the zone whose wall clock the event follows."""
    if "DTSTART" not in event:
        raise _EventError("it has no DTSTART")
    start, zone = event["DTSTART"].dt, _zone(event["DTSTART"], given, here)
    end: Any = event["DTEND"].dt if "DTEND" in event else None
    if not isinstance(start, datetime):
        last = end if end is not None else start + (event["DURATION"].dt if "DURATION" in event else timedelta(days=1))
        return _midnight(start, zone), _midnight(last, zone), zone
    start = _aware(start, zone)
    if end is None:
        end = start + event["DURATION"].dt if "DURATION" in event else start
    elif isinstance(end, datetime):
        end = _aware(end, _zone(event["DTEND"], given or zone or None, here))
    else:
        end = _midnight(end, zone)
    if end <= start:
        raise _EventError(f"it ends at {end}, which is not after its start")
    return start, end, zone


def _zone(value: Any, given: str | None, here: set[str]) -> str:  # noqa: ANN401 - icalendar's vDDDTypes
    """The IANA zone of a time: its own, empty where that has no such name; or for one that floats the one given, or the
    only one of what it is about."""
    moment, named = value.dt, value.params.get("TZID")
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        own = str(getattr(moment.tzinfo, "zone", None) or getattr(moment.tzinfo, "key", None) or "UTC")
        try:
            return checked_zone(own)
        except ValueError:
            return given or ""
    if named is not None and given is None:
        raise _EventError(f"its zone {named} is not described; say the zone with --timezone")
    if given is None and len(here) != 1:
        where = f"its sites lie in {', '.join(sorted(here))}" if here else "it is about no known site"
        raise _EventError(f"its times have no zone and {where}; say the zone with --timezone")
    return given or next(iter(here))


def _aware(moment: datetime, zone: str) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone))


def _recurrence(event: Event, zone: str) -> str:
    rules = event.get("RRULE", [])
    lines = [f"RRULE:{rule.to_ical().decode()}" for rule in (rules if isinstance(rules, list) else [rules])]
    if len(lines) > 1:
        raise _EventError("it has several RRULE; give each rule an event of its own")
    for name in ("RDATE", "EXDATE"):
        lines += [f"{name}:{_wall(moment, zone)}" for moment in _dates(event.get(name, []))]
    if "EXRULE" in event:
        raise _EventError("it has an EXRULE, which RFC 5545 has taken out; list the times as EXDATE")
    try:
        return checked_recurrence("\n".join(lines))
    except ValueError as error:
        raise _EventError(f"its recurrence cannot be followed: expected {error}") from None


def _dates(values: Any) -> Iterator[Any]:  # noqa: ANN401 - icalendar gives one list of dates, or a list of them
    for each in values if isinstance(values, list) else [values]:
        yield from (one.dt for one in each.dts)


def _wall(moment: Any, zone: str) -> str:  # noqa: ANN401 - a date, a datetime or a period
    if isinstance(moment, tuple):
        raise _EventError("an RDATE has a period; give that time an event of its own")
    if not isinstance(moment, datetime):
        return f"{moment:%Y%m%d}"
    return f"{moment.astimezone(ZoneInfo(zone)) if moment.tzinfo else moment:%Y%m%dT%H%M%S}"


def _status(event: Event) -> MaintenanceStatus:
    """X-MAINTNOTE-STATUS says more than STATUS; an event that says neither is meant as it stands."""
    told = _text(event, "X-MAINTNOTE-STATUS") or _text(event, "STATUS")
    return _one_of(MaintenanceStatus, told) or MaintenanceStatus.CONFIRMED


def _one_of(kind: Any, value: str) -> Any:  # noqa: ANN401 - a member of the given enum
    return next((one for one in kind if one.value == value.casefold()), None)


def _sequence(event: Event) -> int:
    try:
        return max(0, int(event.get("SEQUENCE", 0)))
    except ValueError:
        return 0


def _stamp(event: Event) -> datetime | None:
    stamp = next((event[name].dt for name in ("LAST-MODIFIED", "DTSTAMP") if name in event), None)
    return stamp.astimezone(UTC) if isinstance(stamp, datetime) and stamp.tzinfo is not None else None


def _key(event: Event, uid: str) -> tuple[str, str]:
    return _text(event, "X-MAINTNOTE-PROVIDER").casefold(), _text(event, "X-MAINTNOTE-MAINTENANCE-ID") or uid


def _text(event: Event, name: str) -> str:
    values = _texts(event, name)
    return values[0] if values else ""


def _texts(event: Event, name: str) -> tuple[str, ...]:
    values = event.get(name, [])
    return tuple(str(one).strip() for one in (values if isinstance(values, list) else [values]) if str(one).strip())


def _named(event: Event) -> str:
    return f"event {event.get('UID', 'without UID')} ({event.get('SUMMARY', 'no summary')})"
