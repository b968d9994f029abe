"""The engine's process as `serve` runs it, on an installation that kills it (SIGKILL, by itself) at one moment.

An order names the `settings` and the `moment`: one of MOMENTS, or `before:N` or `after:N` for the commit of its Nth
writing transaction.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

sys.path.append(str(Path(__file__).parents[1] / "processes"))

from forking import serve

from service import roles
from service.installation import Installation, opened
from service.logs import set_up_logs

UNDECIDED = "SELECT count(*) FROM triage_inbox WHERE consumed_at IS NULL AND kind = "


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Wrapped:
    """Another object, except that calls of one method end the process: before they begin or after they are done."""

    def __init__(self, inner: Any, method: str, *, after: bool) -> None:
        self._inner, self._method, self._after = inner, method, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._method:
            return found
        if not self._after:
            return lambda *_args, **_options: die()
        if not asyncio.iscoroutinefunction(found):
            return lambda *args, **options: (found(*args, **options), die())

        async def call(*args: Any, **options: Any) -> None:
            await found(*args, **options)
            die()

        return call


class DyingDatabase:
    """A Database whose writing transactions end the process, before or after their commit, when `says` so.

    `says` is SQL that is asked within the transaction and true when it counts something, or a transaction's number.
    """

    def __init__(self, inner: Any, says: str | int, *, after: bool) -> None:
        self._inner, self._says, self._after, self._writes = inner, says, after, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Any]:
        self._writes += 1
        number = self._writes  # another transaction may begin while this one waits for its turn
        async with self._inner.writing() as connection:
            yield connection
            if isinstance(self._says, int):
                now = number == self._says
            else:
                now = bool(await connection.scalar(text(self._says)))
            if now and not self._after:
                die()
        if now:
            die()


def _database(says: str | int, *, after: bool) -> Callable[[Installation], None]:
    def wrap(installation: Installation) -> None:
        installation.database = DyingDatabase(installation.database, says, after=after)  # type: ignore[assignment]

    return wrap


def _part(part: str, method: str, *, after: bool) -> Callable[[Installation], None]:
    def wrap(installation: Installation) -> None:
        setattr(installation, part, Wrapped(getattr(installation, part), method, after=after))

    return wrap


MOMENTS: dict[str, Callable[[Installation], None]] = {
    "a claim waits, its measurements are being read": _part("store", "window", after=False),
    "the evidence pack is written, nothing is committed": _part("evidence", "put_all", after=True),
    "the decision is about to be committed": _database("SELECT count(*) FROM triage_outbox", after=False),
    "the decision is committed, nothing is performed": _database("SELECT count(*) FROM triage_outbox", after=True),
    "the row is trying, the ticket is not created": _part("tickets", "create", after=False),
    "the ticket is created, the row is not done": _part("tickets", "create", after=True),
    "the answer is about to be committed": _database(f"{UNDECIDED} 'answer'", after=False),
    "the answer is committed, the case does not know": _database(f"{UNDECIDED} 'answer'", after=True),
    "the first file is attached, the others are not": _part("tickets", "attach", after=True),
    "a note is added, the row is not done": _part("tickets", "add_note", after=True),
    "the machine suspects something": _database(
        "SELECT count(*) FROM triage_case WHERE status = 'suspected'", after=False
    ),
    "a timer is taken, its input is not committed": _database(f"{UNDECIDED} 'timer'", after=False),
    "a timer has become an input": _database(f"{UNDECIDED} 'timer'", after=True),
    "never": lambda _installation: None,
}


def moment(name: str) -> Callable[[Installation], None]:
    side, _, number = name.partition(":")
    return MOMENTS[name] if name in MOMENTS else _database(int(number), after=side == "after")


async def main(settings: Path, name: str) -> None:
    set_up_logs("engine")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    @asynccontextmanager
    async def dying(path: Path | None) -> AsyncIterator[Installation]:
        async with opened(path) as installation:
            moment(name)(installation)
            yield installation

    roles.opened = dying
    await roles.run_engine(settings, stop)


if __name__ == "__main__":
    serve(lambda order: asyncio.run(main(Path(order["settings"]), order["moment"])))
