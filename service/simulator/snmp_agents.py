"""SNMP v2c agents on UDP sockets, one per device."""

from __future__ import annotations

import asyncio
import socket
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from config.clock import Clock
from service.simulator import snmp_wire as wire
from service.simulator.snmp_device import Reader, SimulatedDevice, mib_view
from service.simulator.snmp_wire import Oid, Value

SILENT_SHARE = 0.003
"""One request in 330 is lost on its way, as on any network."""
MOST_REPETITIONS = 50


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
            request = wire.decode(datagram)
        except wire.WireError:
            return None
        if request.community != self.community.encode():
            return None
        self.device.advance(now)
        if request.kind == wire.GET:
            bindings = [(oid, self._value(oid)) for oid in request.names]
        elif request.kind == wire.GET_NEXT:
            bindings = [self._after(oid) for oid in request.names]
        elif request.kind == wire.GET_BULK:
            bindings = self._bulk(request)
        else:
            return None
        return wire.response(request, bindings)

    def _value(self, oid: Oid) -> Value:
        reader = self.view.get(oid)
        return reader() if reader else wire.NO_SUCH_INSTANCE

    def _after(self, oid: Oid) -> tuple[Oid, Value]:
        place = bisect_right(self.order, oid)
        if place == len(self.order):
            return oid, wire.END_OF_MIB_VIEW
        found = self.order[place]
        return found, self.view[found]()

    def _bulk(self, request: wire.Request) -> list[tuple[Oid, Value]]:
        """GETBULK: the first `non_repeaters` once, the others up to `max_repetitions` times (RFC 3416, 4.2.3)."""
        bindings = [self._after(oid) for oid in request.names[: request.first]]
        row = request.names[request.first :]
        for _ in range(min(request.second, MOST_REPETITIONS)):
            found = [self._after(oid) for oid in row]
            bindings += found
            row = tuple(oid for oid, _ in found)
        return bindings


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
