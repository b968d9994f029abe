"""Receives traps and informs, and hands over what they say as events. A trap is never a state: it may be lost.

A datagram is read here and not by pysnmp, whose decoding takes a millisecond: what comes from nowhere known, or too
often, is dropped for a few microseconds. What is let in waits its turn, and is decoded at a pace that leaves the event
loop to others whatever arrives.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from collector.addresses import SocketAddress, udp_socket
from collector.metrics import TRAPS, UNKNOWN_TRAPS
from collector.model import Fact, FactKind, Source
from collector.settings import TrapSettings
from collector.sink import Gatherer
from collector.snmp.agent import Credential, User
from collector.snmp.trap_admission import (
    CORRECTIONS,
    DUPLICATE_SECONDS,
    Bucket,
    Complaints,
    Recently,
    Sender,
    Senders,
    TrapError,
    TrapOutcome,
)
from collector.snmp.trap_engine import start_engine
from collector.snmp.trap_meaning import (
    NO_NEWS_OF_LINES,
    TRAP_ADDRESS,
    Notification,
    TrapEvent,
    detail_of,
    event_of,
    first,
    link_of,
    started_again,
)
from config.clock import Clock
from inventory.model import Inventory

if TYPE_CHECKING:
    from collector.snmp.trap_codec import Pdu
    from collector.snmp.trap_guard import Guard

log = structlog.get_logger()

ENGINE_FILE = "snmp-engine.json"
LARGEST_NOTIFICATION = 4096
"""Octets; a notification that fills a frame has less than 1,500."""
DATAGRAMS_PER_WAKE = 64
RECEIVE_BUFFER = 4 * 2**20
SO_MEMINFO, _MEMINFO_FIELDS, _DROPS = 55, 9, 8
"""Linux: what a socket's memory holds, and how many datagrams found no room in it."""
DECODING_SHARE = 0.2
"""Of the event loop's time, at most."""
NO_NEWS_SECONDS = 3600.0
"""A device's unknown and authenticationFailure traps are counted each time, and become an event this often."""
MOST_REMEMBERED = 20_000
MOST_NAMES_COUNTED = 200
RESOLVE_EVERY = 600.0
COUNT_EVERY = 5.0
LOOKUPS_AT_ONCE = 8
_LARGEST_DATAGRAM = 65_535


class Arrival(NamedTuple):
    """A datagram that was let in; `sender` is None when it comes from a forwarder, who says whose it is."""

    octets: bytes
    source: SocketAddress
    sock: socket.socket
    sender: Sender | None
    at: datetime


def nobody(device: str) -> None:
    """Nobody wants to know of events at once."""
    del device


def nowhere(device: str, index: int) -> None:
    """Nobody knows which link is at a device's ifIndex."""
    del device, index


