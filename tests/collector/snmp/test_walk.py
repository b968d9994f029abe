"""Tables read by GETBULK, from agents with every bad habit that is known of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pysnmp.proto.api import v2c

import collector.snmp.walk as walking
from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Outcome
from collector.snmp.poller import SnmpPoller
from collector.snmp.walk import Pace, look_up, walk

pytestmark = pytest.mark.rim

StartAgent = Callable[..., Awaitable[Any]]
A, B = "1.3.6.1.4.1.1.1.2", "1.3.6.1.4.1.1.1.3"
ROWS = 40
WHOLE = {A: {str(index): index for index in range(1, ROWS + 1)}, B: {str(index): b"x" for index in range(1, ROWS + 1)}}


@pytest.fixture
async def agent(start_agent: StartAgent) -> Any:
    numbers = {f"{A}.{index}": v2c.Integer(index) for index in range(1, ROWS + 1)}
    texts = {f"{B}.{index}": v2c.OctetString("x") for index in range(1, ROWS + 1)}
    return await start_agent({**numbers, **texts, f"{B}0.1": v2c.Integer(7)})


def at(agent: Any) -> Agent:
    return Agent("127.0.0.1", agent.port, Community(b"public"))


async def test_two_columns_come_together_and_end_where_their_prefix_does(agent: Any, poller: SnmpPoller) -> None:
    pace = Pace()
    table = await walk(poller, at(agent), (A, B), pace)
    assert (table.outcome, table.columns) == (Outcome.OK, WHOLE)
    assert pace.bulks == len(agent.requests) == 2


async def test_not_more_is_asked_than_there_are_rows(agent: Any, poller: SnmpPoller) -> None:
    await walk(poller, at(agent), (A, B), rows=12)
    assert int(v2c.apiBulkPDU.get_max_repetitions(agent.requests[0])) == 13


async def test_an_agent_that_gives_one_row_at_a_time_is_read_all_the_same(agent: Any, poller: SnmpPoller) -> None:
    several = agent._bulk
    agent._bulk = lambda asked, _: several(asked, 1)
    assert (await walk(poller, at(agent), (A, B))).columns == WHOLE


async def test_an_agent_whose_answer_would_be_too_big_is_asked_for_less_and_that_is_remembered(
    agent: Any, poller: SnmpPoller
) -> None:
    agent.most_varbinds = 20
    pace = Pace()
    assert (await walk(poller, at(agent), (A, B), pace)).columns == WHOLE
    assert pace.varbinds <= 20
    before = len(agent.requests)
    assert (await walk(poller, at(agent), (A,), pace)).columns == {A: WHOLE[A]}
    sizes = [int(v2c.apiBulkPDU.get_max_repetitions(request)) for request in agent.requests[before:]]
    assert max(sizes) <= 20


async def test_an_answer_too_big_for_its_path_is_asked_for_in_small_pieces(agent: Any, impatient: SnmpPoller) -> None:
    agent.answers = lambda data: [data] if len(data) < 480 else []
    pace = Pace(answered=True)
    assert (await walk(impatient, at(agent), (A, B), pace)).columns == WHOLE
    assert pace.varbinds == 10


async def test_an_agent_that_never_answered_is_not_asked_for_less(agent: Any, impatient: SnmpPoller) -> None:
    agent.community = b"another"
    assert (await walk(impatient, at(agent), (A,))).outcome is Outcome.TIMEOUT


async def test_an_agent_that_does_not_advance_ends_its_column(agent: Any, poller: SnmpPoller) -> None:
    agent._bulk = lambda asked, _: [(f"{A}.5", v2c.Integer(5))]
    table = await walk(poller, at(agent), (A,))
    assert (table.outcome, table.columns) == (Outcome.OK, {A: {"5": 5}})


async def test_an_agent_that_goes_back_ends_its_column(agent: Any, poller: SnmpPoller) -> None:
    agent._bulk = lambda asked, _: [(f"{A}.5", v2c.Integer(5)), (f"{A}.4", v2c.Integer(4)), (f"{A}.6", v2c.Integer(6))]
    assert (await walk(poller, at(agent), (A,))).columns == {A: {"5": 5}}


async def test_a_table_without_an_end_is_left(agent: Any, poller: SnmpPoller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MOST_DATAGRAMS", 30)

    def next_one(asked: list[str], _: int) -> list[tuple[str, Any]]:
        last = asked[0].rpartition(".")[2] if asked[0] != A else "0"
        return [(f"{A}.{int(last) + 1}", v2c.Integer(1))]

    agent._bulk = next_one
    table = await walk(poller, at(agent), (A,))
    assert (table.outcome, len(agent.requests)) == (Outcome.GARBLED, 30)
    assert "does not end" in table.detail


async def test_no_such_name_ends_one_column_and_leaves_the_others(agent: Any, poller: SnmpPoller) -> None:
    agent.refuse = {A: 2}
    assert (await walk(poller, at(agent), (A, B))).columns == {A: {}, B: WHOLE[B]}


async def test_no_such_name_of_the_last_column_ends_that_one(agent: Any, poller: SnmpPoller) -> None:
    agent.refuse = {B: 2}
    assert (await walk(poller, at(agent), (A, B))).columns == {A: WHOLE[A], B: {}}


@pytest.mark.parametrize("index", [0, 3])
async def test_an_error_of_no_object_asked_is_an_error_of_all(agent: Any, poller: SnmpPoller, index: int) -> None:
    def refuse(response: Any, request: Any) -> None:
        v2c.apiPDU.set_error_status(response, 2)
        v2c.apiPDU.set_error_index(response, index)
        v2c.apiPDU.set_varbinds(response, v2c.apiPDU.get_varbinds(request))

    agent._fill = refuse
    assert (await walk(poller, at(agent), (A, B))).outcome is Outcome.ERROR
    assert (await look_up(poller, at(agent), [f"{A}.1", f"{A}.2"])).answer.outcome is Outcome.ERROR


async def test_an_agent_for_which_one_row_is_too_big_is_asked_for_a_column_at_a_time(
    agent: Any, poller: SnmpPoller
) -> None:
    agent.most_varbinds = 1
    assert (await walk(poller, at(agent), (A, B))).columns == WHOLE


async def test_an_agent_for_which_one_value_is_too_big_is_not_asked_for_ever(agent: Any, poller: SnmpPoller) -> None:
    agent.most_varbinds = 0
    assert (await walk(poller, at(agent), (A, B))).error_status == 1
    assert len(agent.requests) < 10


async def test_a_general_error_is_not_taken_for_the_end(agent: Any, poller: SnmpPoller) -> None:
    agent.refuse = {A: 5}
    table = await walk(poller, at(agent), (A, B))
    assert (table.outcome, table.error_status) == (Outcome.ERROR, 5)


async def test_an_empty_answer_is_said_to_be_one(agent: Any, poller: SnmpPoller) -> None:
    agent._bulk = lambda asked, _: []
    assert "empty answer" in (await walk(poller, at(agent), (A,))).detail


async def test_what_is_looked_up_comes_in_several_datagrams_without_what_is_absent(
    agent: Any, poller: SnmpPoller
) -> None:
    pace = Pace()
    wanted = [*(f"{A}.{index}" for index in range(1, ROWS + 1)), *(f"{B}.{index}" for index in range(31, 61)), f"{A}.1"]
    known = await look_up(poller, at(agent), wanted, pace)
    assert len(known.values) == 50
    assert known.values[f"{A}.7"] == 7
    assert (known.answer.outcome, pace.gets) == (Outcome.OK, 2)


async def test_an_object_that_the_agent_answers_with_an_error_is_left_out(agent: Any, poller: SnmpPoller) -> None:
    agent.refuse = {f"{A}.1": 2, f"{A}.2": 5, f"{B}.1": 2}
    known = await look_up(poller, at(agent), [f"{A}.1", f"{A}.2", f"{A}.3", f"{B}.1"])
    assert (known.answer.outcome, known.values) == (Outcome.OK, {f"{A}.3": 3})


async def test_an_agent_that_refuses_everything_is_not_asked_for_ever(agent: Any, poller: SnmpPoller) -> None:
    wanted = [f"{A}.{index}" for index in range(1, 31)]
    agent.refuse = dict.fromkeys(wanted, 5)
    known = await look_up(poller, at(agent), wanted)
    assert (known.answer.outcome, known.values) == (Outcome.ERROR, {})
    assert len(agent.requests) == 17


async def test_silence_is_a_timeout(agent: Any, impatient: SnmpPoller) -> None:
    agent.community = b"another"
    assert (await look_up(impatient, at(agent), [f"{A}.1"])).answer.outcome is Outcome.TIMEOUT
