"""Finds out what an agent is, and which of its objects tell about the links that matter, in few datagrams."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from collector.snmp.agent import Agent
from collector.snmp.ask import Answer, Outcome
from collector.snmp.ber import Value
from collector.snmp.gauges import (
    Cells,
    Gauge,
    Wanted,
    gauge_value,
    has_row,
    instance_of,
    row_indices,
    rows_of,
    scale_of,
    wanted,
)
from collector.snmp.interfaces import COLUMNS, NAME_COLUMNS, Column, Row, find_row, interface_text, naming_columns
from collector.snmp.poller import SnmpPoller
from collector.snmp.profiles import NOTHING_SAID, By, Holds, Profile, Profiles, Relation, System, TableSpec, ValueSpec
from collector.snmp.walk import Pace, look_up, walk
from inventory.model import Link

SYS_DESCR, SYS_OBJECT_ID, SYS_NAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.5.0"
IF_NUMBER = "1.3.6.1.2.1.2.1.0"
RADIO_FIELDS = frozenset({"rssi_dbm", "rsrp_dbm", "rsrq_db", "sinr_db"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an agent is. `interfaces` is its ifNumber, None where it does not tell; some count wrongly."""

    answer: Answer
    system: System = NOTHING_SAID
    profile: Profile | None = None
    interfaces: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What was found for the links, by link id. Nothing but `answer` is meant unless its outcome is OK.

    `missing` names links whose interface the agent does not show, `names` what it shows; `notes` are sentences on
    what was left out because it was not clear, or could not be read.
    """

    answer: Answer
    system: System = NOTHING_SAID
    profile: Profile | None = None
    rows: Mapping[str, Row] = field(default_factory=dict)
    gauges: Mapping[str, tuple[Gauge, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    datagrams: int = 0


async def discover(poller: SnmpPoller, agent: Agent, links: Sequence[Link], profiles: Profiles) -> Discovery:
    """Find the rows and gauges of `links`, reading only the columns that this needs. Nothing is raised."""
    pace = Pace()
    identity = await identify(poller, agent, profiles, pace)
    profile = identity.profile
    if profile is None:
        return Discovery(answer=identity.answer)
    table: dict[Column, Mapping[str, Value]] = {}
    columns = _columns_for([link.interface for link in links if link.interface], profile)
    if columns:
        oids = {column: COLUMNS[column].oid for column in columns}
        walked = await walk(poller, agent, tuple(oids.values()), pace, identity.interfaces)
        if walked.outcome is not Outcome.OK:
            return Discovery(answer=walked.answer)
        table = {column: walked.columns[oid] for column, oid in oids.items()}
    rows = {
        link.id: replace(row, columns=profile.columns)
        for link in links
        if link.interface and (row := find_row(link.interface, table))
    }
    people = [wanted(link, rows.get(link.id), _shown(rows.get(link.id), table)) for link in links]
    gauges, notes = await _find_gauges(poller, agent, people, profile, pace)
    return Discovery(
        answer=Answer(outcome=Outcome.OK),
        system=identity.system,
        profile=profile,
        rows=rows,
        gauges=gauges,
        missing=tuple(link.id for link in links if link.interface and link.id not in rows),
        names=tuple(_names(table)),
        notes=tuple(notes),
        datagrams=pace.gets + pace.bulks,
    )


async def identify(poller: SnmpPoller, agent: Agent, profiles: Profiles, pace: Pace) -> Identity:
    """Ask what the agent is and choose its profile. The answer is not OK where it did not answer."""
    known = await look_up(poller, agent, (SYS_DESCR, SYS_OBJECT_ID, SYS_NAME, IF_NUMBER), pace)
    if known.answer.outcome is not Outcome.OK:
        return Identity(answer=known.answer)
    system = System(
        object_id=text_of(known.values.get(SYS_OBJECT_ID)).lstrip("."),
        description=text_of(known.values.get(SYS_DESCR)),
        name=text_of(known.values.get(SYS_NAME)),
    )
    questions = profiles.questions(system)
    said: Mapping[str, Value] = {}
    if questions:
        more = await look_up(poller, agent, questions, pace)
        if more.answer.outcome is not Outcome.OK:
            return Identity(answer=more.answer)
        said = more.values
    count = known.values.get(IF_NUMBER)
    return Identity(
        answer=Answer(outcome=Outcome.OK),
        system=system,
        profile=profiles.choose(system, {oid: text_of(value) for oid, value in said.items()}),
        interfaces=count if isinstance(count, int) and count > 0 else None,
    )


def text_of(value: Value) -> str:
    """A value as a person reads it; empty where there is none."""
    if isinstance(value, bytes):
        return interface_text(value)
    return str(value) if isinstance(value, int | str) else ""


def _columns_for(interfaces: Sequence[str], profile: Profile) -> tuple[Column, ...]:
    """The naming columns of IF-MIB that these links and the profile's tables need, none twice."""
    needed = naming_columns(interfaces)
    by_name = any(relation.holds is Holds.INTERFACE for table in profile.tables for relation in table.relations)
    return tuple(dict.fromkeys((*NAME_COLUMNS, *needed))) if by_name and interfaces else needed


def _shown(row: Row | None, table: Mapping[Column, Mapping[str, Value]]) -> list[str]:
    values = [table.get(column, {}).get(str(row.index)) for column in NAME_COLUMNS] if row else []
    return [interface_text(value) for value in values if isinstance(value, bytes)]


def _names(table: Mapping[Column, Mapping[str, Value]]) -> Sequence[str]:
    for column in table:
        texts = [interface_text(value) for value in table[column].values() if isinstance(value, bytes) and value]
        if texts:
            return texts
    return []