class TrapReceiver:
    """Receives until cancelled. `credentials` are those of the settings, by name; the engine's file is in `folder`.

    `on_event` is called with a device's id when a trap says something about its lines, so that it can be polled at
    once; `link_at` says which link polls have found at a device's ifIndex. An inform is acknowledged when its event is
    with the gatherer, which hands it to the journal within a second; what is dropped or refused is not acknowledged.
    """

    def __init__(
        self,
        settings: TrapSettings,
        inventory: Inventory,
        gatherer: Gatherer,
        clock: Clock,
        credentials: Mapping[str, Credential],
        folder: Path,
        *,
        on_event: Callable[[str], None] = nobody,
        link_at: Callable[[str, int], str | None] = nowhere,
    ) -> None:
        self._settings = settings
        self._gatherer = gatherer
        self._clock = clock
        self._path = folder / ENGINE_FILE
        self._on_event = on_event
        self._link_at = link_at
        self._communities = frozenset(each.get_secret_value().encode() for each in settings.communities)
        self._users = [_user(name, credentials) for name in settings.users]
        self._forwarders = frozenset(map(str, settings.forwarders))
        self._senders = Senders(inventory)
        self._buckets: dict[str, Bucket] = {}
        self._waiting: deque[Arrival] = deque()
        self._arrived = asyncio.Event()
        self._recent = Recently(DUPLICATE_SECONDS, MOST_REMEMBERED)
        self._no_news = Recently(NO_NEWS_SECONDS, MOST_REMEMBERED)
        self._names: set[str] = set()
        self._of_strangers, self._of_devices = Complaints(), Complaints()
        self._sockets: list[socket.socket] = []
        self._guard: Guard | None = None
        self._buffer = bytearray(_LARGEST_DATAGRAM)
        self._lost = 0
        self._counted = dict.fromkeys(TrapOutcome, 0)
        self.counts = dict.fromkeys(TrapOutcome, 0)

    async def run(self) -> None:
        """Receive until cancelled. Raises TrapError when the port cannot be opened."""
        self.open()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work())
                group.create_task(self._count())
                if self._senders.names:
                    group.create_task(self._resolve())
        finally:
            self.close()

    def open(self) -> None:
        """Start our SNMP engine anew and listen; nothing where that is done. Raises TrapError."""
        if self._sockets:
            return
        from collector.snmp.trap_guard import Guard  # imports pysnmp

        loop = asyncio.get_running_loop()
        engine = start_engine(self._path, loop.time())
        self._guard = Guard(self._communities, self._users, engine)
        try:
            for address in self._settings.listen:
                self._sockets.append(_listening(str(address), self._settings.port))
        except TrapError:
            self.close()
            raise
        self._lost = 0
        for sock in self._sockets:
            loop.add_reader(sock, self._readable, sock)
        log.info("listening_for_traps", addresses=[sock.getsockname()[:2] for sock in self._sockets])

    def close(self) -> None:
        self._publish()
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        self._sockets.clear()

    @property
    def port(self) -> int:
        """The port of the first socket; 0 when it is closed."""
        return int(self._sockets[0].getsockname()[1]) if self._sockets else 0

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(DATAGRAMS_PER_WAKE):
            try:
                size, source = sock.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("trap_receive_failed", error=str(error))
                return
            self._admit(size, source, sock)

    def _admit(self, size: int, source: SocketAddress, sock: socket.socket) -> None:
        """Into the queue, or counted and gone. This is all that a storm can make us do for each datagram."""
        address = source[0].partition("%")[0]
        now = asyncio.get_running_loop().time()
        forwarded = address in self._forwarders
        sender = None if forwarded else self._senders.at(address)
        rate = self._settings.overall if forwarded else self._settings.per_source
        if isinstance(sender, TrapOutcome):
            self._note(sender, address, now)
        elif not self._bucket(address, rate, now).take(rate, now):
            self._note(TrapOutcome.SOURCE_RATE, address, now)
        elif size > LARGEST_NOTIFICATION:
            self._note(TrapOutcome.TOO_LARGE, address, now)
        elif len(self._waiting) >= self._settings.waiting:
            self._note(TrapOutcome.OVERALL_RATE, address, now)
        else:
            octets = bytes(memoryview(self._buffer)[:size])
            self._waiting.append(Arrival(octets, source, sock, sender, self._clock.now()))
            self._arrived.set()

    def _bucket(self, address: str, rate: float, now: float) -> Bucket:
        """There is one for each address of a device or forwarder, so they are bounded."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = Bucket(rate, now)
        return bucket

    def _note(self, outcome: TrapOutcome, address: str, now: float) -> None:
        self.counts[outcome] += 1
        if outcome not in CORRECTIONS:
            return
        complaints = self._of_strangers if outcome is TrapOutcome.UNKNOWN_SOURCE else self._of_devices
        if complaints.due(address, now):
            log.warning("trap_refused", source=address, reason=outcome, message=CORRECTIONS[outcome])

    async def _work(self) -> None:
        """Decode what waits, one by one: at most `overall` a second, and in at most DECODING_SHARE of the time."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._arrived.wait()
            while self._waiting:
                await asyncio.sleep(max(0.0, due - loop.time()))
                began = loop.time()
                self._take(self._waiting.popleft(), began)
                took = loop.time() - began
                due = began + max(1.0 / self._settings.overall, took / DECODING_SHARE)
            self._arrived.clear()

    def _take(self, arrival: Arrival, now: float) -> None:
        if self._guard is None:
            return
        heard = self._guard.hear(arrival.octets, now)
        outcome = heard.outcome if heard.pdu is None else self._told(arrival, heard.pdu, now)
        self._note(outcome, arrival.source[0], now)
        refused = heard.pdu is not None and outcome not in (TrapOutcome.TAKEN, TrapOutcome.DUPLICATE)
        if heard.answer is None or refused:
            return
        try:
            arrival.sock.sendto(heard.answer, arrival.source)
        except OSError as error:
            log.warning("inform_unacknowledged", source=arrival.source[0], error=str(error))

    def _told(self, arrival: Arrival, pdu: Pdu, now: float) -> TrapOutcome:
        """Hand over what an authentic notification says, unless it said so before."""
        sender = arrival.sender or self._original(arrival, pdu.notification)
        if isinstance(sender, TrapOutcome):
            return sender
        if self._recent.again(hash((sender.device, pdu.request_id, pdu.notification)), now):
            return TrapOutcome.DUPLICATE
        event = event_of(pdu.notification)
        if event is TrapEvent.UNKNOWN_TRAP:
            self._count_unknown(pdu.notification.name)
        if event in NO_NEWS_OF_LINES and self._no_news.again((sender.device, pdu.notification.name), now):
            return TrapOutcome.TAKEN
        for fact in self._facts(sender, pdu.notification, event, arrival.at):
            self._gatherer.add_fact(fact)
        if event not in NO_NEWS_OF_LINES:
            self._on_event(sender.device)
        return TrapOutcome.TAKEN

    def _original(self, arrival: Arrival, notification: Notification) -> Sender | TrapOutcome:
        """Whose trap a forwarder passes on (RFC 3584, 3.1 and 4.1); its own, where it names nobody."""
        named = first(notification, TRAP_ADDRESS)
        return self._senders.at(named if isinstance(named, str) else arrival.source[0])

    def _facts(self, sender: Sender, notification: Notification, event: TrapEvent, at: datetime) -> list[Fact]:
        """The event, at the time of its arrival (a trap carries none but sysUpTime), and what else it proves."""
        link = link_of(notification, sender.links, lambda index: self._link_at(sender.device, index))
        detail = detail_of(notification, self._communities)
        facts = [Fact(at, link or sender.device, FactKind.EVENT, event.value, Source.SNMP, at, detail)]
        seconds = started_again(notification)
        if seconds is not None:
            booted = at - timedelta(seconds=seconds)
            facts.append(Fact(booted, sender.device, FactKind.REBOOT, f"{seconds:.0f}", Source.SNMP, at, detail))
        return facts

    def _count_unknown(self, name: str) -> None:
        if len(self._names) < MOST_NAMES_COUNTED:
            self._names.add(name)
        UNKNOWN_TRAPS.labels(name if name in self._names else "other").inc()

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_EVERY)
            self._publish()

    def _publish(self) -> None:
        lost = sum(map(_dropped, self._sockets))
        self.counts[TrapOutcome.RECEIVE_BUFFER] += lost - self._lost
        self._lost = lost
        for outcome, count in self.counts.items():
            TRAPS.labels(outcome).inc(count - self._counted[outcome])
            self._counted[outcome] = count

    async def _resolve(self) -> None:
        """Find out, now and again, what the inventory's host names mean."""
        while True:
            turns = asyncio.Semaphore(LOOKUPS_AT_ONCE)
            found = await asyncio.gather(*(_addresses(name, turns) for name in self._senders.names))
            self._senders.resolved(dict(zip(self._senders.names, found, strict=True)))
            await asyncio.sleep(RESOLVE_EVERY)


