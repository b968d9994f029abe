"""Asks SNMPv2c agents over a shared UDP socket for each address family. Every result is a value, never an exception.

An answer is accepted by its request id and its source address. There is one future for a request (not for each
varbind or attempt) and one timer for all of them; a retry repeats the same datagram, so that a late answer to an
earlier attempt still counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from collector.addresses import SocketAddress, resolve
from collector.snmp.agent import Agent, Community
from collector.snmp.ber import DecodeError
from collector.snmp.message import (
    FIRST_REQUEST_ID,
    LAST_REQUEST_ID,
    ErrorStatus,
    Request,
    Response,
    VarBind,
    bulk_request,
    decode_response,
    get_request,
)

log = structlog.get_logger()

BACKOFF = 1.5
"""Each attempt waits this many times as long as the one before."""
TICK_SECONDS = 0.02
LARGEST_DATAGRAM = 65_535
RECEIVE_BUFFER = 8 * 2**20
SO_RCVBUFFORCE = 33
"""Linux: exceeds net.core.rmem_max with CAP_NET_ADMIN."""
MOST_REMEMBERED_FAULTS = 1024
DATAGRAMS_PER_WAKE = 256


class Outcome(StrEnum):
    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"
    """The agent answered with an error-status, or nothing could be sent."""
    GARBLED = "garbled"
    """Something came from the agent's address, but nothing usable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one request. `varbinds` follow the order asked; `detail` is a clause for a person."""

    outcome: Outcome
    varbinds: tuple[VarBind, ...] = ()
    error_status: int = 0
    error_index: int = 0
    detail: str = ""
    attempts: int = 1


class _Pending:
    """One request in flight."""

    __slots__ = ("address", "attempt", "datagram", "future", "names", "request_id", "sock", "started")

    def __init__(
        self,
        request_id: int,
        request: Request,
        sock: socket.socket,
        address: SocketAddress,
        future: asyncio.Future[Answer],
        *,
        in_order: bool,
    ) -> None:
        self.request_id = request_id
        self.datagram = request.encoded(request_id)
        self.names = request.names if in_order else ()
        self.sock = sock
        self.address = address
        self.future = future
        self.attempt = 0
        self.started = future.get_loop().time()


@dataclass(frozen=True, slots=True)
class _Fault:
    """Something unusable that came instead of an answer; it explains a request that was waiting at that time."""

    at: float
    outcome: Outcome
    detail: str


@dataclass(slots=True)
class PollerCounts:
    """Datagrams since the start, for metrics and for `demo`."""

    sent: int = 0
    received: int = 0
    retries: int = 0
    timeouts: int = 0
    undecodable: int = 0
    unasked: int = 0
    """Late, repeated or invented request ids."""
    foreign: int = 0
    """Right request id, wrong source address."""


