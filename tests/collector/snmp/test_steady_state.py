"""The watch in its steady state: what a poll costs, and whose values it takes, whatever agents do."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from collector.model import Fact, FactKind, SampleBatch
from collector.settings import SnmpSettings
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome
from collector.snmp.schedule import Due
from collector.snmp.watch import SnmpWatch
from config.clock import Clock, ManualClock, ScaledClock, epoch_ms
from inventory.model import Device, DeviceRole, Inventory, Link, Site, SnmpAccess

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
UPTIME = "1.3.6.1.2.1.1.3.0"
BOOTS, ENGINE_TIME = "1.3.6.1.6.3.10.2.1.2.0", "1.3.6.1.6.3.10.2.1.3.0"
HOST_UPTIME = "1.3.6.1.2.1.25.1.1.0"
DAY = 86_400
MEGABIT = 7_500_000
"""Octets of a minute at 1 Mbit/s."""
Start = Callable[..., Awaitable[Any]]
Row = Callable[..., dict[str, Any]]


class Collected:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.said: list[Fact] = []

    async def samples(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        self.said.extend(facts)


class Fleet:
    """Devices with the same interfaces, whose turns come when the test says so, one slot after another."""

    def __init__(
        self,
        agents: Mapping[str, Any],
        interfaces: Sequence[str],
        poller: SnmpPoller,
        clock: Clock | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.clock: Any = clock or ManualClock(NOW)
        self.sink = Collected()
        self.agents = agents
        self.devices = [
            Device(
                id=name,
                site="s",
                role=DeviceRole.ROUTER,
                management_address=address,
                snmp=SnmpAccess(credential=getattr(agent, "credential", "lab"), port=agent.port),
            )
            for name, agent in agents.items()
        ]
        lines = [
            Link(id=f"{name}-{each}", site="s", device=name, interface=each) for name in agents for each in interfaces
        ]
        inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=self.devices, links=lines)
        settings = SnmpSettings.model_validate({"every": 60, "credentials": {"lab": {"community": "public"}}})
        self.watch = SnmpWatch(inventory, settings, self.clock, self.sink, poller)

    async def turn(self, *names: str, after: float = 60.0) -> None:
        """As the schedule lets them begin."""
        self.clock.move_to(self.clock.now() + timedelta(seconds=after))
        slot, now = epoch_ms(self.clock.now()) // 60_000 * 60_000, self.clock.now().timestamp()
        names = names or tuple(self.agents)
        ended = sum(self.watch.polls.values()) + len(names)
        for name in names:
            self.watch._begin(Due(name, slot, 60), now)
        await until(lambda: sum(self.watch.polls.values()) >= ended)
        await self.watch.hand_over()

    def of(self, link: str, field: str) -> list[float]:
        """The field of each of a link's samples, oldest first."""
        return [
            float(batch.fields[field][at])
            for batch in self.sink.batches
            for at in range(len(batch))
            if batch.links[at] == link
        ]

    def slots(self, link: str) -> list[int]:
        """When each of a link's samples begins, oldest first."""
        return [
            int(batch.time[at]) for batch in self.sink.batches for at in range(len(batch)) if batch.links[at] == link
        ]

    def facts(self, kind: FactKind = FactKind.POLL_OUTCOME) -> list[tuple[str, str]]:
        return [(fact.subject, fact.value) for fact in self.sink.said if fact.kind is kind]


async def until(enough: Callable[[], bool]) -> None:
    """At most ten seconds."""
    for _ in range(2000):
        if enough():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to it")


def uptime(seconds: float) -> dict[str, Any]:
    return {UPTIME: v2c.TimeTicks(round(seconds * 100) % 2**32)}


def engine(boots: int, seconds: int) -> dict[str, Any]:
    return {BOOTS: v2c.Integer(boots), ENGINE_TIME: v2c.Integer(seconds)}


def asked(request: Any) -> list[str]:
    return [str(oid) for oid, _ in v2c.apiPDU.get_varbinds(request)]


