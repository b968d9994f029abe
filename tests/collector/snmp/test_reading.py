"""One full read of a device: what it has, what it lacks, what it refuses, and how much it answers at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pysnmp.proto.api import v2c

from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Outcome
from collector.snmp.gauges import Gauge
from collector.snmp.interfaces import Column, Row
from collector.snmp.poller import SnmpPoller
from collector.snmp.reading import Reading, read
from config.clock import ManualClock

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
UPTIME, BOOTS, ENGINE_TIME, HOST_UPTIME = (
    "1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.10.2.1.2.0", "1.3.6.1.6.3.10.2.1.3.0", "1.3.6.1.2.1.25.1.1.0",
)  # fmt: skip
STATUS, SPEED = "1.3.6.1.2.1.2.2.1.8", "1.3.6.1.2.1.2.2.1.5"
NAME = "1.3.6.1.2.1.31.1.1.1.1"
COLUMNS = (Column.IF_OPER_STATUS, Column.IF_SPEED)
WAN = Row(1, Column.IF_NAME, b"wan", COLUMNS)
OBJECTS = {
    UPTIME: v2c.TimeTicks(4711),
    f"{STATUS}.1": v2c.Integer(1),
    f"{SPEED}.1": v2c.Gauge32(10_000_000),
    f"{NAME}.1": v2c.OctetString("wan"),
}
Start = Callable[..., Awaitable[Any]]


async def reading(
    agent: Any,
    poller: SnmpPoller,
    rows: Mapping[str, Row] | None = None,
    gauges: Mapping[str, Sequence[Gauge]] | None = None,
    most: int = 48,
    clock: ManualClock | None = None,
) -> Reading:
    asked = Agent("127.0.0.1", agent.port, Community(b"public"))
    rows = {"line": WAN} if rows is None else rows
    return await read(poller, asked, rows, gauges or {}, clock or ManualClock(NOW), most)


def sizes(agent: Any) -> list[int]:
    return [len(v2c.apiPDU.get_varbinds(request)) for request in agent.requests]


async def test_the_numbers_and_the_name_of_a_row_are_read(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    found = await reading(agent, poller)
    assert found.answer.outcome is Outcome.OK
    assert found.rows["line"].name == b"wan"
    assert found.rows["line"].values == {Column.IF_OPER_STATUS: 1, Column.IF_SPEED: 10_000_000}
    assert (found.vanished, sizes(agent)) == ((), [7])
    assert (found.tags[UPTIME], found.tags[f"{SPEED}.1"]) == (0x43, 0x42)


@pytest.mark.parametrize(
    ("clocks", "read_as"),
    [
        ({}, (4711, -1, -1, -1)),
        ({UPTIME: v2c.TimeTicks(0)}, (0, -1, -1, -1)),
        ({BOOTS: v2c.Integer(0), ENGINE_TIME: v2c.Integer(7)}, (4711, 0, 7, -1)),
        ({BOOTS: v2c.Integer(-1), ENGINE_TIME: v2c.OctetString("7")}, (4711, -1, -1, -1)),
        ({HOST_UPTIME: v2c.TimeTicks(2**32 - 1)}, (4711, -1, -1, 2**32 - 1)),
    ],
)
async def test_an_agents_clocks_are_read_where_it_has_them(
    start_agent: Start, poller: SnmpPoller, clocks: dict[str, Any], read_as: tuple[int, ...]
) -> None:
    assert (await reading(await start_agent(OBJECTS | clocks), poller)).clocks == read_as


@pytest.mark.parametrize("shown", ["lan", "", None], ids=["another", "empty", "none"])
async def test_a_row_that_shows_another_name_has_vanished(
    start_agent: Start, poller: SnmpPoller, shown: str | None
) -> None:
    agent = await start_agent(OBJECTS | ({} if shown is None else {f"{NAME}.1": v2c.OctetString(shown)}))
    if shown is None:
        del agent.objects[f"{NAME}.1"]
    found = await reading(agent, poller)
    assert (found.rows, found.vanished) == ({}, ("line",))


@pytest.mark.parametrize("shown", ["wan\0", " wan"])
async def test_a_name_may_be_written_otherwise(start_agent: Start, poller: SnmpPoller, shown: str) -> None:
    found = await reading(await start_agent(OBJECTS | {f"{NAME}.1": v2c.OctetString(shown)}), poller)
    assert (found.rows["line"].name, found.vanished) == (shown.encode(), ())


async def test_a_row_known_by_its_index_has_vanished_when_it_shows_no_number(
    start_agent: Start, poller: SnmpPoller
) -> None:
    rows = {"there": Row(1, None, b"", COLUMNS), "gone": Row(2, None, b"", COLUMNS)}
    found = await reading(await start_agent(OBJECTS), poller, rows)
    assert (found.rows["there"].name, found.rows["there"].values[Column.IF_OPER_STATUS]) == (None, 1)
    assert found.vanished == ("gone",)


async def test_what_is_no_count_is_no_value_of_a_row(start_agent: Start, poller: SnmpPoller) -> None:
    odd = {f"{STATUS}.1": v2c.Integer(-1), f"{SPEED}.1": v2c.OctetString("10M")}
    assert (await reading(await start_agent(OBJECTS | odd), poller)).rows["line"].values == {}
    zero = await reading(await start_agent(OBJECTS | {f"{SPEED}.1": v2c.Gauge32(0)}), poller)
    assert zero.rows["line"].values[Column.IF_SPEED] == 0


async def test_a_gauge_that_is_absent_has_no_value(start_agent: Start, poller: SnmpPoller) -> None:
    there, gone = (Gauge(field="rssi_dbm", oid=f"1.3.6.1.4.1.7.{at}", name="", unit="dBm") for at in (1, 2))
    agent = await start_agent(OBJECTS | {there.oid: v2c.Integer(-71)})
    assert (await reading(agent, poller, gauges={"line": (there, gone)})).gauges == {"line": {there: -71}}


@pytest.mark.parametrize("status", [2, 5], ids=["noSuchName", "genErr"])
@pytest.mark.parametrize("refused", [UPTIME, BOOTS, f"{SPEED}.1"], ids=["first", "second", "last"])
async def test_an_object_that_is_refused_costs_that_object_alone(
    start_agent: Start, poller: SnmpPoller, refused: str, status: int
) -> None:
    agent = await start_agent(OBJECTS)
    agent.refuse = {refused: status}
    found = await reading(agent, poller)
    assert found.answer.outcome is Outcome.OK
    assert (found.clocks[0] == -1) == (refused == UPTIME)
    assert (Column.IF_SPEED in found.rows["line"].values) == (refused != f"{SPEED}.1")
    assert sizes(agent) == [7, 6]


async def test_an_agent_that_refuses_everything_is_left(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.refuse = dict.fromkeys([*OBJECTS, BOOTS, ENGINE_TIME, HOST_UPTIME], 5)
    found = await reading(agent, poller)
    assert (found.answer.outcome, found.answer.error_status, found.rows) == (Outcome.ERROR, 5, {})
    assert sizes(agent) == [7, 6, 5, 4, 3, 2, 1]


async def test_an_agent_that_refuses_ever_more_is_left_after_sixteen_objects(
    start_agent: Start, poller: SnmpPoller
) -> None:
    rows = {f"l{at}": Row(at, None, b"", COLUMNS) for at in range(1, 12)}
    agent = await start_agent(OBJECTS)
    agent.refuse = {f"{column}.{at}": 5 for at in range(1, 12) for column in (STATUS, SPEED)}
    found = await reading(agent, poller, rows)
    assert (found.answer.outcome, len(agent.requests)) == (Outcome.ERROR, 16)


async def test_a_refusal_of_access_is_no_object_to_leave_out(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.refuse = {UPTIME: 16}
    found = await reading(agent, poller)
    assert (found.answer.error_status, sizes(agent)) == (16, [7])


@pytest.mark.parametrize(
    ("bears", "asked", "most"), [(7, [7], 48), (6, [7, 3, 3, 1], 3), (3, [7, 3, 3, 1], 3), (2, [7, 3, *[1] * 7], 1)]
)
async def test_what_is_too_big_is_asked_in_halves_and_no_more_at_once(
    start_agent: Start, poller: SnmpPoller, bears: int, asked: list[int], most: int
) -> None:
    agent = await start_agent(OBJECTS)
    agent.most_varbinds = bears
    found = await reading(agent, poller)
    assert len(found.rows["line"].values) == 2
    assert (sizes(agent), found.most_varbinds) == (asked, most)


async def test_one_object_that_is_too_big_ends_it(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.most_varbinds = 0
    found = await reading(agent, poller)
    assert (found.answer.error_status, sizes(agent)) == (1, [7, 3, 1])


async def test_the_moment_is_that_of_the_first_answer(start_agent: Start, poller: SnmpPoller) -> None:
    """It holds sysUpTime."""
    agent, clock = await start_agent(OBJECTS), ManualClock(NOW)

    def a_second_later(data: bytes) -> list[bytes]:
        clock.move_to(clock.now() + timedelta(seconds=1))
        return [data]

    agent.answers = a_second_later
    found = await reading(agent, poller, most=3, clock=clock)
    assert (len(agent.requests), found.moment) == (3, 1.0)


async def test_a_silence_on_the_way_ends_it(start_agent: Start, impatient: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.answers = lambda data: [data] if len(agent.requests) == 1 else []
    found = await reading(agent, impatient, most=4)
    assert (found.answer.outcome, found.rows, found.clocks) == (Outcome.TIMEOUT, {}, (-1, -1, -1, -1))
