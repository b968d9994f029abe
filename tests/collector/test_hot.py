"""Statements about the hot window: where rows land, what a minute says, and how it is filled and followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.hot import HotWindow
from collector.store.hot_facts import HotFacts
from collector.store.hot_follower import HotFollower, Watched
from collector.store.rows import SOURCES, rows_of
from config.clock import epoch_ms

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
NAN = float("nan")
FIELDS = ("rtt_ms", "loss_pct", "oper_up", "flaps", "rx_bps")


def batch(
    minutes: Sequence[float],
    fields: Mapping[str, Sequence[float]],
    *,
    link: str = "wan1",
    seconds: int = 60,
    received: float | None = None,
    source: Source = Source.PROBE,
) -> SampleBatch:
    """Rows that start so many minutes after noon; `received` as well, else at the end of each slot."""
    time = epoch_ms(NOON) + np.round(np.array(minutes, dtype=np.float64) * 60_000).astype(np.int64)
    at = time + seconds * 1000 if received is None else np.full(len(time), epoch_ms(NOON) + int(received * 60_000))
    columns = {name: np.array(values, dtype=np.float64) for name, values in fields.items()}
    return SampleBatch(source, [link] * len(time), time, np.full(len(time), seconds, np.int32), at, columns)


def window(*batches: SampleBatch, minutes: int = 10, now: float = 0) -> HotWindow:
    hot = HotWindow(["wan1", "wan2"], FIELDS, minutes)
    hot.advance(epoch_ms(NOON + timedelta(minutes=now)))
    for one in batches:
        hot.take_in(rows_of([one]))
    return hot


def seen(hot: HotWindow, name: str = "rtt_ms", now: float = 0, row: int = 0) -> list[float]:
    """The columns from the oldest on, as of so many minutes after noon."""
    return hot.matrix(name, epoch_ms(NOON) // 60_000 + int(now))[row].tolist()


def tail(*values: float) -> list[float]:
    return [NAN] * (10 - len(values)) + list(values)


def same(found: Sequence[float], wanted: Sequence[float]) -> bool:
    return np.array_equal(found, wanted, equal_nan=True)


def test_a_minute_is_a_column_and_the_newest_stands_last():
    hot = window(batch([-2, -1, 0], {"rtt_ms": [20.0, 21.0, 22.5]}))
    assert same(seen(hot), tail(20.0, 21.0, 22.5))
    hot.advance(epoch_ms(NOON) + 120_000)
    assert same(seen(hot, now=2), tail(20.0, 21.0, 22.5, NAN, NAN))
    assert same(seen(hot, now=1), tail(20.0, 21.0, 22.5, NAN))


def test_what_is_older_than_the_window_is_gone_and_its_place_is_empty():
    hot = window(batch([-9, -8], {"rtt_ms": [1.0, 2.0]}))
    assert seen(hot)[:2] == [1.0, 2.0]
    hot.advance(epoch_ms(NOON) + 60_000)
    assert same(seen(hot, now=1)[:2], [2.0, NAN])
    hot.take_in(rows_of([batch([-30], {"rtt_ms": [9.0]})]))
    assert same(seen(hot, now=1), [2.0] + [NAN] * 9)
    hot.advance(epoch_ms(NOON) + 86_400_000)
    assert same(seen(hot, now=1440), [NAN] * 10)


def test_late_rows_and_rows_out_of_order_land_where_they_belong():
    hot = window(batch([0], {"rtt_ms": [3.0]}), batch([-1, -3, -2], {"rtt_ms": [2.0, 0.0, 1.0]}))
    assert same(seen(hot), tail(0.0, 1.0, 2.0, 3.0))


def test_a_later_row_replaces_only_what_it_measured():
    first = batch([0], {"rtt_ms": [20.0], "loss_pct": [5.0]}, received=1)
    hot = window(first, batch([0], {"rtt_ms": [30.0], "loss_pct": [NAN]}, received=2))
    assert (seen(hot)[-1], seen(hot, "loss_pct")[-1]) == (30.0, 5.0)
    hot.take_in(rows_of([batch([0], {"rtt_ms": [99.0], "flaps": [2.0]}, received=1.5)]))
    assert (seen(hot)[-1], seen(hot, "flaps")[-1]) == (30.0, 2.0)


def test_of_rows_received_at_the_same_moment_the_one_written_last_stands():
    hot = window(batch([0], {"rtt_ms": [20.0]}, received=1), batch([0], {"rtt_ms": [21.0]}, received=1))
    assert seen(hot)[-1] == 21.0


def test_repeating_everything_changes_nothing():
    rows = [
        batch([-5, 0], {"rtt_ms": [20.0, NAN], "flaps": [1.0, 2.0]}, seconds=300),
        batch([n / 6 - 8 for n in range(12)], {"loss_pct": [0.0] * 11 + [5.0], "flaps": [1.0] * 12}, seconds=10),
    ]
    hot, again = window(*rows), window(*rows, *rows)
    for name in FIELDS:
        assert same(hot.matrix(name, hot.now_minute).ravel(), again.matrix(name, hot.now_minute).ravel()), name


def test_a_slot_of_five_minutes_fills_them_and_its_flaps_count_once():
    hot = window(batch([-5], {"rtt_ms": [20.0], "flaps": [3.0]}, seconds=300))
    assert same(seen(hot), tail(20.0, 20.0, 20.0, 20.0, 20.0, NAN))
    assert same(seen(hot, "flaps"), tail(3.0, 0.0, 0.0, 0.0, 0.0, NAN))
    assert hot.slot_minutes.tolist() == [5]


def test_a_slot_that_reaches_past_now_shows_as_time_passes():
    hot = window(batch([0], {"rtt_ms": [20.0]}, seconds=300))
    assert same(seen(hot), tail(20.0))
    hot.advance(epoch_ms(NOON) + 3 * 60_000)
    assert same(seen(hot, now=3), tail(20.0, 20.0, 20.0, 20.0))


def test_a_device_polled_each_second_shows_its_worst_second_and_all_its_changes():
    second = [n / 60 for n in range(-120, 0)]
    loss, up, flaps = [0.0] * 120, [1.0] * 120, [0.0] * 120
    loss[30], up[90], flaps[10], flaps[50], flaps[70] = 100.0, 0.0, 1.0, 1.0, 1.0
    rows = {"loss_pct": loss, "oper_up": up, "flaps": flaps, "rx_bps": [float(n) for n in range(120)]}
    hot = window(batch(second, rows, seconds=1))
    assert same(seen(hot, "loss_pct"), tail(100.0, 0.0, NAN))
    assert same(seen(hot, "oper_up"), tail(1.0, 0.0, NAN))
    assert same(seen(hot, "flaps"), tail(2.0, 1.0, NAN))
    assert same(seen(hot, "rx_bps"), tail(59.0, 119.0, NAN))
    assert hot.slot_minutes.tolist() == [1]
    one_by_one = window(*(batch([at], {n: [v[i]] for n, v in rows.items()}, seconds=1) for i, at in enumerate(second)))
    for name in rows:
        assert same(seen(one_by_one, name), seen(hot, name)), name


def test_unmeasured_stays_unmeasured_and_costs_no_row():
    hot = window(batch([0], {"rtt_ms": [NAN], "loss_pct": [0.0]}))
    assert (len(hot.measured("rtt_ms")), len(hot.measured("loss_pct")), len(hot)) == (0, 1, 1)
    assert hot.rows_of("rtt_ms", hot.measured("loss_pct")).tolist() == [-1]


def test_sources_never_blend_and_a_line_that_is_not_watched_is_passed_over():
    hot = window(
        batch([0], {"rtt_ms": [20.0]}),
        batch([0], {"rtt_ms": [40.0]}, source=Source.ORCHESTRATOR),
        batch([0], {"rtt_ms": [60.0]}, link="wan2"),
        batch([0], {"rtt_ms": [80.0]}, link="nobody"),
    )
    named = [(hot.links[link], SOURCES[source]) for link, source in zip(hot.link, hot.source, strict=True)]
    assert named == [("wan1", Source.PROBE), ("wan1", Source.ORCHESTRATOR), ("wan2", Source.PROBE)]
    assert [seen(hot, row=row)[-1] for row in range(3)] == [20.0, 40.0, 60.0]


def test_a_row_far_ahead_is_not_taken_for_an_old_one():
    hot = window(batch([40], {"rtt_ms": [20.0]}))
    assert len(hot) == 0
    assert len(hot.measured("rtt_ms")) == 0


def test_the_newest_slot_of_a_series_is_known_however_late_others_come():
    hot = window(batch([-1], {"rtt_ms": [1.0]}), batch([-4], {"rtt_ms": [1.0]}, seconds=300))
    assert hot.newest.tolist() == [epoch_ms(NOON) - 60_000]
    assert hot.slot_minutes.tolist() == [1]


def test_two_sources_of_2500_lines_stay_below_30_megabytes():
    """Six fields of a probe, four of SNMP, two hours: 2,500 x (10 x 4 + 2 x 9) bytes x 136 columns, and some room."""
    links = [f"wan{n}" for n in range(2500)]
    hot = HotWindow(links, ("rtt_ms", "jitter_ms", "loss_pct", "sent", "lost", "mos", *FIELDS[2:], "tx_bps"), 120)
    hot.advance(epoch_ms(NOON))
    for source, names in ((Source.PROBE, hot.fields[:6]), (Source.SNMP, hot.fields[6:])):
        time = np.full(2500, epoch_ms(NOON))
        fields = {name: np.ones(2500) for name in names}
        hot.take_in(rows_of([SampleBatch(source, links, time, np.full(2500, 60, np.int32), time, fields)]))
    assert len(hot) == 5000
    assert 2500 * 58 * 136 < hot.nbytes < 30e6


def said(minutes: float, value: str, kind: FactKind = FactKind.LINK_STATE, subject: str = "wan1") -> Fact:
    moment = NOON + timedelta(minutes=minutes)
    return Fact(moment, subject, kind, value, Source.ORCHESTRATOR, moment)


def words(facts: HotFacts) -> list[tuple[float, float, str]]:
    runs = facts.of("wan1", FactKind.LINK_STATE, Source.ORCHESTRATOR)
    noon = epoch_ms(NOON)
    return [((run.begin - noon) / 60_000, (run.end - noon) / 60_000, run.value) for run in runs]


def told(*facts: Fact) -> HotFacts:
    hot = HotFacts(["wan1"], [FactKind.LINK_STATE])
    hot.take_in(facts)
    return hot


def test_the_same_word_again_and_again_is_one_run():
    told_often = told(*(said(n, "stable") for n in range(-60, 0)))
    assert words(told_often) == [(-60, -1, "stable")]


def test_words_in_any_order_make_the_same_runs():
    facts = [said(-4, "stable"), said(-3, "disconnected"), said(-2, "disconnected"), said(-1, "stable")]
    wanted = [(-4, -4, "stable"), (-3, -2, "disconnected"), (-1, -1, "stable")]
    assert words(told(*facts)) == wanted
    assert words(told(*reversed(facts))) == wanted
    assert words(told(facts[1], facts[3], facts[0], facts[2], *facts)) == wanted


def test_another_word_within_a_run_parts_it():
    hot = told(said(-4, "stable"), said(-2, "stable"), said(-3, "disconnected"))
    assert [value for _, _, value in words(hot)] == ["stable", "disconnected", "stable"]


def test_old_runs_are_forgotten_but_the_newest_word_of_all():
    hot = told(said(-90, "stable"), said(-80, "disconnected"))
    hot.forget(epoch_ms(NOON) - 85 * 60_000)
    assert [value for _, _, value in words(hot)] == ["disconnected"]
    hot.forget(epoch_ms(NOON))
    assert [value for _, _, value in words(hot)] == ["disconnected"]


def test_other_subjects_and_kinds_are_passed_over():
    hot = told(said(0, "stable", subject="wan2"), said(0, "LINK_DEAD", FactKind.EVENT))
    assert list(hot.runs()) == []


WATCHED = Watched(("wan1", "wan2"), ("cpe-1",), FIELDS, (FactKind.LINK_STATE, FactKind.POLL_OUTCOME), 10)


class Place:
    """A journal and its store in a folder, and somebody who follows them."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal.sqlite")
        self.store = EmbeddedStore(self.journal, folder / "parts", 95)
        self.follower = HotFollower(self.journal)

    async def measured(self, minutes: float, rtt: float, link: str = "wan1") -> None:
        await self.store.write(batch([minutes], {"rtt_ms": [rtt]}, link=link))

    async def follow(self, minutes: float = 0, upto: int | None = None, watched: Watched = WATCHED) -> list[float]:
        hot = await self.follower.follow(self.store, watched, NOON + timedelta(minutes=minutes), upto)
        return seen(hot, now=minutes) if len(hot.measured("rtt_ms")) else []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.journal.close()


