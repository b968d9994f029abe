"""A process whose children write and maintain an embedded store until they are killed, and say what they are doing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "processes"))

from forking import say, serve

from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store import parts, sealing  # noqa: F401
from collector.store.embedded import EmbeddedStore
from config.clock import epoch_ms

START = datetime(2026, 3, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINKS = ("wan0", "wan1", "wan2")
FIELDS = ("rtt_ms", "loss_pct")
RAW_DAYS, ROLLUP_DAYS = 3, 14
LATE_HOURS = 30
"""Some rows come so late: into a day that is closed and rolled up, and not expired."""
ENTRIES_A_RUN = 12
"""Entries that are written beside one run of maintenance: half a day, so that the clock never seems to jump."""

PHASES = ("sealing", "merging", "rolling-up", "rolling-up-again", "expiring")


def open_store(folder: Path, journal: type[Journal] = Journal) -> EmbeddedStore:
    return EmbeddedStore(journal(folder / "journal.sqlite"), folder / "store", RAW_DAYS, ROLLUP_DAYS)


def entry_of(n: int) -> tuple[list[SampleBatch], list[Fact]]:
    """Entry n is hour n of every link, in two rows, and a fact; each fifth tells again of one link thirty hours ago."""
    hour = START + n * HOUR
    rows = [
        (link, hour + half * HOUR / 2, 1800, float((7 * n + 3 * i + half) % 50))
        for i, link in enumerate(LINKS)
        for half in (0, 1)
    ]
    batches = [_batch(rows, hour + HOUR, 100.0 if n % 11 == 0 else 0.0)]
    if n % 5 == 0 and n >= LATE_HOURS:
        link, then = LINKS[n % 3], hour - LATE_HOURS * HOUR
        late = [(link, then, 1800, 100.0 + n % 13), (link, then + timedelta(minutes=40), 600, 200.0 + n % 13)]
        batches.append(_batch(late, hour + HOUR, 0.0))
    return batches, [Fact(hour, "router1", FactKind.EVENT, str(n), Source.PROBE, hour)]


def _batch(rows: list[tuple[str, datetime, int, float]], received: datetime, loss: float) -> SampleBatch:
    return SampleBatch(
        source=Source.PROBE,
        links=[link for link, _, _, _ in rows],
        time=np.array([epoch_ms(time) for _, time, _, _ in rows], np.int64),
        seconds=np.array([seconds for _, _, seconds, _ in rows], np.int32),
        received_at=np.full(len(rows), epoch_ms(received), np.int64),
        fields={"rtt_ms": np.array([value for _, _, _, value in rows]), "loss_pct": np.full(len(rows), loss)},
    )


def clock_at(n: int) -> datetime:
    """The time at which entry n has just been written."""
    return START + (n + 1) * HOUR


def tell_phases() -> None:
    """Let the sealer say what it is about, from the first reading to the last file removed; what it does stays as it
    is."""

    def telling(owner: object, name: str, phase: Callable[..., str], *, after: str = "") -> None:
        step = getattr(owner, name)

        def told(*args: Any, **kwargs: Any) -> Any:
            if said := phase(*args, **kwargs):
                say("phase", said)
                # Whoever is to kill us within this step takes a moment; some steps are over in one.
                time.sleep(0.003)
            found = step(*args, **kwargs)
            if after:
                say("phase", after)
            return found

        setattr(owner, name, told)

    telling(sealing.Sealer, "_seal_some", lambda self: "sealing")
    telling(sealing, "merge", lambda *_: "merging")
    telling(
        sealing,
        "roll_day",
        lambda manifest, folder, day, now: "rolling-up-again" if day in manifest.rolled else "rolling-up",
    )
    telling(sealing, "expiry", lambda manifest, old: "expiring")
    telling(sealing.Sealer, "_replace", lambda *_, **__: "", after="between")


async def write_and_maintain(folder: Path, first: int) -> None:
    """For ever: entries from `first` on, beside runs of maintenance."""
    store, n = open_store(folder), first

    async def write(count: int) -> None:
        nonlocal n
        for _ in range(count):
            await store.journal.append(*entry_of(n))
            say("wrote", n)
            n += 1

    while True:
        await asyncio.gather(write(ENTRIES_A_RUN), store.maintain(clock_at(n)))
        say("maintained", n)


class CountingJournal(Journal):
    """Counts the steps that the journal takes while a store is maintained."""

    def advance(self, name: str, seq: int) -> None:
        Deadline.step("cursor")
        super().advance(name, seq)

    def trim(self) -> int:
        Deadline.step("trimming")
        return super().trim()


class Deadline:
    """Dies just before the nth step that can be seen from outside: a file opened, renamed or removed, or a step of the
    journal; says all of them when n is 0."""

    number, watching = 0, False
    folder = ""

    @classmethod
    def step(cls, what: str) -> None:
        if cls.watching:
            cls.number -= 1
            if cls.number == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            elif cls.number < 0:
                say("step", what)

    @classmethod
    def audit(cls, event: str, args: tuple[Any, ...]) -> None:
        if event in ("os.rename", "os.remove", "open") and str(args[0]).startswith(cls.folder):
            cls.step(f"{event}-{Path(str(args[0])).name.partition('-')[0]}")


async def maintain_until(folder: Path, steps: int, now: datetime) -> None:
    """One run of maintenance, which dies at its nth step; with 0 it lives and says its steps."""
    store = open_store(folder, CountingJournal)
    sys.addaudithook(Deadline.audit)
    Deadline.folder, Deadline.number, Deadline.watching = str(folder / "store"), steps, True
    await store.maintain(now)
    Deadline.watching = False
    await store.close()


def do(order: dict[str, Any]) -> None:
    folder = Path(order["folder"])
    if "steps" in order:
        asyncio.run(maintain_until(folder, order["steps"], datetime.fromisoformat(order["now"])))
    else:
        tell_phases()
        asyncio.run(write_and_maintain(folder, order["first"]))


if __name__ == "__main__":
    serve(do)
