"""What the commands share: options, running a coroutine, printing JSON, turning errors into exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from config.errors import ConfigurationError, LineproofError, NotFoundError

if TYPE_CHECKING:
    from inventory.model import Site
    from service.installation import Installation

Result = TypeVar("Result")

SettingsFile = Annotated[
    Path | None, typer.Option("-c", "--config", metavar="FILE", help="Settings file; default ./lineproof.yaml")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def run(work: Coroutine[Any, Any, Result], *, role: str = "cli") -> Result:
    """Run a command's coroutine with logs set up."""
    import asyncio

    from service.logs import set_up_logs

    set_up_logs(role, quiet=role == "cli")
    return asyncio.run(work)


def report(error: LineproofError) -> int:
    """Print an error, each fault of a file on a line of its own; returns the exit code."""
    from inventory.aliases import AmbiguousSiteError
    from reports.model import MonthError
    from service.serve import SUPERVISED
    from service.times import UsageError

    listener = sys.stdout if os.environ.get(SUPERVISED) else sys.stderr
    print(f"lineproof: {error}", file=listener)
    if isinstance(error, ConfigurationError):
        for fault in error.faults:
            print(f"  {fault}", file=listener)

    if isinstance(error, ConfigurationError | UsageError | AmbiguousSiteError | MonthError):
        return 2
    return 3 if isinstance(error, NotFoundError) else 1


def print_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))


async def site_named(installation: Installation, text: str) -> Site:
    """The site of any alias. Raises NotFoundError, or lists the matches of an ambiguous one."""
    from inventory.aliases import resolve_site

    return resolve_site(await installation.inventory(), text)
