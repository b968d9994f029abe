"""What is written into InfluxDB, line by line, and what its refusals mean. No server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from collector.model import FIELDS, SampleBatch, Source
from collector.store.influx_errors import MissingBucketError, RejectedLinesError, refusal
from collector.store.influx_merging import Frontier
from collector.store.influx_rollup_points import Mark, mark_line, marks_of, rollup_lines, rollup_of
from collector.store.influx_rollups import between, covered
from collector.store.influx_writing import LINES_AT_ONCE, Refused, write_lines
from collector.store.lineprotocol import original_text, sample_lines, stored_text
from collector.store.own_times import measured, overlaid, told_apart, with_own_times
from collector.store.port import BusyError, RefusedError, StoreError
from collector.store.rollups import ROLLED, Rollup, rolled_days, rolled_hours
from collector.store.rows import Rows, merged, rows_of
from config.clock import epoch_ms

MORNING = epoch_ms(datetime(2026, 3, 3, 9, tzinfo=UTC))
DAY = 20_515
"""2026-03-03, counted from 1970: 56 years of 365 days, 14 leap days, 31 + 28 + 2 days."""


def row(minute: int, received: int, link: str = "wan1", **fields: float) -> SampleBatch:
    """One row a minute long, received so many seconds after nine."""
    return SampleBatch(
        source=Source.SNMP,
        links=[link],
        time=np.array([MORNING + minute * 60_000]),
        seconds=np.array([60], np.int32),
        received_at=np.array([MORNING + received * 1000]),
        fields={name: np.array([value]) for name, value in fields.items()},
    )


def test_a_line_holds_only_what_was_measured() -> None:
    assert sample_lines(rows_of([row(0, 5, link="a b,c=d", rtt_ms=20.5, loss_pct=np.nan)])) == [
        rf"samples,link=a\ b\,c\=d,source=snmp rtt_ms=20.5,seconds=60i,received_at={MORNING + 5000}i {MORNING}"
    ]


@pytest.mark.parametrize("text", ["%", "%25", "%5C", "\\", "\\%5C\n", "a%0Ab", "\t\r\n", "plain"])
def test_stored_names_turn_back_into_themselves(text: str) -> None:
    stored = stored_text(text)
    assert original_text(stored) == text
    assert not set(stored) & set("\\\n\r\t")


def test_a_value_that_was_received_before_its_row_keeps_its_own_time() -> None:
    points = with_own_times(rows_of([row(0, 5, rtt_ms=20), row(0, 65, loss_pct=1)]))
    assert sample_lines(points) == [
        f"samples,link=wan1,source=snmp rtt_ms=20,rtt_ms_received_at={MORNING + 5000}i,loss_pct=1,"
        f"seconds=60i,received_at={MORNING + 65_000}i {MORNING}"
    ]


def test_what_was_not_measured_has_no_own_time() -> None:
    points = with_own_times(rows_of([row(0, 5, rtt_ms=20), row(0, 65, loss_pct=1), row(1, 70, loss_pct=2)]))
    assert sample_lines(points)[1] == (
        f"samples,link=wan1,source=snmp loss_pct=2,seconds=60i,received_at={MORNING + 70_000}i {MORNING + 60_000}"
    )


def test_rows_of_one_moment_need_no_own_times() -> None:
    points = with_own_times(rows_of([row(0, 5, rtt_ms=20, loss_pct=0), row(0, 5, rtt_ms=21), row(1, 65, rtt_ms=22)]))
    assert set(points.fields) == {"rtt_ms", "loss_pct"}
    assert points.fields["rtt_ms"].tolist() == [21, 22]


def stands(points: Rows, name: str) -> tuple[float, float]:
    """A field's value, and when it was received, in seconds after nine."""
    (one,) = [i for i, value in enumerate(told_apart(points).fields[name]) if not np.isnan(value)]
    told = told_apart(points)
    return float(told.fields[name][one]), (int(told.received_at[one]) - MORNING) / 1000


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([5, 30, 65], (65, 65)),
        ([65, 30, 5], (65, 65)),
        ([30, 65, 5], (65, 65)),
        ([5, 65, 30], (65, 65)),
    ],
)
def test_whatever_the_order_of_writing_the_newest_value_stands(
    order: Sequence[int], expected: tuple[float, float]
) -> None:
    stored = with_own_times(rows_of([row(0, order[0], rtt_ms=order[0])]))
    for received in order[1:]:
        stored = overlaid(stored, rows_of([row(0, received, rtt_ms=received)]))
    assert stands(stored, "rtt_ms") == expected
    assert stored.received_at.tolist() == [MORNING + 65_000]


