"""Into a store that is away, slow, or refuses: in order, at least once, and nothing bad holds up what is good."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.forwarder import ROWS_AT_ONCE, Forwarder, Forwarding
from collector.store.port import BusyError, PoisonError, RefusedError, StoreError
from config.clock import ManualClock, epoch_ms

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
POISON = -666.0


def batch(*values: float, source: Source = Source.SNMP, link: str = "wan1") -> SampleBatch:
    """A row for each value, of minutes beginning at `values` after NOW, received a second after NOW."""
    n = len(values)
    time = epoch_ms(NOW) + np.array(values, np.int64) * 60_000
    received = np.full(n, epoch_ms(NOW) + 1000, np.int64)
    return SampleBatch(source, [link] * n, time, np.full(n, 60, np.int32), received, {"rtt_ms": np.array(values)})


def fact(value: str) -> Fact:
    return Fact(NOW, "router1", FactKind.EVENT, value, Source.SNMP, NOW)


class Far:
    """A store elsewhere: remembers what came, in order; `answers` are what it says to the next calls instead of yes.

    It takes no row whose value is POISON, and no fact of that name: as a whole write, or, when `names` is set, that
    row alone.
    """

    def __init__(self, *, names: bool = False) -> None:
        self.came: list[float] = []
        self.facts: list[str] = []
        self.answers: list[StoreError] = []
        self.writes = 0
        self.names = names

    async def write(self, batch: SampleBatch) -> None:
        self.writes += 1
        if self.answers:
            raise self.answers.pop(0)
        values = batch.fields["rtt_ms"]
        good = values != POISON
        if self.names:
            self.came += values[good].tolist()
        if not good.all():
            raise self._refusal([_only(batch, ~good)], [])
        if not self.names:
            self.came += values.tolist()

    async def write_facts(self, facts: Sequence[Fact]) -> None:
        poison = [fact for fact in facts if fact.value == "POISON"]
        if self.names:
            self.facts += [fact.value for fact in facts if fact not in poison]
        if poison:
            raise self._refusal([], poison)
        if not self.names:
            self.facts += [fact.value for fact in facts]

    def _refusal(self, batches: list[SampleBatch], facts: list[Fact]) -> RefusedError:
        words = "field type conflict"
        return PoisonError(words, batches, facts) if self.names else RefusedError(words)


def _only(batch: SampleBatch, which: Any) -> SampleBatch:
    links = [link for link, kept in zip(batch.links, which.tolist(), strict=True) if kept]
    fields = {name: values[which] for name, values in batch.fields.items()}
    return SampleBatch(
        batch.source, links, batch.time[which], batch.seconds[which], batch.received_at[which], fields
    )  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


def forwarder(journal: Journal, far: Far, clock: Any = None) -> Forwarder:
    return Forwarder(journal, far, clock or ManualClock(NOW), "far")  # type: ignore[arg-type]


async def test_everything_arrives_in_order_and_the_cursor_follows(journal: Journal) -> None:
    far = Far()
    for n in range(5):
        await journal.append([batch(n)], [fact(str(n))])
    assert await forwarder(journal, far).step() == 5
    assert (far.came, far.facts) == ([0, 1, 2, 3, 4], ["0", "1", "2", "3", "4"])
    assert journal.cursor("far") == 5
    assert journal.trimmed() == 5
    assert await forwarder(journal, far).step() == 0


async def test_the_cursor_moves_after_the_write_and_not_before(journal: Journal) -> None:
    far = Far()
    far.answers = [StoreError("away", retryable=True)]
    await journal.append([batch(1)], [])
    one = forwarder(journal, far)
    with pytest.raises(StoreError, match="away"):
        await one.step()
    assert (journal.cursor("far"), far.came) == (0, [])
    assert await one.step() == 1
    assert far.came == [1]


async def test_what_was_written_of_a_long_stretch_is_not_written_again_when_the_store_goes_away(
    journal: Journal,
) -> None:
    far = Far()
    values = itertools.count()
    for _ in range(6):
        await journal.append([batch(*(next(values) for _ in range(ROWS_AT_ONCE // 2)))], [])
    one = forwarder(journal, far)
    await _after(far, 2, StoreError("gone", retryable=True), one.step)
    assert journal.cursor("far") == 4, "two writes of two entries each"
    await one.step()
    assert far.came == list(range(3 * ROWS_AT_ONCE))


async def _after(far: Far, writes: int, error: StoreError, step: Callable[[], Any]) -> None:
    """Take a step in which the store fails after so many writes."""
    written = far.write

    async def failing(batch: SampleBatch) -> None:
        if far.writes >= writes:
            raise error
        await written(batch)

    far.write = failing  # type: ignore[method-assign]
    with pytest.raises(StoreError, match=str(error)):
        await step()
    far.write = written  # type: ignore[method-assign]


@pytest.mark.parametrize("names", [False, True])
async def test_a_poison_row_is_set_aside_alone_and_never_blocks_the_rest(journal: Journal, names: bool) -> None:
    far = Far(names=names)
    for n in range(0, 400, 100):
        values = [POISON if value == 217 else float(value) for value in range(n, n + 100)]
        await journal.append([batch(*values)], [fact("POISON" if n == 100 else str(n))])
    one = forwarder(journal, far)
    assert await one.step() == 4
    assert sorted(far.came) == [float(value) for value in range(400) if value != 217]
    assert far.facts == ["0", "200", "300"]
    assert one.set_aside() == 2, "one row and one fact"
    kept = journal.aside("far")
    assert [(each.seq, each.rows, each.reason) for each in kept] == [(4, 1, "field type conflict")] * 2
    assert journal.cursor("far") == 4
    assert await one.step() == 0


async def test_order_is_kept_across_a_poison_row(journal: Journal) -> None:
    far = Far()
    await journal.append([batch(*[float(n) for n in range(50)], POISON, *[float(n) for n in range(50, 99)])], [])
    await forwarder(journal, far).step()
    assert far.came == [float(n) for n in range(99)]


async def test_a_store_that_only_asks_for_patience_gets_no_row_set_aside(journal: Journal) -> None:
    far = Far()
    far.answers = [StoreError("the token may not use wan/raw")]
    await journal.append([batch(1)], [])
    one = forwarder(journal, far)
    with pytest.raises(StoreError, match="token"):
        await one.step()
    assert one.set_aside() == 0


class Waits(ManualClock):
    """Remembers how long was slept, and stops after some sleeps."""

    def __init__(self, most: int) -> None:
        super().__init__(NOW)
        self.slept: list[float] = []
        self._most = most

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) >= self._most:
            raise asyncio.CancelledError
        await super().sleep(seconds)


async def run(one: Forwarder) -> None:
    with pytest.raises(asyncio.CancelledError):
        await one.run()


async def test_it_waits_a_second_then_twice_as_long_up_to_a_minute_and_begins_anew_after_success(
    journal: Journal,
) -> None:
    far, clock = Far(), Waits(11)
    far.answers = [StoreError("away", retryable=True)] * 8
    await journal.append([batch(1)], [])
    await run(forwarder(journal, far, clock))
    # Eight failures, then success and nothing more to do: a second between two looks.
    assert clock.slept == [1, 2, 4, 8, 16, 32, 60, 60, 1, 1, 1]
    assert far.came == [1]


async def test_after_a_success_the_next_trouble_is_waited_out_from_a_second_on(journal: Journal) -> None:
    far, clock = Far(), Waits(6)
    far.answers = [StoreError("away", retryable=True)] * 3
    await journal.append([batch(1)], [])
    sleep = clock.sleep

    async def sleep_and_measure(seconds: float) -> None:
        await sleep(seconds)
        if len(clock.slept) == 4:
            far.answers = [StoreError("away again", retryable=True)]
            await journal.append([batch(2)], [])

    clock.sleep = sleep_and_measure  # type: ignore[method-assign]
    await run(forwarder(journal, far, clock))
    assert clock.slept == [1, 2, 4, 1, 1, 1], "three failures, idle, a failure, idle"
    assert far.came == [1, 2]


async def test_a_store_that_says_how_long_is_left_alone_for_so_long(journal: Journal) -> None:
    far, clock = Far(), Waits(4)
    far.answers = [BusyError("busy", 90), BusyError("busy", 0.5), StoreError("away", retryable=True)]
    await journal.append([batch(1)], [])
    await run(forwarder(journal, far, clock))
    assert clock.slept == [90, 2, 4, 1]


async def test_while_it_waits_it_says_why_how_much_and_since_when_and_then_no_more(journal: Journal) -> None:
    clock = Waits(1)
    far = Far()
    far.answers = [StoreError("InfluxDB cannot be reached", retryable=True)]
    await journal.append([batch(1, 2)], [])
    await journal.append([batch(3)], [])
    clock.move_to(NOW + timedelta(minutes=1, seconds=1))
    one = forwarder(journal, far, clock)
    with capture_logs() as logs:
        await run(one)
    assert [(line["event"], line["depth"]) for line in logs] == [("forwarding_waits", 2)]
    state = one.state()
    assert state == Forwarding("far", 2, timedelta(minutes=1), "InfluxDB cannot be reached")
    assert state.problems == ("far: 2 journal entries wait, the oldest for 60 s: InfluxDB cannot be reached",)
    with capture_logs() as logs:
        await run(one)
    assert [line["event"] for line in logs] == ["forwarding_resumed"]
    assert one.state() == Forwarding("far", 0, timedelta(0), "")
    assert one.state().problems == ()


@pytest.mark.parametrize(
    ("age", "problems"),
    [
        (timedelta(minutes=10), ()),
        (
            timedelta(minutes=10, seconds=1),
            ("far: 3 journal entries wait, the oldest for 601 s: the store takes them too slowly",),
        ),
    ],
)
def test_a_store_that_answers_but_falls_behind_is_a_problem(age: timedelta, problems: tuple[str, ...]) -> None:
    assert Forwarding("far", 3, age, "").problems == problems


async def test_a_clock_that_went_back_makes_nothing_younger_than_now(journal: Journal) -> None:
    await journal.append([batch(1)], [])
    assert forwarder(journal, Far(), ManualClock(NOW - timedelta(hours=1))).age() == timedelta(0)


async def test_sources_are_written_apart_and_rows_a_store_takes_at_once_are_bounded(journal: Journal) -> None:
    far = Far()
    await journal.append([batch(*range(2 * ROWS_AT_ONCE + 1)), batch(1, source=Source.PROBE)], [])
    await forwarder(journal, far).step()
    assert far.writes == 4
    assert len(far.came) == 2 * ROWS_AT_ONCE + 2


async def test_catching_up_leaves_the_loop_free(journal: Journal) -> None:
    """A day of small entries, forwarded while something else wants to run each 10 ms."""
    for n in range(300):
        await journal.append([batch(*range(n, n + 200))], [])
    late: list[float] = []
    loop = asyncio.get_running_loop()

    async def heart() -> None:
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            late.append(loop.time() - before - 0.01)

    beating = asyncio.create_task(heart())
    one = forwarder(journal, Far())
    while await one.step():
        pass
    beating.cancel()
    assert journal.cursor("far") == 300
    assert max(late, default=0.0) < 0.25
