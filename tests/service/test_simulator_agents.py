"""The simulated agents answer pysnmp as devices do, and what they count is what their lines carried."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any

import pytest
from pysnmp.hlapi.v1arch.asyncio import (
    CommunityData,
    ObjectIdentity,
    ObjectType,
    SnmpDispatcher,
    UdpTransportTarget,
    bulk_cmd,
    get_cmd,
)

from config.clock import ManualClock, from_epoch_ms
from service.simulator.behaviour import Surroundings
from service.simulator.faults import FaultKind, Hit
from service.simulator.fleet import draw_fleet
from service.simulator.snmp_agents import Agent, start_agent
from service.simulator.snmp_device import SimulatedDevice

Ask = Callable[..., Awaitable[Any]]
NOW = 1_773_241_200.0
IF_NAME, IN_OCTETS, OUT_OCTETS = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.31.1.1.1.10"
OPER_STATUS, UPTIME = "1.3.6.1.2.1.2.2.1.8", "1.3.6.1.2.1.1.3.0"
PREMISES = next(each for each in draw_fleet(1).premises if each.has_edge)


class Never(Random):
    """A network that loses nothing."""

    def random(self) -> float:
        return 1.0


@pytest.fixture
async def agent() -> AsyncIterator[Ask]:
    """`ask(*oids, community, at)` over real UDP; the clock is moved to `at` first."""
    clock = ManualClock(from_epoch_ms(round(NOW * 1000)))
    hit = Hit(kind=FaultKind.LINE_DOWN, site="x", link=PREMISES.links[0].id, start=NOW + 600, end=NOW + 1200)
    device = SimulatedDevice(PREMISES, Surroundings(PREMISES.demand, PREMISES.lines, (hit,)), NOW)
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]
    transport = await start_agent(Agent(device, "fleet"), listening, clock, Never(), lambda _answered: None)
    with SnmpDispatcher() as dispatcher:
        target = await UdpTransportTarget.create(("127.0.0.1", port), timeout=0.3, retries=0)

        async def ask(*oids: str, community: str = "fleet", at: float = NOW, bulk: int = 0) -> Any:
            clock.move_to(from_epoch_ms(round(at * 1000)))
            types = [ObjectType(ObjectIdentity(oid)) for oid in oids]
            data = CommunityData(community, mpModel=1)
            if bulk:
                return await bulk_cmd(dispatcher, data, target, 0, bulk, *types)
            return await get_cmd(dispatcher, data, target, *types)

        yield ask
    transport.close()


def values(answer: Any) -> list[Any]:
    error, status, _index, varbinds = answer
    assert not error
    assert not status
    return [value for _oid, value in varbinds]


async def wan_index(ask: Ask) -> int:
    _, _, _, varbinds = await ask(IF_NAME, bulk=3)
    names = {str(value): int(oid[-1]) for oid, value in varbinds}
    return names[str(PREMISES.links[0].interface)]


async def test_a_get_is_answered_with_counters_of_64_bits(agent: Ask) -> None:
    index = await wan_index(agent)
    octets, uptime = values(await agent(f"{IN_OCTETS}.{index}", UPTIME))
    assert int(octets) > 2**32
    assert int(uptime) > 0


async def test_a_wrong_community_meets_silence(agent: Ask) -> None:
    error, *_ = await agent(UPTIME, community="guessed")
    assert "timeout" in str(error).lower()


async def test_an_unknown_row_is_said_not_to_exist(agent: Ask) -> None:
    assert values(await agent(f"{IN_OCTETS}.99"))[0].__class__.__name__ == "NoSuchInstance"


async def test_the_counters_grow_by_what_the_line_carried(agent: Ask) -> None:
    index = await wan_index(agent)
    before = int(values(await agent(f"{IN_OCTETS}.{index}"))[0])
    after = int(values(await agent(f"{IN_OCTETS}.{index}", at=NOW + 300))[0])
    rate = (after - before) * 8 / 300
    assert 0.02 < rate / PREMISES.lines[0].down_bps < 0.9


async def test_what_comes_in_from_the_wan_goes_out_to_the_lan(agent: Ask) -> None:
    oids = [f"{column}.{index}" for column in (IN_OCTETS, OUT_OCTETS) for index in (1, 2, 3)]
    before = [int(value) for value in values(await agent(*oids))]
    after = [int(value) for value in values(await agent(*oids, at=NOW + 300))]
    in_lan, in_wan1, in_wan2, out_lan, out_wan1, out_wan2 = (b - a for a, b in zip(before, after, strict=True))
    assert out_lan == pytest.approx(in_wan1 + in_wan2, abs=3)
    assert in_lan == pytest.approx(out_wan1 + out_wan2, abs=3)


async def test_a_dead_line_is_shown_as_down_while_the_agent_still_answers(agent: Ask) -> None:
    index = await wan_index(agent)
    assert int(values(await agent(f"{OPER_STATUS}.{index}"))[0]) == 1
    assert int(values(await agent(f"{OPER_STATUS}.{index}", at=NOW + 660))[0]) == 2
    assert int(values(await agent(f"{OPER_STATUS}.{index}", at=NOW + 1260))[0]) == 1


async def test_a_bulk_walk_ends_at_the_end_of_the_view(agent: Ask) -> None:
    _, _, _, varbinds = await agent("1.3.6.1.2.1.31.1.1.1.19", bulk=10)
    assert varbinds[-1][1].__class__.__name__ == "EndOfMibView"
