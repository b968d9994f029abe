"""The quota: a bucket of tokens, its pauses and its stretch, and the file that processes share."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from collector.orchestrator import quota as quota_module
from collector.orchestrator.quota import (
    Bucket,
    Limits,
    Quota,
    after_limit,
    brought_to,
    limits_of,
    restored,
    stretch_at,
    taken,
)

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
T = NOON.timestamp()
LIMITS = Limits(rate=1.0, capacity=20.0)


class SettableClock:
    """A clock that may be put back."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits on this clock")


def bucket(tokens: float, **more: float) -> Bucket:
    return Bucket(tokens=tokens, at=T, **more)


def test_an_hourly_quota_is_a_rate_and_so_many_calls_at_once() -> None:
    assert limits_of(3600, 20) == Limits(rate=1.0, capacity=20.0)
    assert limits_of(60, 4) == Limits(rate=1 / 60, capacity=4.0)


@pytest.mark.parametrize(
    ("tokens", "urgent", "wait"),
    [
        (6.0, False, 0.0),
        (5.75, False, 0.25),
        (1.0, True, 0.0),
        (0.5, True, 0.5),
        (1.0, False, 5.0),
    ],
)
def test_background_leaves_a_quarter_of_the_bucket_to_calls_that_somebody_waits_for(
    tokens: float, urgent: bool, wait: float
) -> None:
    after, pause = taken(bucket(tokens), LIMITS, T, urgent=urgent)
    assert pause == pytest.approx(wait)
    assert after.tokens == pytest.approx(tokens - (wait == 0.0))


def test_a_bucket_fills_at_its_rate_up_to_its_capacity() -> None:
    assert brought_to(bucket(3.0), LIMITS, T + 4).tokens == 7.0
    assert brought_to(bucket(3.0), LIMITS, T + 400).tokens == 20.0
    assert brought_to(bucket(500.0), LIMITS, T).tokens == 20.0
    assert brought_to(bucket(-500.0), LIMITS, T).tokens == 0.0


def test_in_a_pause_nobody_calls_not_even_urgently() -> None:
    limited = after_limit(bucket(20.0), T, 5.0)
    assert taken(limited, LIMITS, T + 4, urgent=True)[1] == pytest.approx(1.0)
    assert taken(limited, LIMITS, T + 5, urgent=True)[1] == 0.0


def test_a_later_429_never_shortens_a_pause() -> None:
    limited = after_limit(after_limit(bucket(20.0), T, 60.0), T + 1, 5.0)
    assert limited.quiet_until == T + 60


def test_a_pause_is_five_minutes_at_most() -> None:
    assert after_limit(bucket(20.0), T, 86_400.0).quiet_until == T + 300
    assert taken(after_limit(bucket(20.0), T, 300.0), LIMITS, T, urgent=True)[1] == 300.0


def test_each_429_doubles_the_stretch_up_to_eight_and_a_burst_counts_once() -> None:
    state, seen = bucket(20.0), []
    for seconds in (0, 5, 29.9, 30, 60, 90, 120):
        state = after_limit(state, T + seconds, 5.0)
        seen.append(stretch_at(state, T + seconds))
    assert seen == [2.0, 2.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize(("minutes", "stretch"), [(0, 8), (14.9, 8), (15, 4), (30, 2), (44.9, 2), (45, 1), (600, 1)])
def test_each_quarter_of_an_hour_without_a_429_halves_the_stretch(minutes: float, stretch: float) -> None:
    assert stretch_at(bucket(1.0, stretch=8.0, limited_at=T), T + minutes * 60) == stretch


def test_a_429_after_relaxing_stretches_from_where_the_plan_has_come_to() -> None:
    state = bucket(1.0, stretch=8.0, limited_at=T)
    assert after_limit(state, T + 1800, 5.0).stretch == 4.0


def test_a_clock_that_was_put_back_voids_pauses_and_holds_nothing_up() -> None:
    state = bucket(10.0, quiet_until=T + 5, stretch=8.0, limited_at=T)
    earlier = T - 86_400
    after, wait = taken(state, LIMITS, earlier, urgent=False)
    assert wait == 0.0
    # The day that is lived through again counts no quarter of an hour twice, nor does the stretch last it out.
    assert stretch_at(after, earlier + 899) == 8.0
    assert stretch_at(after, earlier + 900) == 4.0
    assert brought_to(after, LIMITS, earlier + 1).tokens == pytest.approx(10.0)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"tokens": 1, "at": 1, "quiet_until": 0, "stretch": 1}',
        b'{"tokens": NaN, "at": 1, "quiet_until": 0, "stretch": 1, "limited_at": 0}',
        b'{"tokens": 1, "at": Infinity, "quiet_until": 0, "stretch": 1, "limited_at": 0}',
        b'{"tokens": 1, "at": 1, "quiet_until": 0, "stretch": 0.5, "limited_at": 0}',
        b'{"tokens": 1, "at": 1, "quiet_until": 0, "stretch": 9, "limited_at": 0}',
        b'{"tokens": null, "at": 1, "quiet_until": 0, "stretch": 1, "limited_at": 0}',
        b'{"tokens": 1' + b"0" * 400 + b', "at": 1, "quiet_until": 0, "stretch": 1, "limited_at": 0}',
    ],
)
def test_a_damaged_state_is_none(record: bytes) -> None:
    assert restored(record) is None


