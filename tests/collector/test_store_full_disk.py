"""A disk that fills up, for real: nothing that was acknowledged is lost, the error says what to do, and it goes on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from dying_store import RAW_DAYS, clock_at, entry_of, open_store
from store_truth import Truth, assert_no_strays, check

from collector.store.embedded import EmbeddedStore
from collector.store.inspect import verify
from collector.store.port import StoreError

pytestmark = [pytest.mark.rim, pytest.mark.real, pytest.mark.slow]

LAST = 24 * (RAW_DAYS + 1) + 2


class SmallDisk:
    """A small file system, and a file that takes the rest of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._ballast = folder, folder / "ballast"

    def leave(self, kilobytes: int) -> None:
        """Take all free space but so much."""
        self.free()
        left = os.statvfs(self.folder)
        size = left.f_bavail * left.f_frsize - kilobytes * 1024
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(size, 4096))

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(small_disk: Path) -> SmallDisk:
    return SmallDisk(small_disk)


async def write_until_refused(store: EmbeddedStore, n: int) -> tuple[int, StoreError]:
    """Entries from n on; the first one that was refused, and how."""
    while n < 5000:
        try:
            await store.journal.append(*entry_of(n))
        except StoreError as error:
            return n, error
        n += 1
    pytest.fail("the disk was meant to become full")


async def test_writing_until_the_disk_is_full_loses_nothing_and_goes_on_when_there_is_room(disk: SmallDisk) -> None:
    store, n, errors = open_store(disk.folder / "data"), 0, []
    for _ in range(3):
        disk.leave(400)
        n, error = await write_until_refused(store, n)
        errors.append(error)
        # Full as it is, it can be read.
        assert await check(store, Truth(), n - 1) == n - 1
        disk.free()
        await store.journal.append(*entry_of(n))
        n += 1
    assert n > 20
    for error in errors:
        assert error.retryable
        assert "full" in str(error)
        assert "disk space" in str(error)
    await store.maintain(clock_at(n - 1))
    assert await check(store, Truth(), n - 1) == n - 1
    await store.close()


async def test_maintaining_on_a_full_disk_loses_nothing_wherever_the_space_ends(disk: SmallDisk) -> None:
    """Ever more space, until one run of maintenance gets through."""
    store, truth = open_store(disk.folder / "data"), Truth()
    for n in range(LAST + 1):
        await store.journal.append(*entry_of(n))
        if n % 12 == 0 and n < LAST - 20:
            await store.maintain(clock_at(n))
    errors: list[StoreError] = []
    for kilobytes in range(0, 1200, 12):
        disk.leave(kilobytes)
        try:
            await store.maintain(clock_at(LAST))
        except StoreError as error:
            errors.append(error)
        else:
            break
        assert await check(store, truth, LAST) == LAST
    assert len(errors) >= 3, "the disk was meant to be full"
    assert [str(error) for error in errors if not error.retryable or "disk space" not in str(error)] == []
    disk.free()
    await store.maintain(clock_at(LAST))
    assert await check(store, truth, LAST) == LAST
    assert list(verify(store)) == []
    assert_no_strays(disk.folder / "data")
    await store.close()


async def test_a_store_can_be_opened_and_read_by_a_new_process_while_the_disk_is_nearly_full(disk: SmallDisk) -> None:
    store = open_store(disk.folder / "data")
    for n in range(30):
        await store.journal.append(*entry_of(n))
        if n == 20:
            await store.maintain(clock_at(n))
    await store.close()
    disk.leave(64)  # SQLite puts 32 kB beside a journal that nobody has open.
    store = open_store(disk.folder / "data")
    assert await check(store, Truth(), 29) == 29
    await store.close()
