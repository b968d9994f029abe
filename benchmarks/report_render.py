"""What a report costs: one chart, an evidence report as HTML and as PDF, and a client's month.

    benchmarks/report_render.py [--quick] [--json]

CPU time of this process, all its threads: medians after a first round that warms fonts and templates. No peer is
measured: the ones that could be (matplotlib, WeasyPrint) are not among our dependencies.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

sys.path.pop(0)  # `triage` is the package, and not the benchmark of that name beside this one

from collector.model import Cadence, Series, Source
from config.clock import epoch_ms
from inventory.model import Client, Link, Site
from reports.chart import TimeChart, Trace, time_chart
from reports.evidence import evidence_report
from reports.html import html_page
from reports.month import link_month
from reports.pdf import pdf_document
from reports.performance import performance_report
from reports.performance_tables import PerformanceData, SiteMonth
from triage.evidence import EvidencePack

END = datetime(2026, 4, 1, tzinfo=UTC)
START = datetime(2026, 3, 1, tzinfo=UTC)
ONSET = END - timedelta(minutes=30)
SITES = 20


def series(link: str, start: datetime, source: Source = Source.PROBE) -> Series:
    """Minute samples until END, lossy from ONSET on."""
    moments = np.arange(epoch_ms(start), epoch_ms(END), 60_000, dtype=np.int64)
    wave = np.sin(np.arange(len(moments)) / 97.0)
    fields = {
        "rtt_ms": 25 + 5 * wave,
        "loss_pct": np.where(moments >= epoch_ms(ONSET), 12.5, 0.0),
        "rx_bps": 4e7 + 2e7 * wave,
        "tx_bps": 4e6 + 2e6 * wave,
    }
    return Series(link, source, moments, np.full(len(moments), 60, dtype=np.int32), moments, fields)


def pack() -> EvidencePack:
    """A confirmed loss on one of two lines, with 31 hours of samples."""
    window = [series(link, ONSET - timedelta(hours=31)) for link in ("wan1", "wan2")]
    end = epoch_ms(END)
    finding = {
        "link": "wan1", "source": "probe", "metric": "loss_pct", "cause": "loss", "direction": "unknown",
        "onset": ONSET.isoformat(), "end": None, "value": 12.5, "unit": "%", "baseline": 0.1, "threshold": 2.0,
        "rule": "share of lost packets", "statistic": "mean", "bad_samples": 30,
    }  # fmt: skip
    coverage = {"present": 30, "expected": 30, "pending": 0, "newest": END.isoformat()}
    return EvidencePack.of(
        {
            "format": 1,
            "made_at": END.isoformat(),
            "claim": None,
            "verdict": {
                "verdict": "confirmed", "cause": "loss", "scope": "link", "link": "wan1", "onset": ONSET.isoformat(),
                "coverage": coverage, "findings": [finding],
            },
            "client": {"id": "acme"},
            "site": {"id": "store-1", "timezone": "America/Chicago"},
            "links": [{"id": "wan1", "committed_down_bps": 1e8, "committed_up_bps": 1e7}, {"id": "wan2"}],
            "cadences": {"probe": {"every": 60, "late": 60}},
            "series": [
                {"link": one.link, "source": "probe", "seconds": 60, "time": one.time.tolist(),
                 "fields": {name: values.tolist() for name, values in one.fields.items()}}
                for one in window
            ],
            "baselines": [
                {"link": "wan1", "source": "probe", "metric": "loss_pct",
                 "time": list(range(end - 31 * 3_600_000, end, 1_800_000)), "centre": [0.1] * 62, "upper": [0.9] * 62}
            ],
        }
    )  # fmt: skip


def month(sites: int) -> PerformanceData:
    """A month of minute samples at each site, one line each."""
    cadence = Cadence(every=60, late=60)
    months = []
    for number in range(sites):
        link = Link(id=f"site-{number}-wan1", site=f"site-{number}", committed_down_bps=1e8, committed_up_bps=1e7)
        one = link_month(link, [series(link.id, START)], [], [], [], (START, END), cadence)
        months.append(SiteMonth(site=Site(id=link.site, client="acme"), links=(one,)))
    return PerformanceData(
        client=Client(id="acme", name="Acme Retail"),
        month="2026-03",
        start=START,
        end=END,
        until=END,
        made_at=END,
        sites=tuple(months),
    )


def chart() -> str:
    one = series("wan1", END - timedelta(hours=6))
    return time_chart(
        TimeChart(
            id="c", title="Round-trip time", description="", unit="ms", start=END - timedelta(hours=6), end=END,
            zone=ZoneInfo("America/Chicago"), traces=(Trace("probe", one.time, one.seconds, one.fields["rtt_ms"]),),
        )
    )  # fmt: skip


def median_ms(work: Callable[[], object], rounds: int) -> float:
    work()
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append((time.process_time() - begin) * 1000)
    return statistics.median(spent)


def measured(rounds: int, sites: int) -> list[dict[str, object]]:
    evidence = pack()
    report = evidence_report(evidence, "C-1")
    data = month(sites)
    performance = performance_report(data)
    figures = {
        "chart, 360 samples": median_ms(chart, rounds * 5),
        "evidence: pack to report": median_ms(lambda: evidence_report(evidence, "C-1"), rounds),
        "evidence: HTML": median_ms(lambda: html_page(report), rounds),
        "evidence: PDF/A-3": median_ms(lambda: pdf_document(report), rounds),
        f"month of {sites} sites: figures": median_ms(lambda: month(sites), max(1, rounds // 5)),
        f"month of {sites} sites: report": median_ms(lambda: performance_report(data), max(1, rounds // 5)),
        f"month of {sites} sites: HTML": median_ms(lambda: html_page(performance), max(1, rounds // 5)),
        f"month of {sites} sites: PDF/A-3": median_ms(lambda: pdf_document(performance), max(1, rounds // 5)),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows: list[dict[str, object]] = [
        {"name": name, "value": round(value, 2), "unit": "ms", "peer": None, "peer_value": None, "ratio": None}
        for name, value in figures.items()
    ]
    return [*rows, {"name": "peak memory", "value": math.ceil(peak), "unit": "MB", "peer": None, "peer_value": None,
                    "ratio": None}]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measured(3 if arguments.quick else 20, 5 if arguments.quick else SITES)
    if arguments.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(f"{row['name']:<34}{row['value']:>10} {row['unit']}")


if __name__ == "__main__":
    main()
