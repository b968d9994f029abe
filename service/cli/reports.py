"""`lineproof report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.running import SettingsFile, run

app = typer.Typer(no_args_is_help=True, help="Evidence of a case, and proof of performance for a client.")

Out = Annotated[Path, typer.Option(metavar="DIR", help="Where the files are written.")]
Formats = Annotated[str, typer.Option("--format", help="Any of html,pdf,json.")]


@app.command("evidence")
def evidence(
    case: Annotated[str, typer.Argument(metavar="CASE")],
    out: Out = Path(),
    formats: Formats = "html,pdf,json",
    config: SettingsFile = None,
) -> None:
    """Write a case's evidence report and the pack that it rests on."""
    run(_evidence(case, out, formats, config))


@app.command("performance")
def performance(
    client: Annotated[str, typer.Argument(metavar="CLIENT")],
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="The calendar month in the client's zone.")],
    out: Out = Path(),
    formats: Formats = "html,pdf",
    config: SettingsFile = None,
) -> None:
    """Write a client's proof of performance for a month."""
    run(_performance(client, month, out, formats, config))


async def _evidence(case: str, out: Path, formats: str, config: Path | None) -> None:
    from service.installation import opened
    from service.reporting import read_formats, write_evidence

    async with opened(config) as installation:
        for path in await write_evidence(installation, case, out, read_formats(formats, ("html", "pdf", "json"))):
            print(path)


async def _performance(client: str, month: str, out: Path, formats: str, config: Path | None) -> None:
    from service.installation import opened
    from service.reporting import read_formats, write_performance

    async with opened(config) as installation:
        wanted = read_formats(formats, ("html", "pdf"))
        for path in await write_performance(installation, client, month, out, wanted):
            print(path)