def test_a_row_between_two_others_replaces_the_older_value_and_not_the_newer() -> None:
    stored = with_own_times(rows_of([row(0, 5, rtt_ms=1, jitter_ms=1), row(0, 65, loss_pct=1)]))
    stored = overlaid(stored, rows_of([row(0, 30, rtt_ms=2, loss_pct=2, mos=4)]))
    assert stands(stored, "rtt_ms") == (2, 30)
    assert stands(stored, "jitter_ms") == (1, 5)
    assert stands(stored, "loss_pct") == (1, 65)
    assert stands(stored, "mos") == (4, 30)


def test_an_own_time_that_no_longer_differs_is_written_over_for_a_server_cannot_take_it_back() -> None:
    stored = with_own_times(rows_of([row(0, 5, rtt_ms=1), row(0, 65, loss_pct=1)]))
    stored = overlaid(stored, rows_of([row(0, 90, rtt_ms=3)]))
    assert stored.fields["rtt_ms_received_at"].tolist() == [MORNING + 90_000]
    assert stands(stored, "loss_pct") == (1, 65)


def test_only_the_rows_that_are_written_are_written_again() -> None:
    stored = with_own_times(rows_of([row(0, 5, rtt_ms=1), row(1, 65, rtt_ms=2), row(2, 125, rtt_ms=3)]))
    assert overlaid(stored, rows_of([row(1, 70, rtt_ms=9)])).time.tolist() == [MORNING + 60_000]


def test_what_was_refused_is_told_as_it_was_received() -> None:
    rows = measured(with_own_times(rows_of([row(0, 5, rtt_ms=20), row(0, 65, loss_pct=1)])))
    assert set(rows.fields) <= set(FIELDS)
    assert sorted(rows.received_at.tolist()) == [MORNING + 5000, MORNING + 65_000]


def test_what_is_not_newer_than_anything_written_is_late() -> None:
    frontier: Frontier[str] = Frontier()
    assert frontier.unknown(["a", "b"]) == ["a", "b"]
    frontier.learn(["a", "b"], {"a": 100}, since=50)
    # Nothing of b from 50 on: what is older than that is not known.
    assert frontier.of(["a", "b"]).tolist() == [100, 49]
    frontier.written({"a": 90, "b": 60})
    assert frontier.of(["a", "b"]).tolist() == [100, 60]
    frontier.forget(["a"])
    assert frontier.unknown(["a", "b"]) == ["a"]


class Server:
    """Takes lines but those that are poison, and not more than `most` at once."""

    def __init__(self, poison: Callable[[str], bool], most: int = LINES_AT_ONCE, *, tells: bool = False) -> None:
        self.poison, self.most, self.tells = poison, most, tells
        self.stored: list[str] = []
        self.requests = 0

    async def __call__(self, lines: Sequence[str]) -> None:
        self.requests += 1
        if len(lines) > self.most:
            raise RejectedLinesError("too large", None)
        bad = [line for line in lines if self.poison(line)]
        if bad:
            raise RejectedLinesError("poison", len(bad) if self.tells else None)
        self.stored += lines


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


