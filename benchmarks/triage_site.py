"""One triage of a site: three links, ten other sites of their carrier, an hour of loss on the first link.

    benchmarks/triage_site.py [--quick] [--json]

Two cases: a week of five-minute samples, and a month of minutes. Each with what is ordinary learnt the night before,
and with it computed from the samples. First the judge alone on the picture that was read, then all that the question
costs: reads from an embedded store that holds as much of 200 other lines, judgement, evidence pack. The peer is our
target.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

sys.path.pop(0)  # `triage` is the package, and not the benchmark of that name beside this one

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Series, Source
from collector.store.embedded import EmbeddedStore
from config.clock import epoch_ms, from_epoch_ms
from inventory.model import Access, Client, Inventory, Link, LinkRole, Site
from triage.baselines.folder import BaselineFolder
from triage.baselines.nightly import learn_fleet
from triage.judge import judge
from triage.judging import Judging
from triage.model import Cause, Claim
from triage.policy_files import load_policy

NOW = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)


def series_of(link: str, source: Source, every: int, fields: tuple[str, ...], days: int, seed: int) -> Series:
    """A line with an evening rise, `fields` in their usual ranges, and loss in the last hour of the primary."""
    random = np.random.default_rng(seed)
    end = epoch_ms(NOW) // (every * 1000) * every * 1000
    clock = np.arange(end - days * 86_400_000, end, every * 1000)
    hour = (clock / 3_600_000) % 24
    evening = np.exp(-(((hour - 20) / 3) ** 2))
    bad = (clock >= end - 3_600_000) & link.endswith("wan1")
    made = {
        "rtt_ms": 20 + 5 * evening + random.gamma(2, 1, len(clock)),
        "jitter_ms": random.gamma(2, 0.5, len(clock)),
        "sent": np.full(len(clock), 20.0),
        "lost": random.binomial(20, np.where(bad, 0.1, 0.001)).astype(float),
        "rx_bps": 1e7 * (1 + 3 * evening) * random.gamma(5, 0.2, len(clock)),
        "tx_bps": 2e6 * (1 + evening) * random.gamma(5, 0.2, len(clock)),
        "oper_up": np.ones(len(clock)),
        "flaps": np.zeros(len(clock)),
        "latency_rx_ms": 10 + random.gamma(2, 1, len(clock)),
        "latency_tx_ms": 10 + random.gamma(2, 1, len(clock)),
        "jitter_rx_ms": random.gamma(2, 0.5, len(clock)),
        "jitter_tx_ms": random.gamma(2, 0.5, len(clock)),
        "loss_rx_pct": random.binomial(100, np.where(bad, 0.1, 0.001)).astype(float),
        "loss_tx_pct": random.binomial(100, 0.001, len(clock)).astype(float),
    }
    made["loss_pct"] = 100 * made["lost"] / made["sent"]
    return Series(
        link=link,
        source=source,
        time=clock,
        seconds=np.full(len(clock), every, np.int32),
        received_at=clock + every * 1000,
        fields={name: made[name] for name in fields},
    )


SNMP = ("rx_bps", "tx_bps", "oper_up", "flaps")
PROBE = ("rtt_ms", "jitter_ms", "loss_pct", "sent", "lost")
ORCHESTRATOR = (
    "latency_rx_ms", "latency_tx_ms", "jitter_rx_ms", "jitter_tx_ms", "loss_rx_pct", "loss_tx_pct", "rx_bps", "tx_bps",
)  # fmt: skip


SOURCES = {Source.SNMP: SNMP, Source.PROBE: PROBE, Source.ORCHESTRATOR: ORCHESTRATOR}
PEERS = 10
OTHERS = 200


@dataclass(frozen=True)
class Case:
    """How long and how densely each source measured; orchestrators have no finer slots than five minutes."""

    name: str
    days: int
    every: int

    def cadence(self, source: Source) -> int:
        return max(300, self.every) if source is Source.ORCHESTRATOR else self.every


CASES = (Case("7 days of 5-minute samples", 7, 300), Case("30 days of minutes", 30, 60))


def fleet(others: int) -> Inventory:
    """The site with its three links, the peers, and lines of other carriers beside them."""
    own = (LinkRole.PRIMARY, Access.DIA), (LinkRole.SECONDARY, Access.LTE), (LinkRole.TERTIARY, Access.DSL)
    links = [
        Link(id=f"store-1-wan{number}", site="store-1", role=role, access=access, carrier="A", **RATES)
        for number, (role, access) in enumerate(own, 1)
    ]
    links += [Link(id=f"peer-{n}-wan", site=f"peer-{n}", access=Access.DIA, carrier="A", **RATES) for n in range(PEERS)]
    links += [Link(id=f"other-{n}-wan", site=f"other-{n}", carrier="B", **RATES) for n in range(others)]
    sites = [Site(id=name, client="acme") for name in dict.fromkeys(link.site for link in links)]
    return Inventory.of([Client(id="acme", name="Acme")], sites, [], links, [])


RATES = {"committed_down_bps": 1e8, "committed_up_bps": 2e7}


def day_of(series: Series, day: int) -> SampleBatch:
    """The samples that a day (counted from 1970) has of a series."""
    start, stop = np.searchsorted(series.time, [day * 86_400_000, (day + 1) * 86_400_000])
    rows = slice(int(start), int(stop))
    return SampleBatch(
        series.source,
        [series.link] * (rows.stop - rows.start),
        series.time[rows],
        series.seconds[rows],
        series.received_at[rows],
        {name: values[rows] for name, values in series.fields.items()},
    )


async def filled(folder: Path, case: Case, others: int) -> Judging:
    """A store with the case's history of the whole fleet, sealed day by day as by the collector; Judging over it."""
    store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder, raw_days=400)
    inventory = fleet(others)
    last = epoch_ms(NOW) // 86_400_000
    series = [
        series_of(link.id, source, case.cadence(source), SOURCES[source], case.days, place)
        for place, link in enumerate(inventory.links.values())
        for source in (SOURCES if link.carrier == "A" else (Source.SNMP,))
    ]
    for day in range(last - case.days, last + 1):
        await store.journal.append([day_of(one, day) for one in series], [])
        await store.maintain(from_epoch_ms((day + 1) * 86_400_000))
    cadences = {source: Cadence(every=case.cadence(source), late=60) for source in SOURCES}
    return Judging(store, inventory, cadences, load_policy(), baselines=BaselineFolder(folder / "baselines"))