async def _addresses(name: str, turns: asyncio.Semaphore) -> list[str]:
    """Every address of a host name; none when it cannot be resolved, which is said."""
    async with turns:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except OSError as error:
            log.warning("trap_sender_unresolved", host=name, error=error.strerror or str(error))
            return []
    return [str(target[0]) for *_, target in found]


def _user(name: str, credentials: Mapping[str, Credential]) -> User:
    credential = credentials.get(name)
    if not isinstance(credential, User):
        raise TrapError(f"traps.users names {name!r}, which is no user (v3) under snmp.credentials; add it there")
    return credential


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    where = f"traps cannot be received on {address} port {port}"
    try:
        sock = udp_socket(family, RECEIVE_BUFFER)
    except OSError as error:
        raise TrapError(f"{where}: {error.strerror}; take it out of traps.listen") from error
    try:
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise TrapError(f"{where}: {error.strerror}; {_what_to_do(error)}") from error
    return sock


def _dropped(sock: socket.socket) -> int:
    """Datagrams that the kernel dropped for want of room, since the socket was opened; 0 where it does not say."""
    try:
        octets = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4 * _MEMINFO_FIELDS)
    except OSError:
        return 0
    return int(struct.unpack(f"{_MEMINFO_FIELDS}I", octets)[_DROPS]) if len(octets) == 4 * _MEMINFO_FIELDS else 0


def _what_to_do(error: OSError) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return (
                "a port below 1024 needs a privilege. Give the service CAP_NET_BIND_SERVICE (systemd: "
                "AmbientCapabilities=CAP_NET_BIND_SERVICE; without systemd: setcap cap_net_bind_service=+ep on its "
                "Python), or set traps.port to 1162 and redirect UDP port 162 to it in the firewall"
            )
        case errno.EADDRINUSE:
            return "another program has it, perhaps snmptrapd; stop that, or set traps.port to another"
        case errno.EADDRNOTAVAIL:
            return "it is no address of this machine; correct traps.listen"
    return "correct traps.listen and traps.port"