rim = pytest.mark.rim


@rim
async def test_at_first_it_is_filled_from_the_store_and_then_follows_the_journal(place: Place):
    await place.measured(-3, 20.0)
    await place.store.maintain(NOON)
    await place.store.write_facts([said(-3, "disconnected")])
    assert same(await place.follow(), tail(20.0, NAN, NAN, NAN))
    assert words(place.follower.facts) == [(-3, -3, "disconnected")]
    await place.measured(-1, 21.0)
    assert same(await place.follow(), tail(20.0, NAN, 21.0, NAN))
    assert place.follower.position == place.journal.position() == 3


@rim
async def test_it_holds_up_no_trimming_and_what_was_trimmed_unread_comes_from_the_store(place: Place):
    await place.measured(-3, 20.0)
    await place.follow()
    await place.measured(-2, 21.0)
    await place.store.write_facts([said(-2, "disconnected")])
    await place.store.maintain(NOON)
    assert place.journal.trimmed() == 3 > place.follower.position
    assert same(await place.follow(), tail(20.0, 21.0, NAN, NAN))
    assert words(place.follower.facts) == [(-2, -2, "disconnected")]
    assert place.follower.position == 3


@rim
async def test_a_part_that_was_trimmed_unread_comes_from_the_store_also_when_more_followed(place: Place):
    await place.follow()
    await place.measured(-3, 20.0)
    await place.store.maintain(NOON)
    await place.measured(-2, 21.0)
    await place.follower.keep_up(NOON)
    assert same(await place.follow(), tail(20.0, 21.0, NAN, NAN))


