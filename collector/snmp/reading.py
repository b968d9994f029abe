"""Reads a device in full once: which of its objects there are decides what the steady state asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from collector.snmp.agent import Agent
from collector.snmp.ask import Answer, Outcome
from collector.snmp.ber import Value
from collector.snmp.gauges import Gauge
from collector.snmp.harvest import NO_CLOCKS, Clocks
from collector.snmp.interfaces import COLUMNS, SYS_UPTIME, Column, Row, interface_text
from collector.snmp.message import ErrorStatus, VarBind
from collector.snmp.poller import SnmpPoller
from config.clock import Clock

SNMP_ENGINE_BOOTS = "1.3.6.1.6.3.10.2.1.2.0"
SNMP_ENGINE_TIME = "1.3.6.1.6.3.10.2.1.3.0"
"""SNMP-FRAMEWORK-MIB, RFC 3411."""
HR_SYSTEM_UPTIME = "1.3.6.1.2.1.25.1.1.0"
"""HOST-RESOURCES-MIB, RFC 2790."""
CLOCK_OIDS = (SYS_UPTIME, SNMP_ENGINE_BOOTS, SNMP_ENGINE_TIME, HR_SYSTEM_UPTIME)

VARBINDS_PER_GET = 48
"""About 1,300 octets of answer: no IP fragments on an ordinary path."""
MOST_OBJECTS_LEFT_OUT = 16
REFUSES_ONE_OBJECT = (ErrorStatus.NO_SUCH_NAME, ErrorStatus.GEN_ERR)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReading:
    """An interface: the octets of the name it was found by, and the numbers it answered. A column may be absent."""

    name: bytes | None
    values: Mapping[Column, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything there is to read of a device. Empty but for `answer` unless its outcome is OK.

    `rows` and `gauges` are by link id; `vanished` names links whose row is gone or now is another interface.
    `most_varbinds` is how many the agent's answers hold, as far as it is known. `moment`: seconds of our clock.
    """

    answer: Answer
    moment: float = 0.0
    clocks: Clocks = NO_CLOCKS
    rows: Mapping[str, RowReading] = field(default_factory=dict)
    gauges: Mapping[str, Mapping[Gauge, Value]] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)
    """The BER type of each object that answered, by OID."""
    vanished: tuple[str, ...] = ()
    most_varbinds: int = VARBINDS_PER_GET


async def read(
    poller: SnmpPoller,
    agent: Agent,
    rows: Mapping[str, Row],
    gauges: Mapping[str, Sequence[Gauge]],
    clock: Clock,
    most_varbinds: int = VARBINDS_PER_GET,
) -> Reading:
    """GET the agent's clocks, these rows and gauges, in as many datagrams as they need. The first failure ends it."""
    wanted = [*CLOCK_OIDS, *(oid for row in rows.values() for oid in row.oids)]
    wanted += [gauge.oid for of_link in gauges.values() for gauge in of_link]
    found: dict[str, VarBind] = {}
    moment = clock.monotonic()
    while wanted:
        group = tuple(wanted[:most_varbinds])
        answer, answered = await _get_what_there_is(poller, agent, group)
        if answer.error_status == ErrorStatus.TOO_BIG and len(group) > 1:
            most_varbinds = len(group) // 2
            continue
        if answer.outcome is not Outcome.OK:
            return Reading(answer=answer, most_varbinds=most_varbinds)
        if not found:
            moment = clock.monotonic()
        found |= answered
        del wanted[: len(group)]
    values = {oid: varbind.value for oid, varbind in found.items()}
    read_rows = {link: reading for link, row in rows.items() if (reading := _row(row, values)) is not None}
    uptime, boots, seconds, host = (_clock(values.get(oid)) for oid in CLOCK_OIDS)
    return Reading(
        answer=Answer(outcome=Outcome.OK),
        moment=moment,
        clocks=(uptime, boots, seconds, host),
        rows=read_rows,
        gauges={link: dict(_answered(of_link, values)) for link, of_link in gauges.items()},
        tags={oid: varbind.tag for oid, varbind in found.items()},
        vanished=tuple(link for link in rows if link not in read_rows),
        most_varbinds=most_varbinds,
    )


async def _get_what_there_is(
    poller: SnmpPoller, agent: Agent, oids: tuple[str, ...]
) -> tuple[Answer, Mapping[str, VarBind]]:
    """GET these OIDs. An object that the agent answers with an error is left out and the rest asked again."""
    wanted = oids
    for _ in range(MOST_OBJECTS_LEFT_OUT):
        answer = await poller.get_at_once(agent, wanted)
        at = answer.error_index - 1
        if answer.error_status not in REFUSES_ONE_OBJECT or not 0 <= at < len(wanted) or len(wanted) == 1:
            break
        wanted = wanted[:at] + wanted[at + 1 :]
    if answer.outcome is not Outcome.OK:
        return answer, {}
    return answer, dict(zip(wanted, answer.varbinds, strict=True))


def _row(row: Row, values: Mapping[str, Value]) -> RowReading | None:
    """None when the row no longer shows the name it was found by; one found by its index must show a number."""
    numbers = dict(_numbers(row, values))
    if row.column is None:
        return RowReading(name=None, values=numbers) if numbers else None
    name = values.get(f"{COLUMNS[row.column].oid}.{row.index}")
    if not isinstance(name, bytes) or interface_text(name) != interface_text(row.text):
        return None
    return RowReading(name=name, values=numbers)


def _numbers(row: Row, values: Mapping[str, Value]) -> Iterator[tuple[Column, int]]:
    for column in row.columns:
        value = values.get(f"{COLUMNS[column].oid}.{row.index}")
        if isinstance(value, int) and value >= 0:
            yield column, value


def _answered(gauges: Sequence[Gauge], values: Mapping[str, Value]) -> Iterator[tuple[Gauge, Value]]:
    for gauge in gauges:
        value = values.get(gauge.oid)
        if isinstance(value, int | bytes):
            yield gauge, value


def _clock(value: Value) -> int:
    return value if isinstance(value, int) and value >= 0 else -1