def measured(case: Case, others: int, repetitions: int) -> Iterator[tuple[str, float, float]]:
    """Name, median milliseconds and target of each figure of a case."""
    claim = Claim(site="store-1", client="acme", since=NOW - timedelta(minutes=55), reported_at=NOW)
    with tempfile.TemporaryDirectory() as folder, closing(asyncio.new_event_loop()) as loop:
        judging = loop.run_until_complete(filled(Path(folder), case, others))
        for how in ("computed", "stored"):
            if how == "stored":
                assert judging.baselines is not None
                night = NOW.replace(hour=2)
                loop.run_until_complete(
                    learn_fleet(judging.store, judging.inventory, judging.policy, judging.baselines, night)
                )
            seen = loop.run_until_complete(judging.picture(claim.site, claim, NOW))
            verdict = judge(claim, seen, judging.policy, NOW)
            if verdict.cause is not Cause.LOSS or (verdict.baseline == "computed") != (how == "computed"):
                raise SystemExit(f"another verdict than is to be measured: {verdict}")
            name = f"{case.name}, {how} baselines"
            yield f"{name}: judge", milliseconds(partial(judge, claim, seen, judging.policy, NOW), repetitions), 20.0
            ask = partial(_ask, loop, judging, claim)
            yield f"{name}: with reads and evidence", milliseconds(ask, repetitions), 100.0
        loop.run_until_complete(judging.store.close())


def _ask(loop: asyncio.AbstractEventLoop, judging: Judging, claim: Claim) -> object:
    return loop.run_until_complete(judging.judge(claim.site, claim, NOW))


def milliseconds(work: Callable[[], object], repetitions: int) -> float:
    """Median wall time of `work` after one warm-up."""
    work()
    spent = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        spent.append(1000 * (time.perf_counter() - began))
    return statistics.median(spent)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    others, repetitions = (20, 5) if chosen.quick else (OTHERS, 30)
    table = [
        {"name": name, "value": value, "unit": "ms", "peer": "target", "peer_value": target, "ratio": value / target}
        for case in CASES
        for name, value, target in measured(case, others, repetitions)
    ]
    if chosen.json:
        print(json.dumps({"rows": table}))
        return
    for row in table:
        print(f"{row['name']:68s} {row['value']:9.1f} {row['unit']:4s} {row['peer']} {row['peer_value']:8.1f}")


if __name__ == "__main__":
    main()
