"""The proof of performance, from samples in the embedded store to the report."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.availability import LinkState, StateSlots
from collector.journal import Journal
from collector.model import Cadence, Fact, FactKind, SampleBatch, Series, Source
from collector.store.embedded import EmbeddedStore
from config.clock import epoch_ms
from config.errors import NotFoundError
from inventory.model import (
    Access,
    Client,
    Impact,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    MaintenanceStatus,
    MaintenanceWindow,
    Monitoring,
    Notice,
    Site,
)
from reports.delivery import report_files
from reports.model import Figure, Report, ReportError, Rows, Table, Text
from reports.month import Outage, any_up, bucket_means, link_month, outages_of
from reports.performance import gather_performance, performance_report

CADENCES = {Source.PROBE: Cadence(every=60, late=60), Source.SNMP: Cadence(every=60, late=60)}
START = datetime(2026, 3, 1, 6, tzinfo=UTC)
"""March in Chicago begins at 06:00 UTC."""
NOW = START + timedelta(hours=2, minutes=1)
MINUTE = timedelta(minutes=1)
WAN1 = Link(
    id="store-114-wan1", site="store-114", access=Access.BROADBAND, carrier="Charter", circuit_id="44.KFGN.004512",
    committed_down_bps=100e6, committed_up_bps=10e6,
)  # fmt: skip
LTE = Link(id="store-114-lte", site="store-114", access=Access.LTE, role=LinkRole.SECONDARY, carrier="AT&T")
UNWATCHED = Link(id="store-114-dsl", site="store-114", role=LinkRole.TERTIARY, monitoring=Monitoring(subscribed=False))
RETIRED = Link(id="store-114-old", site="store-114", life_cycle=LifeCycle.RETIRED)
LAN = Link(id="store-114-lan", site="store-114", role=LinkRole.LAN)


def inventory(*maintenance: MaintenanceWindow) -> Inventory:
    return Inventory.of(
        clients=[Client(id="acme", name="Acme Retail", timezone="America/Chicago"), Client(id="other", name="Other")],
        sites=[
            Site(id="store-114", client="acme", name="Austin South", timezone="America/Chicago"),
            Site(id="store-9", client="other"),
        ],
        links=[WAN1, LTE, UNWATCHED, RETIRED, LAN],
        maintenance=maintenance,
    )


def probe(link: str, minutes: Sequence[int], down: Sequence[int] = ()) -> SampleBatch:
    """20 ms and no loss each minute, 40 ms in every tenth; all lost in the minutes that are `down`."""
    time = np.asarray([epoch_ms(START + minute * MINUTE) for minute in minutes], dtype=np.int64)
    lost = [minute in down for minute in minutes]
    rtt = [math.nan if gone else 40.0 if minute % 10 == 0 else 20.0 for minute, gone in zip(minutes, lost, strict=True)]
    return SampleBatch(
        Source.PROBE, [link] * len(time), time, np.full(len(time), 60, dtype=np.int32), time + 60_000,
        {"rtt_ms": np.asarray(rtt), "loss_pct": np.asarray([100.0 if gone else 0.0 for gone in lost])},
    )  # fmt: skip


def traffic(link: str, minutes: Sequence[int], rx: Sequence[float], tx: Sequence[float]) -> SampleBatch:
    time = np.asarray([epoch_ms(START + minute * MINUTE) for minute in minutes], dtype=np.int64)
    return SampleBatch(
        Source.SNMP, [link] * len(time), time, np.full(len(time), 60, dtype=np.int32), time + 60_000,
        {"rx_bps": np.asarray(rx, dtype=np.float64), "tx_bps": np.asarray(tx, dtype=np.float64)},
    )  # fmt: skip


async def report_of(
    folder: Path,
    batches: Sequence[SampleBatch],
    outages: Sequence[Outage] = (),
    maintenance: Sequence[MaintenanceWindow] = (),
    now: datetime = NOW,
) -> Report:
    store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder, 95)
    for batch in batches:
        await store.write(batch)
    data = await gather_performance(
        store, inventory(*maintenance), "acme", "2026-03", outages=outages, cadences=CADENCES, now=now
    )
    await store.close()
    return performance_report(data, "Northwind Telecom")


def table(report: Report, caption: str) -> dict[str, list[str]]:
    """Rows by their first cell."""
    tables = [b for s in report.sections for b in s.blocks if isinstance(b, Table) and b.caption.startswith(caption)]
    return {row[0].text: [cell.text for cell in row[1:]] for one in tables for row in one.rows}


async def test_availability_stands_beside_how_much_was_measured(tmp_path: Path) -> None:
    """120 minutes: 12 down, 20 not measured. 88 / 100 is 88 %, 100 / 120 is 83.3 %."""
    minutes = [minute for minute in range(120) if not 60 <= minute < 80]
    report = await report_of(tmp_path, [probe(WAN1.id, minutes, range(30, 42))])
    row = table(report, "Delay")[WAN1.id]
    assert row[:2] == ["88.000 %", "83.3 %"]
    assert row[-1] == "1"


async def test_delay_is_that_of_available_time_by_nearest_rank(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [probe(WAN1.id, range(120))])
    row = table(report, "Delay")[WAN1.id]
    assert row[2:4] == ["20.0 ms", "40.0 ms"]
    assert row[5] == "0.00 %"


async def test_loss_while_the_line_is_down_is_an_outage_and_no_loss(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [probe(WAN1.id, range(120), range(30, 60))])
    assert table(report, "Delay")[WAN1.id][5] == "0.00 %"


async def test_utilisation_is_the_95th_percentile_of_five_minute_means_against_the_committed_rate(
    tmp_path: Path,
) -> None:
    """24 means of five minutes, of which two are high: the 23rd of 24 (95 %) is 60 of 100 Mbit/s."""
    rx = [90e6 if minute < 5 else 60e6 if minute < 10 else 10e6 for minute in range(120)]
    report = await report_of(tmp_path, [traffic(WAN1.id, range(120), rx, [1e6] * 120)])
    assert table(report, "Delay")[WAN1.id][6:8] == ["60.0 %", "10.0 %"]


async def test_a_rate_without_a_committed_one_is_shown_as_it_is(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [traffic(LTE.id, range(120), [2e6] * 120, [1e6] * 120)])
    assert table(report, "Delay")[LTE.id][6:8] == ["2 Mbit/s", "1 Mbit/s"]


async def test_a_line_that_was_not_measured_says_so_in_every_figure(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [probe(WAN1.id, range(120))])
    rows = table(report, "Delay")
    assert rows[LTE.id] == ["not measured", "0.0 %", *["not measured"] * 7]
    assert rows[UNWATCHED.id] == ["not monitored", *["–"] * 8]
    assert RETIRED.id not in rows
    assert LAN.id not in rows


async def test_nothing_measured_at_all_claims_nothing(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [])
    assert report.headline == (
        "In March 2026 nothing was measured on these lines; nothing can be said about their availability."
    )
    assert [row.value for row in report.highlights] == ["not measured", "0.0 %", "not measured", "not measured"]


async def test_announced_maintenance_is_left_out_and_named(tmp_path: Path) -> None:
    """Down from minute 30 to 42 within announced work from 30 to 60: 90 minutes count, all up."""
    work = MaintenanceWindow(
        id="CHG-9", start=START + 30 * MINUTE, end=START + 60 * MINUTE, links=(WAN1.id,), reason="upgrade"
    )
    report = await report_of(tmp_path, [probe(WAN1.id, range(120), range(30, 42))], maintenance=[work])
    assert table(report, "Delay")[WAN1.id][:2] == ["100.000 %", "100.0 %"]
    assert table(report, "Delay")[WAN1.id][-1] == "0"
    assert table(report, "Outages")[WAN1.id][-1] == "announced maintenance"


def left_out(report: Report) -> str:
    return next(row.value for row in report.meta if row.label == "Left out as announced maintenance")


def notes(report: Report) -> list[str]:
    return [block.text for section in report.sections for block in section.blocks if isinstance(block, Text)]


async def test_what_is_left_out_is_a_figure_of_its_own(tmp_path: Path) -> None:
    work = MaintenanceWindow(id="CHG-9", start=START + 30 * MINUTE, end=START + 60 * MINUTE, links=(WAN1.id,))
    report = await report_of(tmp_path, [probe(WAN1.id, range(120), range(30, 42))], maintenance=[work])
    assert left_out(report) == "30 min"
    assert f"Left out of availability as announced maintenance: {WAN1.id} 30 min." in notes(report)
    assert left_out(await report_of(tmp_path / "none", [probe(WAN1.id, range(120))])) == "nothing"


@pytest.mark.parametrize(
    "instead",
    [
        {"status": MaintenanceStatus.TENTATIVE},
        {"status": MaintenanceStatus.CANCELLED},
        {"notice": Notice(impact=Impact.NO_IMPACT)},
        {"links": (LTE.id,)},
    ],
)
async def test_work_that_does_not_count_excuses_no_outage(tmp_path: Path, instead: dict[str, object]) -> None:
    """Down for 12 of 120 minutes: 108/120."""
    work = MaintenanceWindow(id="CHG-9", start=START + 30 * MINUTE, end=START + 60 * MINUTE, links=(WAN1.id,))
    work = replace(work, **instead)  # type: ignore[arg-type]
    report = await report_of(tmp_path, [probe(WAN1.id, range(120), range(30, 42))], maintenance=[work])
    assert table(report, "Delay")[WAN1.id][0] == "90.000 %"


async def test_recurring_work_is_left_out_each_time(tmp_path: Path) -> None:
    """Each day from 00:30 to 01:00 of Chicago since three days before the month; on the 1st down from 00:20 to 00:42.

    90 of the 120 minutes count, of which the ten from 00:20 to 00:30 are down: 80/90.
    """
    begins = START - timedelta(days=3) + 30 * MINUTE
    work = MaintenanceWindow(
        id="CHG-9", start=begins, end=begins + 30 * MINUTE, links=(WAN1.id,), recurrence="FREQ=DAILY;COUNT=5",
        timezone="America/Chicago",
    )  # fmt: skip
    report = await report_of(tmp_path, [probe(WAN1.id, range(120), range(20, 42))], maintenance=[work])
    assert table(report, "Delay")[WAN1.id][0] == "88.888 %"
    assert table(report, "Outages")[WAN1.id][-1] == "12 min of it announced work"
    assert "1 outage outside announced maintenance, 10 min together." in report.headline
    assert left_out(report) == "30 min"


async def test_a_site_is_excused_only_while_work_is_on_all_its_lines(tmp_path: Path) -> None:
    """Both lines down from minute 30 to 42; with work on one of them the site counts as down, with work on both not."""
    down = [probe(WAN1.id, range(120), range(30, 42)), probe(LTE.id, range(120), range(30, 42))]
    work = MaintenanceWindow(id="CHG-9", start=START + 30 * MINUTE, end=START + 60 * MINUTE, links=(WAN1.id,))

    def some_line_up(report: Report) -> str:
        rows = [
            row
            for section in report.sections
            for block in section.blocks
            if isinstance(block, Rows)
            for row in block.rows
        ]
        return next(row.value for row in rows if row.label == "Some line up").split(";")[0]

    assert some_line_up(await report_of(tmp_path / "one", down, maintenance=[work])) == "90.000 %"
    both = replace(work, links=(), sites=("store-114",))
    assert some_line_up(await report_of(tmp_path / "both", down, maintenance=[both])) == "100.000 %"


async def test_an_outage_carries_its_case_and_tickets(tmp_path: Path) -> None:
    case = Outage(
        link=WAN1.id, start=START + 31 * MINUTE, end=START + 40 * MINUTE, case="C-12", tickets=("T-7", "CHTR-88213")
    )
    report = await report_of(tmp_path, [probe(WAN1.id, range(120), range(30, 42))], [case])
    assert table(report, "Outages")[WAN1.id] == [
        "2026-03-01 00:30 – 00:42 CST", "12 min", "C-12", "T-7, CHTR-88213", "",
    ]  # fmt: skip
    assert "1 outage outside announced maintenance, 12 min together." in report.headline


async def test_a_case_that_no_measurement_shows_is_listed_as_that_and_not_counted(tmp_path: Path) -> None:
    case = Outage(link=WAN1.id, start=START + 31 * MINUTE, end=START + 40 * MINUTE, case="C-12", tickets=("T-7",))
    report = await report_of(tmp_path, [probe(WAN1.id, range(120))], [case])
    assert table(report, "Outages")[WAN1.id][-1] == "known from its case alone"
    assert table(report, "Delay")[WAN1.id][-1] == "0"


async def test_a_line_still_down_at_the_end_is_still_lasting(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [probe(WAN1.id, range(120), range(110, 120))])
    row = table(report, "Outages")[WAN1.id]
    assert row[:2] == ["since 2026-03-01 01:50 CST, still lasting", "10 min so far"]


async def test_a_device_that_does_not_answer_is_no_outage(tmp_path: Path) -> None:
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path, 95)
    moment = START + 5 * MINUTE
    await store.write_facts([Fact(moment, WAN1.id, FactKind.POLL_OUTCOME, "timeout", Source.SNMP, moment)])
    data = await gather_performance(store, inventory(), "acme", "2026-03", outages=[], cadences=CADENCES, now=NOW)
    await store.close()
    assert data.links[0].outages == ()
    assert data.links[0].availability.percent is None


async def test_slots_that_may_still_come_are_not_expected_yet(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [probe(WAN1.id, range(120))], now=START + 121 * MINUTE)
    assert table(report, "Delay")[WAN1.id][1] == "100.0 %"


async def test_what_has_not_happened_yet_is_not_drawn_as_unmeasured(tmp_path: Path) -> None:
    """Two hours of March are over and measured to the end: nothing is hatched."""
    report = await report_of(tmp_path, [probe(WAN1.id, range(120))])
    charts = [block for section in report.sections for block in section.blocks if isinstance(block, Figure)]
    delay = next(chart for chart in charts if chart.id.startswith("delay"))
    assert delay.svg.count('class="gap"') == 0


@pytest.mark.parametrize("month", ["2026-3", "yesterday", "2026-04"])
async def test_a_month_that_cannot_be_told_is_refused(tmp_path: Path, month: str) -> None:
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path, 95)
    with pytest.raises(ReportError, match=month):
        await gather_performance(store, inventory(), "acme", month, outages=[], cadences=CADENCES, now=NOW)
    with pytest.raises(NotFoundError, match="'nobody'"):
        await gather_performance(store, inventory(), "nobody", "2026-03", outages=[], cadences=CADENCES, now=NOW)
    await store.close()


def test_the_same_month_gives_the_same_files_and_no_none_or_nan(tmp_path: Path) -> None:
    batches = [probe(WAN1.id, range(120), range(30, 42)), traffic(WAN1.id, range(120), [1e6] * 120, [1e5] * 120)]
    report = asyncio.run(report_of(tmp_path, batches))
    files = report_files(report)
    assert [file.name for file in files] == ["performance-acme-2026-03.html", "performance-acme-2026-03.pdf"]
    assert files == report_files(report)
    assert not re.search(rb">[^<]*\b(None|nan|NaN)\b", files[0].content)


def slots(*states: LinkState) -> StateSlots:
    return StateSlots(0, 60, np.asarray(states, dtype=np.int8))


def test_a_site_is_up_while_any_line_is_and_down_only_while_all_are() -> None:
    up, down, unknown = LinkState.UP, LinkState.DOWN, LinkState.UNKNOWN
    site = any_up([slots(up, down, down, unknown), slots(down, down, unknown, unknown)])
    assert site is not None
    assert site.states.tolist() == [up, down, unknown, unknown]
    assert any_up([]) is None
    with pytest.raises(ValueError, match="same slots"):
        any_up([slots(up), slots(up, up)])


def test_one_case_may_own_several_outages() -> None:
    up, down = LinkState.UP, LinkState.DOWN
    case = Outage(link="a", start=datetime(1970, 1, 1, tzinfo=UTC), end=None, case="C-1", tickets=("T-1",))
    found = outages_of(
        "a", slots(down, up, down, up), np.zeros(4, dtype=bool), [case], datetime(1970, 1, 1, 0, 4, tzinfo=UTC)
    )
    assert [(outage.case, outage.tickets, outage.measured) for outage in found] == [("C-1", ("T-1",), True)] * 2


def test_a_case_before_or_after_an_outage_does_not_own_it() -> None:
    """Down in the third minute; a case that ends as it begins and one that begins as it ends touch it only."""
    up, down = LinkState.UP, LinkState.DOWN
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    before = Outage(link="a", start=epoch, end=epoch + 2 * MINUTE, case="C-1")
    after = Outage(link="a", start=epoch + 3 * MINUTE, end=None, case="C-2")
    found = outages_of("a", slots(up, up, down, up), np.zeros(4, dtype=bool), [before, after], epoch + 4 * MINUTE)
    assert [(one.case, one.measured) for one in found] == [("C-1", False), (None, True), ("C-2", False)]


def test_bucket_means_leave_gaps_absent() -> None:
    means = bucket_means(np.asarray([0, 60_000, 600_000], dtype=np.int64), np.asarray([1.0, 3.0, math.nan]), 300)
    assert (means.time.tolist(), means.values.tolist()) == ([0], [2.0])


def test_sources_never_blend() -> None:
    """The probe speaks for delay; what the orchestrator measured meanwhile is not mixed in."""
    time = np.asarray([epoch_ms(START)], dtype=np.int64)
    seconds = np.asarray([60], dtype=np.int32)
    both = [
        Series("a", Source.ORCHESTRATOR, time, seconds, time, {"latency_rx_ms": np.asarray([5.0])}),
        Series("a", Source.PROBE, time, seconds, time, {"rtt_ms": np.asarray([20.0])}),
    ]
    period = (START, START + MINUTE)
    month = link_month(Link(id="a", site="s"), both, [], [], [], period, CADENCES[Source.PROBE])
    assert month.latency is not None
    assert (month.latency.source, month.latency.p95) == (Source.PROBE, 20.0)
    alone = link_month(Link(id="a", site="s"), both[:1], [], [], [], period, CADENCES[Source.PROBE])
    assert alone.latency is not None
    assert (alone.latency.source, alone.latency.field) == (Source.ORCHESTRATOR, "latency_rx_ms")
