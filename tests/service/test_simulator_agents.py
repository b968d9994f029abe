"""The simulated agents answer as devices do, and what they count is what their lines carried."""

from __future__ import annotations

import contextlib
import socket
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.hlapi.v1arch.asyncio import (
    CommunityData,
    ObjectIdentity,
    ObjectType,
    SnmpDispatcher,
    UdpTransportTarget,
    get_cmd,
)
from pysnmp.proto import api

from config.clock import ManualClock, from_epoch_ms
from service.simulator import snmp_wire as wire
from service.simulator.behaviour import Surroundings
from service.simulator.faults import FaultKind, Hit
from service.simulator.fleet import draw_fleet
from service.simulator.snmp_agents import Agent, start_agent
from service.simulator.snmp_device import SimulatedDevice

pytestmark = pytest.mark.rim

v2c = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
NOW = 1_773_241_200.0
IF_NAME, IN_OCTETS = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1), (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6)
OUT_OCTETS = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10)
LAST_COLUMN = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 19)
OPER_STATUS, UPTIME = (1, 3, 6, 1, 2, 1, 2, 2, 1, 8), (1, 3, 6, 1, 2, 1, 1, 3, 0)
PREMISES = next(each for each in draw_fleet(1).premises if each.has_edge)
LAN, WAN1, WAN2 = 1, 2, 3
"""The ifIndex of GE1, GE3 and GE4."""


@pytest.fixture
def agent() -> Agent:
    """An agent whose first line is down from ten to twenty minutes after NOW."""
    hit = Hit(kind=FaultKind.LINE_DOWN, site="x", link=PREMISES.links[0].id, start=NOW + 600, end=NOW + 1200)
    return Agent(SimulatedDevice(PREMISES, Surroundings(PREMISES.demand, PREMISES.lines, (hit,)), NOW), "fleet")


def request(oids: tuple[tuple[int, ...], ...], *, community: str = "fleet", bulk: int = 0) -> bytes:
    pdu = v2c.GetBulkRequestPDU() if bulk else v2c.GetRequestPDU()
    (v2c.apiBulkPDU if bulk else v2c.apiPDU).set_defaults(pdu)
    if bulk:
        v2c.apiBulkPDU.set_non_repeaters(pdu, 0)
        v2c.apiBulkPDU.set_max_repetitions(pdu, bulk)
    v2c.apiPDU.set_varbinds(pdu, [(oid, v2c.null) for oid in oids])
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, community)
    v2c.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


def values(agent: Agent, *oids: tuple[int, ...], at: float = NOW, bulk: int = 0) -> list[Any]:
    answer = agent.answer(request(oids, bulk=bulk), at)
    assert answer is not None
    message, _ = decoder.decode(answer, asn1Spec=v2c.Message())
    return [value for _oid, value in v2c.apiPDU.get_varbinds(v2c.apiMessage.get_pdu(message))]


async def test_an_agent_answers_pysnmp_over_udp(agent: Agent) -> None:
    class Never(Random):
        def random(self) -> float:
            return 1.0

    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    listening.setblocking(False)
    clock = ManualClock(from_epoch_ms(round(NOW * 1000)))
    transport = await start_agent(agent, listening, clock, Never(), lambda _answered: None)
    with SnmpDispatcher() as dispatcher:
        target = await UdpTransportTarget.create(listening.getsockname(), timeout=5, retries=0)
        asked = ObjectType(ObjectIdentity((*IN_OCTETS, WAN1)))
        error, status, _, varbinds = await get_cmd(dispatcher, CommunityData("fleet", mpModel=1), target, asked)
    transport.close()
    assert not error
    assert not status
    assert int(varbinds[0][1]) > 2**32


def test_a_wrong_community_and_rubbish_meet_silence(agent: Agent) -> None:
    assert agent.answer(request((UPTIME,), community="guessed"), NOW) is None
    assert agent.answer(b"\x30\x82\xff", NOW) is None


