"""Host names and literal addresses to what a UDP or ICMP socket sends to."""

from __future__ import annotations

import asyncio
import socket

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
"""(host, port) for IPv4; (host, port, flow, scope) for IPv6."""


async def resolve(host: str, port: int) -> tuple[socket.AddressFamily, SocketAddress]:
    """The first address of a host. Raises OSError (its `strerror` says why) when there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, _, _, _, target = found[0]
    name, number, *rest = target
    if len(rest) == 2:
        return family, (str(name), int(number), int(rest[0]), int(rest[1]))
    return family, (str(name), int(number))
