"""From samples through judge and pack to the report: what triage writes, the report reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from collector.model import Cadence, Fact, FactKind, Series, Source
from config.clock import epoch_ms
from inventory.model import Access, Client, Device, DeviceRole, Link, LinkRole, Site
from reports.evidence import evidence_files, evidence_report
from reports.model import Figure, Report, Rows
from triage.judge import judge
from triage.model import Claim, Measured, Picture
from triage.pack import build_pack
from triage.policy_files import load_policy

NOW = datetime(2026, 3, 3, 18, 56, tzinfo=UTC)
MINUTES = 3 * 24 * 60
SITE = Site(id="store-114", client="acme", name="Austin South", timezone="America/Chicago")
WAN = Link(
    id="wan1", site="store-114", device="rtr", access=Access.BROADBAND, carrier="Charter", committed_down_bps=200e6,
    committed_up_bps=20e6,
)  # fmt: skip
LTE = Link(id="lte", site="store-114", access=Access.LTE, role=LinkRole.SECONDARY, committed_down_bps=50e6)


def probe(link: str, lost: float, minutes: int) -> Series:
    """Three days of minute samples until now; `lost` per cent of the packets in the last `minutes`."""
    time = np.arange(epoch_ms(NOW) - MINUTES * 60_000, epoch_ms(NOW), 60_000, dtype=np.int64)
    loss = np.zeros(MINUTES)
    if minutes:
        loss[-minutes:] = lost
    fields = {
        "rtt_ms": np.where(loss >= 100, np.nan, 20.0 + np.arange(MINUTES) % 5),
        "jitter_ms": np.where(loss >= 100, np.nan, 2.0),
        "loss_pct": loss,
        "sent": np.full(MINUTES, 20.0),
        "rx_bps": np.full(MINUTES, 30e6),
        "tx_bps": np.full(MINUTES, 3e6),
    }
    return Series(link, Source.PROBE, time, np.full(MINUTES, 60, dtype=np.int32), time + 60_000, fields)


def report_of(lost: float, facts: tuple[Fact, ...] = (), *, minutes: int = 26) -> Report:
    picture = Picture(
        site=SITE,
        client=Client(id="acme", name="Acme Retail"),
        devices=[Device(id="rtr", site="store-114", role=DeviceRole.SDWAN_EDGE)],
        links=[Measured(WAN, [probe("wan1", lost, minutes)], facts), Measured(LTE, [probe("lte", 0.0, 0)])],
        cadences={Source.PROBE: Cadence(every=60, late=0)},
    )
    claim = Claim(site="store-114", client="acme", since=NOW - timedelta(minutes=26), reported_at=NOW)
    policy = load_policy()
    pack = build_pack(claim, judge(claim, picture, policy, NOW), picture, policy, NOW)
    assert evidence_files(pack, "C-1")[1].content.startswith(b"%PDF")
    return evidence_report(pack, "C-1")


def recomputed(report: Report) -> list[str]:
    rows = [
        row for section in report.sections for block in section.blocks if isinstance(block, Rows) for row in block.rows
    ]
    return [row.value for row in rows if row.label == "Computed again from the pack"]


@pytest.mark.parametrize("lost", [15.0, 100.0])
def test_what_the_judge_confirms_the_report_computes_again(lost: float) -> None:
    report = report_of(lost)
    assert report.headline.startswith("Confirmed: ")
    assert "2026-03-03 12:30 CST" in report.headline
    again = recomputed(report)
    assert again
    assert all(text.endswith("– agrees") for text in again)


def test_what_the_judge_does_not_find_the_report_shows_as_measured() -> None:
    report = report_of(0.0)
    assert report.headline.startswith("We looked")
    figures = [block for section in report.sections for block in section.blocks if isinstance(block, Figure)]
    assert {"line-1-probe-loss-pct", "line-1-probe-rtt-ms", "traffic-1"} <= {figure.id for figure in figures}
    baselines = [figure for figure in figures if 'class="ordinary"' in figure.svg]
    assert baselines


def test_a_line_called_disconnected_is_computed_again_from_the_facts() -> None:
    """The orchestrator said disconnected each minute; the probe has nothing to say of the LTE line's state."""
    facts = tuple(
        Fact(moment, "wan1", FactKind.LINK_STATE, "disconnected", Source.ORCHESTRATOR, moment)
        for moment in (NOW - timedelta(minutes=minute) for minute in range(26, 0, -1))
    )
    report = report_of(100.0, facts)
    assert report.headline.startswith("Confirmed: line down on wan1 (Charter)")
    assert all(text.endswith("– agrees") for text in recomputed(report))
