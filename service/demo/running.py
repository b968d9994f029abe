"""The whole demonstration: stage, story, comparison; the exit code says whether found and injected agree."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from config.clock import ScaledClock
from service.demo import findings
from service.demo.compare import Row, compare
from service.demo.outside import Outside
from service.demo.stage import Stage, free_port, fresh_folder, install, start_service, start_simulator, stop
from service.demo.story import Told, follow
from service.installation import Installation, opened
from service.settings import HOST
from service.simulator.truth import Endpoints, Exchanged, PhoneCall

ONCE_FACTOR, LIVE_FACTOR = 150.0, 20.0
"""How many times as fast as real time the fleet lives."""
LIVE_ROUNDS = 40
SET_UP = 5.0
"""Real seconds until everything is up; the story begins then."""


async def run_demo(*, once: bool, seed: int, out: Path | None, port: int) -> int:
    """Run it; returns 0 when everything that was injected was found and nothing else, else 1."""
    console = Console(stderr=not once)
    folder = fresh_folder(out if out is not None else Path(tempfile.mkdtemp(prefix="lineproof-demo-")))
    stage = _stage(folder, seed, port, once=once)
    async with _running(stage) as (endpoints, installation):
        console.print(_where_to_look(stage))
        async with Outside(endpoints.control) as outside:
            if not once:
                return await _live(console, installation, outside)
            told = await _watched(console, installation, outside, endpoints.over)
            await findings.drained(installation)
            exchanged, truth = await outside.exchanged(), await outside.truth()
    async with opened(stage.settings) as installation:
        with console.status("writing tickets, evidence and reports"):
            answers = await findings.answers(installation, told.calls)
            written = await findings.write_out(installation, folder, answers)
            cases = await findings.cases_found(installation)
    rows = compare(truth, [answer for answer, _ in answers], cases)
    _print_result(console, rows, exchanged, told, written, folder)
    return 0 if all(row.agrees for row in rows) and exchanged.requests_to_unsubscribed == 0 else 1


def _stage(folder: Path, seed: int, port: int, *, once: bool) -> Stage:
    """The day is drawn from the seed: a Wednesday, Thursday or Friday in March, in the working hours of all sites."""
    rng = Random(f"{seed}/day")
    day = rng.choice((11, 12, 13, 18, 19, 20, 25, 26, 27))
    start = datetime(2026, 3, day, 15, 0, tzinfo=UTC) + timedelta(minutes=rng.randrange(0, 180))
    factor = ONCE_FACTOR if once else LIVE_FACTOR
    installation = folder / "installation"
    installation.mkdir()
    return Stage(
        installation=installation,
        seed=seed,
        rounds=1 if once else LIVE_ROUNDS,
        clock=ScaledClock(start, time.time() + SET_UP, factor),
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
        installation = await stack.enter_async_context(opened(stage.settings))
        yield endpoints, installation


async def _watched(console: Console, installation: Installation, outside: Outside, over: datetime) -> Told:
    columns = (
        TextColumn("{task.description:<44}"),
        BarColumn(),
        TextColumn("{task.fields[clock]}"),
        TimeElapsedColumn(),
    )
    begin = installation.clock.now()
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        task = progress.add_task(
            "polling; nothing is known to be wrong", total=(over - begin).total_seconds(), clock=""
        )

        def on_progress(now: datetime) -> None:
            progress.update(task, completed=(now - begin).total_seconds(), clock=f"{now:%a %H:%M} UTC")

        def on_call(call: PhoneCall, verdict: Mapping[str, Any]) -> None:
            progress.update(task, description=f"{call.site} phoned: {verdict['verdict']}")
            progress.console.print(_call_line(call, verdict))

        told = await follow(installation, outside, over, on_progress, on_call)
        progress.update(task, description="the story is over", completed=(over - begin).total_seconds())
    return told


async def _live(console: Console, installation: Installation, outside: Outside) -> int:
    """Until Ctrl-C."""

    def on_call(call: PhoneCall, verdict: Mapping[str, Any]) -> None:
        console.print(_call_line(call, verdict))

    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        await follow(installation, outside, None, lambda _now: None, on_call)
    return 0


def _where_to_look(stage: Stage) -> str:
    clock = stage.clock
    return (
        f"desk      http://{HOST}:{stage.desk}/\n"
        f"search    Bramley, `store 115`, a street, a serial or a circuit id\n"
        f"command   lineproof case list -c {stage.settings}\n"
        f"log       {stage.log}\n"
        f"The fleet's clock shows {clock.now():%A %Y-%m-%d %H:%M} UTC and runs {clock.factor:g} times as fast as yours."
    )


def _call_line(call: PhoneCall, verdict: Mapping[str, Any]) -> str:
    return (
        f"{call.at:%H:%M} {call.by} of {call.site}: “{call.words}” since about {call.since:%H:%M}"
        f" → [bold]{verdict['verdict']}[/bold], {verdict['cause']}. {verdict.get('reason', '')}"
    )


def _print_result(
    console: Console,
    rows: Sequence[Row],
    exchanged: Exchanged,
    told: Told,
    written: Sequence[Path],
    folder: Path,
) -> None:
    table = Table("where", "injected", "found", "agrees", title="Injected against found")
    for row in rows:
        mark = "[green]yes[/green]" if row.agrees else f"[red]no[/red]: {row.why_not}"
        table.add_row(row.subject, row.injected, row.found, mark)
    console.print(table)
    proposal = told.proposal
    if proposal is not None:
        console.print(
            f"re-route {proposal.id}: {proposal.from_link} → {proposal.to_link}, approved by {proposal.decided_by}, "
            f"{proposal.status}; dry run, nothing was sent:\n{proposal.result}",
            markup=False,
        )
    console.print(
        f"exchanged over sockets, by the simulator's count: {exchanged.snmp_requests} SNMP requests "
        f"({exchanged.snmp_responses} answered), {exchanged.probes_received} probe packets "
        f"({exchanged.probes_echoed} echoed), {exchanged.orchestrator_requests} HTTP requests to the orchestrator; "
        f"{exchanged.requests_to_unsubscribed} to the unsubscribed site"
    )
    console.print(f"{len(written)} files in {folder}")
    agreeing = sum(row.agrees for row in rows)
    console.print(f"{agreeing} of {len(rows)} agree" if agreeing < len(rows) else "everything agrees")
