"""One process at a time may write: a lock on a file, released by the system however that process ends."""

from __future__ import annotations

import fcntl
import os
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

_guard = threading.Lock()
_held: dict[Path, int] = {}
_takers: Counter[Path] = Counter()


class ClaimedError(Exception):
    """Another process holds the file; `process` is its id, 0 where it cannot be told."""

    def __init__(self, process: int) -> None:
        super().__init__(f"held by process {process or 'unknown'}")
        self.process = process


def lock_of(journal: Path) -> Path:
    """The file whose lock its one writer holds."""
    return journal.with_suffix(".lock")


def being_written(journal: Path, process: int) -> str:
    """What a second writer is told."""
    return (
        f"the journal {journal} is being written by process {process or 'unknown'}; stop that one first (a collector, "
        "`lineproof serve`), or give this installation a `data` folder of its own"
    )


def take(path: Path) -> None:
    """Hold `path` for this process, once more where it does already. Raises ClaimedError, and OSError."""
    path = path.resolve()
    with _guard:
        if path not in _held:
            _held[path] = locked(path)
        _takers[path] += 1


def leave(path: Path) -> None:
    """The opposite of one `take`. After a fork there is nothing to leave: the lock is the parent's."""
    path = path.resolve()
    with _guard:
        _takers[path] -= 1
        if _takers[path] < 1:
            del _takers[path]
            if path in _held:
                os.close(_held.pop(path))


def holds(path: Path) -> bool:
    """Whether this process holds `path`."""
    return path.resolve() in _held


def holder_of(path: Path) -> int | None:
    """The id of another process that holds `path` now, 0 where it cannot be told; None when nobody does."""
    if holds(path) or not path.exists():
        return None
    try:
        os.close(locked(path))
    except ClaimedError as error:
        return error.process
    return None


def locked(path: Path) -> int:
    """A descriptor that holds the lock, also against this process's own others; programs that we start do not inherit
    it (PEP 446). Raises ClaimedError, and OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        said = os.pread(handle, 32, 0).decode(errors="replace").strip()
        os.close(handle)
        raise ClaimedError(int(said) if said.isdecimal() else 0) from None
    except BaseException:
        os.close(handle)
        raise
    # On a full disk the lock holds all the same; only its holder stays unnamed.
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _forget() -> None:
    """In the child of a fork: the lock is still the parent's alone, and its descriptor must not outlive the parent."""
    global _guard
    _guard = threading.Lock()
    for handle in _held.values():
        with suppress(OSError):
            os.close(handle)
    _held.clear()
    _takers.clear()


os.register_at_fork(after_in_child=_forget)
