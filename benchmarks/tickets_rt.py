"""How long a trouble takes to become a ticket in a real Request Tracker, once its evidence is complete.

    benchmarks/tickets_rt.py [--quick] [--json]

Needs Debian's request-tracker5, rt5-db-sqlite and rt5-standalone. Each site is lossy in the store, and a claim about it
is put into the inbox: from there until RT has answered the create, which is the case's reading, verdict, evidence pack,
commit, and RT's own work; then until the pack is attached. RT hashes its caller's secret anew for each call: `hashing`
is its $BcryptCost, at the values of HASHINGS; what a call that does nothing takes is told beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog

sys.path.pop(0)  # `triage` is the package, and not the benchmark of that name beside this one
sys.path.append(str(Path(__file__).parents[1] / "tests" / "contracts" / "tickets"))

from real_rt import RequestTrackerServer, is_installed, running

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock, epoch_ms
from config.database import Database
from inventory.model import Client, Inventory, Link, Site
from triage import inbox
from triage.actuator.dryrun import DryRun
from triage.engine import Engine
from triage.evidence import EvidenceFile, EvidencePack
from triage.evidence_folder import EvidenceFolder
from triage.inputs import ClaimReported
from triage.judging import Judging
from triage.model import Claim
from triage.performer import Performer
from triage.policy_files import load_policy
from triage.tickets.port import NewTicket
from triage.tickets.request_tracker.adapter import RequestTracker

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


HASHINGS = (4, 10, 12)
"""The least, what OWASP's password storage sheet asks for at least, and RT's own."""


class PackOnly:
    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return (EvidenceFile(f"evidence-{case}.json", "application/json", pack.content),)


class Timed(RequestTracker):
    """Notes when RT has answered a create."""

    accepted = 0.0

    async def create(self, new: NewTicket) -> str:
        ticket = await super().create(new)
        self.accepted = time.perf_counter()
        return ticket


def inventory(count: int) -> Inventory:
    sites = {f"s{n}": Site(id=f"s{n}", client="acme", name=f"Site {n}") for n in range(count)}
    links = {f"w{n}": Link(id=f"w{n}", site=f"s{n}", carrier="Example") for n in range(count)}
    return Inventory(clients={"acme": Client(id="acme", name="Acme")}, sites=sites, links=links)


async def fill(store: EmbeddedStore, count: int) -> None:
    """A quiet day and a half, then 40 minutes with a quarter of the packets lost."""
    start = epoch_ms(NOON - timedelta(hours=36))
    moments = np.arange(start, epoch_ms(NOON), 60_000, dtype=np.int64)
    lost = np.where(moments >= epoch_ms(NOON - timedelta(minutes=40)), 5.0, 0.0)
    for number in range(count):
        await store.write(
            SampleBatch(
                source=Source.PROBE,
                links=[f"w{number}"] * len(moments),
                time=moments,
                seconds=np.full(len(moments), 60, dtype=np.int32),
                received_at=moments + 60_000,
                fields={
                    "rtt_ms": 20 + np.arange(len(moments)) % 3 * 1.0,
                    "jitter_ms": np.full(len(moments), 1.0),
                    "loss_pct": 5.0 * lost,
                    "sent": np.full(len(moments), 20.0),
                    "lost": lost,
                },
            )
        )


async def measure(server: RequestTrackerServer, folder: Path, count: int) -> Mapping[str, float]:
    known, clock = inventory(count), ManualClock(NOON)
    database, tickets = Database(folder / "records.db"), Timed(server.settings(timeout=60))
    await database.create_all()
    store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "parts", 95)
    await fill(store, count)
    evidence = EvidenceFolder(folder / "evidence")

    async def judging() -> Judging:
        return Judging(store, known, {Source.PROBE: Cadence(every=60, late=60)}, load_policy())

    async def its_inventory() -> Inventory:
        return known

    engine = Engine(database, judging, evidence, clock, ticketing="request_tracker")
    performer = Performer(database, clock, tickets, PackOnly(), DryRun(), evidence, its_inventory)
    accepted, attached, ours = [], [], []
    for number in range(count):
        claim = Claim(site=f"s{number}", client="acme", since=NOON - timedelta(minutes=30), reported_at=NOON)
        begun = time.perf_counter()
        await inbox.enqueue(database, f"claim:{number}", ClaimReported(claim=claim, open_ticket=True), NOON)
        await engine.work_off()
        decided = time.perf_counter()
        while await performer.perform_due() + await engine.work_off():
            pass
        accepted.append(tickets.accepted - begun)
        ours.append(decided - begun)
        attached.append(time.perf_counter() - begun)
    idle = []
    for _ in range(count):
        begun = time.perf_counter()
        await asyncio.to_thread(server.ask, "GET", "rt")
        idle.append(time.perf_counter() - begun)
    assert len(server.search("Creator = 'lineproof'")) >= count
    await tickets.close()
    await store.close()
    await database.close()
    figures = {"decided": ours, "accepted": accepted, "attached": attached, "idle_call": idle}
    # The first round warms caches on both sides.
    return {
        **{name: statistics.median(values[1:]) for name, values in figures.items()},
        "accepted_worst": max(accepted[1:]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not is_installed():
        print("NOT MEASURED: Request Tracker is not installed (Debian: request-tracker5 rt5-db-sqlite rt5-standalone)")
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found = {}
    for hashing in HASHINGS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "rt").mkdir()
            with running(folder / "rt", hashing=hashing) as server:
                found[hashing] = asyncio.run(measure(server, folder, 4 if options.quick else 21))
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print("milliseconds, medians      decided   accepted by RT   worst   pack attached   an idle call of RT's")
    for hashing, figures in found.items():
        row = {name: 1000 * seconds for name, seconds in figures.items()}
        print(
            f"$BcryptCost {hashing:2}           {row['decided']:10.0f} {row['accepted']:16.0f} "
            f"{row['accepted_worst']:7.0f} {row['attached']:15.0f} {row['idle_call']:17.0f}"
        )


if __name__ == "__main__":
    main()