class SnmpPoller:
    """Build it inside a running event loop's thread; sockets open at the first request. `close` releases them."""

    def __init__(self, *, timeout: float = 2.0, retries: int = 2, packets_per_second: int = 20_000) -> None:
        self.counts = PollerCounts()
        self._timeouts = tuple(timeout * BACKOFF**attempt for attempt in range(retries + 1))
        self._per_tick = max(1, int(packets_per_second * TICK_SECONDS))
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        self._pending: dict[int, _Pending] = {}
        self._deadlines: tuple[deque[tuple[float, _Pending]], ...] = tuple(deque() for _ in self._timeouts)
        self._outgoing: deque[_Pending] = deque()
        self._sent_this_tick = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_id = FIRST_REQUEST_ID + secrets.randbelow(LAST_REQUEST_ID - FIRST_REQUEST_ID)
        self._faults: OrderedDict[tuple[str, int], _Fault] = OrderedDict()
        self._buffer = bytearray(LARGEST_DATAGRAM)
        self._addresses: dict[tuple[str, int], tuple[socket.AddressFamily, SocketAddress]] = {}

    async def get(self, agent: Agent, oids: Sequence[str]) -> Answer:
        """GET these OIDs. An agent that says tooBig is asked for halves; an object it lacks has a `Missing` value."""
        answer = await self._ask(agent, get_request(_community(agent), oids), in_order=True)
        if answer.error_status != ErrorStatus.TOO_BIG or len(oids) < 2:
            return answer
        middle = len(oids) // 2
        first = await self.get(agent, oids[:middle])
        if first.outcome is not Outcome.OK:
            return first
        second = await self.get(agent, oids[middle:])
        if second.outcome is not Outcome.OK:
            return second
        return Answer(outcome=Outcome.OK, varbinds=first.varbinds + second.varbinds, attempts=first.attempts)

    async def bulk(self, agent: Agent, oids: Sequence[str], repetitions: int) -> Answer:
        """One GETBULK: up to `repetitions` successors of each OID, row by row (RFC 3416, section 4.2.3)."""
        return await self._ask(agent, bulk_request(_community(agent), oids, repetitions), in_order=False)

    def close(self) -> None:
        """Close the sockets; whoever still waits gets a timeout."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for sock in self._sockets.values():
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        self._sockets.clear()
        for pending in list(self._pending.values()):
            self._finish(pending, Answer(outcome=Outcome.TIMEOUT, detail="the poller was closed"))

    async def _ask(self, agent: Agent, request: Request, *, in_order: bool) -> Answer:
        address, port = agent.address, agent.port
        try:
            family, target = self._addresses.get((address, port)) or await self._resolve(address, port)
            sock = self._sockets.get(family) or self._open(family)
        except OSError as error:
            return Answer(
                outcome=Outcome.ERROR, detail=f"the address cannot be used: {error.strerror or error}; correct it"
            )
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request_id = self._new_id()
        pending = _Pending(request_id, request, sock, target, future, in_order=in_order)
        self._pending[request_id] = pending
        self._outgoing.append(pending)
        self._send_waiting()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
        try:
            return await future
        finally:
            self._pending.pop(request_id, None)

    def _new_id(self) -> int:
        while True:
            self._next_id = self._next_id + 1 if self._next_id < LAST_REQUEST_ID else FIRST_REQUEST_ID
            if self._next_id not in self._pending:
                return self._next_id

    async def _resolve(self, address: str, port: int) -> tuple[socket.AddressFamily, SocketAddress]:
        resolved = await resolve(address, port)
        if resolved[1][0] == address:  # a name may move, so only literal addresses are kept
            self._addresses[(address, port)] = resolved
        return resolved

    def _open(self, family: socket.AddressFamily) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind(("", 0))
        asyncio.get_running_loop().add_reader(sock, self._readable, sock)
        self._sockets[family] = sock
        return sock

    def _tick(self) -> None:
        """Send what the pace held back, and see to requests whose time is up."""
        loop = asyncio.get_running_loop()
        self._sent_this_tick = 0
        now = loop.time()
        for queue in self._deadlines:
            while queue and queue[0][0] <= now:
                _, pending = queue.popleft()
                if pending.request_id in self._pending:
                    self._overdue(pending)
        self._send_waiting()
        self._timer = loop.call_later(TICK_SECONDS, self._tick) if self._pending else None

    def _overdue(self, pending: _Pending) -> None:
        pending.attempt += 1
        if pending.attempt < len(self._timeouts):
            self.counts.retries += 1
            self._outgoing.append(pending)
            return
        self.counts.timeouts += 1
        fault = self._faults.pop(pending.address[:2], None)
        if fault is None or fault.at < pending.started:
            self._finish(pending, Answer(outcome=Outcome.TIMEOUT, attempts=pending.attempt))
        else:
            self._finish(pending, Answer(outcome=fault.outcome, detail=fault.detail, attempts=pending.attempt))

    def _send_waiting(self) -> None:
        while self._outgoing and self._sent_this_tick < self._per_tick:
            pending = self._outgoing.popleft()
            if pending.request_id not in self._pending:
                continue
            try:
                pending.sock.sendto(pending.datagram, pending.address)
            except BlockingIOError:
                self._outgoing.appendleft(pending)
                return
            except OSError as error:
                detail = f"cannot send: {error.strerror}; check our own route to it"
                self._finish(pending, Answer(outcome=Outcome.ERROR, detail=detail))
                continue
            self._sent_this_tick += 1
            self.counts.sent += 1
            deadline = asyncio.get_running_loop().time() + self._timeouts[pending.attempt]
            self._deadlines[pending.attempt].append((deadline, pending))

    def _readable(self, sock: socket.socket) -> None:
        buffer = self._buffer
        for _ in range(DATAGRAMS_PER_WAKE):
            try:
                size, source = sock.recvfrom_into(buffer)
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("snmp_receive_failed", error=str(error))
                return
            self.counts.received += 1
            self._received(bytes(memoryview(buffer)[:size]), source)

    def _received(self, data: bytes, source: SocketAddress) -> None:
        try:
            response = decode_response(data)
        except DecodeError as error:
            self.counts.undecodable += 1
            self._remember_fault(source, Outcome.GARBLED, f"a garbled datagram: {error}; check the agent")
            return
        pending = self._pending.get(response.request_id)
        if pending is None:
            self.counts.unasked += 1
            self._remember_fault(source, Outcome.TIMEOUT, "an answer with a request id that is not waited for")
        elif source != pending.address:
            self.counts.foreign += 1
            detail = f"an answer to our request, but sent by {source[0]} port {source[1]}"
            self._remember_fault(pending.address, Outcome.TIMEOUT, detail)
        else:
            if self._faults:
                self._faults.pop(source[:2], None)
            self._finish(pending, _answer(response, pending))

    def _remember_fault(self, source: SocketAddress, outcome: Outcome, detail: str) -> None:
        self._faults[source[:2]] = _Fault(asyncio.get_running_loop().time(), outcome, detail)
        if len(self._faults) > MOST_REMEMBERED_FAULTS:
            self._faults.popitem(last=False)

    def _finish(self, pending: _Pending, answer: Answer) -> None:
        self._pending.pop(pending.request_id, None)
        if not pending.future.done():
            pending.future.set_result(answer)


def _community(agent: Agent) -> bytes:
    if not isinstance(agent.credential, Community):
        raise NotImplementedError("SNMPv3")
    return agent.credential.text


def _answer(response: Response, pending: _Pending) -> Answer:
    attempts = pending.attempt + 1
    if response.error_status:
        status, index = response.error_status, response.error_index
        detail = f"error-status {error_name(status)} at object {index}; check the agent's access rules"
        return Answer(outcome=Outcome.ERROR, error_status=status, error_index=index, detail=detail, attempts=attempts)
    varbinds = _in_order(response.varbinds, pending.names) if pending.names else response.varbinds
    if varbinds is None:
        return Answer(
            outcome=Outcome.GARBLED,
            detail="values of other objects than were asked; check the agent",
            attempts=attempts,
        )
    return Answer(outcome=Outcome.OK, varbinds=varbinds, attempts=attempts)


def error_name(status: int) -> str:
    """The field's name of an error-status, its number where RFC 3416 gives none."""
    try:
        first, *rest = ErrorStatus(status).name.split("_")
    except ValueError:
        return str(status)
    return first.lower() + "".join(word.capitalize() for word in rest)


def _in_order(varbinds: tuple[VarBind, ...], names: tuple[bytes, ...]) -> tuple[VarBind, ...] | None:
    """The values in the order asked; None when the answer is about other objects. Agents may reorder."""
    if tuple(varbind.name for varbind in varbinds) == names:
        return varbinds
    by_name = {varbind.name: varbind for varbind in varbinds}
    if len(varbinds) != len(names) or by_name.keys() != set(names):
        return None
    return tuple(by_name[name] for name in names)
