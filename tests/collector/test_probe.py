"""The probe: figures by hand from given round-trip times, and trains to real echo servers on loopback."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.echo import (
    MAGIC,
    PAYLOAD,
    EchoKind,
    EchoProber,
    NotPermittedError,
    ProbeError,
    Reached,
    internet_checksum,
    ping,
    round_trip_ms,
)
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.probe import ProbeTarget, ProbeWatch, parse_target, probed_links, summarise
from collector.settings import ProbeSettings
from config.clock import ScaledClock, SystemClock
from inventory.model import Inventory, LifeCycle, Link, Monitoring, Tool

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
NAN = math.nan
Serve = Callable[..., Awaitable[int]]


class EchoServer(asyncio.DatagramProtocol):
    """RFC 862, with a delay; `loses` names sequence numbers that get no answer, `changes` what is sent back."""

    def __init__(self, delay: float, loses: Sequence[int], changes: Callable[[bytes], list[bytes]]) -> None:
        self.delay, self.loses, self.changes = delay, loses, changes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        _, _, _, sequence, _, _ = PAYLOAD.unpack(data)
        if sequence not in self.loses:
            for answer in self.changes(data):
                asyncio.get_running_loop().call_later(self.delay, self.transport.sendto, answer, source)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`port = await serve(delay=0.0, loses=(), changes=lambda data: [data])`."""
    transports = []

    async def start(
        delay: float = 0.0, loses: Sequence[int] = (), changes: Callable[[bytes], list[bytes]] = lambda data: [data]
    ) -> int:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: EchoServer(delay, loses, changes), local_addr=("127.0.0.1", 0)
        )
        transports.append(transport)
        return int(transport.get_extra_info("sockname")[1])

    yield start
    for transport in transports:
        transport.close()


@pytest.fixture
async def prober() -> AsyncIterator[EchoProber]:
    prober = EchoProber()
    yield prober
    prober.close()


async def no_pause() -> None:
    await asyncio.sleep(0)


class Collected:
    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.said: list[Fact] = []

    async def samples(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        self.said.extend(facts)


async def run_until(watching: ProbeWatch, enough: Callable[[], bool]) -> None:
    task = asyncio.create_task(watching.run())
    for _ in range(1000):
        if enough():
            break
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert enough()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("icmp://192.0.2.1", ProbeTarget(EchoKind.ICMP, "192.0.2.1")),
        ("icmp://[2001:db8::1]", ProbeTarget(EchoKind.ICMP, "2001:db8::1")),
        ("udp://probe.example.net:862", ProbeTarget(EchoKind.UDP, "probe.example.net", 862)),
    ],
)
def test_a_probe_target_is_read(text: str, target: ProbeTarget) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    ["", "192.0.2.1", "icmp://", "icmp://192.0.2.1:7", "udp://192.0.2.1", "udp://192.0.2.1:0", "udp://192.0.2.1:99999",
     "tcp://192.0.2.1:80", "icmp://192.0.2.1/path", "icmp://user@192.0.2.1", "icmp://[::1"],
)  # fmt: skip
def test_a_target_that_cannot_be_read_is_named_with_what_to_write(text: str) -> None:
    with pytest.raises(ProbeError, match=r"is not a probe target; write icmp://HOST or udp://HOST:PORT"):
        parse_target(text)


def test_the_figures_of_a_train_are_median_mean_step_and_share_lost() -> None:
    measured = summarise([10.0, 14.0, NAN, 20.0, 19.0])
    assert measured.rtt_ms == 16.5  # the median of 10, 14, 19, 20
    assert measured.jitter_ms == 2.5  # |14-10| and |19-20|; not across the lost packet
    assert (measured.loss_pct, measured.sent, measured.lost) == (20.0, 5, 1)


def test_when_all_is_lost_times_are_not_known_and_loss_is_100() -> None:
    measured = summarise([NAN, NAN])
    assert math.isnan(measured.rtt_ms)
    assert math.isnan(measured.jitter_ms)
    assert (measured.loss_pct, measured.lost) == (100.0, 2)


def test_one_packet_has_no_jitter() -> None:
    measured = summarise([7.0])
    assert measured.rtt_ms == 7.0
    assert math.isnan(measured.jitter_ms)


def test_the_checksum_is_that_of_rfc_1071() -> None:
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D  # section 3: the sum is ddf2
    assert internet_checksum(b"\x01") == 0xFEFF


@pytest.mark.parametrize(
    ("stamped", "expected"),
    [
        (None, 30.0),
        (1_000_020_000_000, 20.0),  # the kernel had it 10 ms before we came to read it
        (1_000_050_000_000, 30.0),  # the wall clock was set forward meanwhile
        (999_000_000_000, 30.0),  # and backward
    ],
)
def test_the_kernels_receive_time_counts_where_it_is_credible(stamped: int | None, expected: float) -> None:
    assert round_trip_ms((1_000_000_000_000, 5_000_000_000), stamped, 5_030_000_000) == expected


