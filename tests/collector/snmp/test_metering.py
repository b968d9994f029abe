"""What goes over a metered line is counted octet for octet, and ends where the budget ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.metering import FILE, Meter
from collector.settings import SnmpSettings
from collector.sink import NoSink
from collector.snmp.agent import Agent, Community
from collector.snmp.budget import read_page
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome
from collector.snmp.schedule import Due
from collector.snmp.watch import SnmpWatch
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, Link, Site, SnmpAccess

pytestmark = pytest.mark.rim

# The middle of a month: half of a budget may be spent by now.
NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
Start = Callable[..., Awaitable[Any]]


async def kept(meter: Meter, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work while the page is kept on disk."""
    running = asyncio.create_task(meter.run())
    await asyncio.sleep(0.05)
    await work()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_octets_are_counted_as_they_lie_on_the_wire(start_agent: Start, uptime: Callable[[float], Any]) -> None:
    agent = await start_agent(uptime(1))
    asked = Agent("127.0.0.1", agent.port, Community(b"public"))
    poller = SnmpPoller(timeout=1.0, retries=0)
    tally = poller.tally(asked)
    seen: list[int] = []
    agent.answers = lambda data: [data] if not seen.append(len(data)) else []
    await poller.get(asked, ("1.3.6.1.2.1.1.3.0",))
    poller.close()
    # SEQUENCE 2, version 3, community 8, PDU 2, request id 6, error 3 + 3, bindings 2, one of them 2 + 10 + 2.
    request = 2 + 3 + 8 + 2 + 6 + 3 + 3 + 2 + 2 + 10 + 2
    assert tally.taken() == request + seen[0] + 2 * 28
    assert tally.taken() == 0


@pytest.fixture
def poller() -> SnmpPoller:
    return SnmpPoller(timeout=1.0, retries=0)


def watch_of(port: int, poller: SnmpPoller, meter: Meter) -> SnmpWatch:
    device = Device(
        id="rtr", site="s", role=DeviceRole.ROUTER, management_address="127.0.0.1",
        snmp=SnmpAccess(credential="lab", port=port),
    )  # fmt: skip
    inventory = Inventory.of(
        sites=[Site(id="s", client="c")],
        devices=[device],
        links=[Link(id="lte", site="s", device="rtr", interface="w0")],
    )
    settings = SnmpSettings.model_validate({"credentials": {"lab": {"community": "public"}}, "retries": 0})
    return SnmpWatch(inventory, settings, ManualClock(NOW), NoSink(), poller, meter=meter)


@pytest.mark.parametrize(("budget", "polled"), [(250_000_000, True), (100_000, False)])
async def test_a_line_whose_budget_is_spent_is_not_polled_and_that_is_said(
    start_agent: Start,
    if_row: Callable[..., Any],
    poller: SnmpPoller,
    tmp_path: Path,
    budget: int,
    polled: bool,
) -> None:
    agent = await start_agent(if_row(1, "w0"))
    meter = Meter({"lte": budget}, {"rtr": ("lte",)}, tmp_path, ManualClock(NOW))
    watch = watch_of(agent.port, poller, meter)

    async def one_turn() -> None:
        watch._begin(Due("rtr", 0, 60), NOW.timestamp())
        for _ in range(200):
            if sum(watch.polls.values()) or not polled:
                break
            await asyncio.sleep(0.01)

    await kept(meter, one_turn)
    poller.close()
    assert watch.polls[PollOutcome.OK] == polled
    assert bool(agent.requests) is polled
    assert [problem.partition(":")[0] for problem in meter.problems()] == ([] if polled else ["metered line lte"])
    page = read_page(tmp_path / FILE)
    assert page is not None
    assert page.month == "2026-03"


async def test_a_meter_without_metered_lines_writes_nothing(tmp_path: Path) -> None:
    meter = Meter({}, {}, tmp_path, ManualClock(NOW))

    async def nothing() -> None:
        assert meter.reserve("rtr", 10**9)
        assert meter.reserve_on("wan1", 10**9)

    await kept(meter, nothing)
    assert list(tmp_path.iterdir()) == []
