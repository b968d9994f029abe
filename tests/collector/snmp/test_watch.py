"""The watch: devices become samples and facts, whatever the devices do."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.echo import Reachability, Reached
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.settings import SnmpSettings
from collector.snmp.interfaces import Column
from collector.snmp.polled import polled_devices
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome, silence
from collector.snmp.watch import SnmpWatch
from config.clock import Clock, ManualClock, ScaledClock, epoch_ms
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, Link, LinkRole, Monitoring, Site, SnmpAccess, Tool

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
Start = Callable[..., Awaitable[Any]]
Row = Callable[..., dict[str, Any]]
Uptime = Callable[[float], dict[str, Any]]


class Collected:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.said: list[Fact] = []

    async def samples(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        self.said.extend(facts)

    def rows(self, link: str) -> list[dict[str, float]]:
        return [
            {"time": float(batch.time[row]), **{name: float(column[row]) for name, column in batch.fields.items()}}
            for batch in self.batches
            for row in range(len(batch))
            if batch.links[row] == link
        ]


def device(port: int, name: str = "rtr", **changes: Any) -> Device:
    fields: dict[str, Any] = {
        "id": name, "site": "store-114", "role": DeviceRole.ROUTER, "management_address": "127.0.0.1",
        "snmp": SnmpAccess(credential="lab", port=port),
    }  # fmt: skip
    return Device(**fields | changes)


def links(name: str = "rtr", *interfaces: str) -> list[Link]:
    return [
        Link(id=f"{name}-{interface}", site="store-114", device=name, interface=interface) for interface in interfaces
    ]


def inventory(devices: Sequence[Device], lines: Sequence[Link]) -> Inventory:
    return Inventory.of(sites=[Site(id="store-114", client="acme")], devices=devices, links=lines)


def watch(
    known: Inventory, poller: SnmpPoller, clock: Clock | None = None, community: str = "public"
) -> tuple[SnmpWatch, Collected]:
    settings = SnmpSettings.model_validate({"every": 60, "credentials": {"lab": {"community": community}}})
    sink = Collected()
    return SnmpWatch(known, settings, clock or ManualClock(NOW), sink, poller), sink


async def run_until(watching: SnmpWatch, enough: Callable[[], bool]) -> None:
    """Let the watch run until enough has come, at most ten seconds."""
    task = asyncio.create_task(watching.run())
    for _ in range(1000):
        if enough():
            break
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert enough()


def accelerated() -> ScaledClock:
    """A minute in an eighth of a second."""
    return ScaledClock(NOW, time.time(), 480)


async def test_two_polls_give_the_rates_of_a_wan_and_a_lan_port(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(1000), **if_row(1, "ge0", ifHCInOctets=1000), **if_row(2, "lan0")})
    lines = [*links("rtr", "GE0"), Link(id="lan", site="store-114", device="rtr", interface="lan0", role=LinkRole.LAN)]
    router, clock = device(agent.port), ManualClock(NOW)
    watching, _ = watch(inventory([router], lines), poller, clock)
    first = await watching.poll_device(router)
    assert math.isnan(first.measurements["rtr-GE0"]["rx_bps"])
    clock.move_to(NOW + timedelta(seconds=60))
    agent.objects = {
        **uptime(1060),
        **if_row(1, "ge0", ifHCInOctets=75_001_000, ifHCOutOctets=7_500_000),
        **if_row(2, "lan0", ifHCInOctets=7_500_000, ifHCOutOctets=75_000_000),
    }
    report = await watching.poll_device(router)
    assert report.outcome is PollOutcome.OK
    for link in ("rtr-GE0", "lan"):
        assert (report.measurements[link]["rx_bps"], report.measurements[link]["tx_bps"]) == (10e6, 1e6)


async def test_the_second_poll_is_one_datagram(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(1000), **if_row(1, "ge0"), **if_row(2, "ge1"), **if_row(3, "ge2")})
    router = device(agent.port)
    watching, _ = watch(inventory([router], links("rtr", "ge0", "ge1", "ge2")), poller)
    await watching.poll_device(router)
    before = len(agent.requests)
    await watching.poll_device(router)
    assert len(agent.requests) == before + 1


async def test_many_links_of_one_device_are_asked_for_in_several_datagrams(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    objects = uptime(1)
    for index in range(1, 12):
        objects |= if_row(index, f"ge{index}")
    agent = await start_agent(objects)
    router = device(agent.port)
    watching, _ = watch(inventory([router], links("rtr", *(f"ge{index}" for index in range(1, 12)))), poller)
    report = await watching.poll_device(router)
    assert len(report.measurements) == 11


async def test_every_value_is_reported_with_its_meaning(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(12.5), **if_row(3, "ge0", ifInErrors=7)})
    router = device(agent.port)
    watching, _ = watch(inventory([router], links("rtr", "ge0")), poller)
    values = {value.name: value for value in (await watching.poll_device(router)).values()}
    assert (values["sysUpTime"].value, values["sysUpTime"].link) == (1250, None)
    errors = values["ifInErrors"]
    assert (errors.oid, errors.value, errors.unit) == ("1.3.6.1.2.1.2.2.1.14.3", 7, "packets")
    assert (errors.link, errors.interface, values["ifName"].value) == ("rtr-ge0", "ge0", "ge0")


async def test_a_failed_poll_is_a_fact_about_the_device_and_no_sample(
    start_agent: Start, impatient: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(1), **if_row(1, "ge0")})
    agent.drop_first = 10**6
    watching, sink = watch(inventory([device(agent.port)], links("rtr", "ge0")), impatient, accelerated())
    await run_until(watching, lambda: len(sink.said) >= 2)
    assert sink.batches == []
    outcomes = [fact for fact in sink.said if fact.kind is FactKind.POLL_OUTCOME]
    assert {(fact.subject, fact.value, fact.source) for fact in outcomes} == {("rtr", "timeout", Source.SNMP)}
    assert outcomes[0].detail.startswith(f"no SNMP answer from 127.0.0.1:{agent.port}; ")
    assert outcomes[0].detail.endswith("; check community and ACL")


async def test_a_wrong_community_reads_as_silence_and_says_what_to_check(
    start_agent: Start, impatient: SnmpPoller, uptime: Uptime
) -> None:
    agent = await start_agent(uptime(1))
    router = device(agent.port)
    watching, _ = watch(inventory([router], []), impatient, community="wr0ng")
    report = await watching.poll_device(router)
    assert report.outcome is PollOutcome.TIMEOUT
    assert "answer ping" in report.message
    assert "check community and ACL" in report.message
    assert "wr0ng" not in repr(report)


@pytest.mark.parametrize(
    ("reachability", "clause"),
    [
        (Reachability(Reached.YES), "the address does answer ping;"),
        (Reachability(Reached.NO), "the address does not answer ping;"),
        (
            Reachability(Reached.UNKNOWN, "no permission"),
            "whether the address answers ping is not known (no permission);",
        ),
    ],
)
def test_the_silence_of_an_agent_is_told_with_what_ping_says(reachability: Reachability, clause: str) -> None:
    sentence = silence("2001:db8::1", 161, reachability, "")
    assert sentence == f"no SNMP answer from [2001:db8::1]:161; {clause} check community and ACL"


async def test_what_came_instead_of_an_answer_is_told(
    start_agent: Start, impatient: SnmpPoller, uptime: Uptime
) -> None:
    agent, other = await start_agent(uptime(1)), await start_agent(uptime(1), "127.0.0.2")
    agent.send_from = other.transport
    router = device(agent.port)
    watching, _ = watch(inventory([router], []), impatient)
    assert "sent by 127.0.0.2" in (await watching.poll_device(router)).message


async def test_a_garbled_answer_is_an_error_of_the_device(
    start_agent: Start, impatient: SnmpPoller, uptime: Uptime
) -> None:
    agent = await start_agent(uptime(1))
    agent.answers = lambda data: [b"\xff" * 40]
    router = device(agent.port)
    watching, _ = watch(inventory([router], []), impatient)
    report = await watching.poll_device(router)
    assert report.outcome is PollOutcome.ERROR
    assert f"127.0.0.1:{agent.port}: a garbled datagram" in report.message


async def test_an_agent_that_refuses_access_says_so(start_agent: Start, poller: SnmpPoller, uptime: Uptime) -> None:
    agent = await start_agent(uptime(1))
    agent.refuse = {"1.3.6.1.2.1.1.3.0": 16}
    router = device(agent.port)
    watching, _ = watch(inventory([router], []), poller)
    report = await watching.poll_device(router)
    assert report.outcome is PollOutcome.AUTH
    assert "authorizationError" in report.message


async def test_one_object_that_an_agent_cannot_answer_costs_only_that_object(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(1), **if_row(1, "ge0")})
    agent.refuse = {"1.3.6.1.2.1.2.2.1.9.1": 5}
    router = device(agent.port)
    watching, _ = watch(inventory([router], links("rtr", "ge0")), poller)
    report = await watching.poll_device(router)
    names = {value.name for value in report.values()}
    assert report.outcome is PollOutcome.OK
    assert "ifLastChange" not in names
    assert "ifHCInOctets" in names


async def test_a_link_follows_its_interface_when_the_index_moves(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(1), **if_row(1, "ge0"), **if_row(2, "ge1")})
    router = device(agent.port)
    watching, _ = watch(inventory([router], links("rtr", "ge0")), poller)
    await watching.poll_device(router)
    agent.objects = {**uptime(61), **if_row(1, "ge1", ifOperStatus=2), **if_row(7, "ge0")}
    report = await watching.poll_device(router)
    assert report.rows["rtr-ge0"].index == 7
    assert report.measurements["rtr-ge0"]["oper_up"] == 1


async def test_an_interface_that_the_device_does_not_show_is_named(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(1), **if_row(1, "ge0")})
    router = device(agent.port)
    watching, _ = watch(inventory([router], links("rtr", "ge0", "ge9")), poller)
    report = await watching.poll_device(router)
    assert report.outcome is PollOutcome.OK
    assert report.missing == ("rtr-ge9",)
    assert "no single interface ge9 (link rtr-ge9); it shows: ge0" in report.message
    assert "rtr-ge9" not in report.measurements


async def test_a_device_that_shows_none_of_its_interfaces_is_an_error(
    start_agent: Start, poller: SnmpPoller, uptime: Uptime
) -> None:
    agent = await start_agent(uptime(1))
    router = device(agent.port)
    watching, _ = watch(inventory([router], links("rtr", "ge0")), poller)
    assert (await watching.poll_device(router)).outcome is PollOutcome.ERROR


async def test_an_interface_that_comes_late_is_found(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(1), **if_row(1, "ge0")})
    router, clock = device(agent.port), ManualClock(NOW)
    watching, _ = watch(inventory([router], links("rtr", "ge0", "ge1")), poller, clock)
    await watching.poll_device(router)
    agent.objects |= if_row(2, "ge1")
    clock.move_to(NOW + timedelta(minutes=11))
    assert (await watching.poll_device(router)).missing == ()


async def test_a_reboot_is_a_fact_with_its_moment_and_leaves_no_rate(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(86_400), **if_row(1, "ge0", ifHCInOctets=10**9)})
    router, clock = device(agent.port), ManualClock(NOW)
    watching, sink = watch(inventory([router], links("rtr", "ge0")), poller, clock)
    await watching.turn("rtr", epoch_ms(NOW))
    clock.move_to(NOW + timedelta(seconds=60))
    agent.objects = {**uptime(20), **if_row(1, "ge0", ifHCInOctets=5_000)}
    await watching.turn("rtr", epoch_ms(NOW + timedelta(seconds=60)))
    await watching.hand_over()
    reboots = [fact for fact in sink.said if fact.kind is FactKind.REBOOT]
    assert [(fact.subject, fact.value, fact.time) for fact in reboots] == [("rtr", "20", NOW + timedelta(seconds=40))]
    assert [math.isnan(row["rx_bps"]) for row in sink.rows("rtr-ge0")] == [True, True]


async def test_after_a_reboot_the_device_is_looked_at_anew(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    """A new firmware may have counters that the old one had not."""
    old = {oid: value for oid, value in if_row(1, "ge0").items() if not oid.startswith("1.3.6.1.2.1.31.1.1.1.6.")}
    agent = await start_agent({**uptime(86_400), **old})
    router, clock = device(agent.port), ManualClock(NOW)
    watching, _ = watch(inventory([router], links("rtr", "ge0")), poller, clock)
    first = await watching.poll_device(router)
    agent.objects = {**uptime(20), **if_row(1, "ge0")}
    clock.move_to(NOW + timedelta(seconds=60))
    await watching.poll_device(router)
    agent.objects |= uptime(80)
    clock.move_to(NOW + timedelta(seconds=120))
    third = await watching.poll_device(router)
    assert Column.IF_HC_IN_OCTETS not in first.readings["rtr-ge0"]
    assert Column.IF_HC_IN_OCTETS in third.readings["rtr-ge0"]


async def test_an_outcome_is_written_on_change_and_every_five_minutes(
    start_agent: Start, impatient: SnmpPoller, uptime: Uptime
) -> None:
    agent = await start_agent(uptime(1))
    router, clock = device(agent.port), ManualClock(NOW)
    watching, sink = watch(inventory([router], []), impatient, clock)
    written = []
    for minute in range(8):
        clock.move_to(NOW + timedelta(minutes=minute))
        agent.objects = uptime(1000 + 60 * minute)
        agent.drop_first = 2 if minute == 6 else 0
        await watching.turn("rtr", epoch_ms(clock.now()))
        await watching.hand_over()
        written.append(len(sink.said))
    assert written == [1, 1, 1, 1, 1, 2, 3, 4]
    assert [fact.value for fact in sink.said] == ["ok", "ok", "timeout", "ok"]


async def test_a_sample_carries_the_start_of_its_slot(
    start_agent: Start, poller: SnmpPoller, if_row: Row, uptime: Uptime
) -> None:
    agent = await start_agent({**uptime(1), **if_row(1, "ge0")})
    watching, sink = watch(inventory([device(agent.port)], links("rtr", "ge0")), poller, accelerated())
    await run_until(watching, lambda: len(sink.rows("rtr-ge0")) >= 3)
    times = [row["time"] for row in sink.rows("rtr-ge0")]
    assert all(moment % 60_000 == 0 for moment in times)
    assert len(set(times)) == len(times)
    assert all(batch.source is Source.SNMP and set(batch.seconds) == {60} for batch in sink.batches)


async def test_a_silent_device_delays_no_other(start_agent: Start, if_row: Row, uptime: Uptime) -> None:
    poller = SnmpPoller(timeout=5.0, retries=2)
    good = [await start_agent({**uptime(1), **if_row(1, "ge0")}) for _ in range(10)]
    dead = [await start_agent(uptime(1)) for _ in range(10)]
    for agent in dead:
        agent.drop_first = 10**6
    devices = [device(agent.port, f"d{number}") for number, agent in enumerate([*good, *dead])]
    lines = [link for router in devices for link in links(router.id, "ge0")]
    watching, sink = watch(inventory(devices, lines), poller, accelerated())
    await run_until(watching, lambda: all(len(sink.rows(f"d{number}-ge0")) >= 3 for number in range(10)))
    poller.close()
    assert not any(sink.rows(f"d{number}-ge0") for number in range(10, 20))


async def test_a_credential_that_is_not_there_is_named_and_nothing_is_sent(
    start_agent: Start, poller: SnmpPoller, uptime: Uptime
) -> None:
    agent = await start_agent(uptime(1))
    router = device(agent.port, snmp=SnmpAccess(credential="other", port=agent.port))
    watching, _ = watch(inventory([router], []), poller)
    report = await watching.poll_device(router)
    assert report.outcome is PollOutcome.ERROR
    assert "'other'; add it to the settings under snmp.credentials" in report.message
    assert agent.requests == []


async def test_a_device_without_an_address_says_so(poller: SnmpPoller) -> None:
    router = device(161, management_address=None)
    watching, _ = watch(inventory([router], []), poller)
    report = await watching.poll_device(router)
    assert "device rtr no management address" in report.message


def test_only_live_devices_under_an_obligation_are_asked() -> None:
    devices = [
        device(161, "live"),
        device(161, "ordered", life_cycle=LifeCycle.ORDERED),
        device(161, "unwatched", monitoring=Monitoring(subscribed=False)),
        device(161, "orchestrated", monitoring=Monitoring(tools=(Tool.ORCHESTRATOR,))),
        device(161, "named", monitoring=Monitoring(tools=(Tool.SNMP,))),
        device(161, "closed", snmp=None),
    ]
    assert [router.id for router in polled_devices(inventory(devices, []))] == ["live", "named"]


async def test_an_interface_without_any_figure_is_there_but_has_no_sample(
    start_agent: Start, poller: SnmpPoller, uptime: Uptime, if_row: Row
) -> None:
    name = {oid: value for oid, value in if_row(1, "ge0").items() if oid.startswith("1.3.6.1.2.1.31.1.1.1.1.")}
    agent = await start_agent({**uptime(1), **name})
    router = device(agent.port)
    watching, sink = watch(inventory([router], links("rtr", "ge0")), poller)
    await watching.turn("rtr", epoch_ms(NOW))
    await watching.hand_over()
    assert (await watching.poll_device(router)).missing == ()
    assert sink.batches == []
    agent.objects |= if_row(1, "ge0")
    await watching.turn("rtr", epoch_ms(NOW))
    await watching.hand_over()
    assert sink.rows("rtr-ge0")[0]["oper_up"] == 1