async def test_a_train_to_an_echo_server_measures_its_delay_and_loss(serve: Serve, prober: EchoProber) -> None:
    port = await serve(delay=0.03, loses=(1, 4))
    train = await prober.train(EchoKind.UDP, "127.0.0.1", port, 6, 0.5, no_pause)
    assert [math.isnan(rtt) for rtt in train.rtts_ms] == [False, True, False, False, True, False]
    assert all(29.0 < rtt < 300.0 for rtt in train.rtts_ms if not math.isnan(rtt))


async def test_our_own_lag_is_not_measured_as_the_lines_latency(serve: Serve, prober: EchoProber) -> None:
    """The answer waits in the socket while the loop is busy for 0.2 s; the kernel knows when it came.

    A first train opens the socket: the kernel begins to stamp a moment after it was asked to.
    """
    await prober.train(EchoKind.UDP, "127.0.0.1", await serve(), 1, 2.0, no_pause)
    await asyncio.sleep(0.1)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def echo_once() -> None:
        data, source = server.recvfrom(2048)
        server.sendto(data, source)
        server.close()

    thread = threading.Thread(target=echo_once)
    thread.start()
    waiting = asyncio.create_task(prober.train(EchoKind.UDP, "127.0.0.1", server.getsockname()[1], 1, 2.0, no_pause))
    for _ in range(50):
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(time.sleep, 0.2)
    train = await waiting
    thread.join()
    assert train.rtts_ms[0] < 150.0


async def test_a_packet_that_comes_too_late_is_lost(serve: Serve, prober: EchoProber) -> None:
    port = await serve(delay=0.2)
    train = await prober.train(EchoKind.UDP, "127.0.0.1", port, 2, 0.05, lambda: asyncio.sleep(0.3))
    assert all(map(math.isnan, train.rtts_ms))


async def test_nobody_there_is_loss(prober: EchoProber, serve: Serve) -> None:
    port = await serve(loses=range(100))
    train = await prober.train(EchoKind.UDP, "127.0.0.1", port, 3, 0.05, no_pause)
    assert len(train.rtts_ms) == 3
    assert all(map(math.isnan, train.rtts_ms))


@pytest.mark.parametrize(
    "changes",
    [
        lambda data: [b"garbage"],
        lambda data: [],
        lambda data: [data[:-1]],
        lambda data: [MAGIC + bytes(8) + data[12:]],  # another process's token
        lambda data: [data[:16] + b"\xff\xff\xff\xff" + data[20:]],  # a sequence never sent
    ],
)
async def test_what_is_not_our_packet_is_no_answer(
    serve: Serve, prober: EchoProber, changes: Callable[[bytes], list[bytes]]
) -> None:
    port = await serve(changes=changes)
    train = await prober.train(EchoKind.UDP, "127.0.0.1", port, 1, 0.05, no_pause)
    assert math.isnan(train.rtts_ms[0])