@pytest.mark.parametrize("stretch", [1.0, 8.0])
def test_a_state_is_restored_as_it_was_kept(stretch: float) -> None:
    state = bucket(3.5, quiet_until=T + 5, stretch=stretch, limited_at=T - 1)
    assert restored(json.dumps(asdict(state)).encode()) == state


@given(
    numbers=st.fixed_dictionaries(
        {
            name: st.floats(allow_nan=True, allow_infinity=True)
            for name in ("tokens", "at", "quiet_until", "stretch", "limited_at")
        }
    ),
    urgent=st.booleans(),
)
def test_whatever_numbers_a_file_holds_no_wait_is_longer_than_a_pause(numbers: dict[str, float], urgent: bool) -> None:
    state = restored(json.dumps(numbers).encode())
    if state is None:
        return
    after, wait = taken(state, LIMITS, T, urgent=urgent)
    assert 0.0 <= wait <= 300.0
    assert 0.0 <= after.tokens <= LIMITS.capacity
    assert 1.0 <= stretch_at(after, T) <= 8.0


async def emptied(quota: Quota) -> int:
    """How many urgent calls go at once."""
    count = 0
    while await quota.take(urgent=True) == 0.0:
        count += 1
    return count


async def test_the_tokens_of_a_quota_without_a_file_are_its_own() -> None:
    clock = SettableClock()
    quota = Quota(3600, burst=20, clock=clock)
    assert await emptied(quota) == 20
    clock.moment += timedelta(seconds=3)
    assert await emptied(quota) == 3


async def test_what_does_not_say_that_somebody_waits_is_background() -> None:
    quota = Quota(3600, burst=20, clock=SettableClock())
    assert [await quota.take() for _ in range(15)] == [0.0] * 15
    assert await quota.take() > 0


@pytest.mark.rim
async def test_two_quotas_on_one_file_share_their_tokens_pauses_and_stretch(tmp_path: Path) -> None:
    clock = SettableClock()
    one, other = (Quota(3600, tmp_path / "a.quota", burst=20, clock=clock) for _ in range(2))
    assert await emptied(one) == 20
    assert await emptied(other) == 0
    clock.moment += timedelta(seconds=20)
    await one.limited(7.0)
    assert await other.take(urgent=True) == pytest.approx(7.0)
    assert other.stretch == 2.0


@pytest.mark.rim
async def test_a_429_is_followed_by_five_seconds_of_silence_or_by_as_many_as_the_host_asks(tmp_path: Path) -> None:
    clock = SettableClock()
    quota = Quota(3600, tmp_path / "a.quota", burst=20, clock=clock)
    await quota.limited()
    assert await quota.take() == pytest.approx(5.0)
    await quota.limited(30.0)
    assert await quota.take() == pytest.approx(30.0)


@pytest.mark.rim
async def test_a_restart_begins_with_what_the_last_process_left(tmp_path: Path) -> None:
    clock = SettableClock()
    assert await emptied(Quota(3600, tmp_path / "a.quota", burst=20, clock=clock)) == 20
    clock.moment += timedelta(seconds=2)
    assert await emptied(Quota(3600, tmp_path / "a.quota", burst=20, clock=clock)) == 2


@pytest.mark.rim
@pytest.mark.parametrize("damage", [b"", b"{", b"x" * 10_000, b"\0" * 256])
async def test_a_damaged_file_begins_with_what_this_process_knows_and_is_whole_again(
    tmp_path: Path, damage: bytes
) -> None:
    clock = SettableClock()
    file = tmp_path / "a.quota"
    quota = Quota(3600, file, burst=20, clock=clock)
    await emptied(quota)
    await quota.limited(60.0)
    file.write_bytes(damage)
    assert await quota.take(urgent=True) == pytest.approx(60.0)
    assert quota.problem == ""
    assert restored(file.read_bytes()) is not None
    assert file.stat().st_size == 256


