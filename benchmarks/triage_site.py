"""One triage of a site with three links over 30 days of minute samples.

    benchmarks/triage_site.py [--quick] [--json]

First the judge alone on a picture in memory, then everything that a question costs: `Judging.judge` with its reads from
an embedded store that holds the same month of other sites' lines too, and the evidence pack. The peer is our target.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Series, Source
from collector.store.embedded import EmbeddedStore
from config.clock import epoch_ms, from_epoch_ms
from inventory.model import Access, Client, Inventory, Link, LinkRole, Site
from triage.judge import judge
from triage.judging import Judging
from triage.model import Claim, Measured, Picture
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


def picture(days: int, peers: int) -> Picture:
    """Three links, each seen by SNMP and probe each minute and by an orchestrator each five."""

    def measured(name: str, site: str, role: LinkRole, access: Access, days: int, seed: int) -> Measured:
        link = Link(
            id=name, site=site, role=role, access=access, carrier="A", committed_down_bps=1e8, committed_up_bps=2e7
        )
        return Measured(
            link,
            [
                series_of(name, Source.SNMP, 60, SNMP, days, seed),
                series_of(name, Source.PROBE, 60, PROBE, days, seed + 1),
                series_of(name, Source.ORCHESTRATOR, 300, ORCHESTRATOR, days, seed + 2),
            ],
        )

    site = Site(id="store-1", client="acme")
    lines = (
        ("store-1-wan1", LinkRole.PRIMARY, Access.DIA),
        ("store-1-wan2", LinkRole.SECONDARY, Access.LTE),
        ("store-1-wan3", LinkRole.TERTIARY, Access.DSL),
    )
    return Picture(
        site=site,
        client=Client(id="acme", name="Acme"),
        devices=(),
        links=[measured(name, site.id, role, access, days, 10 * n) for n, (name, role, access) in enumerate(lines)],
        peers=[
            measured(f"peer-{n}-wan", f"peer-{n}", LinkRole.PRIMARY, Access.DIA, 1, 1000 + 10 * n) for n in range(peers)
        ],
        cadences={
            Source.SNMP: Cadence(every=60, late=60),
            Source.PROBE: Cadence(every=60, late=60),
            Source.ORCHESTRATOR: Cadence(every=300, late=600),
        },
    )


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


async def filled(folder: Path, seen: Picture, others: int, days: int) -> Judging:
    """A store with a month of the picture's site and of `others` lines of the same carrier, sealed day by day as it is
    by the collector; Judging over it."""
    store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder, raw_days=400)
    sites = [seen.site, *(Site(id=f"store-{2 + n // 2}", client="acme") for n in range(0, others, 2))]
    links = [one.link for one in seen.links]
    links += [
        Link(id=f"store-{2 + n // 2}-wan{1 + n % 2}", site=f"store-{2 + n // 2}", carrier="A") for n in range(others)
    ]
    series = [one for measured in seen.links for one in measured.series]
    series += [series_of(link.id, Source.SNMP, 60, SNMP, days, n) for n, link in enumerate(links[len(seen.links) :])]
    last = epoch_ms(NOW) // 86_400_000
    for day in range(last - days, last + 1):
        await store.journal.append([day_of(one, day) for one in series], [])
        await store.maintain(from_epoch_ms((day + 1) * 86_400_000))
    return Judging(store, Inventory.of([seen.client], sites, [], links, []), seen.cadences, load_policy())


def with_reads(
    seen: Picture, others: int, claims: dict[str, Claim], repetitions: int
) -> list[tuple[str, float, float]]:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        judging = runner.run(filled(Path(folder), seen, others, 33))
        found = []
        for name, claim in claims.items():

            def ask(claim: Claim = claim) -> object:
                return runner.run(judging.judge(claim.site, claim, NOW))

            found.append((f"{name}, {others + 3} lines stored", milliseconds(ask, repetitions), 100.0))
        runner.run(judging.store.close())
    return found


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
    repetitions = 5 if chosen.quick else 30
    policy = load_policy()
    seen = picture(30, 10)
    since = NOW - timedelta(minutes=55)
    claim = Claim(site="store-1", client="acme", since=since, reported_at=NOW)
    quiet = Claim(site="store-1", client="acme", since=NOW - timedelta(hours=8), reported_at=NOW - timedelta(hours=7))
    alone = Picture(site=seen.site, client=seen.client, devices=(), links=seen.links, cadences=seen.cadences)
    work: list[tuple[str, Callable[[], object], float]] = [
        ("triage, 3 links, 30 days of minutes, judge only", lambda: judge(claim, alone, policy, NOW), 60.0),
        ("the same with 10 peer sites", lambda: judge(claim, seen, policy, NOW), 60.0),
        ("the same, nothing wrong", lambda: judge(quiet, alone, policy, NOW), 60.0),
    ]
    measured = [(name, milliseconds(one, repetitions), target) for name, one, target in work]
    claims = {"triage with its reads and its evidence": claim, "the same, nothing wrong": quiet}
    measured += with_reads(picture(33, 0), 57 if chosen.quick else 197, claims, repetitions)
    table = [
        {"name": name, "value": value, "unit": "ms", "peer": "target", "peer_value": target, "ratio": value / target}
        for name, value, target in measured
    ]
    if chosen.json:
        print(json.dumps({"rows": table}))
        return
    for row in table:
        print(f"{row['name']:52s} {row['value']:9.1f} {row['unit']:4s} {row['peer']} {row['peer_value']:8.1f}")


if __name__ == "__main__":
    main()