def test_interfaces_bear_the_names_of_the_inventory(agent: Agent) -> None:
    names = [str(value) for value in values(agent, IF_NAME, bulk=3)]
    assert names == sorted(str(link.interface) for link in PREMISES.links if link.interface != "GE5")


def test_an_unknown_row_is_said_not_to_exist(agent: Agent) -> None:
    assert type(values(agent, (*IN_OCTETS, 99))[0]).__name__ == "NoSuchInstance"


def test_the_counters_grow_by_what_the_line_carried(agent: Agent) -> None:
    before = int(values(agent, (*IN_OCTETS, WAN1))[0])
    after = int(values(agent, (*IN_OCTETS, WAN1), at=NOW + 300)[0])
    assert 0.02 < (after - before) * 8 / 300 / PREMISES.lines[0].down_bps < 0.9


def test_polling_often_counts_the_same_as_polling_once(agent: Agent) -> None:
    other = Agent(SimulatedDevice(PREMISES, agent.device.around, NOW), "fleet")
    for minute in range(1, 11):
        often = int(values(agent, (*IN_OCTETS, WAN1), at=NOW + 60 * minute)[0])
    assert often == pytest.approx(int(values(other, (*IN_OCTETS, WAN1), at=NOW + 600)[0]), abs=3)


def test_what_comes_in_from_the_wan_goes_out_to_the_lan(agent: Agent) -> None:
    oids = [(*column, index) for column in (IN_OCTETS, OUT_OCTETS) for index in (LAN, WAN1, WAN2)]
    before, after = values(agent, *oids), values(agent, *oids, at=NOW + 900)
    in_lan, in_wan1, in_wan2, out_lan, out_wan1, out_wan2 = (
        int(b) - int(a) for a, b in zip(before, after, strict=True)
    )
    assert out_lan == pytest.approx(in_wan1 + in_wan2, abs=3)
    assert in_lan == pytest.approx(out_wan1 + out_wan2, abs=3)


def test_a_dead_line_is_shown_as_down_while_the_agent_still_answers(agent: Agent) -> None:
    assert [int(values(agent, (*OPER_STATUS, WAN1), at=NOW + at)[0]) for at in (0, 660, 1260)] == [1, 2, 1]


def test_uptime_runs_in_hundredths_of_seconds(agent: Agent) -> None:
    before, after = values(agent, UPTIME)[0], values(agent, UPTIME, at=NOW + 60)[0]
    assert int(after) - int(before) == 6000


def test_a_bulk_walk_ends_at_the_end_of_the_view(agent: Agent) -> None:
    assert type(values(agent, LAST_COLUMN, bulk=10)[-1]).__name__ == "EndOfMibView"


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_numbers_are_encoded_as_pysnmp_encodes_them(value: int) -> None:
    assert wire.number(wire.COUNTER64, value) == encoder.encode(v2c.Counter64(value))
    assert wire.number(wire.COUNTER32, value % 2**32) == encoder.encode(v2c.Counter32(value % 2**32))


@given(st.lists(st.integers(min_value=0, max_value=2**32 - 1), max_size=20))
def test_names_are_encoded_as_pysnmp_encodes_them(arcs: list[int]) -> None:
    oid = (1, 3, *arcs)
    assert wire.name(oid) == encoder.encode(v2c.ObjectIdentifier(oid))
    assert wire.decode(request((oid,))).names == (oid,)


@given(st.binary(max_size=300))
def test_a_long_text_is_encoded_as_pysnmp_encodes_it(octets: bytes) -> None:
    assert wire.tlv(wire.OCTETS, octets) == encoder.encode(v2c.OctetString(octets))


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_damaged_request_is_answered_or_not_but_raises_nothing_else(at: int, octet: int) -> None:
    datagram = bytearray(request((UPTIME, (*IN_OCTETS, WAN1))))
    datagram[at % len(datagram)] = octet
    with contextlib.suppress(wire.WireError):
        wire.decode(bytes(datagram))
