"""Reads needed columns of a table by GETBULK, several columns in one datagram (RFC 3416, section 4.2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.snmp.agent import Agent
from collector.snmp.ask import Answer, Outcome
from collector.snmp.ber import Missing, Value
from collector.snmp.message import ErrorStatus, VarBind
from collector.snmp.poller import SnmpPoller

VARBINDS_PER_DATAGRAM = 60
"""About 1,400 octets of interface names: no IP fragments on an ordinary path."""
MOST_DATAGRAMS = 1000
"""An agent that answers without end is left; a table of 10,000 rows and five columns still fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of a table: `columns[oid][index]`, the index as dotted text. Partial unless the outcome is OK."""

    outcome: Outcome
    columns: Mapping[str, Mapping[str, Value]]
    detail: str = ""
    error_status: int = 0


async def walk(poller: SnmpPoller, agent: Agent, columns: Sequence[str]) -> Table:
    """Every row of these columns (OIDs without index). Errors are in the outcome; nothing is raised."""
    found: dict[str, dict[str, Value]] = {column: {} for column in columns}
    cursors = {column: column for column in columns}
    repetitions = max(1, VARBINDS_PER_DATAGRAM // len(columns))
    for _ in range(MOST_DATAGRAMS):
        if not cursors:
            return Table(outcome=Outcome.OK, columns=found)
        answer = await poller.bulk(agent, tuple(cursors.values()), repetitions)
        if answer.error_status == ErrorStatus.TOO_BIG and repetitions > 1:
            repetitions //= 2
            continue
        if answer.outcome is not Outcome.OK:
            return _ended(answer, found)
        if not answer.varbinds:
            return Table(outcome=Outcome.GARBLED, columns=found, detail="an empty answer to a GETBULK; check the agent")
        cursors = _take(answer.varbinds, cursors, found)
    return Table(outcome=Outcome.GARBLED, columns=found, detail="a table that does not end; check the agent")


def _ended(answer: Answer, found: Mapping[str, Mapping[str, Value]]) -> Table:
    return Table(outcome=answer.outcome, columns=found, detail=answer.detail, error_status=answer.error_status)


def _take(
    varbinds: Sequence[VarBind], cursors: Mapping[str, str], found: Mapping[str, dict[str, Value]]
) -> dict[str, str]:
    """Put the values where they belong; return the columns that go on, each with the OID to go on from.

    A column ends where its prefix does, at endOfMibView, or where an agent does not advance (it would loop).
    """
    open_columns = dict(cursors)
    order = tuple(cursors)
    for position, varbind in enumerate(varbinds):
        column = order[position % len(order)]
        if column not in open_columns:
            continue
        oid = varbind.oid
        if (
            isinstance(varbind.value, Missing)
            or not oid.startswith(column + ".")
            or _numbers(oid) <= _numbers(open_columns[column])
        ):
            del open_columns[column]
            continue
        open_columns[column] = oid
        found[column][oid[len(column) + 1 :]] = varbind.value
    # A column whose first value did not fit into the answer has not moved and is asked again.
    return open_columns


def _numbers(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))