async def test_only_the_lines_that_are_refused_are_not_stored() -> None:
    server = Server(lambda line: line in ("17", "18", "11999"))
    refused = await write_lines(server, 12_000, numbers)
    assert refused == [Refused(17, "poison"), Refused(18, "poison"), Refused(11_999, "poison")]
    assert sorted(map(int, server.stored)) == [n for n in range(12_000) if n not in (17, 18, 11_999)]


async def test_when_all_lines_are_refused_they_are_not_asked_for_one_by_one() -> None:
    server = Server(lambda line: True, tells=True)
    assert len(await write_lines(server, 5000, numbers)) == 5000
    assert server.requests == 1


async def test_what_is_too_large_is_written_in_halves() -> None:
    server = Server(lambda line: False, most=1000)
    assert await write_lines(server, 5000, numbers) == []
    # 5000 -> 2 x 2500 -> 4 x 1250 -> 8 x 625.
    assert server.requests == 1 + 2 + 4 + 8
    assert len(set(server.stored)) == len(server.stored) == 5000


async def test_nothing_to_write_asks_nobody() -> None:
    server = Server(lambda line: False)
    assert await write_lines(server, 0, numbers) == []
    assert server.requests == 0


async def test_the_longest_wait_is_told_and_what_waiting_does_not_heal_before_it() -> None:
    errors: list[StoreError] = [BusyError("a", 3), BusyError("b", 30), BusyError("c", 7)]

    async def post(lines: Sequence[str]) -> None:
        raise errors.pop()

    with pytest.raises(BusyError, match="b"):
        await write_lines(post, 3 * LINES_AT_ONCE, numbers)
    errors += [BusyError("a", 3), StoreError("wrong token"), BusyError("c", 7)]
    with pytest.raises(StoreError, match="wrong token"):
        await write_lines(post, 3 * LINES_AT_ONCE, numbers)


def told(status: int, words: str = "words", retry_after: str | None = None) -> StoreError:
    return refusal("InfluxDB at http://influx", "wan/raw", status, words, retry_after)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_says_how_long_to_wait_is_heard(status: int) -> None:
    error = told(status, retry_after="17")
    assert isinstance(error, BusyError)
    assert (error.retryable, error.retry_after) == (True, 17)
    for unknown in (None, "", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "nan", "inf"):
        error = told(status, retry_after=unknown)
        assert error.retryable
        assert not isinstance(error, BusyError)


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, 'database not found: "wan"'), (404, 'bucket "wan/raw" not found'), (500, "retention policy not found: raw")],
)
def test_a_missing_bucket_is_known_by_the_words_of_each_version(status: int, words: str) -> None:
    """1.6 answers 500 where only the retention policy is missing (seen on the real server)."""
    assert isinstance(told(status, words), MissingBucketError)


@pytest.mark.parametrize(
    ("words", "dropped"),
    [
        ("partial write: points beyond retention policy dropped=5", 5),
        ('partial write: field type conflict: input field "f" is type integer, already exists as float dropped=1', 1),
        ("partial write: unable to parse 'a b= 1': missing field value dropped=0", None),
        ("partial write of line protocol occurred", None),
    ],
)
def test_how_many_points_a_partial_write_left_out(words: str, dropped: int | None) -> None:
    error = told(400, words)
    assert isinstance(error, RejectedLinesError)
    assert isinstance(error, RefusedError)
    assert error.dropped == dropped


def two_days() -> Rows:
    values = {0: (20.0, 0.0), 1: (np.nan, 100.0), 60: (30.0, 0.0), 24 * 60: (40.5, 1.0)}
    return merged(
        rows_of([row(minute, minute * 60 + 5, rtt_ms=rtt, loss_pct=loss) for minute, (rtt, loss) in values.items()])
    )