@pytest.mark.rim
async def test_the_file_holds_no_secret_and_only_its_owner_changes_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        await Quota(3600, tmp_path / "a.quota", burst=20).take()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.quota").stat().st_mode) == 0o644


@pytest.mark.rim
async def test_a_file_that_cannot_be_kept_stops_no_call_and_is_told(tmp_path: Path) -> None:
    clock = SettableClock()
    file = tmp_path / "a.quota"
    file.mkdir()
    quota = Quota(3600, file, burst=20, clock=clock)
    with capture_logs() as logs:
        assert await emptied(quota) == 20
        assert "counted by this process alone" in quota.problem
        assert str(file) in quota.problem
        file.rmdir()
        assert await quota.take(urgent=True) > 0
    assert [each["event"] for each in logs] == ["quota_not_shared"]
    assert quota.problem == ""


HOLDER = """
import sys, time
from pathlib import Path
from collector.orchestrator.quota import Bucket, _through_file

def change(bucket, now):
    print("held", flush=True)
    time.sleep(60)

_through_file(Path(sys.argv[1]), Bucket(tokens=1.0, at=0.0), time.time, change)
"""


async def holding(file: Path) -> asyncio.subprocess.Process:
    """Another process, in the middle of taking a token."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(file), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"held\n"
    return child


@pytest.mark.rim
@pytest.mark.slow
async def test_a_process_killed_while_it_holds_the_lock_leaves_the_state_as_it_was(tmp_path: Path) -> None:
    clock = SettableClock()
    file = tmp_path / "a.quota"
    quota = Quota(3600, file, burst=20, clock=clock)
    for _ in range(15):
        await quota.take(urgent=True)
    before = file.read_bytes()
    child = await holding(file)
    child.send_signal(signal.SIGKILL)
    await child.wait()
    assert file.read_bytes() == before
    assert await emptied(Quota(3600, file, burst=20, clock=clock)) == 5


@pytest.mark.rim
@pytest.mark.slow
async def test_a_process_stopped_while_it_holds_the_lock_holds_up_nobody_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota_module, "LOCK_PAUSE", 0.001)
    quota = Quota(3600, tmp_path / "a.quota", burst=20)
    child = await holding(tmp_path / "a.quota")
    child.send_signal(signal.SIGSTOP)
    try:
        assert await asyncio.wait_for(quota.take(urgent=True), 5.0) == 0.0
        assert "does not let go" in quota.problem
    finally:
        child.kill()
        await child.wait()
    await quota.take(urgent=True)
    assert quota.problem == ""


@pytest.mark.rim
async def test_a_caller_that_gives_up_while_another_holds_the_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    import fcntl

    file = tmp_path / "a.quota"
    quota = Quota(3600, file, burst=20)
    await quota.take()
    with file.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.create_task(quota.take())
        await asyncio.sleep(0.03)
        waiting.cancel()
        assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
    assert await quota.take() == 0.0
    assert quota.problem == ""


TAKER = """
import asyncio, sys, time
from pathlib import Path
from collector.orchestrator.quota import Quota

async def main():
    quota = Quota(14_400, Path(sys.argv[1]), burst=80)
    print(flush=True)
    sys.stdin.readline()
    count, until = 0, time.monotonic() + 1.5
    while time.monotonic() < until:
        if (wait := await quota.take(urgent=True)) == 0.0:
            count += 1
        else:
            await asyncio.sleep(min(wait, 0.02))
    print(count, quota.problem)

asyncio.run(main())
"""


@pytest.mark.rim
@pytest.mark.slow
async def test_two_processes_together_take_no_more_than_one_may(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", TAKER, str(tmp_path / "a.quota"), stdin=pipe, stdout=pipe
        )
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        await child.stdout.readline()
    loop = asyncio.get_running_loop()
    began = loop.time()
    said = [out.split() for out, _ in await asyncio.gather(*(child.communicate(b"go\n") for child in children))]
    assert [len(each) for each in said] == [1, 1]
    one, other = (int(each[0]) for each in said)
    # The bucket holds 80, and gets 4 a second; each alone would have had as many.
    assert 80 <= one + other <= 81 + 4 * (loop.time() - began)
    assert min(one, other) > 0
