"""Reads an agent: finds the rows of the interfaces that matter, then GETs just those rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from collector.snmp.agent import Agent
from collector.snmp.ask import Answer, Outcome
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
from collector.snmp.poller import SnmpPoller
from collector.snmp.walk import walk
from config.clock import Clock

VARBINDS_PER_GET = 48
"""About 1,300 octets of answer: no IP fragments on an ordinary path."""
MOST_OBJECTS_LEFT_OUT = 16
REFUSES_ONE_OBJECT = (ErrorStatus.NO_SUCH_NAME, ErrorStatus.GEN_ERR)


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
        walked = await walk(poller, agent, tuple(oids.values()))
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
        oids = (SYS_UPTIME, *(oid for link in group for oid in rows[link].oids))
        answer, values = await _get_what_there_is(poller, agent, oids)
        if answer.outcome is not Outcome.OK:
            return AgentReading(answer=answer)
        moment = clock.monotonic()
        uptime = _number(values[0])
        at = 1
        for link in group:
            row, answered = rows[link], values[at : at + len(rows[link].oids)]
            at += len(answered)
            if not _is_there(row, answered):
                vanished.append(link)
                continue
            numbers = _numbers(row, answered)
            narrowed[link] = row if len(numbers) in (0, len(row.columns)) else replace(row, columns=tuple(numbers))
            readings[link] = Reading(moment=moment, uptime=uptime, values=numbers)
    return AgentReading(
        answer=Answer(outcome=Outcome.OK), uptime=uptime, readings=readings, rows=narrowed, vanished=tuple(vanished)
    )


def _groups(rows: Mapping[str, Row]) -> list[list[str]]:
    """Links whose rows go into one GET; one empty group when there are none, to ask for sysUpTime alone."""
    groups: list[list[str]] = [[]]
    size = 1
    for link, row in rows.items():
        more = len(row.oids)
        if groups[-1] and size + more > VARBINDS_PER_GET:
            groups.append([])
            size = 1
        groups[-1].append(link)
        size += more
    return groups


async def _get_what_there_is(poller: SnmpPoller, agent: Agent, oids: tuple[str, ...]) -> tuple[Answer, Sequence[Value]]:
    """GET these OIDs; the values follow their order. An object that the agent answers with an error is left out,
    its value None, and the rest asked again."""
    wanted = oids
    for _ in range(MOST_OBJECTS_LEFT_OUT):
        answer = await poller.get(agent, wanted)
        at = answer.error_index - 1
        if answer.error_status not in REFUSES_ONE_OBJECT or not 0 <= at < len(wanted) or len(wanted) == 1:
            break
        wanted = wanted[:at] + wanted[at + 1 :]
    if answer.outcome is not Outcome.OK:
        return answer, ()
    values = [varbind.value for varbind in answer.varbinds]
    if wanted is oids:
        return answer, values
    by_oid = dict(zip(wanted, values, strict=True))
    return answer, [by_oid.get(oid) for oid in oids]


def _is_there(row: Row, answered: Sequence[Value]) -> bool:
    """Whether the row still shows the name it was found by; one found by its index shows at least one number."""
    if row.column is None:
        return any(_number(value) is not None for value in answered)
    name = answered[0]
    return isinstance(name, bytes) and interface_text(name) == interface_text(row.text)


def _numbers(row: Row, answered: Sequence[Value]) -> dict[Column, int]:
    """The columns that the agent has, without the identifying one."""
    values = answered[1:] if row.column else answered
    read = zip(row.columns, map(_number, values), strict=True)
    return {column: number for column, number in read if number is not None}


def _number(value: Value | Missing) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
