"""`lineproof`: every command. What a command needs is imported when it runs, so that `--help` is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from service.cli import carrier, case_acts, cases, inventory, judge, reports, reroute, store
from service.cli.running import AsJson, SettingsFile, run

app = typer.Typer(
    name="lineproof",
    help="Measures access lines, checks what clients report against what was measured, and acts on it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help: rich would take half of the time until it is there.
    rich_markup_mode=None,
    context_settings={"max_content_width": 120},
    add_completion=False,
)
app.add_typer(inventory.app, name="inventory")
app.add_typer(cases.case_app, name="case")
cases.case_app.command("carrier")(carrier.carrier)
cases.case_app.command("intake")(carrier.intake)
cases.case_app.command("open")(case_acts.open_)
for act in case_acts.ACTS:
    cases.case_app.command(act.__name__)(act)
app.add_typer(cases.ticket_app, name="ticket")
app.add_typer(reroute.app, name="reroute")
app.add_typer(reports.app, name="report")
app.add_typer(store.app, name="store")
app.add_typer(store.db_app, name="db")
app.command("triage")(judge.triage)
app.command("replay")(judge.replay)
app.command("poll")(inventory.poll)
app.command("check")(inventory.check)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="The whole story, unattended, in a minute.")] = False,
    seed: Annotated[int, typer.Option(help="Varies faults, sites and times.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where tickets, evidence and reports are written.")] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The desk's port on loopback; 0 takes a free one.")
    ] = 8080,
) -> None:
    """Start a simulated fleet with faults, and the service on it, on this machine alone."""
    from service.demo.running import run_demo

    raise typer.Exit(run(run_demo(once=once, seed=seed, out=out, port=port), role="demo"))


@app.command()
def serve(
    config: SettingsFile = None,
    role: Annotated[str, typer.Option(help="all, collector, engine or desk")] = "all",
) -> None:
    """Run the service: collector, engine and desk."""
    # structlog imports rich where it finds it, for tracebacks in colour: 10 MB that no service needs.
    sys.modules["rich"] = None  # type: ignore[assignment]
    from service.serve import ROLES
    from service.serve import serve as serve_role

    if role not in ("all", *ROLES):
        raise typer.BadParameter(f"{role!r} is none of all, {', '.join(ROLES)}", param_hint="--role")
    raise typer.Exit(run(serve_role(role, config), role=role))


@app.command()
def init(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Make a folder with settings and an example inventory to begin with."""
    from service.starting import init_folder

    for path in init_folder(folder):
        print(path)


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    number = version_of("lineproof")
    print(f'{{"version": "{number}"}}' if as_json else number)
