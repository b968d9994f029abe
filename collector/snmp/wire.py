"""The few functions through which every datagram goes, in Python. `_wire.c` holds the same in C, where it was built."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from collector.addresses import SocketAddress
from collector.snmp.template import Envelopes, FastValue

if TYPE_CHECKING:
    from collector.snmp.ask import Ask

LARGEST_DATAGRAM = 65_535
DATAGRAMS_PER_WAKE = 256

Answered = list[tuple["Ask", list[FastValue]]]
Odd = list[tuple[bytes, SocketAddress]]


def send(sock: socket.socket, asks: Sequence[Ask]) -> int:
    """Send each ask's datagram, its request id patched in. How many went out: all, or those before the first that the
    kernel would not take now. Raises OSError when the first one cannot be sent at all."""
    done = 0
    try:
        for ask in asks:
            sock.sendto(ask.head + ask.request_id.to_bytes(4, "big") + ask.tail, ask.target)  # type: ignore[arg-type]
            done += 1
    except BlockingIOError:
        return done
    except OSError:
        if not done:
            raise
    return done


class Receiver:
    """Takes what lies in a socket. Not thread-safe; one for each poller."""

    def __init__(self) -> None:
        self._buffer = bytearray(LARGEST_DATAGRAM)
        self._view = memoryview(self._buffer)
        self.envelopes = Envelopes()

    def receive(self, sock: socket.socket, pending: dict[int, Ask]) -> tuple[Answered, Odd]:
        """Up to DATAGRAMS_PER_WAKE datagrams: answers that are as their template expects (and are then no longer
        pending), and all others with the address they came from. Raises OSError when the socket is broken."""
        answered: Answered = []
        odd: Odd = []
        buffer, view, opened = self._buffer, self._view, self.envelopes.opened
        for _ in range(DATAGRAMS_PER_WAKE):
            try:
                size, source = sock.recvfrom_into(buffer)
            except BlockingIOError:
                break
            data = bytes(view[:size])
            request_id, bindings = opened(data)
            ask = pending.get(request_id)
            if ask is not None and ask.target == source and ask.template is not None:
                values = ask.template.values(data, bindings)
                if values is not None:
                    del pending[request_id]
                    answered.append((ask, values))
                    continue
            odd.append((data, source))
        return answered, odd
