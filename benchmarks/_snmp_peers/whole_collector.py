"""Lineproof's whole collector over a fleet: schedule, poll, rates, and the samples durable in a real journal.

CPU is that of all threads, over successful polls of whole slots in the steady state. Afterwards the journal is read
again, and every rate in it compared with how fast the agents' counters move.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import client
import fleet
import uvloop

from collector.garbage import set_apart
from collector.journal import Journal
from collector.journal_sink import JournalSink
from collector.settings import SnmpSettings
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome
from collector.snmp.watch import SnmpWatch
from config.clock import SystemClock
from inventory.model import Device, DeviceRole, Inventory, Link, Site, SnmpAccess

LINKS = 2
PACE = 100_000
SLOTS_TO_BE_DEAD = 5
LEAST_DONE = 0.5
"""Of the polls that are due; with fewer this machine is too busy to tell what a poll costs."""
LONGEST_START = 120
"""Seconds until all is discovered: each device is walked once."""
TOLERANCE = 0.001
"""Of a rate: sysUpTime and the counters move together, so that only rounding is left."""


def inventory(devices: int, port: int) -> Inventory:
    access = SnmpAccess(credential="bench", port=port)
    return Inventory.of(
        sites=[Site(id=f"s{number}", client="c") for number in range(devices)],
        devices=[
            Device(id=f"d{n}", site=f"s{n}", role=DeviceRole.ROUTER, management_address=fleet.address(n), snmp=access)
            for n in range(devices)
        ],
        links=[
            Link(id=f"l{n}-{row}", site=f"s{n}", device=f"d{n}", interface=f"Gi0/{row}")
            for n in range(devices)
            for row in range(1, LINKS + 1)
        ],
    )


def settings(every: int) -> SnmpSettings:
    """Nothing is stretched: intervals here are shorter than a site's uplink would be allowed by default."""
    limits = {"packets_per_second": PACE, "site_packets_per_second": PACE}
    credentials = {"bench": {"community": fleet.COMMUNITY}}
    known = {"every": every, "timeout": 1.0, "retries": 1, "credentials": credentials}
    return SnmpSettings.model_validate(known | limits)


async def measured(how: Namespace, journal: Journal) -> dict[str, Any]:
    before = client.resident_kib()
    fleet_ = inventory(how.devices, how.port)
    held = client.resident_kib()
    sink, poller = JournalSink(journal), SnmpPoller(timeout=1.0, retries=1, packets_per_second=PACE)
    watch = SnmpWatch(fleet_, settings(how.every), SystemClock(), sink, poller)
    tasks = [asyncio.ensure_future(sink.run()), asyncio.ensure_future(watch.run())]
    silent = sum(fleet.is_dead(number, how.dead_every) for number in range(how.devices))
    await until(lambda: watch.polls[PollOutcome.OK] >= 2 * (how.devices - silent), how.every * 6 + LONGEST_START)
    # What was late at the start is made up for, and the dead are known to be dead.
    await asyncio.sleep(how.every * (SLOTS_TO_BE_DEAD if silent else 1))
    set_apart()  # as the service does after its first slots
    polls, sent = watch.polls[PollOutcome.OK], poller.counts.sent
    user, system = client.own_cpu()
    begun, steady_from_ms = time.perf_counter(), round((time.time() - how.every) * 1000)
    await asyncio.sleep(how.every * how.slots)
    wall = time.perf_counter() - begun
    user, system = (after - was for after, was in zip(client.own_cpu(), (user, system), strict=True))
    polls, sent = watch.polls[PollOutcome.OK] - polls, poller.counts.sent - sent
    due = (how.devices - silent) * wall / how.every
    if polls < LEAST_DONE * due:
        raise SystemExit(f"only {polls} of {due:.0f} polls that were due were made; is this machine busy?")
    figures = {
        "polls": polls, "cpu_us": (user + system) / polls * 1e6, "user_us": user / polls * 1e6,
        "system_us": system / polls * 1e6, "wall_seconds": wall, "datagrams": sent / polls,
        "due": due, "steady_from_ms": steady_from_ms,
        "kib_a_device": (client.resident_kib() - before) / how.devices,
        "kib_inventory": (held - before) / how.devices, "resident_mib": client.resident_kib() / 1024,
        "descriptors": client.descriptors(), "outcomes": {str(name): count for name, count in watch.polls.items()},
    }  # fmt: skip
    for task in reversed(tasks):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    poller.close()
    return figures


async def until(condition: Callable[[], bool], seconds: float) -> None:
    ends = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > ends:
            raise SystemExit(f"not every device was polled twice within {seconds:.0f} s")
        await asyncio.sleep(0.05)


def checked(journal: Journal, steady_from_ms: int) -> tuple[int, int, int]:
    """Rates in the journal; those that are wrong in the steady state; and before, while all was discovered at once."""
    rows = wrong = hurried = seq = 0
    while entries := journal.read(seq):
        for entry in entries:
            seq = entry.seq
            for batch in entry.batches:
                if "rx_bps" not in batch.fields:
                    continue
                columns = (batch.fields[name].tolist() for name in ("rx_bps", "tx_bps", "oper_up"))
                for link, slot, received, sent, state in zip(batch.links, batch.time.tolist(), *columns, strict=True):
                    if math.isnan(received):
                        continue
                    number, row = map(int, link[1:].split("-"))
                    rows += 1
                    right = math.isclose(received, 800 * fleet.octets_a_tick(number, 6, row), rel_tol=TOLERANCE)
                    right &= math.isclose(sent, 800 * fleet.octets_a_tick(number, 10, row), rel_tol=TOLERANCE)
                    if state != 1 or (not right and slot >= steady_from_ms):
                        wrong += 1
                    elif not right:
                        hurried += 1
    return rows, wrong, hurried


def main() -> None:
    how = client.arguments(every=5, slots=2, dead_every=0)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.sqlite")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(measured(how, journal))
        rows, wrong, hurried = checked(journal, figures["steady_from_ms"])
        journal.close()
    client.printed(figures | {"failed": 0, "wrong": wrong if rows else 1, "rates": rows, "wrong_at_start": hurried})


main()
