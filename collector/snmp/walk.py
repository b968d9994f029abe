"""Reads needed columns of a table by GETBULK, several columns in one datagram (RFC 3416, section 4.2.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collector.snmp.agent import Agent
from collector.snmp.ask import Answer, Outcome
from collector.snmp.ber import Missing, Value
from collector.snmp.message import ErrorStatus, VarBind
from collector.snmp.poller import SnmpPoller

VARBINDS_PER_DATAGRAM = 60
"""About 1,400 octets of interface names: no IP fragments on an ordinary path."""
VARBINDS_THAT_FIT_ANYWHERE = 10
"""About 480 octets of answer, which every agent can send (RFC 3417, section 3.2)."""
VARBINDS_PER_GET = 48
MOST_DATAGRAMS = 1000
"""An agent that answers without end is left; a table of 10,000 rows and five columns still fits."""
MOST_OBJECTS_LEFT_OUT = 16
REFUSES_ONE_OBJECT = (ErrorStatus.NO_SUCH_NAME, ErrorStatus.GEN_ERR)


@dataclass(slots=True)
class Pace:
    """What one agent was found to bear, kept from one table to the next, and how many datagrams it took."""

    varbinds: int = VARBINDS_PER_DATAGRAM
    answered: bool = False
    bulks: int = 0
    gets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of a table: `columns[oid][index]`, the index as dotted text. Partial unless the outcome is OK."""

    outcome: Outcome
    columns: Mapping[str, Mapping[str, Value]]
    detail: str = ""
    error_status: int = 0

    @property
    def answer(self) -> Answer:
        return Answer(outcome=self.outcome, error_status=self.error_status, detail=self.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Values by OID; an object that the agent lacks or refuses is absent."""

    answer: Answer
    values: Mapping[str, Value] = field(default_factory=dict)


async def walk(
    poller: SnmpPoller, agent: Agent, columns: Sequence[str], pace: Pace | None = None, rows: int | None = None
) -> Table:
    """Every row of these columns (OIDs without index). Errors are in the outcome; nothing is raised.

    `rows` is how many are expected, so that not more than that is asked for at once. An answer that was too big, or
    that did not come although the agent had answered before (a lost fragment), is asked for in smaller pieces (fewer
    rows, then fewer columns at a time), and `pace` remembers that for the agent's next table.
    """
    pace = pace if pace is not None else Pace()
    found: dict[str, dict[str, Value]] = {column: {} for column in columns}
    cursors = {column: column for column in columns}
    for _ in range(MOST_DATAGRAMS):
        if not cursors:
            return Table(outcome=Outcome.OK, columns=found)
        asked = dict(list(cursors.items())[: pace.varbinds])
        repetitions = _repetitions(pace, len(asked), rows)
        answer = await poller.bulk(agent, tuple(asked.values()), repetitions)
        pace.bulks += 1
        size = repetitions * len(asked)
        if _asks_for_less(answer, pace) and size > 1:
            pace.varbinds = size // 2 if answer.error_status else min(size // 2, VARBINDS_THAT_FIT_ANYWHERE)
            continue
        if answer.error_status == ErrorStatus.NO_SUCH_NAME and 0 < answer.error_index <= len(asked):
            # An agent with the manners of SNMPv1: there is nothing behind this column.
            del cursors[tuple(asked)[answer.error_index - 1]]
            continue
        if answer.outcome is not Outcome.OK:
            return _ended(answer, found)
        if not answer.varbinds:
            return Table(outcome=Outcome.GARBLED, columns=found, detail="an empty answer to a GETBULK; check the agent")
        pace.answered = True
        moved = _take(answer.varbinds, asked, found)
        cursors = moved | {column: cursor for column, cursor in cursors.items() if column not in asked}
    return Table(outcome=Outcome.GARBLED, columns=found, detail="a table that does not end; check the agent")


async def look_up(poller: SnmpPoller, agent: Agent, oids: Iterable[str], pace: Pace | None = None) -> Known:
    """GET these OIDs, in as many datagrams as they need. An object that the agent answers with an error is left out
    and the rest asked again; any other failure ends it."""
    pace = pace if pace is not None else Pace()
    values: dict[str, Value] = {}
    waiting = list(dict.fromkeys(oids))
    answer = Answer(outcome=Outcome.OK)
    refused = 0
    while waiting:
        wanted = waiting[:VARBINDS_PER_GET]
        answer = await poller.get(agent, tuple(wanted))
        pace.gets += 1
        at = answer.error_index - 1
        if answer.error_status in REFUSES_ONE_OBJECT and 0 <= at < len(wanted) and refused < MOST_OBJECTS_LEFT_OUT:
            refused += 1
            waiting.remove(wanted[at])
            continue
        if answer.outcome is not Outcome.OK:
            return Known(answer=answer, values=values)
        pace.answered = True
        for oid, varbind in zip(wanted, answer.varbinds, strict=True):
            if not isinstance(varbind.value, Missing) and varbind.value is not None:
                values[oid] = varbind.value
        waiting = waiting[len(wanted) :]
    return Known(answer=Answer(outcome=Outcome.OK), values=values)


def _repetitions(pace: Pace, columns: int, rows: int | None) -> int:
    """So many rows as fit, and not more than there are and the one behind them."""
    fitting = max(1, pace.varbinds // columns)
    return fitting if rows is None else min(fitting, max(1, rows + 1))


def _asks_for_less(answer: Answer, pace: Pace) -> bool:
    return answer.error_status == ErrorStatus.TOO_BIG or (answer.outcome is Outcome.TIMEOUT and pace.answered)


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
