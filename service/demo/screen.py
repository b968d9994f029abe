"""What the demonstration shows on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.demo.compare import Part, Row
from service.demo.stage import Stage
from service.settings import HOST
from service.simulator.truth import Exchanged, PhoneCall
from triage.cases import Case, Origin, Proposal

PLAIN_WIDTH = 80
"""Columns when the output is not a terminal."""

TITLES = {
    Part.CALL: "What the clients said, and what they were told",
    Part.FAULT: "What was injected, and what was found",
    Part.BESIDE: "And beside that",
}

RESULTS = (
    ("tickets/", "each ticket with its notes and evidence (HTML, PDF, JSON)"),
    ("evidence/", "the evidence of every client's complaint"),
    ("reports/", "each client's proof of performance (HTML, PDF)"),
    ("verdicts/", "what `lineproof triage --json` says to each complaint"),
    ("reroute-*", "what would have been sent to the router"),
    ("result.json", "these tables and the truth; cases.json: every case"),
)


def open_console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=PLAIN_WIDTH, highlight=False)


def where_to_look(stage: Stage, inventory_size: tuple[int, int]) -> str:
    clock, (sites, links) = stage.clock, inventory_size
    return (
        f"{sites} sites with {links} links are simulated, and watched by the service as `lineproof serve` runs it.\n"
        f"  desk     http://{HOST}:{stage.desk}/   search: Bramley, `store 115`, a street, a serial, a circuit id\n"
        f"  command  lineproof case list -c {stage.settings}\n"
        f"  log      {stage.log}\n"
        f"The fleet's clock shows {clock.now():%A %Y-%m-%d %H:%M} UTC and runs {clock.factor:g} times as fast as yours."
    )


class Live:
    """An Audience that prints a line for everything that happens."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def time_passes(self, now: datetime) -> None:
        pass

    def call_answered(self, call: PhoneCall, verdict: Mapping[str, Any]) -> None:
        self._console.print(
            f"{call.at:%H:%M} [cyan]call[/cyan]    {call.by} of {call.site}: “{call.words}” since about "
            f"{call.since:%H:%M} UTC\n              → [bold]{verdict['verdict']}[/bold]: {verdict.get('reason', '')}"
        )

    def ticket_opened(self, case: Case) -> None:
        who = "machine" if Origin.MACHINE in case.origins else "client"
        self._console.print(
            f"{case.updated_at:%H:%M} [yellow]ticket[/yellow]  {case.ticket} of {case.id} ({who}): {case.title}"
        )

    def rerouted(self, proposal: Proposal) -> None:
        self._console.print(
            f"{proposal.proposed_at:%H:%M} [magenta]relief[/magenta]  {proposal.id}: {proposal.from_link} → "
            f"{proposal.to_link}, approved by {proposal.decided_by}, {proposal.status}:"
        )
        self._console.print("\n".join(f"              {line}" for line in proposal.result.splitlines()), markup=False)


class Unattended(Live):
    """As Live, with a progress bar below. Use as a context manager."""

    def __init__(self, console: Console, begin: datetime, over: datetime) -> None:
        super().__init__(console)
        columns = TextColumn("{task.description:<40}"), BarColumn(), TextColumn("{task.fields[clock]}")
        self._begin = begin
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console)
        length = (over - begin).total_seconds()
        self._task = self._progress.add_task("polling; nobody has phoned yet", total=length, clock="")

    def __enter__(self) -> Unattended:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def time_passes(self, now: datetime) -> None:
        elapsed = (now - self._begin).total_seconds()
        self._progress.update(self._task, completed=elapsed, clock=f"{now:%a %H:%M} UTC")

    def call_answered(self, call: PhoneCall, verdict: Mapping[str, Any]) -> None:
        self._progress.update(self._task, description=f"{call.site}: {verdict['verdict']}")
        super().call_answered(call, verdict)

    def phase(self, what: str) -> None:
        """Something that follows the story, and how it is called."""
        self._progress.update(self._task, description=what)


def show_result(
    console: Console, rows: Sequence[Row], exchanged: Exchanged, written: Sequence[Path], out: Path
) -> None:
    for part in Part:
        console.print(_table(part, [row for row in rows if row.part is part]))
    for row in rows:
        for why in row.wrong:
            console.print(f"[red]no[/red]  {row.subject} {row.when}: {why}")
    console.print(
        f"exchanged over sockets, by the simulator's count: {exchanged.snmp_requests} SNMP requests "
        f"({exchanged.snmp_responses} answered), {exchanged.probes_received} probe packets "
        f"({exchanged.probes_echoed} echoed), {exchanged.orchestrator_requests} HTTP requests to the orchestrator, "
        f"{exchanged.requests_to_unsubscribed} requests to the site that is not subscribed"
    )
    console.print(f"{len(written)} files in {out}/:")
    for name, what in RESULTS:
        console.print(f"  {name:<12} {what}")
    agreeing = sum(row.agrees for row in rows)
    console.print("everything agrees" if agreeing == len(rows) else f"{agreeing} of {len(rows)} agree")


def _table(part: Part, rows: Sequence[Row]) -> Table:
    table = Table(title=TITLES[part], box=SIMPLE_HEAD, title_justify="left", pad_edge=False, expand=True)
    table.add_column("where", width=14)
    table.add_column("when", width=5)
    table.add_column("injected" if part is not Part.BESIDE else "expected", width=18)
    table.add_column("found", ratio=1)
    table.add_column("agrees", width=6)
    for row in rows:
        mark = "[green]yes[/green]" if row.agrees else "[red]no[/red]"
        table.add_row(row.subject, row.when, row.injected, row.found, mark)
    return table
