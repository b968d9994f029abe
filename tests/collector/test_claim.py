"""One process writes the journal: the next is refused, and follows when the first is gone, however it went."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collector.claim import holds
from collector.journal import Journal
from collector.store.port import StoreError

pytestmark = pytest.mark.rim

WRITER = """
import asyncio, os, sys
from pathlib import Path
from collector.journal import Journal
from collector.store.port import StoreError
journal = Journal(Path(sys.argv[1]))
try:
    print(asyncio.run(journal.append([], [])), flush=True)
except StoreError as error:
    print(error, flush=True)
    sys.exit(1)
sys.stdin.read()
"""


def writer(path: Path) -> subprocess.Popen[str]:
    """A process that appends one entry, says so, and lives until its stdin is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=Path(__file__).parents[2], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def said_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: subprocess.Popen[str]) -> int:
    process.kill()
    process.communicate()
    return process.returncode


@pytest.mark.slow
def test_a_second_writer_is_refused_with_the_first_ones_id_until_that_one_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = writer(path)
    assert said_by(first) == "1"
    second = writer(path)
    assert f"{path} is being written by process {first.pid}; stop that one first" in said_by(second)
    assert second.wait(10) == 1
    with pytest.raises(StoreError, match=f"being written by process {first.pid}"):
        Journal(path).claim()
    reader = Journal(path)
    reader.advance("parts", 0)
    assert [entry.seq for entry in reader.read(0)] == [1], "reading asks for no claim"
    assert ended(first) == -9
    third = writer(path)
    assert said_by(third) == "2"
    ended(third)
    second.communicate()


async def test_journals_of_one_process_write_side_by_side_and_the_last_to_close_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    one, two = Journal(path), Journal(path)
    one.claim()
    one.claim()
    assert await two.append([], []) == 1
    one.close()
    lock = path.with_suffix(".lock")
    assert holder_from_outside(lock) == os.getpid()
    two.close()
    assert holder_from_outside(lock) is None


def holder_from_outside(lock: Path) -> int | None:
    """Who holds the lock, as a process of its own sees it."""
    program = (
        "import sys; from pathlib import Path; from collector.claim import holder_of\n"
        "print(holder_of(Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(lock)], cwd=Path(__file__).parents[2], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return None if done.stdout.strip() == "None" else int(done.stdout)


def test_a_journal_that_nobody_holds_any_more_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.claim()
    assert holds(path.with_suffix(".lock"))
    del journal
    gc.collect()
    assert not holds(path.with_suffix(".lock"))


def test_a_forked_child_is_not_the_one_that_writes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.claim()
    child = os.fork()
    if child == 0:
        code = 0
        try:
            journal.claim()
        except StoreError as error:
            code = 7 if f"by process {os.getppid()};" in str(error) else 8
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    journal.claim()
    assert holder_from_outside(journal.path.with_suffix(".lock")) == os.getpid()
