"""Agents and paths that change under the watch: each poll has what can be had, and costs no more than it must."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pysnmp.proto.api import v2c

from collector.model import Fact, FactKind, SampleBatch
from collector.settings import SnmpSettings
from collector.snmp.poller import SnmpPoller
from collector.snmp.schedule import Due
from collector.snmp.watch import SnmpWatch
from config.clock import ManualClock, epoch_ms
from inventory.model import Access, Device, DeviceRole, Inventory, Link, Site, SnmpAccess

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


class Fleet:
    """A device with these interfaces, whose turns come when the test says so; its own sink."""

    def __init__(
        self, agents: Mapping[str, Any], interfaces: Sequence[str], poller: SnmpPoller, address: str = "127.0.0.1"
    ) -> None:
        ((name, agent),) = agents.items()
        access = SnmpAccess(credential="lab", port=agent.port)
        device = Device(id=name, site="s", role=DeviceRole.ROUTER, management_address=address, snmp=access)
        lines = [
            Link(id=f"{name}-{each}", site="s", device=name, interface=each, access=Access.LTE) for each in interfaces
        ]
        inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=[device], links=lines)
        settings = SnmpSettings.model_validate({"every": 60, "credentials": {"lab": {"community": "public"}}})
        self.name, self.clock = name, ManualClock(NOW)
        self.batches: list[SampleBatch] = []
        self.said: list[Fact] = []
        self.watch = SnmpWatch(inventory, settings, self.clock, self, poller)

    async def samples(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        self.said.extend(facts)

    async def turn(self, after: float = 60.0) -> None:
        """As the schedule lets it begin."""
        self.clock.move_to(self.clock.now() + timedelta(seconds=after))
        slot, ended = epoch_ms(self.clock.now()) // 60_000 * 60_000, sum(self.watch.polls.values())
        self.watch._begin(Due(self.name, slot, 60), self.clock.now().timestamp())
        for _ in range(2000):
            if sum(self.watch.polls.values()) > ended:
                break
            await asyncio.sleep(0.005)
        else:
            raise AssertionError("the turn does not end")
        await self.watch.hand_over()

    def of(self, link: str, field: str) -> list[float]:
        """The field of each of a link's samples, oldest first."""
        return [
            float(batch.fields[field][at])
            for batch in self.batches
            for at in range(len(batch))
            if batch.links[at] == link and field in batch.fields
        ]

    def told(self, kind: FactKind = FactKind.POLL_OUTCOME) -> list[tuple[str, str]]:
        return [(fact.subject, fact.value) for fact in self.said if fact.kind is kind]


def uptime(seconds: float) -> dict[str, Any]:
    return {UPTIME: v2c.TimeTicks(round(seconds * 100) % 2**32)}


def engine(boots: int, seconds: int) -> dict[str, Any]:
    return {BOOTS: v2c.Integer(boots), ENGINE_TIME: v2c.Integer(seconds)}


async def test_a_restart_of_the_agent_alone_is_no_reboot_and_leaves_no_rate(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent(
        {**uptime(DAY), **engine(3, DAY), HOST_UPTIME: v2c.TimeTicks(DAY * 500), **if_row(1, "ge0")}
    )
    fleet = Fleet({"rtr": agent}, ["ge0"], poller)
    await fleet.turn()
    agent.objects |= uptime(DAY + 60) | if_row(1, "ge0", ifHCInOctets=MEGABIT)
    await fleet.turn()
    after = {HOST_UPTIME: v2c.TimeTicks(DAY * 500 + 12_000), **if_row(1, "ge0", ifHCInOctets=2 * MEGABIT)}
    agent.objects |= {**uptime(12), **engine(4, 12), **after}
    await fleet.turn()
    for slot in (3, 4):
        agent.objects |= {**uptime(12 + 60 * (slot - 2)), **engine(4, 12 + 60 * (slot - 2))}
        agent.objects |= if_row(1, "ge0", ifHCInOctets=slot * MEGABIT)
        agent.objects |= {HOST_UPTIME: v2c.TimeTicks(DAY * 500 + slot * 6_000)}
        await fleet.turn()
    rates = fleet.of("rtr-ge0", "rx_bps")
    assert rates[1:2] == [1e6]
    assert math.isnan(rates[2])
    assert rates[3:] == [1e6, 1e6]
    assert fleet.told(FactKind.REBOOT) == []


async def test_sys_uptimes_own_wrap_is_no_reboot_and_interrupts_nothing(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    before_wrap = 2**32 / 100 - 90
    agent = await start_agent({**uptime(before_wrap), **engine(3, int(before_wrap)), **if_row(1, "ge0")})
    fleet = Fleet({"rtr": agent}, ["ge0"], poller)
    await fleet.turn()
    for slot in range(1, 6):
        agent.objects |= {**uptime(before_wrap + 60 * slot), **engine(3, int(before_wrap) + 60 * slot)}
        agent.objects |= if_row(1, "ge0", ifHCInOctets=slot * MEGABIT)
        await fleet.turn()
    assert int(agent.objects[UPTIME]) < 22_000
    assert fleet.of("rtr-ge0", "rx_bps")[1:] == [pytest.approx(1e6, rel=1e-3)] * 5
    assert fleet.told(FactKind.REBOOT) == []


async def test_after_a_reboot_rows_are_found_again_and_no_rate_goes_across(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent({**uptime(DAY), **if_row(1, "ge0", ifHCInOctets=5 * MEGABIT), **if_row(2, "ge1")})
    fleet = Fleet({"rtr": agent}, ["ge0"], poller)
    await fleet.turn()
    agent.objects = {**uptime(20), **if_row(1, "ge1", ifHCInOctets=900 * MEGABIT), **if_row(2, "ge0")}
    await fleet.turn()
    agent.objects |= uptime(80) | if_row(2, "ge0", ifHCInOctets=MEGABIT)
    await fleet.turn()
    first, across, after = fleet.of("rtr-ge0", "rx_bps")
    assert math.isnan(first)
    assert math.isnan(across)
    assert after == 1e6
    assert fleet.told(FactKind.REBOOT) == [("rtr", "20")]


async def test_a_reboot_that_nobody_saw_is_told_when_the_device_is_back(
    start_agent: Start, impatient: SnmpPoller, if_row: Row
) -> None:
    """Its uptime is larger than it was when it was last seen."""
    agent = await start_agent({**uptime(100), **if_row(1, "ge0", ifHCInOctets=MEGABIT)})
    fleet = Fleet({"rtr": agent}, ["ge0"], impatient)
    await fleet.turn()
    agent.drop_first = 10**6
    for _ in range(4):
        await fleet.turn()
    agent.drop_first = 0
    agent.objects |= uptime(120) | if_row(1, "ge0", ifHCInOctets=2 * MEGABIT)
    await fleet.turn(after=600)
    assert fleet.told(FactKind.REBOOT) == [("rtr", "120")]


async def test_an_agent_without_sys_uptime_is_measured_all_the_same(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent(if_row(1, "ge0"))
    fleet = Fleet({"rtr": agent}, ["ge0"], poller)
    await fleet.turn()
    learnt = len(agent.requests)
    for slot in range(1, 4):
        agent.objects |= if_row(1, "ge0", ifHCInOctets=slot * MEGABIT)
        await fleet.turn()
    assert fleet.of("rtr-ge0", "rx_bps")[1:] == [1e6] * 3
    assert len(agent.requests) == learnt + 3
    assert fleet.told(FactKind.REBOOT) == []
