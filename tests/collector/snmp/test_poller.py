"""The poller against agents on real sockets: what is answered, what is not, and what is damaged."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pysnmp.proto.api import v2c

from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Outcome
from collector.snmp.ber import Missing
from collector.snmp.poller import SnmpPoller
from collector.snmp.strays import Stray
from collector.snmp.walk import walk

pytestmark = pytest.mark.rim

UPTIME = "1.3.6.1.2.1.1.3.0"
NAME = "1.3.6.1.2.1.1.5.0"
OBJECTS = {UPTIME: v2c.TimeTicks(1234), NAME: v2c.OctetString("store-114")}
Start = Callable[..., Awaitable[Any]]


def values(answer: Any) -> list[Any]:
    return [varbind.value for varbind in answer.varbinds]


def agent_at(address: str, port: int, community: bytes = b"public") -> Agent:
    return Agent(address, port, Community(community))


async def test_values_come_in_the_order_asked(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    answer = await poller.get(agent_at("127.0.0.1", agent.port), (NAME, UPTIME, "1.3.6.1.2.1.1.9.0"))
    assert answer.outcome is Outcome.OK
    assert values(answer) == [b"store-114", 1234, Missing.NO_SUCH_INSTANCE]


async def test_agents_are_asked_over_ipv6_too(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS, "::1")
    answer = await poller.get(agent_at("::1", agent.port), (UPTIME,))
    assert values(answer) == [1234]


async def test_many_devices_share_one_socket_and_are_never_mixed_up(start_agent: Start, poller: SnmpPoller) -> None:
    agents = [await start_agent({UPTIME: v2c.TimeTicks(number)}) for number in range(20)]
    asked = [poller.get(agent_at("127.0.0.1", agent.port), (UPTIME,)) for agent in agents for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert [values(answer) for answer in answers] == [[number] for number in range(20) for _ in range(5)]


async def test_a_lost_request_is_repeated(start_agent: Start, impatient: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.drop_first = 1
    answer = await impatient.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert (answer.outcome, answer.attempts) == (Outcome.OK, 2)
    assert len(agent.requests) == 2
    assert impatient.counts.retries == 1


async def test_a_silent_agent_is_given_up_after_all_attempts(start_agent: Start, impatient: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.drop_first = 10
    started = asyncio.get_running_loop().time()
    answer = await impatient.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert (answer.outcome, answer.attempts) == (Outcome.TIMEOUT, 2)
    assert 0.15 <= asyncio.get_running_loop().time() - started < 1.0
    assert len(agent.requests) == 2


async def test_a_wrong_community_is_silence(start_agent: Start, impatient: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    answer = await impatient.get(agent_at("127.0.0.1", agent.port, b"wrong"), (UPTIME,))
    assert (answer.outcome, answer.varbinds) == (Outcome.TIMEOUT, ())


async def test_a_late_answer_to_the_first_attempt_still_counts(start_agent: Start, impatient: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    held: list[bytes] = []

    def only_the_first_after_the_second_request(data: bytes) -> list[bytes]:
        held.append(data)
        return held[:1] if len(held) == 2 else []

    agent.answers = only_the_first_after_the_second_request
    answer = await impatient.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert values(answer) == [1234]


async def test_a_repeated_answer_is_counted_and_changes_nothing(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.answers = lambda data: [data, data]
    first = await poller.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    second = await poller.get(agent_at("127.0.0.1", agent.port), (NAME,))
    assert (values(first), values(second)) == ([1234], [b"store-114"])
    assert poller.strays.counts[Stray.REPEATED] >= 1


@pytest.mark.parametrize("garbage", [b"\x30", b"<html>", b"\x30\x82\xff\xff\x02\x01\x01", bytes(1400)])
async def test_garbage_is_named_and_never_a_value(start_agent: Start, impatient: SnmpPoller, garbage: bytes) -> None:
    agent = await start_agent(OBJECTS)
    agent.answers = lambda data: [garbage]
    answer = await impatient.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert (answer.outcome, answer.varbinds) == (Outcome.GARBLED, ())
    assert answer.detail.startswith("a garbled datagram")


async def test_a_good_answer_after_garbage_counts(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.answers = lambda data: [b"\x30\x00", data]
    answer = await poller.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert values(answer) == [1234]
    assert poller.strays.counts[Stray.MALFORMED] == 1


async def test_an_answer_with_another_request_id_is_not_taken(start_agent: Start, impatient: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)

    def other_id(data: bytes) -> list[bytes]:
        place = data.index(b"\x02\x04") + 2
        return [data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]]

    agent.answers = other_id
    answer = await impatient.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert (answer.outcome, answer.varbinds) == (Outcome.TIMEOUT, ())
    assert "request id" in answer.detail
    assert impatient.strays.counts[Stray.UNASKED] == 2


async def test_an_answer_from_another_address_is_not_taken(start_agent: Start, impatient: SnmpPoller) -> None:
    agent, other = await start_agent(OBJECTS), await start_agent(OBJECTS, "127.0.0.2")
    agent.send_from = other.transport
    answer = await impatient.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert (answer.outcome, answer.varbinds) == (Outcome.TIMEOUT, ())
    assert f"sent by 127.0.0.2 port {other.port}" in answer.detail
    assert impatient.strays.counts[Stray.FOREIGN] == 2


async def test_an_answer_about_other_objects_is_not_taken(start_agent: Start, impatient: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    asked = bytes.fromhex("2b06010201010300")
    agent.answers = lambda data: [data.replace(asked, bytes.fromhex("2b06010201010400"))]
    answer = await impatient.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert (answer.outcome, answer.varbinds) == (Outcome.GARBLED, ())


async def test_reordered_values_find_their_places(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent({UPTIME: v2c.TimeTicks(1), "1.3.6.1.2.1.1.3.1": v2c.TimeTicks(2)})
    first, second = bytes.fromhex("2b06010201010300430101"), bytes.fromhex("2b06010201010301430102")
    marker = b"\0" * len(first)
    agent.answers = lambda data: [data.replace(first, marker).replace(second, first).replace(marker, second)]
    answer = await poller.get(agent_at("127.0.0.1", agent.port), (UPTIME, "1.3.6.1.2.1.1.3.1"))
    assert values(answer) == [1, 2]


async def test_an_error_status_is_a_value_with_its_name(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    agent.refuse = {NAME: 5}
    answer = await poller.get(agent_at("127.0.0.1", agent.port), (UPTIME, NAME))
    assert (answer.outcome, answer.error_status, answer.error_index) == (Outcome.ERROR, 5, 2)
    assert answer.detail.startswith("error-status genErr at object 2;")


async def test_an_agent_that_says_too_big_is_asked_for_halves(start_agent: Start, poller: SnmpPoller) -> None:
    objects = {f"1.3.6.1.2.1.2.2.1.10.{index}": v2c.Counter32(index) for index in range(1, 11)}
    agent = await start_agent(objects)
    agent.most_varbinds = 3
    answer = await poller.get(agent_at("127.0.0.1", agent.port), tuple(objects))
    assert values(answer) == list(range(1, 11))


async def test_a_name_that_does_not_resolve_is_a_value_too(poller: SnmpPoller) -> None:
    answer = await poller.get(agent_at("nonesuch.invalid", 161), (UPTIME,))
    assert answer.outcome is Outcome.ERROR
    assert answer.detail.startswith("the address cannot be used: ")


async def test_whoever_waits_when_the_poller_closes_gets_an_answer(start_agent: Start) -> None:
    agent = await start_agent(OBJECTS)
    agent.drop_first = 10
    poller = SnmpPoller(timeout=30.0)
    waiting = asyncio.create_task(poller.get(agent_at("127.0.0.1", agent.port), (UPTIME,)))
    await asyncio.sleep(0.05)
    poller.close()
    assert (await waiting).outcome is Outcome.TIMEOUT


async def test_sends_keep_the_pace(start_agent: Start) -> None:
    agent = await start_agent(OBJECTS)
    poller = SnmpPoller(timeout=5.0, retries=0, packets_per_second=500)  # ten a tick of 20 ms
    asked = [asyncio.create_task(poller.get(agent_at("127.0.0.1", agent.port), (UPTIME,))) for _ in range(25)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert poller.counts.sent == 10
    answers = await asyncio.gather(*asked)
    poller.close()
    assert {answer.outcome for answer in answers} == {Outcome.OK}


async def test_a_walk_reads_several_columns_of_every_row_and_no_other(
    start_agent: Start, poller: SnmpPoller, if_row: Callable[..., dict[str, Any]]
) -> None:
    objects = dict(itertools.chain.from_iterable(if_row(index, f"ge{index}").items() for index in range(1, 101)))
    agent = await start_agent(objects)
    names, descriptions = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.2.2.1.2"
    table = await walk(poller, agent_at("127.0.0.1", agent.port), (names, descriptions))
    assert table.outcome is Outcome.OK
    assert table.columns[names] == {str(index): f"ge{index}".encode() for index in range(1, 101)}
    assert table.columns[descriptions] == {str(index): f"Port {index}".encode() for index in range(1, 101)}
    assert len(agent.requests) == 4  # 30 rows of two columns a datagram


async def test_a_walk_asks_for_less_where_an_agent_cannot_send_much(
    start_agent: Start, poller: SnmpPoller, if_row: Callable[..., dict[str, Any]]
) -> None:
    agent = await start_agent({**if_row(1, "ge1"), **if_row(2, "ge2")})
    agent.most_varbinds = 5
    table = await walk(poller, agent_at("127.0.0.1", agent.port), ("1.3.6.1.2.1.31.1.1.1.1",))
    assert table.columns["1.3.6.1.2.1.31.1.1.1.1"] == {"1": b"ge1", "2": b"ge2"}


async def test_a_walk_of_what_an_agent_lacks_is_empty(start_agent: Start, poller: SnmpPoller) -> None:
    agent = await start_agent(OBJECTS)
    table = await walk(poller, agent_at("127.0.0.1", agent.port), ("1.3.6.1.2.1.2.2.1.2",))
    assert (table.outcome, table.columns) == (Outcome.OK, {"1.3.6.1.2.1.2.2.1.2": {}})


async def test_a_walk_ends_where_an_agent_does_not_advance(start_agent: Start, poller: SnmpPoller) -> None:
    column = "1.3.6.1.2.1.2.2.1.2"
    agent = await start_agent(OBJECTS)
    agent._bulk = lambda asked, repetitions: [(f"{column}.1", v2c.OctetString("again"))] * repetitions
    table = await walk(poller, agent_at("127.0.0.1", agent.port), (column,))
    assert (table.outcome, table.columns) == (Outcome.OK, {column: {"1": b"again"}})
    assert len(agent.requests) == 1


async def test_a_closed_poller_opens_no_socket_again(start_agent: Start) -> None:
    agent = await start_agent(OBJECTS)
    poller = SnmpPoller(timeout=5.0)
    await poller.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    poller.close()
    answer = await poller.get(agent_at("127.0.0.1", agent.port), (UPTIME,))
    assert (answer.outcome, answer.detail) == (Outcome.TIMEOUT, "the poller was closed")
    assert len(agent.requests) == 1
