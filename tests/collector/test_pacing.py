"""Turns are even, punctual, and independent of each other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta

import structlog

from collector.pacing import Turns, share_of_slot
from config.clock import ManualClock, epoch_ms

START = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)


Turn = Callable[[str, int], Coroutine[None, None, None]]


async def run_until(turns: Turns, items: list[str], turn: Turn, enough: Callable[[], bool]) -> None:
    task = asyncio.create_task(turns.run(items, str, turn))
    for _ in range(10_000):
        if enough():
            break
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert enough()


def test_devices_are_spread_evenly_and_always_in_the_same_place() -> None:
    shares = [share_of_slot(f"store-{number}") for number in range(2000)]
    assert shares == [share_of_slot(f"store-{number}") for number in range(2000)]
    tenths = Counter(int(share * 10) for share in shares)
    assert all(150 <= tenths[tenth] <= 250 for tenth in range(10))


async def test_each_item_has_one_turn_a_slot_at_its_own_moment() -> None:
    clock = ManualClock(START)
    calls: list[tuple[str, int]] = []
    moments: dict[str, set[float]] = {"a": set(), "b": set(), "c": set()}

    async def turn(item: str, slot_ms: int) -> None:
        calls.append((item, slot_ms))
        moments[item].add(round(clock.monotonic() % 60, 3))

    await run_until(Turns(clock, 60), ["a", "b", "c"], turn, lambda: len(calls) >= 30)
    first = epoch_ms(START)
    assert sorted(calls)[:10] == [("a", first + slot * 60_000) for slot in range(10)]
    assert len(calls) == len(set(calls))
    assert {item: len(seen) for item, seen in moments.items()} == {"a": 1, "b": 1, "c": 1}


async def test_turns_of_the_first_slot_that_are_past_wait_for_the_next() -> None:
    clock = ManualClock(START + timedelta(seconds=59.999))
    calls: list[int] = []

    async def turn(item: str, slot_ms: int) -> None:
        calls.append(slot_ms)

    await run_until(Turns(clock, 60), ["a", "b", "c"], turn, lambda: len(calls) >= 3)
    assert calls[:3] == [epoch_ms(START) + 60_000] * 3


async def test_a_turn_that_hangs_is_skipped_and_counted_and_stops_nobody() -> None:
    calls: Counter[str] = Counter()

    async def turn(item: str, slot_ms: int) -> None:
        calls[item] += 1
        if item == "hangs":
            await asyncio.sleep(60)

    turns = Turns(ManualClock(START), 60)
    await run_until(turns, ["hangs", "works"], turn, lambda: calls["works"] >= 5)
    assert calls["hangs"] == 1
    assert turns.skipped in (3, 4, 5)


async def test_turns_may_overlap_where_that_is_allowed() -> None:
    calls: Counter[str] = Counter()

    async def turn(item: str, slot_ms: int) -> None:
        calls[item] += 1
        await asyncio.sleep(60)

    turns = Turns(ManualClock(START), 60, overlap=True)
    await run_until(turns, ["slow"], turn, lambda: calls["slow"] >= 3)
    assert turns.skipped == 0


async def test_a_turn_that_fails_is_logged_and_comes_again() -> None:
    calls: list[int] = []

    async def turn(item: str, slot_ms: int) -> None:
        calls.append(slot_ms)
        raise RuntimeError("broken")

    with structlog.testing.capture_logs() as logged:
        await run_until(Turns(ManualClock(START), 60), ["a"], turn, lambda: len(calls) >= 2)
    assert {entry["event"] for entry in logged} == {"turn_failed"}


async def test_lag_of_our_own_leaves_turns_out_and_counts_them() -> None:
    clock = ManualClock(START)
    calls: list[int] = []

    async def turn(item: str, slot_ms: int) -> None:
        calls.append(slot_ms)
        if len(calls) == 4:
            clock.move_to(START + timedelta(minutes=7))

    turns = Turns(clock, 60)
    await run_until(turns, ["a", "b"], turn, lambda: len(calls) >= 6)
    assert sorted({(slot - epoch_ms(START)) // 60_000 for slot in calls}) in ([0, 1, 7], [0, 1, 7, 8])
    assert turns.skipped == 10


async def test_a_turn_that_we_come_to_late_counts_up_to_half_a_slot() -> None:
    """After the first turn of the slot the clock jumps 40 s: what is then more than 30 s late is left out."""
    names = sorted("abcdefghijk", key=share_of_slot)
    first, second, *rest = names
    after_jump = share_of_slot(second) * 60 + 40
    in_time = [name for name in rest if after_jump - share_of_slot(name) * 60 <= 30]
    clock = ManualClock(START)
    calls: list[str] = []

    async def turn(item: str, slot_ms: int) -> None:
        if slot_ms == epoch_ms(START):
            calls.append(item)
        if calls == [first] and item == first:
            clock.move_to(clock.now() + timedelta(seconds=40))

    turns = Turns(clock, 60)
    await run_until(turns, names, turn, lambda: clock.monotonic() > 60)
    assert in_time
    assert len(in_time) < len(rest)
    assert calls == [first, *in_time]
    assert turns.skipped == 1 + len(rest) - len(in_time)
