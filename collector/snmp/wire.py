"""The few functions through which every datagram goes. `_wire.c` holds the same in C and is used where it was built,
unless the environment has LINEPROOF_PURE."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from collector.addresses import SocketAddress
from collector.snmp.template import FastValue, opened, opened_pdu

if TYPE_CHECKING:
    from collector.snmp.ask import Ask

LARGEST_DATAGRAM = 65_535
DATAGRAMS_PER_WAKE = 256
FOUR_OCTETS, PAST_VERSION = b"\x02\x04", 5
"""How the request id is found fast: it is the first INTEGER of that many. What is found need not be it."""

Answered = list[tuple["Ask", list[FastValue], int]]
"""Ask, values, octets of the datagram."""
Odd = list[tuple[bytes, SocketAddress]]
"""A datagram, and where it came from."""


def pure_send(sock: socket.socket, asks: list[Ask]) -> int:
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


def pure_receive(sock: socket.socket, pending: dict[int, Ask]) -> tuple[Answered, Odd]:
    """Up to DATAGRAMS_PER_WAKE datagrams: answers of SNMPv2c that are as their template expects (and are then no longer
    pending), and all others. Raises OSError when the socket is broken."""
    answered: Answered = []
    odd: Odd = []
    from_bytes = int.from_bytes
    for _ in range(DATAGRAMS_PER_WAKE):
        try:
            data, source = sock.recvfrom(LARGEST_DATAGRAM)
        except OSError as error:
            if answered or odd or isinstance(error, BlockingIOError):
                break
            raise
        at = data.find(FOUR_OCTETS, PAST_VERSION) + 2
        identity = from_bytes(data[at : at + 4])
        ask = pending.get(identity)
        if ask is not None and ask.layout is not None and ask.target == source and ask.session is None:
            values = ask.layout.values(data, identity)
            if values is not None:
                del pending[identity]
                answered.append((ask, values, len(data)))
                continue
        parsed = _parsed(data, source, pending)
        if parsed is None:
            odd.append((data, source))
        else:
            answered.append((*parsed, len(data)))
    return answered, odd


def pure_pdu_values(ask: Ask, pdu: bytes) -> list[FastValue] | None:
    """The values of a response PDU that answers the ask, as SNMPv3 wraps it; None when anything is not as expected."""
    values = ask.layout.values(pdu, ask.request_id) if ask.layout is not None else None
    return _laid_out(ask, pdu, opened_pdu(pdu, 0, len(pdu))) if values is None else values


def _parsed(data: bytes, source: SocketAddress, pending: dict[int, Ask]) -> tuple[Ask, list[FastValue]] | None:
    """An answer with lengths that its ask has not seen."""
    places = opened(data)
    if places is None:
        return None
    identity = int.from_bytes(data[places[0] : places[0] + 4])
    ask = pending.get(identity)
    if ask is None or ask.target != source or ask.session is not None:
        return None
    values = _laid_out(ask, data, places)
    if values is None:
        return None
    del pending[identity]
    return ask, values


def _laid_out(ask: Ask, data: bytes, places: tuple[int, int] | None) -> list[FastValue] | None:
    """The values, and how to find them faster the next time."""
    layout = ask.template.layout(data, *places) if ask.template is not None and places is not None else None
    values = layout.values(data, ask.request_id) if layout is not None else None
    if values is not None:
        ask.layout = layout
    return values


send: Callable[[socket.socket, list[Ask]], int] = pure_send
receive: Callable[[socket.socket, dict[int, Ask]], tuple[Answered, Odd]] = pure_receive
pdu_values: Callable[[Ask, bytes], list[FastValue] | None] = pure_pdu_values
COMPILED = False
"""Whether the above are those of `_wire.c`."""

if not os.environ.get("LINEPROOF_PURE"):
    try:
        from collector.snmp import _wire
    except ImportError:
        pass
    else:
        send, receive, pdu_values, COMPILED = _wire.send, _wire.receive, _wire.pdu_values, True
