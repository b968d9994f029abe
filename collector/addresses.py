"""Host names and literal addresses to what a UDP or ICMP socket sends to, and the UDP sockets of SNMP."""

from __future__ import annotations

import asyncio
import socket

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
"""(host, port) for IPv4; (host, port, flow, scope) for IPv6."""
SO_RCVBUFFORCE = 33
"""Linux: exceeds net.core.rmem_max with CAP_NET_ADMIN."""


def udp_socket(family: socket.AddressFamily, receive_buffer: int) -> socket.socket:
    """An unbound, non-blocking UDP socket with room for that many octets, as far as we may. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    except OSError:
        sock.close()
        raise
    return sock


async def resolve(host: str, port: int) -> tuple[socket.AddressFamily, SocketAddress]:
    """The first address of a host. Raises OSError (its `strerror` says why) when there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, _, _, _, target = found[0]
    name, number, *rest = target
    if len(rest) == 2:
        return family, (str(name), int(number), int(rest[0]), int(rest[1]))
    return family, (str(name), int(number))
