"""Reads an agent: finds the rows of the interfaces that matter, then GETs just those rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from collector.snmp.ber import Missing, Value
from collector.snmp.interfaces import (
    COLUMNS,
    SYS_UPTIME,
    Column,
    Reading,
    Row,
    find_row,
    interface_text,
    naming_columns,
)
from collector.snmp.message import ErrorStatus
from collector.snmp.poller import Answer, Outcome, SnmpPoller
from collector.snmp.walk import walk
from config.clock import Clock

VARBINDS_PER_GET = 48
"""About 1,300 octets of answer: no IP fragments on an ordinary path."""
MOST_OBJECTS_LEFT_OUT = 16
REFUSES_ONE_OBJECT = (ErrorStatus.NO_SUCH_NAME, ErrorStatus.GEN_ERR)


@dataclass(frozen=True, slots=True)
class Agent:
    """Where an agent answers, and to which community."""

    address: str
    port: int
    community: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Rows by link id. `missing` names links whose interface the agent does not show; `names` what it shows."""

    answer: Answer
    rows: Mapping[str, Row] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReading:
    """Readings by link id. `rows` are narrowed to the columns that the agent has; `vanished` names links whose row
    is gone or now is another interface."""

    answer: Answer
    uptime: int | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)
    rows: Mapping[str, Row] = field(default_factory=dict)
    vanished: tuple[str, ...] = ()


async def discover(poller: SnmpPoller, agent: Agent, interfaces: Mapping[str, str]) -> Discovery:
    """Find the rows of `interfaces` (link id -> interface name), reading only the columns that this needs."""
    columns = naming_columns(tuple(interfaces.values()))
    table: dict[Column, Mapping[str, Value]] = {}
    if columns:
        oids = {column: COLUMNS[column].oid for column in columns}
        walked = await walk(poller, agent.address, agent.port, agent.community, tuple(oids.values()))
        if walked.outcome is not Outcome.OK:
            return Discovery(
                answer=Answer(outcome=walked.outcome, error_status=walked.error_status, detail=walked.detail)
            )
        table = {column: walked.columns[oid] for column, oid in oids.items()}
    found = {link: find_row(interface, table) for link, interface in interfaces.items()}
    return Discovery(
        answer=Answer(outcome=Outcome.OK),
        rows={link: row for link, row in found.items() if row},
        missing=tuple(link for link, row in found.items() if row is None),
        names=tuple(_names(table)),
    )


def _names(table: Mapping[Column, Mapping[str, Value]]) -> Sequence[str]:
    for column in table:
        texts = [interface_text(value) for value in table[column].values() if isinstance(value, bytes) and value]
        if texts:
            return texts
    return []


async def read(poller: SnmpPoller, agent: Agent, rows: Mapping[str, Row], clock: Clock) -> AgentReading:
    """GET sysUpTime and these rows, in as many datagrams as they need. The first failure ends it."""
    readings: dict[str, Reading] = {}
    narrowed: dict[str, Row] = {}
    vanished: list[str] = []
    uptime: int | None = None
    for group in _groups(rows):
        oids = [SYS_UPTIME, *(oid for link in group for oid in rows[link].oids())]
        answer, values = await _get_what_there_is(poller, agent, oids)
        if answer.outcome is not Outcome.OK:
            return AgentReading(answer=answer)
        moment = clock.monotonic()
        uptime = _number(values.get(SYS_UPTIME))
        for link in group:
            row = _narrowed(rows[link], values)
            if row is None:
                vanished.append(link)
                continue
            narrowed[link] = row
            readings[link] = Reading(moment=moment, uptime=uptime, values=_numbers(row, values))
    return AgentReading(
        answer=Answer(outcome=Outcome.OK), uptime=uptime, readings=readings, rows=narrowed, vanished=tuple(vanished)
    )


def _groups(rows: Mapping[str, Row]) -> list[list[str]]:
    """Links whose rows go into one GET; one empty group when there are none, to ask for sysUpTime alone."""
    groups: list[list[str]] = [[]]
    size = 1
    for link, row in rows.items():
        more = len(row.columns) + 1
        if groups[-1] and size + more > VARBINDS_PER_GET:
            groups.append([])
            size = 1
        groups[-1].append(link)
        size += more
    return groups


async def _get_what_there_is(
    poller: SnmpPoller, agent: Agent, oids: Sequence[str]
) -> tuple[Answer, Mapping[str, Value]]:
    """GET these OIDs; an object that the agent answers with an error is left out and the rest asked again."""
    wanted = list(oids)
    for _ in range(MOST_OBJECTS_LEFT_OUT):
        answer = await poller.get(agent.address, agent.port, agent.community, tuple(wanted))
        one_is_refused = answer.error_status in REFUSES_ONE_OBJECT and 1 <= answer.error_index <= len(wanted)
        if not one_is_refused or len(wanted) == 1:
            break
        del wanted[answer.error_index - 1]
    if answer.outcome is not Outcome.OK:
        return answer, {}
    return answer, dict(zip(wanted, (varbind.value for varbind in answer.varbinds), strict=True))


def _narrowed(row: Row, values: Mapping[str, Value]) -> Row | None:
    """The row with the columns that answered, all of them where none did; None when it is gone, or bears another
    name than it was found by."""
    there = tuple(column for column in row.columns if _number(values.get(_oid(column, row))) is not None)
    if row.column is None:
        return replace(row, columns=there) if there else None
    name = values.get(_oid(row.column, row))
    if not isinstance(name, bytes) or interface_text(name) != interface_text(row.text):
        return None
    return replace(row, columns=there or row.columns)


def _numbers(row: Row, values: Mapping[str, Value]) -> dict[Column, int]:
    read = {column: _number(values.get(_oid(column, row))) for column in row.columns}
    return {column: value for column, value in read.items() if value is not None}


def _oid(column: Column, row: Row) -> str:
    return f"{COLUMNS[column].oid}.{row.index}"


def _number(value: Value | Missing) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
