"""SNMP v2c agents on UDP sockets, one per device, decoding and encoding with pyasn1's BER and pysnmp's messages."""

from __future__ import annotations

import asyncio
import socket
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pysnmp.proto import rfc1905

from config.clock import Clock
from service.simulator.snmp_device import Oid, Reader, SimulatedDevice, Value, mib_view, v2c

SILENT_SHARE = 0.003
"""One request in 330 is lost on its way, as on any network."""
MOST_REPETITIONS = 50
VarBinds = list[tuple[Any, Value]]


@dataclass(slots=True)
class Agent:
    """Answers GET, GETNEXT and GETBULK for one device. A wrong community meets silence, as v2c agents are."""

    device: SimulatedDevice
    community: str
    view: dict[Oid, Reader] = field(init=False)
    order: Sequence[Oid] = field(init=False)

    def __post_init__(self) -> None:
        self.view = dict(mib_view(self.device))
        self.order = sorted(self.view)

    def answer(self, datagram: bytes, now: float) -> bytes | None:
        """The response to a datagram at `now` (epoch seconds), or None where an agent stays silent."""
        try:
            message, _ = decoder.decode(datagram, asn1Spec=v2c.Message())
            if bytes(v2c.apiMessage.get_community(message)) != self.community.encode():
                return None
            pdu = v2c.apiMessage.get_pdu(message)
        except PyAsn1Error:
            return None
        self.device.advance(now)
        if pdu.isSameTypeWith(v2c.GetRequestPDU()):
            varbinds = [(oid, self._value(tuple(oid))) for oid, _ in v2c.apiPDU.get_varbinds(pdu)]
        elif pdu.isSameTypeWith(v2c.GetNextRequestPDU()):
            varbinds = [self._after(tuple(oid)) for oid, _ in v2c.apiPDU.get_varbinds(pdu)]
        elif pdu.isSameTypeWith(v2c.GetBulkRequestPDU()):
            varbinds = self._bulk(pdu)
        else:
            return None
        response = v2c.apiMessage.get_response(message)
        v2c.apiPDU.set_varbinds(v2c.apiMessage.get_pdu(response), varbinds)
        return bytes(encoder.encode(response))

    def _value(self, oid: Oid) -> Value:
        reader = self.view.get(oid)
        return reader() if reader else rfc1905.noSuchInstance

    def _after(self, oid: Oid) -> tuple[Oid, Value]:
        place = bisect_right(self.order, oid)
        if place == len(self.order):
            return oid, rfc1905.endOfMibView
        found = self.order[place]
        return found, self.view[found]()

    def _bulk(self, pdu: Any) -> VarBinds:  # noqa: ANN401 - a pysnmp PDU
        """GETBULK: the first `non_repeaters` once, the others up to `max_repetitions` times (RFC 3416, 4.2.3)."""
        asked = [tuple(oid) for oid, _ in v2c.apiPDU.get_varbinds(pdu)]
        single = int(v2c.apiBulkPDU.get_non_repeaters(pdu))
        varbinds: VarBinds = [self._after(oid) for oid in asked[:single]]
        row = asked[single:]
        for _ in range(min(int(v2c.apiBulkPDU.get_max_repetitions(pdu)), MOST_REPETITIONS)):
            found = [self._after(oid) for oid in row]
            varbinds += found
            row = [oid for oid, _ in found]
        return varbinds


class AgentProtocol(asyncio.DatagramProtocol):
    """One agent on one socket; `on_datagram(received, sent)` counts for the report of the demonstration."""

    def __init__(self, agent: Agent, clock: Clock, chance: Random, on_datagram: Callable[[bool], None]) -> None:
        self._agent, self._clock, self._chance, self._on_datagram = agent, clock, chance, on_datagram
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - asyncio's address type
        lost = self._chance.random() < SILENT_SHARE
        response = None if lost else self._agent.answer(data, self._clock.now().timestamp())
        self._on_datagram(response is not None)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, addr)


async def start_agent(
    agent: Agent, listening: socket.socket, clock: Clock, chance: Random, on_datagram: Callable[[bool], None]
) -> asyncio.DatagramTransport:
    """Let the agent answer on a bound, non-blocking socket."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: AgentProtocol(agent, clock, chance, on_datagram), sock=listening
    )
    return transport
