"""Whose values a poll takes: what is late, doubled, spoofed or another device's never becomes a value."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from pysnmp.proto.api import v2c

from collector.model import Fact, SampleBatch
from collector.settings import SnmpSettings
from collector.snmp.interfaces import Column
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome, PollReport
from collector.snmp.strays import Stray
from collector.snmp.watch import SnmpWatch
from config.clock import Clock, ManualClock, ScaledClock, epoch_ms
from inventory.model import Device, DeviceRole, Inventory, Link, Site, SnmpAccess
from service.documents import poll_document

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
DAY = 86_400
SECRET = "m4plesyrup"
Start = Callable[..., Awaitable[Any]]
Row = Callable[..., dict[str, Any]]


class Collected:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.said: list[Fact] = []

    async def samples(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        self.said.extend(facts)


def router(port: int, name: str = "rtr", **changes: Any) -> Device:
    known: dict[str, Any] = {
        "id": name, "site": "s", "role": DeviceRole.ROUTER, "management_address": "127.0.0.1",
        "snmp": SnmpAccess(credential="lab", port=port),
    }  # fmt: skip
    return Device(**known | changes)


def watch(
    devices: Sequence[Device], poller: SnmpPoller, clock: Clock | None = None, **credential: str
) -> tuple[SnmpWatch, Collected]:
    """Each device has one line, at its interface wan."""
    lines = [Link(id=each.id, site="s", device=each.id, interface="wan") for each in devices]
    inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=devices, links=lines)
    credentials = {"lab": credential or {"community": "public"}}
    settings = SnmpSettings.model_validate({"every": 60, "credentials": credentials})
    sink = Collected()
    return SnmpWatch(inventory, settings, clock or ManualClock(NOW), sink, poller), sink


def wan(if_row: Row, seconds: float, octets: int) -> dict[str, Any]:
    uptime = {"1.3.6.1.2.1.1.3.0": v2c.TimeTicks(round(seconds * 100))}
    return {**uptime, **if_row(1, "wan", ifHCInOctets=octets)}


def octets(report: PollReport) -> int | None:
    return report.readings.get(report.device, {}).get(Column.IF_HC_IN_OCTETS)


async def until(enough: Callable[[], bool]) -> None:
    for _ in range(500):
        if enough():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to it")


async def test_an_answer_that_comes_after_its_poll_was_given_up_is_counted_and_not_taken(
    start_agent: Start, impatient: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent(wan(if_row, DAY, 1))
    device = router(agent.port)
    watching, _ = watch([device], impatient)
    await watching.poll_device(device)
    held: list[bytes] = []
    agent.objects = wan(if_row, DAY + 60, 2)
    agent.answers = lambda data: held.append(data) or []  # type: ignore[func-returns-value]
    assert (await watching.poll_device(device)).outcome is PollOutcome.TIMEOUT
    agent.objects = wan(if_row, DAY + 120, 3)
    agent.answers = lambda data: [*held, data]
    report = await watching.poll_device(device)
    assert (octets(report), report.outcome) == (3, PollOutcome.OK)
    assert impatient.strays.counts == {Stray.LATE: 2}


async def test_a_second_answer_is_counted_and_changes_nothing(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent(wan(if_row, DAY, 1))
    clock = ManualClock(NOW)
    watching, sink = watch([router(agent.port)], poller, clock)
    await watching.turn("rtr", 0)
    agent.answers = lambda data: [data, data.replace(b"\x46\x01\x1f", b"\x46\x01\x63")]
    clock.move_to(NOW + timedelta(seconds=60))
    agent.objects = wan(if_row, DAY + 60, 31)
    await watching.turn("rtr", epoch_ms(NOW))
    await until(lambda: poller.strays.counts[Stray.REPEATED] == 1)
    await watching.hand_over()
    assert sink.batches[-1].fields["rx_bps"].tolist() == [4], "30 octets in a minute"
    assert [len(batch) for batch in sink.batches] == [1, 1]


@pytest.mark.parametrize("address", ["127.0.0.2", "127.0.0.1"])
async def test_a_spoofed_answer_from_elsewhere_never_becomes_a_value(
    start_agent: Start, if_row: Row, address: str
) -> None:
    """Whoever sees our request knows its id; what he lacks is the address and port that were asked."""
    poller = SnmpPoller(timeout=0.2, retries=4)
    agent, spoofer = await start_agent(wan(if_row, DAY, 1)), await start_agent({}, address)
    device = router(agent.port)
    watching, _ = watch([device], poller)
    await watching.poll_device(device)
    us = ("127.0.0.1", poller._sockets[socket.AF_INET].getsockname()[1])
    spoofed: list[bytes] = []

    def first_of_all_spoofed(data: bytes) -> list[bytes]:
        if spoofed:
            return [data]
        spoofed.extend([data.replace(b"\x46\x01\x07", b"\x46\x01\x63")] * 3)
        for datagram in spoofed:
            spoofer.transport.sendto(datagram, us)
        return []

    agent.objects, agent.answers = wan(if_row, DAY + 60, 7), first_of_all_spoofed
    report = await watching.poll_device(device)
    poller.close()
    assert (report.outcome, octets(report), report.strays) == (PollOutcome.OK, 7, {"foreign": 3})
    assert spoofed[0].count(b"\x46\x01\x63") == 1


async def test_devices_at_one_address_are_told_apart_by_their_ports(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agents = [await start_agent(wan(if_row, DAY, number)) for number in range(8)]
    devices = [router(agent.port, f"d{number}") for number, agent in enumerate(agents)]
    watching, _ = watch(devices, poller)
    for slot in range(3):
        for number, agent in enumerate(agents):
            agent.objects = wan(if_row, DAY + 60 * slot, 1000 * slot + number)
        reports = await asyncio.gather(*(watching.poll_device(device) for device in devices))
        assert [octets(report) for report in reports] == [1000 * slot + number for number in range(8)]


async def test_devices_that_answer_for_each_other_have_no_values(
    start_agent: Start, impatient: SnmpPoller, if_row: Row
) -> None:
    one, two = [await start_agent(wan(if_row, DAY, number)) for number in (1, 2)]
    devices = [router(one.port, "one"), router(two.port, "two")]
    watching, _ = watch(devices, impatient)
    await asyncio.gather(*(watching.poll_device(device) for device in devices))
    one.send_from, two.send_from = two.transport, one.transport
    reports = await asyncio.gather(*(watching.poll_device(device) for device in devices))
    assert [(report.outcome, report.readings) for report in reports] == [(PollOutcome.TIMEOUT, {})] * 2
    assert f"sent by 127.0.0.1 port {two.port}" in reports[0].message
    assert impatient.strays.counts == {Stray.FOREIGN: 4}


async def test_a_credential_that_is_not_there_is_said_every_five_minutes_and_nothing_is_sent(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agent = await start_agent(wan(if_row, DAY, 1))
    access = SnmpAccess(credential="other", port=agent.port)
    clock = ScaledClock(NOW, time.time(), 2400)
    watching, sink = watch([router(agent.port, snmp=access)], poller, clock)
    running = asyncio.create_task(watching.run())
    await until(lambda: len(sink.said) >= 4)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert {(fact.subject, fact.value) for fact in sink.said} == {("rtr", "error")}
    assert all("'other'; add it to the settings under snmp.credentials" in fact.detail for fact in sink.said)
    times = [fact.time.timestamp() for fact in sink.said]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert min(gaps) >= 299
    assert watching.polls[PollOutcome.ERROR] == len(sink.said)
    assert (agent.requests, poller.counts.sent, sink.batches) == ([], 0, [])


@pytest.mark.parametrize(("name", "address"), [("localhost", "127.0.0.1"), ("::1", "::1"), ("0::1", "::1")])
async def test_devices_are_polled_by_name_and_over_ipv6(
    start_agent: Start, poller: SnmpPoller, if_row: Row, name: str, address: str
) -> None:
    if name == "localhost" and socket.getaddrinfo(name, 161, type=socket.SOCK_DGRAM)[0][0] == socket.AF_INET6:
        address = "::1"
    agent = await start_agent(wan(if_row, DAY, 1), address)
    device = router(agent.port, management_address=name)
    watching, _ = watch([device], poller)
    await watching.poll_device(device)
    agent.objects = wan(if_row, DAY + 60, 2)
    learnt = len(agent.requests)
    report = await watching.poll_device(device)
    assert (report.outcome, octets(report)) == (PollOutcome.OK, 2)
    assert len(agent.requests) == learnt + 1


async def test_both_families_are_polled_side_by_side_over_two_sockets(
    start_agent: Start, poller: SnmpPoller, if_row: Row
) -> None:
    agents = [await start_agent(wan(if_row, DAY, at), "::1" if at % 2 else "127.0.0.1") for at in range(6)]
    devices = [
        router(agent.port, f"d{at}", management_address="::1" if at % 2 else "127.0.0.1")
        for at, agent in enumerate(agents)
    ]
    watching, _ = watch(devices, poller)
    for _ in range(2):
        reports = await asyncio.gather(*(watching.poll_device(device) for device in devices))
        assert [octets(report) for report in reports] == list(range(6))
    assert len(poller._sockets) == 2


async def test_a_name_that_does_not_resolve_is_an_error_of_the_inventory(poller: SnmpPoller) -> None:
    device = router(161, management_address="nonesuch.invalid")
    watching, _ = watch([device], poller)
    report = await watching.poll_device(device)
    assert report.outcome is PollOutcome.ERROR
    assert "the address cannot be used" in report.message
    assert poller.counts.sent == 0


async def test_a_report_says_how_long_the_poll_took(start_agent: Start, poller: SnmpPoller, if_row: Row) -> None:
    agent = await start_agent(wan(if_row, DAY, 1))
    device = router(agent.port)
    watching, _ = watch([device], poller)
    await watching.poll_device(device)
    agent.objects = wan(if_row, DAY + 60, 2)
    agent.answers = lambda data: time.sleep(0.03) or [data]  # type: ignore[func-returns-value]
    assert 30 <= (await watching.poll_device(device)).milliseconds < 5000


async def test_a_watch_that_is_stopped_leaves_nothing_behind(start_agent: Start, if_row: Row) -> None:
    poller = SnmpPoller(timeout=30.0)
    silent, good = await start_agent({}), await start_agent(wan(if_row, DAY, 1))
    silent.drop_first = 10**6
    before = asyncio.all_tasks()
    clock = ScaledClock(NOW, time.time(), 2400)
    watching, sink = watch([router(silent.port, "silent"), router(good.port, "good")], poller, clock)
    running = asyncio.create_task(watching.run())
    await until(lambda: bool(silent.requests) and bool(sink.batches))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    poller.close()


async def test_datagrams_are_counted(start_agent: Start, if_row: Row) -> None:
    agent = await start_agent(wan(if_row, DAY, 1))
    device = router(agent.port)
    poller = SnmpPoller(timeout=0.5, retries=1)  # more than a busy machine may hold up what is answered
    watching, _ = watch([device], poller)
    await watching.poll_device(device)
    learnt = len(agent.requests)
    assert watching.tallies() == {"sent": learnt, "received": learnt, "retried": 0, "given_up": 0}
    agent.drop_first = 1
    await watching.poll_device(device)
    agent.drop_first = 2
    await watching.poll_device(device)
    agent.answers = lambda data: [b"\x30\x01", data]
    await watching.poll_device(device)
    assert watching.tallies() == {
        "sent": learnt + 5, "received": learnt + 3, "retried": 2, "given_up": 1, "truncated": 1,
    }  # fmt: skip
    poller.close()


V3 = {"user": "monitor", "auth": "sha1", "auth_password": SECRET, "priv": "aes128", "priv_password": SECRET + "-2"}


@pytest.mark.parametrize("credential", [{"community": SECRET}, V3], ids=["v2c", "v3"])
@pytest.mark.parametrize(
    "answers", [[], [b"\xff" * 60], [b"\x30\x7f\x02\x01\x01"], None], ids=["silent", "garbage", "cut off", "good"]
)
async def test_no_secret_is_in_logs_facts_reports_or_documents(
    start_agent: Start, impatient: SnmpPoller, if_row: Row, credential: dict[str, str], answers: list[bytes] | None
) -> None:
    agent = await start_agent(wan(if_row, DAY, 1))
    agent.community = credential.get("community", "").encode()
    if "community" not in credential:
        agent.datagram_received = lambda _, source: [agent.transport.sendto(each, source) for each in answers or []]
    if answers is not None:
        agent.answers = lambda data: answers
    device = router(agent.port)
    watching, sink = watch([device], impatient, **credential)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            await watching.turn("rtr", 0)
        report = await watching.poll_device(device, in_full=True)
        await watching.hand_over()
    assert sink.said
    shown = [repr(report), json.dumps(poll_document(report)), repr(logs), repr(sink.said)]
    shown += [repr(getattr(report, field.name)) for field in fields(report)]
    shown += [repr(each) for each in (watching, *watching._devices.values(), watching._settings, watching._common)]
    shown += [repr(each.agent) for each in watching._devices.values()]
    assert not any(SECRET in text or SECRET.encode().hex() in text for text in shown)
