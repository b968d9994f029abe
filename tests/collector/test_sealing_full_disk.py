"""A disk that is really full while the store is looked after."""

from __future__ import annotations

import contextlib
import sys
from datetime import datetime
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from store_at_hand import DAY, HOUR, START, Store

from collector.store.manifest import Kind
from collector.store.port import StoreError

pytestmark = [pytest.mark.real, pytest.mark.rim, pytest.mark.slow]

LINKS = {f"wan{n}": n * 1.37 for n in range(200)}


def fill(disk: Path, free: int) -> Path:
    """Leave so many bytes (multiples of 4096) free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    with filler.open("r+b") as file:
        file.truncate(max(filler.stat().st_size - free, 0))
    return filler


def attempt(store: Store, now: datetime) -> StoreError | None:
    """What went wrong with one run, if anything."""
    try:
        store.maintain(now)
    except StoreError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("seals", "files"), [(5, {"samples", "manifest.json"}), (1, {"hours", "days", "manifest.json"})]
)
async def test_wherever_the_disk_fills_up_nothing_is_half_done_and_the_next_run_goes_on(
    small_disk: Path, tmp_path: Path, seals: int, files: set[str]
) -> None:
    """Each round leaves a page more than the one before, so that the disk fills up at a later write."""
    store = Store(small_disk, journal=tmp_path / "journal.sqlite")
    written = 0
    for day in range(6):
        for hour in range(seals):
            await store.write(START + day * DAY + hour * HOUR, LINKS)
            written += len(LINKS)
            if hour == 0 or day < 5:
                store.maintain(START + day * DAY + hour * HOUR)
    now, free, failed = START + 6 * DAY + 3 * HOUR, 0, list[str]()
    while True:
        filler = fill(small_disk, free)
        error = attempt(store, now)
        filler.unlink()
        manifest = store.manifest
        assert {path.name for path in store.parts_folder.iterdir()} == {part.name for part in manifest.parts}
        assert {path.name for path in store.folder.iterdir()} == {"manifest.json", "parts"}
        waiting = sum(entry.rows for entry in store.journal.read(manifest.position))
        assert sum(part.rows for part in store.parts(Kind.SAMPLES)) + waiting == written
        if error is None:
            break
        assert error.retryable
        assert "No space left on device; free disk space" in str(error)
        failed.append(str(error).partition(" cannot")[0].rpartition("/")[2])
        free += 4096
    assert {name.partition("-")[0] for name in failed} >= files, "full while each of these was written"
    assert len(manifest.rolled) == 6
    store.journal.close()
