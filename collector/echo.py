"""Sends echo requests, ICMP (RFC 792, RFC 4443) or UDP (RFC 862), and times their answers.

The payload of every packet, big-endian, 32 octets:

    4  "LPE1"
    8  token, random for each process
    4  stream: which train of packets
    4  sequence within the train, from 0
    8  when it was sent: nanoseconds since 1970 (for whoever reads a capture; we keep our own)
    4  zero

An answer counts when token, stream, sequence and source address fit. One socket for each protocol and address family
serves every target. The kernel's receive time is used, so that our own lag is not measured as the line's latency.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import secrets
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from collector.addresses import SocketAddress, resolve
from config.errors import LineproofError

PAYLOAD = struct.Struct(">4s8sIIQI")
MAGIC = b"LPE1"
ICMP_HEADER = struct.Struct(">BBHHH")
IPV4_HEADER = 20
PROBE_OCTETS = IPV4_HEADER + ICMP_HEADER.size + PAYLOAD.size
"""One probe packet on an IPv4 line, either way; UDP's header (RFC 768) is as long as ICMP's."""
ICMP_FILTER, ICMP6_FILTER, SOL_RAW = 1, 1, 255
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@qq")
RECEIVE_BUFFER = 4 * 2**20
DATAGRAMS_PER_WAKE = 256


class ProbeError(LineproofError):
    """A probe could not be sent at all: nothing is known about the line."""


class NotPermittedError(ProbeError):
    """This process may not send ICMP."""


class EchoKind(StrEnum):
    ICMP = "icmp"
    UDP = "udp"


class Reached(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reachability:
    reached: Reached
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Train:
    """Round-trip times in milliseconds by sequence; NaN is a packet without an answer in time."""

    rtts_ms: tuple[float, ...]


class _Flight:
    """A train on its way."""

    __slots__ = ("done", "host", "open", "rtts", "sent")

    def __init__(self, host: str) -> None:
        self.host = host
        self.sent: list[tuple[int, int]] = []
        self.rtts: list[float] = []
        self.open = True
        self.done = asyncio.Event()


class EchoProber:
    """Sends trains of echo requests. Sockets open at first use; `close` releases them."""

    def __init__(self) -> None:
        self._token = secrets.token_bytes(8)
        self._flights: dict[int, _Flight] = {}
        self._stream = secrets.randbits(31)
        self._sockets: dict[tuple[EchoKind, socket.AddressFamily], _EchoSocket] = {}

    async def train(
        self,
        kind: EchoKind,
        host: str,
        port: int,
        packets: int,
        timeout: float,
        pause: Callable[[], Awaitable[None]],
    ) -> Train:
        """Send `packets` with `pause` between them and wait up to `timeout` real seconds for each.

        Raises NotPermittedError, and ProbeError when the name does not resolve or not one packet could be sent.
        """
        family, address = await _resolve(host, port)
        echo = self._sockets.get((kind, family)) or self._open(kind, family)
        self._stream = (self._stream + 1) % 2**32
        stream, flight = self._stream, _Flight(str(address[0]))
        self._flights[stream] = flight
        failure: OSError | None = None
        try:
            for sequence in range(packets):
                if sequence:
                    await pause()
                try:
                    self._send(echo, flight, stream, address)
                except OSError as error:
                    failure = error
            flight.open = False
            if flight.sent and any(map(math.isnan, flight.rtts)):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(flight.done.wait(), timeout)
        finally:
            del self._flights[stream]
        if not flight.sent:
            reason = failure.strerror if failure else "nothing to send"
            raise ProbeError(f"no packet could be sent to {host}: {reason}; check our own route to it", retryable=True)
        return Train(tuple(rtt if rtt <= timeout * 1000 else math.nan for rtt in flight.rtts))

    def close(self) -> None:
        for echo in self._sockets.values():
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(echo.sock)
            echo.sock.close()
        self._sockets.clear()

    def _open(self, kind: EchoKind, family: socket.AddressFamily) -> _EchoSocket:
        echo = _open_socket(kind, family)
        asyncio.get_running_loop().add_reader(echo.sock, self._readable, echo)
        self._sockets[(kind, family)] = echo
        return echo

    def _send(self, echo: _EchoSocket, flight: _Flight, stream: int, address: SocketAddress) -> None:
        sequence = len(flight.sent)
        sent = (time.clock_gettime_ns(time.CLOCK_REALTIME), time.monotonic_ns())
        payload = PAYLOAD.pack(MAGIC, self._token, stream, sequence, sent[0], 0)
        echo.sock.sendto(echo.framed(payload, sequence), address)
        flight.sent.append(sent)
        flight.rtts.append(math.nan)

    def _readable(self, echo: _EchoSocket) -> None:
        for _ in range(DATAGRAMS_PER_WAKE):
            try:
                data, ancillary, _, source = echo.sock.recvmsg(2048, 64)
            except BlockingIOError:
                return
            except OSError:
                return  # an ICMP error queued on the socket; the packet counts as lost in its own time
            self._received(echo.payload(data), str(source[0]), _kernel_time(ancillary), time.monotonic_ns())

    def _received(self, payload: bytes, host: str, stamped: int | None, monotonic: int) -> None:
        if len(payload) != PAYLOAD.size:
            return
        magic, token, stream, sequence, _, _ = PAYLOAD.unpack(payload)
        flight = self._flights.get(stream)
        if magic != MAGIC or token != self._token or flight is None or host != flight.host:
            return
        if sequence >= len(flight.sent) or not math.isnan(flight.rtts[sequence]):
            return
        flight.rtts[sequence] = round_trip_ms(flight.sent[sequence], stamped, monotonic)
        if not flight.open and not any(map(math.isnan, flight.rtts)):
            flight.done.set()


def round_trip_ms(sent: tuple[int, int], stamped: int | None, monotonic: int) -> float:
    """From the kernel's receive time where it is credible, else from when we came to read the packet.

    `sent` holds the wall and the monotonic clock in nanoseconds. The kernel stamps by the wall clock, which may be
    set meanwhile; its figure must lie between nothing and what the monotonic clock says.
    """
    upper = (monotonic - sent[1]) / 1e6
    if stamped is None:
        return upper
    measured = (stamped - sent[0]) / 1e6
    return measured if 0 < measured <= upper + 0.1 else upper


async def ping(address: str, *, packets: int = 3, timeout: float = 1.0) -> Reachability:
    """Whether an address answers ICMP echo; UNKNOWN, with the reason, when we may not or cannot ask."""
    prober = EchoProber()
    try:
        train = await prober.train(EchoKind.ICMP, address, 0, packets, timeout, lambda: asyncio.sleep(0.1))
    except ProbeError as error:
        return Reachability(Reached.UNKNOWN, str(error))
    finally:
        prober.close()
    return Reachability(Reached.NO if all(map(math.isnan, train.rtts_ms)) else Reached.YES)


@dataclass(frozen=True, slots=True)
class _EchoSocket:
    """A socket and how its protocol wraps a payload: nothing around it for UDP, ICMP's header, and for a raw IPv4
    socket the IP header on what is received."""

    sock: socket.socket
    request_type: int | None = None
    reply_type: int | None = None
    has_ip_header: bool = False

    def framed(self, payload: bytes, sequence: int) -> bytes:
        if self.request_type is None:
            return payload
        header = ICMP_HEADER.pack(self.request_type, 0, 0, 0x4C50, sequence & 0xFFFF)
        if self.sock.family == socket.AF_INET6:
            return header + payload  # the kernel computes ICMPv6's checksum (RFC 3542)
        check = internet_checksum(header + payload)
        return ICMP_HEADER.pack(self.request_type, 0, check, 0x4C50, sequence & 0xFFFF) + payload

    def payload(self, data: bytes) -> bytes:
        """The payload of an echo reply; empty for anything else."""
        if self.reply_type is None:
            return data
        start = (data[0] & 0x0F) * 4 if self.has_ip_header and data else 0
        if len(data) < start + ICMP_HEADER.size or data[start] != self.reply_type:
            return b""
        return data[start + ICMP_HEADER.size :]


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _open_socket(kind: EchoKind, family: socket.AddressFamily) -> _EchoSocket:
    if kind is EchoKind.UDP:
        echo = _EchoSocket(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
    else:
        echo = _open_icmp(family)
    echo.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    with contextlib.suppress(OSError):
        echo.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return echo


def _open_icmp(family: socket.AddressFamily) -> _EchoSocket:
    """The kernel's unprivileged ping socket (net.ipv4.ping_group_range), else a raw one (CAP_NET_RAW)."""
    older = family == socket.AF_INET
    protocol = socket.IPPROTO_ICMP if older else socket.IPPROTO_ICMPV6
    request, reply = (8, 0) if older else (128, 129)
    with contextlib.suppress(OSError):
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
        return _EchoSocket(sock, request, reply)
    try:
        sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES):
            raise ProbeError(f"no ICMP socket: {error.strerror}") from None
        raise NotPermittedError(
            "this process may not send ICMP; widen net.ipv4.ping_group_range or grant CAP_NET_RAW"
        ) from None
    if older:
        sock.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~(1 << reply) & 0xFFFF_FFFF))
    else:
        blocked = bytearray(b"\xff" * 32)
        struct.pack_into("=I", blocked, reply // 32 * 4, ~(1 << reply % 32) & 0xFFFF_FFFF)
        sock.setsockopt(protocol, ICMP6_FILTER, bytes(blocked))
    return _EchoSocket(sock, request, reply, has_ip_header=older)


async def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, SocketAddress]:
    try:
        return await resolve(host, port)
    except OSError as error:
        reason = error.strerror
        raise ProbeError(f"the probe target {host} does not resolve: {reason}; correct it", retryable=True) from None


def _kernel_time(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return None