async def test_of_a_packet_answered_twice_the_first_answer_counts(prober: EchoProber) -> None:
    loop = asyncio.get_running_loop()

    class Twice(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, source: Any) -> None:
            self.transport.sendto(data, source)
            loop.call_later(0.2, self.transport.sendto, data, source)

    transport, _ = await loop.create_datagram_endpoint(Twice, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    train = await prober.train(EchoKind.UDP, "127.0.0.1", port, 2, 1.0, lambda: asyncio.sleep(0.3))
    transport.close()
    assert len(train.rtts_ms) == 2
    assert train.rtts_ms[0] < 150


async def test_an_answer_from_another_address_is_none(prober: EchoProber) -> None:
    loop = asyncio.get_running_loop()
    other, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.2", 0))

    class Elsewhere(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, source: Any) -> None:
            other.sendto(data, source)

    transport, _ = await loop.create_datagram_endpoint(Elsewhere, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    train = await prober.train(EchoKind.UDP, "127.0.0.1", port, 1, 0.2, no_pause)
    transport.close()
    other.close()
    assert math.isnan(train.rtts_ms[0])


async def test_trains_to_several_targets_are_never_mixed_up(serve: Serve, prober: EchoProber) -> None:
    ports = [await serve(loses=(number,)) for number in range(8)]
    trains = await asyncio.gather(*(prober.train(EchoKind.UDP, "127.0.0.1", port, 8, 0.3, no_pause) for port in ports))
    for number, train in enumerate(trains):
        assert [math.isnan(rtt) for rtt in train.rtts_ms] == [sequence == number for sequence in range(8)]


async def test_127_0_0_1_answers_or_the_refusal_is_clear(prober: EchoProber) -> None:
    reachability = await ping("127.0.0.1")
    if reachability.reached is Reached.UNKNOWN:
        assert "ping_group_range" in reachability.detail
        with pytest.raises(NotPermittedError):
            await prober.train(EchoKind.ICMP, "127.0.0.1", 0, 3, 1.0, no_pause)
        return
    train = await prober.train(EchoKind.ICMP, "127.0.0.1", 0, 3, 1.0, no_pause)
    assert all(0 < rtt < 500 for rtt in train.rtts_ms)
    assert reachability.reached is Reached.YES


async def test_a_host_that_does_not_resolve_is_named(prober: EchoProber) -> None:
    with pytest.raises(ProbeError, match=r"the probe target nonesuch\.invalid does not resolve"):
        await prober.train(EchoKind.UDP, "nonesuch.invalid", 7, 1, 0.1, no_pause)


async def test_every_line_gets_one_sample_a_slot(serve: Serve) -> None:
    good, dead = await serve(), await serve(loses=range(1000))
    lines = [
        Link(id="wan1", site="s", probe_target=f"udp://127.0.0.1:{good}"),
        Link(id="wan2", site="s", probe_target=f"udp://127.0.0.1:{dead}"),
    ]
    settings = ProbeSettings(every=60, packets=4, timeout=0.3)
    sink = Collected()
    watching = ProbeWatch(Inventory.of(links=lines), settings, ScaledClock(NOW, time.time(), 240), sink)

    def rows(link: str) -> list[tuple[int, float, float]]:
        return [
            (int(batch.time[row]), float(batch.fields["loss_pct"][row]), float(batch.fields["rtt_ms"][row]))
            for batch in sink.batches
            for row in range(len(batch))
            if batch.links[row] == link
        ]

    await run_until(watching, lambda: len(rows("wan1")) >= 3 and len(rows("wan2")) >= 2)
    assert all(moment % 60_000 == 0 for moment, _, _ in rows("wan1") + rows("wan2"))
    assert len({moment for moment, _, _ in rows("wan1")}) == len(rows("wan1"))
    assert all(loss == 0 and rtt > 0 for _, loss, rtt in rows("wan1"))
    assert all(loss == 100 and math.isnan(rtt) for _, loss, rtt in rows("wan2"))
    assert all(batch.source is Source.PROBE for batch in sink.batches)


async def test_a_line_whose_target_cannot_be_asked_has_no_sample() -> None:
    lines = [Link(id="wan1", site="s", probe_target="udp://nonesuch.invalid:7")]
    sink = Collected()
    watching = ProbeWatch(Inventory.of(links=lines), ProbeSettings(every=60), ScaledClock(NOW, time.time(), 600), sink)
    await run_until(watching, lambda: bool(watching._failing))
    assert sink.batches == []


async def test_without_permission_the_probe_says_that_it_is_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(family: int) -> None:
        raise NotPermittedError("this process may not send ICMP")

    monkeypatch.setattr("collector.echo._open_icmp", refused)
    lines = [Link(id=f"wan{number}", site="s", probe_target="icmp://127.0.0.1") for number in range(3)]
    sink = Collected()
    watching = ProbeWatch(Inventory.of(links=lines), ProbeSettings(every=60), ScaledClock(NOW, time.time(), 600), sink)
    await run_until(watching, lambda: len(watching._failing) == 3 and bool(sink.said))
    assert sink.batches == []
    assert [(fact.subject, fact.kind, fact.value) for fact in sink.said] == [
        ("probe", FactKind.SOURCE_STATE, "failing")
    ]


def test_only_watched_lines_with_a_usable_target_are_probed() -> None:
    target = "icmp://192.0.2.1"
    lines = [
        Link(id="probed", site="s", probe_target=target),
        Link(id="none", site="s"),
        Link(id="wrong", site="s", probe_target="192.0.2.1"),
        Link(id="ordered", site="s", probe_target=target, life_cycle=LifeCycle.ORDERED),
        Link(id="unwatched", site="s", probe_target=target, monitoring=Monitoring(subscribed=False)),
        Link(id="snmp only", site="s", probe_target=target, monitoring=Monitoring(tools=(Tool.SNMP,))),
    ]
    assert [link.id for link, _ in probed_links(Inventory.of(links=lines))] == ["probed"]


async def test_a_probe_that_is_switched_off_sends_nothing() -> None:
    lines = [Link(id="wan1", site="s", probe_target="icmp://127.0.0.1")]
    watching = ProbeWatch(Inventory.of(links=lines), ProbeSettings(enabled=False), SystemClock(), Collected())
    assert watching._links == ()
