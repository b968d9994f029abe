"""Asks SNMP agents over a shared UDP socket for each address family. Every result is a value, never an exception.

An answer is accepted by its request id and its source address. What is asked again and again goes the fast way: an
`Ask` is made once, `start` queues it, `deliver` is called with its values; there is no task, future or timer for a
request or a value. One timer serves all deadlines; a retry repeats the same request id, so that a late answer to an
earlier attempt still counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from collector.addresses import SocketAddress, resolve, udp_socket
from collector.snmp.agent import Agent, User
from collector.snmp.answers import answer_of
from collector.snmp.ask import Answer, Ask, Outcome, Result, Tally
from collector.snmp.ber import DecodeError
from collector.snmp.message import (
    FIRST_REQUEST_ID,
    LAST_REQUEST_ID,
    ErrorStatus,
    Request,
    bulk_request,
    decode_pdu,
    decode_response,
    get_request,
)
from collector.snmp.refusals import SecurityError
from collector.snmp.session import Again, Refused, Session, Steps
from collector.snmp.strays import DAMAGED, Strays
from collector.snmp.version3 import message_id
from collector.snmp.wire import pdu_values, receive, send

log = structlog.get_logger()

IPV4_AND_UDP, IPV6_AND_UDP = 28, 48
"""Octets of headers without options (RFC 791, RFC 8200, RFC 768)."""
BACKOFF = 1.5
"""Each attempt waits this many times as long as the one before."""
TICK_SECONDS = 0.02
RECEIVE_BUFFER = 8 * 2**20
RESOLVE_AGAIN_SECONDS = 300.0
"""A host's name may move to another address; a literal address does not."""


@dataclass(slots=True)
class PollerCounts:
    """Datagrams since the start, for metrics and for `poll`; `strays` are those that answered nothing, by reason."""

    sent: int = 0
    received: int = 0
    retries: int = 0
    timeouts: int = 0


CLOSED = Answer(outcome=Outcome.TIMEOUT, detail="the poller was closed")


