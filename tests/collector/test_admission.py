"""What may enter the journal: a row that is none is refused with its reason and counted, and holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from collector.admission import Refusal, admitted, admitted_facts, span_of
from collector.journal import Journal
from collector.journal_sink import Admission, JournalSink
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from config.clock import epoch_ms

NOW = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
LINKS = frozenset({"wan1", "wan2"})
SPAN = span_of(NOW, NOW, 95)


def rows(
    *times: datetime, links: list[str] | None = None, seconds: int = 60, received: datetime = NOW, rtt: float = 20.0
) -> SampleBatch:
    n = len(times)
    return SampleBatch(
        Source.PROBE,
        links or ["wan1"] * n,
        np.array([epoch_ms(time) for time in times], np.int64),
        np.full(n, seconds, np.int32),
        np.full(n, epoch_ms(received), np.int64),
        {"rtt_ms": np.full(n, rtt), "loss_pct": np.zeros(n)},
    )


def reasons(batch: SampleBatch) -> dict[Refusal, int]:
    _, refusals = admitted(batch, LINKS, SPAN)
    return {reason: refused.count for reason, refused in refusals.items()}


def test_good_rows_are_taken_as_they_are() -> None:
    batch = rows(NOW - MINUTE, NOW - 2 * MINUTE, links=["wan1", "wan2"])
    kept, refusals = admitted(batch, LINKS, SPAN)
    assert (kept.links, refusals) == (batch.links, {})


def test_nothing_at_all_is_no_fault() -> None:
    assert reasons(rows()) == {}


def test_a_link_that_the_inventory_does_not_know_is_refused_and_named_and_the_others_stay() -> None:
    batch = rows(NOW - MINUTE, NOW - MINUTE, NOW - MINUTE, links=["wan1", "wan9", "wan2"])
    kept, refusals = admitted(batch, LINKS, SPAN)
    assert list(kept.links) == ["wan1", "wan2"]
    (refused,) = refusals.values()
    assert refused.count == 1
    assert refused.example == "wan9 from probe at 2026-03-03T13:59:00Z of 60 s, received at 2026-03-03T14:00:00Z"


@pytest.mark.parametrize(
    ("time", "refused"),
    [
        (NOW + 10 * MINUTE, {}),
        (NOW + 10 * MINUTE + SECOND, {Refusal.FUTURE: 1}),
        (datetime(2999, 12, 31, tzinfo=UTC), {Refusal.FUTURE: 1}),
        (NOW - 95 * DAY, {}),
        (NOW - 95 * DAY - SECOND, {Refusal.EXPIRED: 1}),
        (datetime(1970, 1, 1, tzinfo=UTC), {Refusal.EXPIRED: 1}),
    ],
)
def test_a_time_is_within_what_is_kept_and_ten_minutes_ahead(time: datetime, refused: dict[Refusal, int]) -> None:
    assert reasons(rows(time)) == refused


@pytest.mark.parametrize(
    ("received", "refused"),
    [
        (NOW, {}),
        (NOW + 10 * MINUTE, {}),
        (NOW + 10 * MINUTE + SECOND, {Refusal.RECEIVED: 1}),
        (NOW - 95 * DAY, {}),
        (NOW - 95 * DAY - SECOND, {Refusal.RECEIVED: 1}),
        (datetime(1970, 1, 1, tzinfo=UTC), {Refusal.RECEIVED: 1}),
    ],
)
def test_a_row_was_received_at_a_moment_of_ours(received: datetime, refused: dict[Refusal, int]) -> None:
    assert reasons(rows(NOW - MINUTE, received=received)) == refused


@pytest.mark.parametrize(("seconds", "refused"), [(1, {}), (0, {Refusal.LENGTH: 1}), (-60, {Refusal.LENGTH: 1})])
def test_a_slot_has_a_length(seconds: int, refused: dict[Refusal, int]) -> None:
    assert reasons(rows(NOW - MINUTE, seconds=seconds)) == refused


@pytest.mark.parametrize("wrong", [np.inf, -np.inf])
def test_an_infinite_value_is_not_measured_and_its_row_stays(wrong: float) -> None:
    batch = rows(NOW - MINUTE, NOW - 2 * MINUTE)
    batch.fields["rtt_ms"][1] = wrong
    kept, refusals = admitted(batch, LINKS, SPAN)
    np.testing.assert_array_equal(kept.fields["rtt_ms"], [20.0, np.nan])
    np.testing.assert_array_equal(kept.fields["loss_pct"], [0.0, 0.0])
    assert refusals[Refusal.INFINITE].count == 1
    assert refusals[Refusal.INFINITE].example.startswith(f"rtt_ms {wrong} of wan1 from probe at 2026-03-03T13:58:00Z")
    assert batch.fields["rtt_ms"][1] == wrong, "the sender's batch is left as it is"


def test_what_was_not_measured_is_no_fault() -> None:
    assert reasons(rows(NOW - MINUTE, rtt=float("nan"))) == {}


def test_a_row_is_counted_once_for_its_first_reason() -> None:
    batch = rows(NOW + DAY, NOW + DAY, links=["wan9", "wan1"], seconds=0, rtt=np.inf)
    assert reasons(batch) == {Refusal.UNKNOWN_LINK: 1, Refusal.FUTURE: 1}


@pytest.mark.parametrize("milliseconds", [-(2**62), 2**62])
def test_a_time_that_no_calendar_has_can_be_told(milliseconds: int) -> None:
    batch = rows(NOW)
    batch.time[0] = milliseconds
    _, refusals = admitted(batch, LINKS, SPAN)
    (refused,) = refusals.values()
    assert f"at {milliseconds} ms" in refused.example


def test_our_own_clock_going_back_makes_no_row_a_future_one_and_going_ahead_none_expired() -> None:
    hour_back = span_of(NOW - timedelta(hours=1), NOW, 95)
    kept, refusals = admitted(rows(NOW), LINKS, hour_back)
    assert (len(kept), refusals) == (1, {})
    year_ahead = span_of(NOW, NOW + 365 * DAY, 95)
    kept, refusals = admitted(rows(NOW), LINKS, year_ahead)
    assert (len(kept), refusals) == (1, {})


def fact(time: datetime, subject: str = "edge") -> Fact:
    return Fact(time, subject, FactKind.LINK_STATE, "stable", Source.ORCHESTRATOR, NOW)


def test_a_fact_from_the_future_would_be_the_newest_for_ever_and_is_refused() -> None:
    well, odd = fact(NOW + 10 * MINUTE), fact(NOW + 11 * MINUTE, "wan1")
    kept, refusals = admitted_facts([well, odd], SPAN)
    assert list(kept) == [well]
    assert refusals[Refusal.FUTURE].count == 1
    assert refusals[Refusal.FUTURE].example == "link_state stable of wan1 from orchestrator at 2026-03-03T14:11:00Z"


def test_a_fact_may_be_old_and_about_anything() -> None:
    old = fact(NOW - 4000 * DAY, "an-orchestrator")
    assert admitted_facts([old], SPAN) == ([old], {})


class HostClock:
    """A clock that somebody sets."""

    def __init__(self, now: datetime) -> None:
        self.shown = now

    def now(self) -> datetime:
        return self.shown

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.mark.parametrize("step", [timedelta(hours=-1), 365 * DAY])
def test_a_step_of_our_clock_either_way_condemns_no_row_that_was_good_before(step: timedelta) -> None:
    clock = HostClock(NOW)
    admission = Admission(LINKS, 95, clock)
    for shown in (NOW, NOW + step, NOW + step + MINUTE, NOW + 2 * MINUTE):
        clock.shown = shown
        kept, refusals = admission.samples(rows(NOW))
        assert (len(kept), refusals) == (1, {})


def test_what_our_clock_has_never_reached_is_the_future_also_later_on() -> None:
    clock = HostClock(NOW)
    admission = Admission(LINKS, 95, clock)
    clock.shown = NOW + timedelta(hours=1)
    for time, count in ((clock.shown + 10 * MINUTE, 1), (clock.shown + 11 * MINUTE, 0)):
        kept, _ = admission.samples(rows(time))
        assert len(kept) == count


@asynccontextmanager
async def collecting(sink: JournalSink) -> AsyncIterator[None]:
    running = asyncio.create_task(sink.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def counted(reason: str) -> float:
    labels = {"reason": reason, "source": "probe"}
    return REGISTRY.get_sample_value("lineproof_samples_refused_total", labels) or 0.0


@pytest.mark.rim
async def test_what_is_refused_is_counted_logged_once_and_shown_and_the_rest_is_collected(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    sink = JournalSink(journal, Admission(LINKS, 95, HostClock(NOW)))
    before = counted("unknown_link")
    async with collecting(sink):
        with capture_logs() as logs:
            for _ in range(3):
                await sink.samples(rows(NOW - MINUTE, NOW - MINUTE, links=["wan1", "wan9"]))
    assert [entry.rows for entry in journal.read(0)] == [1, 1, 1]
    assert counted("unknown_link") - before == 3
    (line,) = [line for line in logs if line["event"] == "samples_refused"]
    assert (line["reason"], line["source"], line["count"]) == ("unknown_link", "probe", 1)
    (problem,) = sink.refused()
    assert problem.startswith("probe: 3 samples refused (the inventory does not know the link), for example wan9 ")
    journal.close()


@pytest.mark.rim
async def test_a_batch_of_which_nothing_is_left_is_done_with(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    sink = JournalSink(journal, Admission(LINKS, 95, HostClock(NOW)))
    await asyncio.wait_for(sink.samples(rows(NOW, links=["wan9"])), 1)
    await asyncio.wait_for(sink.facts([fact(NOW + DAY)]), 1)
    assert journal.position() == 0
    assert sink.newest(Source.PROBE) is None
    journal.close()


@pytest.mark.rim
async def test_a_step_back_of_the_hosts_clock_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Minutes 0 to 9 measured, then the clock goes back by five: minutes 5 to 14 are measured, 5 to 9 once more."""
    clock = HostClock(NOW)
    journal = Journal(tmp_path / "journal.sqlite")
    store = EmbeddedStore(journal, tmp_path / "store", 95)
    sink = JournalSink(journal, Admission(LINKS, 95, clock))

    async def measured(minute: int, value: float, clock_back: timedelta = timedelta(0)) -> None:
        clock.shown = NOW + (minute + 1) * MINUTE - clock_back
        handing = asyncio.create_task(sink.samples(rows(NOW + minute * MINUTE, received=clock.shown, rtt=value)))
        await asyncio.sleep(0)
        await sink.commit()
        await handing

    for minute in range(9):
        await measured(minute, minute)
    await store.maintain(clock.shown)
    # Measured before the step, handed over after it.
    await measured(9, 9.0, clock_back=5 * MINUTE)
    for minute in range(5, 15):
        await measured(minute, 100.0 + minute)
    for upkeep in (NOW, NOW + 3 * DAY):
        (series,) = await store.window(["wan1"], ["rtt_ms"], NOW, NOW + DAY)
        assert [(time - epoch_ms(NOW)) // 60_000 for time in series.time.tolist()] == list(range(15))
        # Of the slots measured twice the row stands that was received later by our clock, as always: minute 9 was
        # handed over at 14:05, and measured again at 14:10.
        expected: list[Any] = [0, 1, 2, 3, 4, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114]
        assert series.column("rtt_ms").tolist() == expected
        await store.maintain(upkeep)
    await store.close()
