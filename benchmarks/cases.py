"""Cases and the outbox at scale: many open cases, a carrier that goes dark, and how soon a ticket is there.

    benchmarks/cases.py [--quick] [--json]

Bookkeeping of a sweep: what a minute reads of all open cases, and the search for carriers' troubles among them; the
peer reads every case's document, as one that keeps no columns must. A carrier goes dark: the whole engine, from the
samples over judgements, cases and quarantine to the parent's ticket and until no site waits for a decision, in CPU
seconds of this process. Outbox: tickets opened in the built-in system. Sample to ticket: wall time from the sample that
completes the evidence on a dedicated line to the ticket accepted by the built-in system. Without a peer, the ratio is
to our target.
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
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog
from sqlalchemy import insert

sys.path.pop(0)  # `cases` is no package, but `triage` beside this file is a benchmark and not the package

from collector.journal import Journal
from collector.model import Cadence, FloatArray, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock, epoch_ms
from config.database import Database
from inventory.model import Access, Client, Inventory, Link, Site
from triage import bulk, outbox, repository, standing, tables
from triage.actuator.dryrun import DryRun
from triage.case_rules import case_rules
from triage.cases import Case, CaseStatus, Effect, EffectKind, Origin
from triage.engine import Engine
from triage.evidence import EvidenceFile, EvidencePack
from triage.evidence_folder import EvidenceFolder
from triage.grouping import regrouped
from triage.judging import Judging
from triage.model import Cause, Scope, Severity
from triage.performer import Performer
from triage.policy_files import load_policy
from triage.repository import OutboxStatus
from triage.tickets.builtin import BuiltinTickets

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONGEST = 30
UNDECIDED = (CaseStatus.SUSPECTED,)
CADENCES = {Source.PROBE: Cadence(every=60, late=60)}
PACKETS = 20


class PackAlone:
    """Hands the pack itself over: what a report costs is another benchmark's."""

    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return (EvidenceFile(f"evidence-{case}.json", "application/json", pack.content),)


def fleet(dark: int, well: int, access: Access = Access.BROADBAND) -> Inventory:
    """Sites of one line each: `dark` of carrier A, the others each of its own carrier, fifty markets."""
    lines = [(f"a-{n}", "A") for n in range(dark)] + [(f"b-{n}", f"carrier-{n}") for n in range(well)]
    return Inventory.of(
        [Client(id="acme", name="Acme")],
        [Site(id=name, client="acme", market=f"market-{place % 50}") for place, (name, _) in enumerate(lines)],
        [],
        [Link(id=f"{name}-wan", site=name, access=access, carrier=carrier) for name, carrier in lines],
        [],
    )


def probed(links: list[str], first: int, minutes: int, lost: int) -> SampleBatch:
    """A row a minute and link from `first` minutes after noon on, `lost` of twenty packets lost."""
    at = np.repeat(epoch_ms(NOON) + (first + np.arange(minutes)) * 60_000, len(links))
    count, silent = len(at), lost == PACKETS
    fields: dict[str, FloatArray] = {
        "rtt_ms": np.where(silent, np.nan, 20.0 + np.arange(count) % 3),
        "jitter_ms": np.full(count, np.nan if silent else 1.0),
        "loss_pct": np.full(count, 100.0 * lost / PACKETS),
        "sent": np.full(count, float(PACKETS)),
        "lost": np.full(count, float(lost)),
    }
    return SampleBatch(Source.PROBE, links * minutes, at, np.full(count, 60, np.int32), at + 60_000, fields)


class House:
    """An installation's engine and performer over this inventory."""

    def __init__(self, folder: Path, inventory: Inventory) -> None:
        self.inventory, self.policy = inventory, load_policy()
        self.clock = ManualClock(NOON)
        self.database = Database(folder / "records.db")
        self.store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "parts", 95)
        self.evidence = EvidenceFolder(folder / "evidence")
        self.tickets = BuiltinTickets(self.database, self.clock)
        self.engine = Engine(self.database, self.judging, self.evidence, self.clock)
        self.engine.follow(self.store.journal)
        self.performer = Performer(
            self.database, self.clock, self.tickets, PackAlone(), DryRun(), self.evidence, self.known, at_once=8
        )

    async def judging(self) -> Judging:
        return Judging(self.store, self.inventory, CADENCES, self.policy)

    async def known(self) -> Inventory:
        return self.inventory

    async def minute(self, number: int) -> None:
        self.clock.move_to(NOON + number * MINUTE + timedelta(seconds=1))
        await self.engine.fire_timers()
        await self.engine.work_off()
        await self.engine.tick()
        while await self.engine.work_off() + await self.performer.perform_due():
            continue

    async def close(self) -> None:
        await self.store.close()
        await self.database.close()


def case_of(number: int) -> Case:
    return Case(
        id=f"C-{number}", client="acme", site=f"b-{number}", status=CaseStatus.OPEN, origins=(Origin.MACHINE,),
        title="Packet loss on the first line", cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR,
        link=f"b-{number}-wan", onset=NOON - number % 600 * MINUTE, opened_at=NOON, updated_at=NOON,
        next_action="work on it", evidence_sha256="a" * 64, ticket=f"T-{number}", ticket_wanted=True,
    )  # fmt: skip


