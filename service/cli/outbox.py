"""`lineproof ticket outbox`: what was meant for a far end and is not done, and what a person does about it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from config.errors import ConfigurationError
from service.cli.running import AsJson, SettingsFile, print_json, run

Key = Annotated[
    str | None, typer.Option(metavar="KEY|CASE|all", help="Try again what is dead or withheld; all: the dead.")
]
Gone = Annotated[
    str | None, typer.Option("--give-up", metavar="KEY|CASE|all", help="Leave undone for good what waits or is dead.")
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="The name of the person who decides.")]
WORDS = {"pending": "waiting", "trying": "trying", "dead": "dead", "withheld": "withheld"}


def ticket_outbox(
    retry: Key = None, give_up: Gone = None, by: By = "", config: SettingsFile = None, as_json: AsJson = False
) -> None:
    """What was meant for a far end and is not done: waiting, being tried, given up (dead), or withheld; and why."""
    if retry is not None and give_up is not None:
        raise ConfigurationError("either --retry or --give-up, not both at once")
    run(_outbox(retry, give_up, by, config, as_json))


async def _outbox(retry: str | None, give_up: str | None, by: str, config: Path | None, as_json: bool) -> None:
    from service.case_acts import person
    from service.documents import outbox_document
    from service.installation import opened
    from triage import outbox, repository

    async with opened(config) as installation:
        now = installation.clock.now()
        if retry is not None or give_up is not None:
            by = person(by)
            async with installation.database.writing() as connection:
                if retry is not None:
                    keys, did = await outbox.retry(connection, retry, by, now), "is tried again"
                else:
                    keys, did = await outbox.give_up(connection, give_up or "", by, now), "is given up"
            if as_json:
                print_json([{"key": key, "did": did, "by": by} for key in keys])
            for key in keys if not as_json else ():
                print(f"{key} {did}")
            return
        async with installation.database.reading() as connection:
            rows = await repository.outbox(connection, statuses=outbox.UNDONE, limit=1000)
            depths = await outbox.depths(connection)
    firsts = outbox.firsts(rows)
    if as_json:
        print_json([outbox_document(row, now, outbox.reason_of(row, firsts)) for row in rows])
        return
    if not rows:
        print("the outbox is empty: everything meant for a far end is done")
    for row in rows:
        age, word = _age(outbox.age(row, now)), WORDS[row.status.value]
        print(f"{word:8} {age:>6}  {row.effect.key:40} tried {row.attempts}  {outbox.reason_of(row, firsts)}")
    counted = sum(count for count, _ in depths.values())
    if counted > len(rows):
        print(f"... and {counted - len(rows)} more")


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
