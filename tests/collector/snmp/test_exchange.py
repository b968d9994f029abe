"""The datagrams of one device in flight, against an agent on a real socket: all of them count, or none does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from collector.snmp import ber
from collector.snmp import poller as polling
from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Answer, Outcome
from collector.snmp.exchange import Delivered, Exchange
from collector.snmp.gauges import Gauge
from collector.snmp.interfaces import Column
from collector.snmp.lane import LaneRow, Part, plan
from collector.snmp.poller import SnmpPoller

pytestmark = pytest.mark.rim

COLUMNS = (Column.IF_OPER_STATUS, Column.IF_HC_IN_OCTETS)
Start = Callable[..., Awaitable[Any]]
Row = Callable[..., dict[str, Any]]
Uptime = Callable[[float], dict[str, Any]]


def lane(*names: str, most: int = 100, gauges: Sequence[tuple[int, Gauge]] = ()) -> tuple[Part, ...]:
    """Interfaces with the indices 1, 2, ..."""
    rows = [
        LaneRow(place=at, index=at + 1, columns=COLUMNS, name_column=Column.IF_NAME, name=name.encode())
        for at, name in enumerate(names)
    ]
    return plan(rows, gauges, most)


class Turn:
    """An exchange that can be awaited, again and again."""

    def __init__(self, port: int, parts: Sequence[Part], poller: SnmpPoller, **how: Any) -> None:
        self.poller = poller
        self.ends: list[Delivered | Answer | None] = []
        self.ended = asyncio.Event()
        self.exchange = Exchange(Agent("127.0.0.1", port, Community(b"public")), parts, self.done, **how)

    def done(self, result: Delivered | Answer | None) -> None:
        self.ends.append([list(values) for values in result] if isinstance(result, list) else result)
        self.ended.set()

    async def run(self) -> Delivered | Answer | None:
        assert await self.exchange.place(self.poller) is None
        self.ended.clear()
        self.exchange.start(self.poller)
        await asyncio.wait_for(self.ended.wait(), 10)
        return self.ends[-1]


def failed(result: Delivered | Answer | None) -> Answer:
    assert isinstance(result, Answer)
    return result


async def test_values_come_as_they_were_planned(start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime):
    agent = await start_agent({**uptime(12), **if_row(1, "a", ifHCInOctets=7), **if_row(2, "b", ifOperStatus=2)})
    turn = Turn(agent.port, lane("a", "b", most=4), poller)
    assert await turn.run() == [[1200, 1, 7, b"a"], [1200, 2, 0, b"b"]]
    agent.objects |= {**uptime(72), **if_row(1, "a", ifHCInOctets=2**64 - 1)}
    assert await turn.run() == [[7200, 1, 2**64 - 1, b"a"], [7200, 2, 0, b"b"]]
    assert len(agent.requests) == 4


async def test_it_ends_once_however_many_datagrams_it_has(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
):
    agent = await start_agent({**uptime(1), **if_row(1, "a"), **if_row(2, "b")})
    agent.answers = lambda data: [data, data, data]
    turn = Turn(agent.port, lane("a", "b", most=3), poller)
    await turn.run()
    await turn.run()
    await asyncio.sleep(0.05)
    assert len(turn.ends) == 2


async def test_a_name_that_is_another_now_makes_the_whole_poll_void(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
):
    agent = await start_agent({**uptime(1), **if_row(1, "a"), **if_row(2, "b")})
    turn = Turn(agent.port, lane("a", "b", most=4), poller)
    await turn.run()
    agent.objects |= if_row(2, "c")
    assert await turn.run() is None
    agent.objects |= if_row(2, "b")
    assert isinstance(await turn.run(), list)


def reordered(data: bytes) -> list[bytes]:
    message, _ = decoder.decode(data, asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(message)
    v2c.apiPDU.set_varbinds(pdu, list(reversed(v2c.apiPDU.get_varbinds(pdu))))
    return [encoder.encode(message)]


@pytest.mark.parametrize("answers", [reordered, lambda data: [data]], ids=["reordered", "in order"])
async def test_names_and_types_are_compared_whatever_the_order_of_the_answer(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime, answers: Callable[[bytes], list[bytes]]
):
    agent = await start_agent({**uptime(12), **if_row(1, "a", ifHCInOctets=7)})
    agent.answers = answers
    counter = "1.3.6.1.2.1.31.1.1.1.6.1"
    row = LaneRow(place=0, index=1, columns=COLUMNS, name_column=Column.IF_NAME, name=b"a")
    turn = Turn(agent.port, plan([row], [], tags={counter: ber.COUNTER64}), poller)
    for _ in range(2):
        assert await turn.run() == [[1200, 1, 7, b"a"]]
    agent.objects[counter] = v2c.Gauge32(7)
    assert await turn.run() is None
    agent.objects |= if_row(1, "b", ifHCInOctets=7)
    assert await turn.run() is None
    agent.objects |= if_row(1, "a", ifHCInOctets=8)
    assert await turn.run() == [[1200, 1, 8, b"a"]]


@pytest.mark.parametrize("swapped", ["B", "b\0", "bb", ""])
async def test_a_name_is_compared_octet_by_octet(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime, swapped: str
):
    agent = await start_agent({**uptime(1), **if_row(1, "b")})
    turn = Turn(agent.port, lane("b"), poller)
    await turn.run()
    agent.objects |= if_row(1, swapped)
    assert await turn.run() is None


async def test_an_object_that_is_gone_makes_the_poll_void(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
):
    agent = await start_agent({**uptime(1), **if_row(1, "a")})
    del agent.objects["1.3.6.1.2.1.31.1.1.1.6.1"]
    assert await Turn(agent.port, lane("a"), poller).run() is None


async def test_what_a_gauges_row_is_known_by_is_compared_too(start_agent: Start, poller: SnmpPoller, uptime: Uptime):
    holder, oid = "1.3.6.1.4.1.7.1.5", "1.3.6.1.4.1.7.2.5"
    agent = await start_agent({**uptime(1), oid: v2c.Integer(-97), holder: v2c.OctetString("Cellular0")})
    gauge = Gauge(field="rsrp_dbm", oid=oid, name="", unit="dBm", holder=(holder, b"Cellular0"))
    turn = Turn(agent.port, lane(gauges=[(0, gauge)]), poller)
    assert await turn.run() == [[100, -97, b"Cellular0"]]
    agent.objects[holder] = v2c.OctetString("Cellular1")
    assert await turn.run() is None


async def test_one_datagram_without_an_answer_fails_the_poll(
    start_agent: Start, impatient: SnmpPoller, if_row: Row, uptime: Uptime
):
    agent = await start_agent({**uptime(1), **if_row(1, "a"), **if_row(2, "b")})
    answered = 0

    def only_the_first(data: bytes) -> list[bytes]:
        nonlocal answered
        answered += 1
        return [data] if answered == 1 else []

    agent.answers = only_the_first
    turn = Turn(agent.port, lane("a", "b", most=4), impatient)
    assert failed(await turn.run()).outcome is not Outcome.OK
    assert len(agent.requests) == 3  # the one without an answer was asked again
    agent.answers = lambda data: [data]
    assert isinstance(await turn.run(), list)


async def test_a_failure_counts_more_than_a_change_and_is_forgotten_by_the_next_poll(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
):
    agent = await start_agent({**uptime(1), **if_row(1, "z"), **if_row(2, "b")})
    agent.refuse = {"1.3.6.1.2.1.31.1.1.1.6.2": 5}
    turn = Turn(agent.port, lane("a", "b", most=4), poller)
    assert failed(await turn.run()).error_status == 5
    agent.refuse, agent.objects = {}, {**uptime(1), **if_row(1, "a"), **if_row(2, "b")}
    assert isinstance(await turn.run(), list)


@pytest.mark.parametrize("attempts", [1, 2])
async def test_an_exchange_may_have_attempts_of_its_own(start_agent: Start, attempts: int):
    poller = SnmpPoller(timeout=0.05, retries=4)
    agent = await start_agent({})
    agent.drop_first = 10
    answer = failed(await Turn(agent.port, lane(), poller, attempts=attempts).run())
    poller.close()
    assert (answer.outcome, answer.attempts, len(agent.requests)) == (Outcome.TIMEOUT, attempts, attempts)


async def test_an_address_that_cannot_be_used_is_told_before_anything_is_sent(poller: SnmpPoller):
    exchange = Exchange(Agent("nonesuch.invalid", 161, Community(b"public")), lane(), lambda _: None)
    assert failed(await exchange.place(poller)).detail.startswith("the address cannot be used: ")
    assert poller.counts.sent == 0


async def test_what_a_poll_sends_is_known_to_the_octet(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
):
    """Added up by hand from RFC 3416 and X.690."""
    agent = await start_agent({**uptime(1), **if_row(1, "a")})
    turn = Turn(agent.port, lane("a"), poller)
    headers = 2 + 2 + 2  # of message, PDU and list
    fields = 3 + (2 + len("public")) + 6 + 3 + 3  # version, community, request id, error-status and -index
    oids = [8, 10, 11, 11]  # sysUpTime.0, ifOperStatus.1, ifHCInOctets.1, ifName.1
    assert turn.exchange.octets_sent == headers + fields + sum(2 + 2 + size + 2 for size in oids)


async def test_what_is_started_a_little_later_shares_the_pace(
    start_agent: Start, uptime: Uptime, monkeypatch: pytest.MonkeyPatch
):
    """50 a second are 10 in each fifth of one."""
    monkeypatch.setattr(polling, "TICK_SECONDS", 0.2)
    poller = SnmpPoller(timeout=5.0, packets_per_second=50)
    agent = await start_agent(uptime(1))
    turns = [Turn(agent.port, lane(), poller) for _ in range(18)]
    for turn in turns:
        assert await turn.exchange.place(poller) is None
    sent = []
    for burst in (turns[:6], turns[6:]):
        for turn in burst:
            turn.exchange.start(poller)
        await asyncio.sleep(0.02)
        sent.append(poller.counts.sent)
    await asyncio.gather(*(asyncio.wait_for(turn.ended.wait(), 10) for turn in turns))
    poller.close()
    assert (sent, poller.counts.sent) == ([6, 10], 18)