class SnmpPoller:
    """Build it inside a running event loop's thread; sockets open at the first request. `close` releases them."""

    def __init__(self, *, timeout: float = 2.0, retries: int = 2, packets_per_second: int = 20_000) -> None:
        self.counts = PollerCounts()
        self.strays = Strays()
        self._timeouts = tuple(timeout * BACKOFF**attempt for attempt in range(retries + 1))
        self._per_tick = max(1, int(packets_per_second * TICK_SECONDS))
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        self._pending: dict[int, Ask] = {}
        self._deadlines: tuple[deque[tuple[float, Sequence[Ask]]], ...] = tuple(deque() for _ in self._timeouts)
        self._outgoing: deque[Ask] = deque()
        self._sent_this_tick = 0
        self._sending = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._next_id = FIRST_REQUEST_ID + secrets.randbelow(LAST_REQUEST_ID - FIRST_REQUEST_ID)
        self._receive = receive
        self._sessions: dict[Agent, Session] = {}
        self._tallies: dict[Agent, Tally] = {}
        self._addresses: dict[tuple[str, int], tuple[float, socket.AddressFamily, SocketAddress]] = {}

    async def get(self, agent: Agent, oids: Sequence[str]) -> Answer:
        """GET these OIDs. An agent that says tooBig is asked for halves; an object it lacks has a `Missing` value."""
        answer = await self.get_at_once(agent, oids)
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

    async def get_at_once(self, agent: Agent, oids: Sequence[str]) -> Answer:
        """GET these OIDs in one datagram; tooBig is told as the agent said it."""
        return await self._asked(agent, get_request(oids), in_order=True)

    async def bulk(self, agent: Agent, oids: Sequence[str], repetitions: int) -> Answer:
        """One GETBULK: up to `repetitions` successors of each OID, row by row (RFC 3416, section 4.2.3)."""
        return await self._asked(agent, bulk_request(oids, repetitions), in_order=False)

    async def _asked(self, agent: Agent, request: Request, *, in_order: bool) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def deliver(_: Ask, result: Result) -> None:
            if not future.done() and isinstance(result, Answer):
                future.set_result(result)

        ask = Ask(agent, request, deliver, in_order=in_order)
        unplaced = await self.place(ask)
        if unplaced is not None:
            return unplaced
        self.start(ask)
        try:
            return await future
        finally:
            self._pending.pop(ask.request_id, None)

    async def place(self, ask: Ask) -> Answer | None:
        """Give the ask its socket and address; an Answer that says why when it has none."""
        if self._closed:
            return CLOSED
        key = (ask.agent.address, ask.agent.port)
        now = asyncio.get_running_loop().time()
        known = self._addresses.get(key)
        try:
            if known is None or known[0] < now:
                family, target = await resolve(*key)
                lasts = float("inf") if target[0] == key[0] else now + RESOLVE_AGAIN_SECONDS
                known = self._addresses[key] = (lasts, family, target)
            _, family, ask.target = known
            ask.tally = self._tallies.get(ask.agent)
            if isinstance(ask.agent.credential, User):
                ask.session = self._session(ask.agent, ask.agent.credential)
            ask.sock = self._sockets.get(family) or self._open(family)
        except OSError as error:
            return Answer(
                outcome=Outcome.ERROR, detail=f"the address cannot be used: {error.strerror or error}; correct it"
            )
        return None

    def tally(self, agent: Agent) -> Tally:
        """Count the octets to and from this agent from now on; for lines that are paid by volume."""
        tally = Tally(IPV6_AND_UDP if ":" in agent.address else IPV4_AND_UDP)
        self._tallies[agent] = tally
        return tally

    def _session(self, agent: Agent, user: User) -> Session:
        session = self._sessions.get(agent)
        if session is None:
            session = self._sessions[agent] = Session(user)
        return session

    def start(self, ask: Ask) -> None:
        """Send a placed ask as soon as the pace allows. It must not be in flight."""
        ask.attempt = 0
        if ask.session is not None:
            ask.steps = Steps()
        self._name(ask)
        self._outgoing.append(ask)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
            self._sent_this_tick = 0
        if not self._sending:
            self._sending = True
            asyncio.get_running_loop().call_soon(self._send_soon)

    def _name(self, ask: Ask) -> None:
        """Give the ask the next request id; it is pending from now on."""
        request_id = self._next_id
        while True:
            request_id = request_id + 1 if request_id < LAST_REQUEST_ID else FIRST_REQUEST_ID
            if request_id not in self._pending:
                break
        self._next_id = ask.request_id = request_id
        self._pending[request_id] = ask

    def _send_soon(self) -> None:
        """All that was started in one turn of the loop goes out together."""
        self._sending = False
        self._send_waiting()

    def in_flight(self) -> int:
        return len(self._pending)

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
        self._closed = True
        for ask in list(self._pending.values()):
            self._finish(ask, CLOSED)

    def _open(self, family: socket.AddressFamily) -> socket.socket:
        sock = udp_socket(family, RECEIVE_BUFFER)
        sock.bind(("", 0))
        asyncio.get_running_loop().add_reader(sock, self._readable, sock)
        self._sockets[family] = sock
        return sock

    def _tick(self) -> None:
        """Send what the pace held back, and see to requests whose time is up."""
        loop = asyncio.get_running_loop()
        self._sent_this_tick = 0
        now = loop.time()
        pending = self._pending
        for queue in self._deadlines:
            while queue and queue[0][0] <= now:
                # One that was answered, or started or sent again since, has no or a later deadline.
                for ask in queue.popleft()[1]:
                    if ask.due <= now and pending.get(ask.request_id) is ask:
                        self._overdue(ask)
        self._send_waiting()
        self._timer = loop.call_later(TICK_SECONDS, self._tick) if pending else None

    def _overdue(self, ask: Ask) -> None:
        ask.attempt += 1
        if ask.attempt < (ask.attempts or len(self._timeouts)):
            self.counts.retries += 1
            self._outgoing.append(ask)
            return
        self.counts.timeouts += 1
        self.strays.gave_up(ask.request_id)
        assert ask.target is not None  # noqa: S101 - it was sent
        stray = self.strays.instead_of(ask.target, ask.started)
        if stray is None:
            detail = ask.session.silence() if ask.session is not None else ""
            self._finish(ask, Answer(outcome=Outcome.TIMEOUT, detail=detail, attempts=ask.attempt))
        else:
            damaged = stray[0] in DAMAGED
            outcome = Outcome.GARBLED if damaged else Outcome.TIMEOUT
            detail = stray[1] if damaged else f"what came instead: {stray[1]}"
            self._finish(ask, Answer(outcome=outcome, detail=detail, attempts=ask.attempt))

    def _send_waiting(self) -> None:
        while self._outgoing and self._sent_this_tick < self._per_tick:
            batch = self._next_batch()
            if not batch:
                return
            sock = batch[0].sock
            assert sock is not None  # noqa: S101 - `place` came first
            try:
                sent = send(sock, batch)
            except OSError as error:
                self._outgoing.extendleft(reversed(batch[1:]))
                detail = f"cannot send: {error.strerror}; check our own route to it"
                self._finish(batch[0], Answer(outcome=Outcome.ERROR, detail=detail))
                continue
            self._filed(batch[:sent])
            if sent < len(batch):
                self._outgoing.extendleft(reversed(batch[sent:]))
                return

    def _next_batch(self) -> list[Ask]:
        """Waiting asks for one socket, no more than the pace allows."""
        outgoing, pending, batch = self._outgoing, self._pending, list[Ask]()
        room = self._per_tick - self._sent_this_tick
        while outgoing and len(batch) < room:
            ask = outgoing[0]
            if batch and ask.sock is not batch[0].sock:
                break
            outgoing.popleft()
            if pending.get(ask.request_id) is ask:
                if ask.session is not None:
                    self._secure(ask)
                batch.append(ask)
        return batch

    def _secure(self, ask: Ask) -> None:
        """The datagram of this attempt under SNMPv3, cut where wire puts the msgID, which is the request id."""
        assert ask.session is not None and ask.steps is not None  # noqa: S101, PT018 - `start` came first
        identity = ask.request_id.to_bytes(4, "big")
        pdu = ask.request.encoded(ask.request_id)
        datagram = ask.session.datagram(ask.request_id, pdu, ask.steps, time.monotonic())
        before, _, after = datagram.partition(identity)
        ask.head, ask.tail = before, after

    def _filed(self, sent: Sequence[Ask]) -> None:
        """Under the deadlines of their attempts."""
        now = asyncio.get_running_loop().time()
        first = self._timeouts[0] + now
        ordinary: list[Ask] = []
        for ask in sent:
            if ask.tally is not None:
                ask.tally.add(len(ask.head) + 4 + len(ask.tail))
            if ask.attempt:
                ask.due = now + self._timeouts[ask.attempt]
                self._deadlines[ask.attempt].append((ask.due, (ask,)))
            else:
                ask.started, ask.due = now, first
                ordinary.append(ask)
        if ordinary:
            self._deadlines[0].append((first, ordinary))
        self._sent_this_tick += len(sent)
        self.counts.sent += len(sent)

    def _readable(self, sock: socket.socket) -> None:
        try:
            answered, odd = self._receive(sock, self._pending)
        except OSError as error:
            log.warning("snmp_receive_failed", error=str(error))
            return
        self.counts.received += len(answered) + len(odd)
        for ask, values, octets in answered:
            if ask.tally is not None:
                ask.tally.add(octets)
            ask.deliver(ask, values)
        for data, source in odd:
            self._decoded(data, source)

    def _decoded(self, data: bytes, source: SocketAddress) -> None:
        """The way of every answer that is not just as expected, and of every one under SNMPv3."""
        identity = message_id(data)
        if identity is not None:
            self._opened(data, identity, source)
            return
        try:
            response = decode_response(data)
        except DecodeError as error:
            self.strays.undecodable(source, error)
            return
        ask = self._pending.get(response.request_id)
        if ask is None:
            self.strays.unasked(source, response.request_id, self._next_id)
        elif ask.target is not None and ask.target != source:
            self.strays.foreign(ask.target, source)
        elif ask.session is not None:
            self.strays.refused(source, "an SNMPv2c message in answer to a request of SNMPv3; check the agent")
        else:
            if ask.tally is not None:
                ask.tally.add(len(data))
            self._finish(ask, answer_of(response, ask))

    def _opened(self, data: bytes, identity: int, source: SocketAddress) -> None:
        """An SNMPv3 message: what it holds is taken once it is authentic; a report leads on, or ends the request."""
        ask = self._pending.get(identity)
        if ask is None:
            self.strays.unasked(source, identity, self._next_id)
        elif ask.target is not None and ask.target != source:
            self.strays.foreign(ask.target, source)
        elif ask.session is None or ask.steps is None:
            self.strays.refused(source, "an SNMPv3 message in answer to a request of SNMPv2c; check the agent")
        else:
            if ask.tally is not None:
                ask.tally.add(len(data))
            self._unwrapped(ask, ask.session, ask.steps, data, source)

    def _unwrapped(self, ask: Ask, session: Session, steps: Steps, data: bytes, source: SocketAddress) -> None:
        try:
            opened = session.opened(data, steps, time.monotonic())
            if isinstance(opened, Again):
                # Another msgID (RFC 3412, 6.2): a second answer to the step before must not be taken for this one's.
                del self._pending[ask.request_id]
                self._name(ask)
                self._outgoing.appendleft(ask)
                self._send_waiting()
            elif isinstance(opened, Refused):
                self._finish(ask, Answer(outcome=Outcome.AUTH, detail=opened.detail, attempts=ask.attempt + 1))
            else:
                self._take_pdu(ask, opened)
        except DecodeError as error:
            self.strays.undecodable(source, error)
        except SecurityError as error:
            self.strays.refused(source, str(error))

    def _take_pdu(self, ask: Ask, pdu: bytes) -> None:
        """The content of an SNMPv3 answer; its request id is ours as well (RFC 3412, 7.2)."""
        values = pdu_values(ask, pdu)
        if values is not None:
            self._finish(ask, values)
            return
        response = decode_pdu(pdu, 0, len(pdu))
        if response.request_id != ask.request_id:
            raise DecodeError("an SNMPv3 message holds the answer to another request")
        self._finish(ask, answer_of(response, ask))

    def _finish(self, ask: Ask, result: Result) -> None:
        if self._pending.pop(ask.request_id, None) is not None:
            ask.deliver(ask, result)
