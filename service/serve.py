"""`lineproof serve`: one process supervises collector, engine and desk, each a process of its own.

A child that dies is started again after a pause that doubles while it keeps dying.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from pathlib import Path

import structlog

from service.child import Child, preload, start
from service.weight import stay_small

log = structlog.get_logger()

ROLES = ("collector", "engine", "desk")
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_AFTER = 3.0
"""Real seconds of life after which a child's earlier deaths are forgotten."""
PATIENCE = 10.0
"""Real seconds that a child gets to stop by itself."""
USAGE_EXIT = 2
SUPERVISED = "LINEPROOF_SUPERVISED"
"""Set for children: the name under which each of a supervisor's engines in turn holds the lease. It has waited for
the death of the one before, so the next one need not. A child says its last words on stdout, for the supervisor."""


async def serve(role: str, path: Path | None) -> int:
    """Run one role, or all of them as supervised children, until SIGTERM or SIGINT; returns the exit code."""
    stay_small()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if role != "all":
        if os.environ.get(SUPERVISED):
            # The supervisor holds the other end: when it is gone, even killed, we stop too.
            loop.add_reader(sys.stdin.fileno(), _end_with_supervisor, loop, stop)
        from service.roles import run_role

        await run_role(role, path, stop)
        return 0
    preload()
    _see_that_nobody_collects(path)
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    codes = await asyncio.gather(*(_supervise(role, name, path, stop) for role in ROLES))
    return max(codes)


def _see_that_nobody_collects(path: Path | None) -> None:
    """Raise StoreError when another process collects into the same data folder: said once, before anything starts.

    The collector claims the journal itself; here it would be a child that dies again and again.
    """
    from collector.store.opening import check_unclaimed
    from service.installation import find_settings
    from service.settings import read_settings

    settings = read_settings(find_settings(path))
    check_unclaimed(settings.store, settings.data)


async def _supervise(role: str, name: str, path: Path | None, stop: asyncio.Event) -> int:
    """Keep one child running.

    A child that says at its first start that the configuration is wrong ends everything with that code. Later on, a
    faulty edit or a port that somebody took meanwhile must not end what still works.
    """
    pause = FIRST_PAUSE
    loop = asyncio.get_running_loop()
    first = True
    while not stop.is_set():
        child = start(role, path, {SUPERVISED: name})
        began = loop.time()
        log.info("started", child=role, pid=child.pid)
        code, said = await _wait_or_stop(child, stop)
        if stop.is_set():
            return 0
        if code == USAGE_EXIT and first:
            stop.set()
            print(said, file=sys.stderr)
            return USAGE_EXIT
        first = False
        pause = FIRST_PAUSE if loop.time() - began > STEADY_AFTER else min(LONGEST_PAUSE, pause * 2)
        log.error("died", child=role, code=code, why=said, starts_again_in=pause)
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue
    return 0


def _end_with_supervisor(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()


async def _wait_or_stop(child: Child, stop: asyncio.Event) -> tuple[int, str]:
    """Returns the exit code, and what the child said last."""
    ended = asyncio.create_task(child.wait())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ended.done():
        child.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(ended), PATIENCE)
        except TimeoutError:
            child.send(signal.SIGKILL)
    code = await ended
    return code, child.last_words()