async def _find_gauges(
    poller: SnmpPoller, agent: Agent, links: Sequence[Wanted], profile: Profile, pace: Pace
) -> tuple[dict[str, tuple[Gauge, ...]], list[str]]:
    """By link one gauge for each field: the first in the profile's order that has a value now, else the first that
    is there."""
    found: dict[str, dict[str, tuple[Gauge, bool]]] = {each.link.id: {} for each in links}
    notes: list[str] = []
    for table in profile.tables:
        specs = [spec for spec in table.values if spec.field]
        concerned = [each for each in links if _concerns(table, specs, each, found[each.link.id])]
        if not specs or not concerned:
            continue
        cells, factors, trouble = await read_table(poller, agent, table, specs, pace)
        notes += trouble
        usable = frozenset(
            row for row in cells.rows for gauge in _gauges(table, specs, row, cells, factors) if gauge[1]
        )
        rows, unclear = rows_of(concerned, table, cells, usable)
        notes += unclear
        for link, (row, relation) in rows.items():
            holder = _holder(relation, row, cells)
            for gauge, speaks in _gauges(table, specs, row, cells, factors):
                before = found[link].get(gauge.field)
                if before is None or (speaks and not before[1]):
                    found[link][gauge.field] = (replace(gauge, holder=holder), speaks)
    return {link: tuple(gauge for gauge, _ in each.values()) for link, each in found.items() if each}, notes


def _concerns(
    table: TableSpec, specs: Iterable[ValueSpec], each: Wanted, found: Mapping[str, tuple[Gauge, bool]]
) -> bool:
    """Whether a table can tell something of this link that is not known yet. A wired line has no signal."""
    access = each.link.access
    wireless = access is None or access.wireless
    open_fields = {spec.field for spec in specs if spec.field and not (spec.field in found and found[spec.field][1])}
    if not open_fields or (open_fields <= RADIO_FIELDS and not wireless):
        return False
    return any(_can_tell(relation, each) for relation in table.relations)


def _can_tell(relation: Relation, each: Wanted) -> bool:
    if relation.by is By.CELLULAR:
        return each.cellular
    match relation.holds:
        case Holds.IF_INDEX:
            return each.row is not None
        case Holds.TARGET:
            return each.target is not None
        case Holds.CARRIER:
            return each.cellular and bool(each.carriers)
        case Holds.INTERFACE:
            return bool(each.names)


async def read_table(
    poller: SnmpPoller, agent: Agent, table: TableSpec, specs: Sequence[ValueSpec], pace: Pace
) -> tuple[Cells, Mapping[tuple[str, str], Value], list[str]]:
    """The columns of `specs`, what tells the rows apart, the cells that name factors by (column, row), and sentences
    on what could not be read."""
    walked = await walk(poller, agent, tuple(dict.fromkeys(spec.oid for spec in specs)), pace)
    if walked.outcome is not Outcome.OK:
        return Cells({}, ()), {}, [_unread(table, walked.answer)]
    rows = row_indices(replace(table, values=tuple(specs)), walked.columns)
    named = [spec.factors.column for spec in specs if spec.factors]
    asked = [*named, *(relation.column for relation in table.relations if relation.column)]
    if not rows or not asked:
        return Cells(walked.columns, rows), {}, []
    known = await look_up(poller, agent, (f"{column}.{row}" for column in asked for row in rows), pace)
    if known.answer.outcome is not Outcome.OK:
        return Cells(walked.columns, rows), {}, [_unread(table, known.answer)]
    held: dict[tuple[Relation, str], tuple[str, Value]] = {}
    second: dict[str, tuple[Relation, str]] = {}
    for relation in table.relations:
        for row in rows:
            oid = f"{relation.column}.{row}"
            value = known.values.get(oid)
            if relation.via and isinstance(value, int):
                second[f"{relation.via}.{value}"] = (relation, row)
            elif relation.column and not relation.via and value is not None:
                held[relation, row] = (oid, value)
    if second:
        further = await look_up(poller, agent, second, pace)
        if further.answer.outcome is not Outcome.OK:
            return Cells(walked.columns, rows, held), {}, [_unread(table, further.answer)]
        held |= {second[oid]: (oid, value) for oid, value in further.values.items()}
    factors = {
        (column, row): known.values[oid]
        for column in named
        for row in rows
        if (oid := f"{column}.{row}") in known.values
    }
    return Cells(walked.columns, rows, held), factors, []


def _unread(table: TableSpec, answer: Answer) -> str:
    return f"{table.name} could not be read: {answer.detail or answer.outcome.value}"


def _gauges(
    table: TableSpec, specs: Iterable[ValueSpec], row: str, cells: Cells, factors: Mapping[tuple[str, str], Value]
) -> list[tuple[Gauge, bool]]:
    """The gauges of a row in the order of the profile, each with whether it has a value now."""
    gauges = []
    for spec in specs:
        instance = instance_of(row, spec)
        value = cells.values.get(spec.oid, {}).get(instance)
        scale = scale_of(spec, row, factors)
        if value is None or spec.field is None or scale is None or not has_row(spec, row):
            continue
        gauge = Gauge(
            field=spec.field,
            oid=f"{spec.oid}.{instance}",
            name=spec.name,
            unit=spec.unit,
            meaning=spec.meaning or table.name,
            scale=scale,
            offset=spec.offset,
            lowest=spec.lowest,
            highest=spec.highest,
            sentinels=spec.sentinels,
            text=spec.text,
            kind=spec.kind,
        )
        gauges.append((gauge, not math.isnan(gauge_value(gauge, value))))
    return gauges


def _holder(relation: Relation, row: str, cells: Cells) -> tuple[str, bytes] | None:
    oid, value = cells.held.get((relation, row), ("", None))
    return (oid, value) if isinstance(value, bytes) else None