async def bookkeeping(count: int, turns: int) -> tuple[float, float]:
    """CPU seconds that a minute takes to look through so many open cases: ours, and by all their documents."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), fleet(0, count))
        await house.database.create_all()
        async with house.database.writing() as connection:
            rows = [{"number": n, **repository.case_row(case_of(n))} for n in range(count)]
            await connection.execute(insert(tables.case), rows)
        ours, naive = [], []
        for _ in range(turns):
            began = time.process_time()
            async with house.database.reading() as connection:
                await standing.sites_standing(connection)
                rules, carrier = case_rules(house.policy), house.policy.carrier
                await regrouped(connection, house.inventory, carrier, rules, NOON)
            ours.append(time.process_time() - began)
            began = time.process_time()
            async with house.database.reading() as connection:
                for _ in range(2):
                    await repository.cases(connection, only_open=True, limit=repository.ALL)
            naive.append(time.process_time() - began)
        await house.close()
        return statistics.median(ours), statistics.median(naive)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dark:
    """`spent`: CPU seconds from the first lost packets until nothing is left to decide; `after`: of the minute after
    that. `children` are the sites' cases without a ticket of their own."""

    spent: float
    after: float
    minutes: int
    tickets: int
    children: int


async def dark_carrier(count: int) -> Dark:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), fleet(count, count // 4))
        await house.database.create_all()
        dark = [link for link in house.inventory.links if link.startswith("a-")]
        well = [link for link in house.inventory.links if link.startswith("b-")]
        for first in range(-120, 0, 20):
            await house.store.write(probed(dark + well, first, 20, 0))
        await house.minute(0)
        spent: list[float] = []
        decided = 0
        while not decided or len(spent) == decided:
            if len(spent) > LONGEST:
                raise SystemExit(f"after {LONGEST} minutes there is still something to decide")
            began, number = time.process_time(), len(spent) + 1
            await house.store.write(probed(well, number - 1, 1, 0))
            await house.store.write(probed(dark, number - 1, 1, PACKETS))
            await house.minute(number)
            spent.append(time.process_time() - began)
            tickets = await house.tickets.list(limit=repository.ALL)
            async with house.database.reading() as connection:
                waiting = [one for one in await standing.sites_standing(connection) if one.status in UNDECIDED]
            if tickets and not waiting and not decided:
                decided = number
        async with house.database.reading() as connection:
            cases = await repository.cases(connection, only_open=True, limit=repository.ALL)
        await house.close()
        children = sum(case.parent is not None and case.ticket is None for case in cases)
        return Dark(
            spent=sum(spent[:decided]), after=spent[-1], minutes=decided, tickets=len(tickets), children=children
        )


async def throughput(count: int) -> float:
    """Tickets a second that the outbox opens in the built-in system."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), fleet(0, count))
        await house.database.create_all()
        async with house.database.writing() as connection:
            rows = [{"number": n, **repository.case_row(case_of(n)), "ticket": None} for n in range(1, count + 1)]
            await connection.execute(insert(tables.case), rows)
            for number in range(1, count + 1):
                effect = Effect(
                    key=f"C-{number}:ticket", kind=EffectKind.OPEN_TICKET, case=f"C-{number}", title="t", text="t"
                )
                await bulk.add_effects(connection, [(effect, NOON)])
        began = time.perf_counter()
        await house.performer.perform_due()
        spent = time.perf_counter() - began
        async with house.database.reading() as connection:
            depths = await outbox.depths(connection)
        if depths[OutboxStatus.PENDING][0]:
            raise SystemExit(f"not all was done: {depths}")
        await house.close()
        return count / spent


async def sample_to_ticket(lines: int) -> float:
    """Wall seconds from the sample that completes the evidence on a dedicated line, among so many, to its ticket."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), fleet(0, lines, Access.DIA))
        await house.database.create_all()
        links = list(house.inventory.links)
        for first in range(-120, 0, 20):
            await house.store.write(probed(links, first, 20, 0))
        await house.minute(0)
        for number in range(1, 30):
            await house.store.write(probed(links[1:], number - 1, 1, 0))
            began = time.perf_counter()
            await house.store.write(probed(links[:1], number - 1, 1, PACKETS))
            await house.minute(number)
            spent = time.perf_counter() - began
            if await house.tickets.list():
                await house.close()
                return spent
        raise SystemExit("no ticket was opened in half an hour")


def rows(quick: bool) -> Iterator[dict[str, object]]:
    count, turns = (5_000, 1) if quick else (100_000, 3)
    ours, naive = asyncio.run(bookkeeping(count, turns))
    yield row(f"a sweep's bookkeeping, {count} open cases", ours, "s CPU", "every document", naive)
    yield row(f"the same, {count} open cases", ours, "s CPU", "target", 1.0 * count / 100_000)
    sites = 50 if quick else 10_000
    dark = asyncio.run(dark_carrier(sites))
    share = sites / 10_000
    yield row(f"a carrier goes dark at {sites} sites", dark.spent, "s CPU", "target", 30.0 * share)
    yield row(f"the minute after, all decided in {dark.minutes}", dark.after, "s CPU", "a core's minute", 60.0 * share)
    yield row(f"tickets of it, beside {dark.children} children without one", dark.tickets, "tickets", "target", 1)
    yield row("outbox, built-in tickets", asyncio.run(throughput(100 if quick else 2_000)), "a second", "target", 20.0)
    took = asyncio.run(sample_to_ticket(50 if quick else 1_000))
    yield row("from the sample to the ticket, dedicated line", took, "s", "target", 1.0)


def row(name: str, value: float, unit: str, peer: str, other: float) -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "peer": peer, "peer_value": other, "ratio": value / other}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    table = list(rows(chosen.quick))
    if chosen.json:
        print(json.dumps({"rows": table}))
        return
    for one in table:
        print(f"{one['name']:52s} {one['value']:10.3f} {one['unit']:9s} {one['peer']:15s} {one['peer_value']:9.3f}")


if __name__ == "__main__":
    main()
