"""The whole demonstration: stage, story, comparison; the exit code says whether found and injected agree."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from rich.console import Console

from config.clock import ScaledClock
from service.demo import findings, screen
from service.demo.compare import Row, compare
from service.demo.outside import Outside
from service.demo.promises import promises
from service.demo.stage import Stage, free_port, fresh_folder, install, start_service, start_simulator, stop
from service.demo.story import Told, follow
from service.installation import Installation, opened
from service.simulator.truth import Endpoints, Exchanged, Truth

ONCE_FACTOR, LIVE_FACTOR = 150.0, 20.0
"""How many times as fast as real time the fleet lives."""
SLOWEST_ONCE = 30.0
ROOM = 1.25
"""Processes waiting per processor with which a story at full speed can live."""
LIVE_ROUNDS = 40
SET_UP = 5.0
"""Real seconds until everything is up; the story begins then."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A story that is over: what was told, what was exchanged, and what was really wrong."""

    told: Told
    exchanged: Exchanged
    truth: Truth


async def run_demo(*, once: bool, seed: int, out: Path | None, port: int) -> int:
    """Run it; with `once` returns 0 when all that was injected was found and nothing else, else 1.

    Without, it goes on until it is interrupted. Raises LineproofError when it cannot run.
    """
    this = asyncio.current_task()
    if this is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    folder = fresh_folder(out if out is not None else Path(tempfile.mkdtemp(prefix="lineproof-demo-")))
    stage = _stage(folder, seed, port, once=once)
    console = screen.open_console()
    if port not in (0, stage.desk):
        console.print(f"port {port} is in use; the desk listens on {stage.desk} instead")
    try:
        ended = await _performed(stage, console, once=once)
        with console.status("writing tickets, evidence and reports"):
            rows, written = await _settled(stage, folder, ended)
    except asyncio.CancelledError:
        console.print(f"ended; the simulator and the service are stopped, what they left is in {folder}")
        return 1 if once else 0
    screen.show_result(console, rows, ended.exchanged, written, folder)
    return 0 if all(row.agrees for row in rows) else 1


async def _performed(stage: Stage, console: Console, *, once: bool) -> Ended:
    async with _running(stage) as (endpoints, installation), Outside(endpoints.control) as outside:
        inventory = await installation.inventory()
        console.print(screen.where_to_look(stage, (len(inventory.sites), len(inventory.links))))
        if not once:
            console.print("Ctrl-C ends it.")
            await follow(installation, outside, None, screen.Live(console))
        with screen.Unattended(console, installation.clock.now(), endpoints.over) as audience:
            told = await follow(installation, outside, endpoints.over, audience)
            audience.phase("the story is over")
            await findings.drained(installation)
        return Ended(told, await outside.exchanged(), await outside.truth())


def once_factor() -> float:
    """Full speed, less on a machine that is busy with other work: an overrun process would show as silent devices."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return max(SLOWEST_ONCE, ONCE_FACTOR / max(1.0, waiting / ROOM))


def _stage(folder: Path, seed: int, port: int, *, once: bool) -> Stage:
    """The day is drawn from the seed: a Wednesday, Thursday or Friday in March, in the working hours of all sites."""
    rng = Random(f"{seed}/day")
    day = rng.choice((11, 12, 13, 18, 19, 20, 25, 26, 27))
    start = datetime(2026, 3, day, 15, 0, tzinfo=UTC) + timedelta(minutes=rng.randrange(0, 180))
    installation = folder / "installation"
    installation.mkdir()
    return Stage(
        installation=installation,
        seed=seed,
        rounds=1 if once else LIVE_ROUNDS,
        clock=ScaledClock(start, time.time() + SET_UP, once_factor() if once else LIVE_FACTOR),
        desk=free_port(port),
    )


@asynccontextmanager
async def _running(stage: Stage) -> AsyncIterator[tuple[Endpoints, Installation]]:
    """The simulator and the service, up; both are ended whatever happens."""
    async with contextlib.AsyncExitStack() as stack:
        simulator, endpoints = await start_simulator(stage)
        stack.push_async_callback(stop, simulator)
        await install(stage, endpoints)
        service = await start_service(stage)
        stack.push_async_callback(stop, service)
        yield endpoints, await stack.enter_async_context(opened(stage.settings))


async def _settled(stage: Stage, folder: Path, ended: Ended) -> tuple[Sequence[Row], Sequence[Path]]:
    """Read what was found, write it all to `folder`, and hold it against the truth."""
    told = ended.told
    async with opened(stage.settings) as installation:
        answers = await findings.answers(installation, told.calls)
        cases = await findings.cases_found(installation)
        verified = await findings.figures_verified(installation, cases)
        written = list(await findings.write_out(installation, folder, answers))
    written += findings.write_reroute(folder, told.proposal)
    rows = compare(ended.truth, [answer for answer, _ in answers], cases, ended.exchanged)
    rows += promises(cases, verified, told.proposal)
    written.append(findings.write_result(folder, rows, ended.truth, ended.exchanged))
    return rows, written