async def test_a_healthy_fleet_costs_one_datagram_a_device_a_slot(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agents = {f"d{at}": await start_agent({**uptime(DAY), **if_row(1, "wan"), **if_row(2, "lan")}) for at in range(6)}
    fleet = Fleet(agents, ["wan", "lan"], poller)
    await fleet.turn()
    learnt = [len(agent.requests) for agent in agents.values()]
    sent = poller.counts.sent
    for slot in range(1, 6):
        for agent in agents.values():
            agent.objects |= uptime(DAY + 60 * slot)
        await fleet.turn()
    assert [len(agent.requests) - before for agent, before in zip(agents.values(), learnt, strict=True)] == [5] * 6
    assert (poller.counts.sent - sent, poller.counts.retries) == (30, 0)
    assert fleet.watch.polls == {PollOutcome.OK: 36, PollOutcome.TIMEOUT: 0, PollOutcome.AUTH: 0, PollOutcome.ERROR: 0}
    assert len(fleet.of("d5-lan", "rx_bps")) == 6


@pytest.mark.slow
async def test_a_fleet_that_runs_by_its_schedule_has_each_slot_measured_once(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    clock = ScaledClock(NOW, time.time(), 120)
    agents = {f"d{at}": await start_agent({**uptime(DAY), **if_row(1, "wan")}) for at in range(4)}

    def lives(agent: Any) -> None:
        """1 Mbit/s, by a clock that is read once for each answer."""
        answer, started = agent.datagram_received, clock.monotonic()

        def received(data: bytes, source: Any) -> None:
            ticks = round((clock.monotonic() - started) * 100)
            agent.objects |= uptime(DAY + ticks / 100) | if_row(1, "wan", ifHCInOctets=ticks * 1250)
            answer(data, source)

        agent.datagram_received = received

    for agent in agents.values():
        lives(agent)
    fleet = Fleet(agents, ["wan"], poller, clock)
    running = asyncio.create_task(fleet.watch.run())
    await until(lambda: sum(fleet.watch.polls.values()) >= 33)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert fleet.watch.polls[PollOutcome.OK] == sum(map(len, fleet.sink.batches))
    for name, agent in agents.items():
        rates, times = fleet.of(f"{name}-wan", "rx_bps"), fleet.slots(f"{name}-wan")
        assert rates[1:] == [pytest.approx(1e6)] * (len(rates) - 1)
        assert times == sorted(set(times))
        assert {slot % 60_000 for slot in times} == {0}
        gets = [request for request in agent.requests if isinstance(request, v2c.GetRequestPDU)]
        assert [len(asked(request)) for request in gets][-len(rates) + 1 :] == [12] * (len(rates) - 1)
        said = [fact.time.timestamp() for fact in fleet.sink.said if fact.subject == name]
        assert len(said) == 2
        assert 300 <= said[1] - said[0] < 500


async def test_an_agent_with_small_answers_is_not_asked_for_large_ones_again(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent({**uptime(DAY), **if_row(1, "ge0"), **if_row(2, "ge1")})
    agent.most_varbinds = 9
    fleet = Fleet({"rtr": agent}, ["ge0", "ge1"], poller)
    await fleet.turn()
    agent.requests.clear()
    later = 0
    for after in (60, 60, 6 * 3600, 60):  # after six hours everything is read again
        later += after
        agent.objects |= uptime(DAY + later) | if_row(1, "ge0", ifHCInOctets=later * MEGABIT // 60)
        await fleet.turn(after=after)
    assert max(len(asked(request)) for request in agent.requests) <= 9
    assert fleet.of("rtr-ge0", "rx_bps")[1:3] == [1e6, 1e6]
    assert fleet.facts() == [("rtr", "ok")] * 2


def long_form(data: bytes) -> bytes:
    """Every length with two octets of its own, as some agents have them (X.690, 8.1.3.5)."""
    out, at = b"", 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        more = size & 0x7F if size & 0x80 else 0
        start = at + 2 + more
        size = int.from_bytes(data[at + 2 : start], "big") if more else size
        content = data[start : start + size]
        content = long_form(content) if tag & 0x20 else content
        out += bytes((tag, 0x82)) + len(content).to_bytes(2, "big") + content
        at = start + size
    return out


def reordered(data: bytes) -> bytes:
    message, _ = decoder.decode(data, asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(message)
    v2c.apiPDU.set_varbinds(pdu, list(reversed(v2c.apiPDU.get_varbinds(pdu))))
    return encoder.encode(message)


async def test_values_are_right_however_an_agent_writes_its_answers(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent({**uptime(DAY), **if_row(1, "ge0"), **if_row(2, "ge1")})
    fleet = Fleet({"rtr": agent}, ["ge0", "ge1"], poller)
    await fleet.turn()
    learnt = len(agent.requests)
    forms = [reordered, long_form, lambda data: long_form(reordered(data)), bytes, reordered, bytes, long_form]
    for slot, form in enumerate(forms, 1):
        agent.answers = lambda data, form=form: [form(data)]
        count = slot * MEGABIT
        agent.objects |= {
            **uptime(DAY + 60 * slot),
            **if_row(1, "ge0", ifHCInOctets=count),
            **if_row(2, "ge1", ifHCInOctets=2 * count, ifHCOutOctets=3 * count, ifInErrors=slot),
        }
        await fleet.turn()
    assert fleet.of("rtr-ge0", "rx_bps")[1:] == [1e6] * 7
    assert fleet.of("rtr-ge1", "rx_bps")[1:] == [2e6] * 7
    assert fleet.of("rtr-ge1", "tx_bps")[1:] == [3e6] * 7
    assert fleet.of("rtr-ge1", "errors_rx")[1:] == [1] * 7
    assert len(agent.requests) == learnt + 7


async def test_a_silent_device_is_dead_after_three_polls_and_then_asked_one_object_once(
    start_agent: Start, impatient: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent({**uptime(DAY), **if_row(1, "ge0")})
    fleet = Fleet({"rtr": agent}, ["ge0"], impatient)
    await fleet.turn()
    agent.drop_first = 10**6
    for dead, requests in ((0, 2), (0, 2), (1, 2), (1, 1), (1, 1), (1, 1)):
        agent.requests.clear()
        await fleet.turn()
        assert (fleet.watch.dead, len(agent.requests)) == (dead, requests)
    assert asked(agent.requests[0]) == [UPTIME]
    assert fleet.facts() == [("rtr", "ok")] + [("rtr", "timeout")] * 6
    assert len(fleet.of("rtr-ge0", "oper_up")) == 1


async def test_a_dead_device_is_polled_in_full_in_the_turn_in_which_it_answers(
    start_agent: Start, impatient: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent({**uptime(DAY), **if_row(1, "ge0")})
    fleet = Fleet({"rtr": agent}, ["ge0"], impatient)
    await fleet.turn()
    agent.drop_first = 10**6
    for _ in range(4):
        await fleet.turn()
    agent.drop_first = 0
    agent.requests.clear()
    agent.objects |= uptime(DAY + 300)
    await fleet.turn()
    assert [len(asked(request)) for request in agent.requests] == [1, 12]
    assert fleet.watch.dead == 0
    assert fleet.facts()[-1] == ("rtr", "ok")
    assert fleet.sink.batches[-1].time.tolist() == [epoch_ms(fleet.clock.now()) // 60_000 * 60_000]
    agent.objects |= uptime(DAY + 360) | if_row(1, "ge0", ifHCInOctets=MEGABIT)
    await fleet.turn()
    assert fleet.of("rtr-ge0", "rx_bps")[-1] == 1e6
    assert math.isnan(fleet.of("rtr-ge0", "rx_bps")[-2])  # over a gap of five slots nothing is known


async def test_a_device_that_is_silent_now_and_then_is_not_dead(
    start_agent: Start, impatient: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent({**uptime(DAY), **if_row(1, "ge0")})
    fleet = Fleet({"rtr": agent}, ["ge0"], impatient)
    await fleet.turn()
    for slot in range(1, 7):
        agent.drop_first = 0 if slot % 3 == 0 else 2
        agent.objects |= uptime(DAY + 60 * slot)
        await fleet.turn()
        assert fleet.watch.dead == 0
    assert fleet.facts() == [("rtr", word) for word in ("ok", *["timeout", "timeout", "ok"] * 2)]


async def test_silent_devices_delay_no_healthy_one(start_agent: Start, if_row: Row) -> None:
    poller = SnmpPoller(timeout=0.5, retries=0)
    agents = {f"d{at}": await start_agent({**uptime(DAY), **if_row(1, "ge0")}) for at in range(12)}
    fleet = Fleet(agents, ["ge0"], poller)
    await fleet.turn()
    for agent in list(agents.values())[1:]:
        agent.drop_first = 10**6
    agents["d0"].objects |= uptime(DAY + 60)
    turns = asyncio.gather(*(fleet.watch.turn(name, 0) for name in agents if name != "d0"))
    await asyncio.sleep(0)
    started = time.monotonic()
    await fleet.watch.turn("d0", 0)
    took = time.monotonic() - started
    await turns
    await fleet.watch.hand_over()
    poller.close()
    assert took < 0.4  # the others wait 0.5 s


@pytest.mark.parametrize("most", [1000, 8], ids=["one datagram", "several"])
async def test_when_interfaces_change_places_each_links_values_stay_its_own(
    start_agent: Start, poller: SnmpPoller, if_row: Row, most: int
) -> None:
    agent = await start_agent({**uptime(DAY), **if_row(1, "ge0"), **if_row(2, "ge1")})
    agent.most_varbinds = most
    fleet = Fleet({"rtr": agent}, ["ge0", "ge1"], poller)
    await fleet.turn()
    for slot in range(1, 6):
        low, high = (1, 2) if slot % 2 else (2, 1)
        agent.objects |= uptime(DAY + 60 * slot)
        agent.objects |= if_row(low, "ge0", ifHCInOctets=slot * MEGABIT, ifHighSpeed=10)
        agent.objects |= if_row(high, "ge1", ifHCInOctets=9 * slot * MEGABIT, ifHighSpeed=1000, ifOperStatus=2)
        await fleet.turn()
    assert fleet.of("rtr-ge0", "rx_bps")[1:] == [1e6] * 5
    assert fleet.of("rtr-ge1", "rx_bps")[1:] == [9e6] * 5
    assert fleet.of("rtr-ge0", "rx_capacity_bps")[1:] == [10e6] * 5
    assert fleet.of("rtr-ge1", "oper_up")[1:] == [0] * 5