@rim
async def test_who_keeps_up_needs_nothing_from_the_store_when_entries_are_trimmed(place: Place):
    await place.follow()
    await place.measured(-3, 20.0)
    await place.follower.keep_up(NOON)
    await place.store.maintain(NOON)
    for file in (place.store.folder / "parts").iterdir():
        file.unlink()
    assert same(await place.follow(), tail(20.0, NAN, NAN, NAN))


@rim
async def test_another_journal_in_its_place_is_noticed(place: Place, tmp_path: Path):
    for minutes in (-3, -2):
        await place.measured(minutes, 20.0)
    await place.follow()
    other = Place(tmp_path / "other")
    await other.measured(-1, 30.0)
    place.follower._journal, place.store = other.journal, other.store
    assert same(await place.follow(), tail(30.0, NAN))
    other.journal.close()


@rim
async def test_it_takes_in_no_more_than_it_is_asked_for(place: Place):
    await place.follow()
    for minutes in (-3, -2, -1):
        await place.measured(minutes, 20.0 - minutes)
    assert same(await place.follow(upto=2), tail(23.0, 22.0, NAN, NAN))
    assert place.follower.position == 2
    assert same(await place.follow(upto=3), tail(23.0, 22.0, 21.0, NAN))


@rim
async def test_other_lines_watched_are_filled_from_the_store(place: Place):
    await place.measured(-3, 20.0)
    await place.measured(-3, 40.0, "wan9")
    await place.follow()
    await place.store.maintain(NOON)
    other = Watched(("wan9",), (), FIELDS, (), 10)
    assert same(await place.follow(watched=other), tail(40.0, NAN, NAN, NAN))


@rim
async def test_a_journal_of_another_machine_is_no_proof_that_nothing_was_measured(place: Place, tmp_path: Path):
    """The follower's own journal stays empty, while the store is written to elsewhere."""
    place.follower = HotFollower(Journal(tmp_path / "own.sqlite"))
    await place.measured(-3, 20.0)
    assert same(await place.follow(), tail(20.0, NAN, NAN, NAN))
    await place.measured(0, 21.0)
    assert same(await place.follow(0.5), tail(20.0, NAN, NAN, NAN))
    assert same(await place.follow(1), tail(20.0, NAN, NAN, 21.0, NAN))


@rim
async def test_without_a_journal_the_store_is_read_at_each_look(place: Place):
    place.follower = HotFollower()
    await place.measured(-3, 20.0)
    assert same(await place.follow(), tail(20.0, NAN, NAN, NAN))
    await place.measured(-1, 21.0)
    assert same(await place.follow(), tail(20.0, NAN, 21.0, NAN))
    assert (place.follower.position, place.follower.since) == (0, NOON)


@rim
async def test_nothing_measured_yet_is_an_empty_window(place: Place):
    assert await place.follow() == []
    assert len(place.follower.window) == 0
