"""kill -9 at any moment: what was acknowledged is found, once, in samples, facts and roll-ups alike."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "processes")]

from dying_store import FIELDS, LINKS, PHASES, RAW_DAYS, ROLLUP_DAYS, clock_at, entry_of, open_store
from forking import Template
from store_truth import DAY, Truth, assert_no_strays, check

from collector.model import Source
from collector.store.inspect import verify
from collector.store.manifest import Kind

pytestmark = [pytest.mark.rim, pytest.mark.slow]

KILLS = int(os.environ.get("KILLS", "50"))


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    template = Template(Path(__file__).with_name("dying_store.py"))
    yield template
    template.stop()


def kill(template: Template, folder: Path, first: int, moments: random.Random) -> tuple[int, str]:
    """One round: the number of the last acknowledged entry, and what the process was about when it was killed."""
    child = template.start(folder=folder, first=first)
    aim = moments.choice([*PHASES, "expiring", "any", "any"])
    said = template.hear("wrote", 60)
    if aim == "any":
        said += template.hear("never", moments.uniform(0, 0.5))
    else:
        said += template.hear(f"phase {aim}", 2)
        said += template.hear("never", moments.choice([0, 0, 0.001, 0.003, 0.01]))
    os.kill(child, signal.SIGKILL)
    said += template.hear("ended", 60)
    assert said[-1] == ["ended", "-9"], said[-3:]
    numbers = [int(words[1]) for words in said if words[0] == "wrote"]
    phases = [words[1] for words in said if words[0] == "phase"]
    return max(numbers), phases[-1] if phases else "between"


async def test_a_writer_that_is_killed_again_and_again_loses_and_doubles_nothing(
    template: Template, tmp_path: Path
) -> None:
    moments, truth, phases, newest = random.Random(KILLS), Truth(), Counter[str](), -1
    began = time.monotonic()
    for number in range(KILLS):
        acknowledged, phase = await asyncio.to_thread(kill, template, tmp_path, newest + 1, moments)
        phases[phase] += 1
        store = open_store(tmp_path)
        newest = await check(store, truth, acknowledged)
        if number % 10 == 0:
            assert list(verify(store)) == []
            truth.forget(clock_at(newest) - 60 * DAY)
        await store.close()
    store = open_store(tmp_path)
    await store.maintain(clock_at(newest))
    assert await check(store, truth, newest) == newest
    assert list(verify(store)) == []
    assert_no_strays(tmp_path)
    oldest = store.rows(LINKS, FIELDS, 0, 1 << 62)[Source.PROBE].time.min()
    assert oldest >= (clock_at(newest) - (RAW_DAYS + 1) * DAY).timestamp() * 1000, "nothing ever expired"
    ends = [part.end for part in store.manifest().parts if part.kind in (Kind.HOURS, Kind.DAYS)]
    assert min(ends) >= (clock_at(newest) - (ROLLUP_DAYS + 2) * DAY).timestamp() * 1000, "no roll-up ever expired"
    await store.close()
    print(
        f"\n{KILLS} kills in {time.monotonic() - began:.0f} s, {newest + 1} entries acknowledged over "
        f"{(newest + 1) // 24} days, all found once; killed while: "
        + ", ".join(f"{phase} {count}" for phase, count in phases.most_common())
    )
    assert KILLS < 50 or set(phases) >= set(PHASES), "the writer was meant to be killed within each step"


def chosen(steps: list[str], moments: random.Random) -> list[int]:
    """Numbers of steps to die at, counted from 1: of two kinds of steps after one another two dozen; in a soak,
    all."""
    if KILLS >= 1000:
        return list(range(1, len(steps) + 1))
    kinds: dict[tuple[str, str], list[int]] = {}
    for number, pair in enumerate(pairwise(["begin", *steps]), 1):
        kinds.setdefault(pair, []).append(number)
    some = [moments.choice(numbers) for numbers in kinds.values()]
    return sorted(moments.sample(some, min(len(some), 24)))


async def test_killed_at_each_kind_of_step_of_maintenance_nothing_is_lost_or_doubled(
    template: Template, tmp_path: Path
) -> None:
    """A store with work of every kind to do, and runs of maintenance on copies of it that die at one of their steps. A
    step is a file opened, renamed or removed, or the journal's cursor or trimming."""
    before, last = tmp_path / "before", 24 * (RAW_DAYS + 1) + 2
    store = open_store(before)
    for n in range(last + 1):
        await store.journal.append(*entry_of(n))
        if n % 7 == 0 and n < last - 3:
            await store.maintain(clock_at(n))
    await store.close()

    def copy_maintained(steps: int) -> tuple[Path, list[list[str]]]:
        folder = tmp_path / str(steps)
        shutil.copytree(before, folder)
        template.start(folder=folder, steps=steps, now=clock_at(last))
        return folder, template.hear("ended", 60)

    _, said = copy_maintained(0)
    assert said[-1] == ["ended", "0"]
    steps = [words[1] for words in said if words[0] == "step"]
    truth = Truth()
    for number in chosen(steps, random.Random(KILLS)):
        folder, said = copy_maintained(number)
        assert said[-1] == ["ended", "-9"], (steps[number - 1], said)
        store = open_store(folder)
        assert await check(store, truth, last) == last
        await store.maintain(clock_at(last))
        assert await check(store, truth, last) == last
        assert list(verify(store)) == []
        assert_no_strays(folder)
        await store.close()
        shutil.rmtree(folder)
    print(f"\ndied at {len(chosen(steps, random.Random(KILLS)))} of {len(steps)} steps: {Counter(steps)}")
    assert {"cursor", "trimming", "os.rename-samples", "os.rename-manifest.json.new", "os.remove-samples"} <= set(steps)
