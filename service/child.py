"""A role as a process of its own, forked off the supervisor: what all roles import lies in memory once."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


def preload() -> None:
    """Import what every child needs, and keep the collector of garbage from copying those pages in each of them.

    Nothing that starts a thread (polars) may be among it: a fork carries over the locks, not who would open them.
    """
    for module in ("collector.running", "service.calendar", "service.desk.app", "service.roles"):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()


@dataclass(slots=True)
class Child:
    """`said` reads what it wrote on stdout; it ends by itself when the supervisor's end of its stdin is gone."""

    pid: int
    _ended: asyncio.Future[int]
    _stdin: int
    _said: int

    async def wait(self) -> int:
        """The exit code, negative for a signal."""
        return await asyncio.shield(self._ended)

    def send(self, number: signal.Signals) -> None:
        """No other process can have its id: only `wait`ing gives it back."""
        if not self._ended.done():
            os.kill(self.pid, number)

    def last_words(self) -> str:
        """What it wrote on stdout, once it has ended. Call once: it gives the pipes back."""
        with os.fdopen(self._said, "rb") as said:
            os.close(self._stdin)
            return said.read().decode(errors="replace").strip()


def start(role: str, path: Path | None, environment: dict[str, str]) -> Child:
    """Fork a process that does what `lineproof serve --role ROLE` does. Call it from a loop without other threads."""
    their_stdin, stdin = os.pipe()
    said, their_stdout = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.dup2(their_stdin, 0)
        os.dup2(their_stdout, 1)
        _live(role, path, environment)
    os.close(their_stdin)
    os.close(their_stdout)
    return Child(pid, _end_of(pid), stdin, said)


def _end_of(pid: int) -> asyncio.Future[int]:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    handle = os.pidfd_open(pid)

    def reap() -> None:
        loop.remove_reader(handle)
        os.close(handle)
        ended.set_result(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    loop.add_reader(handle, reap)
    return ended


def _live(role: str, path: Path | None, environment: dict[str, str]) -> NoReturn:
    """In the child. It never returns into the supervisor's loop, whose descriptors and signals it lets go."""
    code: object = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.setsid()
        Path("/proc/self/comm").write_text(f"serve-{role}")
        os.environ.update(environment)
        sys.argv = ["lineproof", "serve", "--role", role, *(["-c", str(path)] if path else [])]
        from service.cli import main

        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter would: shown, and the process ends
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