def test_an_hour_is_a_point_that_anybody_can_read() -> None:
    """Minutes 0 and 1 of nine o'clock: one round trip of 20 ms; one minute up, one down."""
    lines = [line for line in rollup_lines(rolled_hours(two_days())) if line.endswith(f" {MORNING}")]
    newest = f"received_at={MORNING + 65_000}i"
    assert lines == [
        f"hours,field=rtt_ms,link=wan1,source=snmp count=1i,sum=20.0,min=20.0,max=20.0,{newest} {MORNING}",
        f"hours,field=loss_pct,link=wan1,source=snmp count=2i,sum=100.0,min=0.0,max=100.0,{newest} {MORNING}",
        f"hours,field=samples,link=wan1,source=snmp count=2i,sum=2.0,{newest} {MORNING}",
        f"hours,field=up_seconds,link=wan1,source=snmp count=1i,sum=60.0,{newest} {MORNING}",
        f"hours,field=down_seconds,link=wan1,source=snmp count=1i,sum=60.0,{newest} {MORNING}",
    ]


def answered(lines: Sequence[str]) -> list[dict[str, Any]]:
    """What a server answers of these lines: one series a tag set, absent fields as null."""
    series: dict[str, dict[str, Any]] = {}
    for line in lines:
        head, values, time = line.split(" ", 1)[0], *line.split(" ", 1)[1].rsplit(" ", 1)
        tags = dict(pair.split("=") for pair in head.split(",")[1:])
        fields = dict(pair.split("=") for pair in values.split(","))
        known = {name: _value(text) for name, text in fields.items()}
        columns = ["time", "count", "sum", "min", "max", "received_at"]
        columns += ["p50", "p95", "p99", "bins"] if head.startswith("days") else []
        one = series.setdefault(head, {"tags": tags, "columns": columns, "values": []})
        one["values"].append([int(time), *(known.get(name) for name in columns[1:])])
    return list(series.values())


def _value(text: str) -> int | float | str:
    if text.startswith('"'):
        return text.strip('"')
    return int(text[:-1]) if text.endswith("i") else float(text)


@pytest.mark.parametrize("roll_up", [rolled_hours, rolled_days])
def test_a_roll_up_comes_back_as_it_was_written(roll_up: Callable[[Rows], Rollup]) -> None:
    written = roll_up(two_days())
    read = rollup_of(answered(rollup_lines(written)), written.every)
    assert [ROLLED[code] for code in read.field] == [ROLLED[code] for code in written.field]
    for name in ("time", "count", "total", "least", "greatest", "received_at", "link", "source"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name), name)
    if written.sketches is not None and read.sketches is not None:
        for name in ("p50", "p95", "p99", "first", "bins", "counts"):
            np.testing.assert_array_equal(getattr(read.sketches, name), getattr(written.sketches, name), name)


def test_an_empty_answer_is_an_empty_roll_up() -> None:
    assert len(rollup_of([], 3600)) == len(rollup_of([], 86_400)) == 0


def test_a_days_mark_tells_what_it_was_rolled_up_from() -> None:
    mark = Mark(DAY, 1440, MORNING, stale=True)
    assert mark_line(mark) == f"rolled rows=1440i,received_at={MORNING}i,stale=1i {DAY * 86_400_000}"
    assert marks_of([{"values": [[DAY * 86_400_000, 1440, MORNING, 1]]}]) == {DAY: mark}


def test_days_are_read_in_stretches_of_whole_buckets_and_the_rest_from_samples() -> None:
    day, hour = 86_400_000, 3_600_000
    assert covered([3, 4, 5, 8], 0, 10 * day, day) == [(3 * day, 6 * day), (8 * day, 9 * day)]
    assert covered([3, 5], 0, 10 * day, day) == [(3 * day, 4 * day), (5 * day, 6 * day)]
    assert covered([3, 4], 3 * day + 1, 5 * day - 1, day) == []
    assert covered([3, 4], 3 * day + 1, 5 * day - 1, hour) == [(3 * day + hour, 5 * day - hour)]
    assert covered([3], 0, 3 * day, hour) == covered([3], 4 * day, 5 * day, hour) == []
    assert between([(3, 5), (8, 9)], 3, 9) == [(5, 8)]
    assert between([(3, 4)], 2, 5) == [(2, 3), (4, 5)]
    assert between([], 1, 2) == [(1, 2)]
