"""The far ends of probed lines: each echoes what it gets after the line's delay, unless the line loses it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from random import Random
from typing import Any, cast

import numpy as np

from config.clock import Clock
from service.simulator.behaviour import Surroundings, conditions


class Reflector(asyncio.DatagramProtocol):
    """A plain UDP echo behind one line. Delays are real milliseconds: a probe measures them with its own clock."""

    def __init__(
        self, line: str, around: Surroundings, clock: Clock, chance: Random, on_datagram: Callable[[bool], None]
    ) -> None:
        self._line, self._around, self._clock, self._chance = line, around, clock, chance
        self._on_datagram = on_datagram
        self._transport: asyncio.DatagramTransport | None = None
        self._asked_at = -1.0
        self._share_lost = 0.0
        self._delay_ms, self._jitter_ms = 0.0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - asyncio's address type
        self._look(self._clock.now().timestamp())
        lost = self._chance.random() < self._share_lost
        self._on_datagram(not lost)
        if not lost:
            delay_ms = self._delay_ms + abs(self._chance.gauss(0, self._jitter_ms))
            asyncio.get_running_loop().call_later(delay_ms / 1000, self._send, data, addr)

    def _send(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - asyncio's address type
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, addr)

    def _look(self, now: float) -> None:
        """The line's condition, asked once in a few seconds of the fleet's time."""
        if now - self._asked_at < 5.0:
            return
        self._asked_at = now
        condition = conditions(self._around, np.array([now]))[self._line]
        arriving = (1 - condition.loss_rx_pct[0] / 100) * (1 - condition.loss_tx_pct[0] / 100)
        self._share_lost = 1 - float(arriving) if condition.up[0] else 1.0
        self._delay_ms = float(condition.latency_rx_ms[0] + condition.latency_tx_ms[0])
        self._jitter_ms = float(condition.jitter_ms[0])


async def start_reflector(reflector: Reflector, listening: socket.socket) -> asyncio.DatagramTransport:
    """Let the reflector echo on a bound, non-blocking socket."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: reflector, sock=listening)
    return transport
