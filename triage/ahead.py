"""Judges the sites of many due timers together: what a hundred sites of one carrier have for peers is read and examined
once, not a hundred times."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime

import structlog

from config.database import Database
from config.errors import LineproofError
from triage import inbox, standing
from triage.cases import TimerKind
from triage.inputs import TimerDue
from triage.judging import Judgement, Judging
from triage.peers import ExaminePeer

log = structlog.get_logger()

ALIKE = (TimerKind.QUARANTINE, TimerKind.RECOVERY)
"""Timers at which a site is judged as it is now, without a claim."""
Ahead = Mapping[tuple[str, datetime], Judgement]
"""By case and moment."""


def judged_of(row: inbox.Row, ahead: Ahead) -> Judgement | None:
    """The judgement that this input asks for, where it was made ahead."""
    match row.input:
        case TimerDue(case=case, kind=kind) if kind in ALIKE:
            return ahead.get((case, row.now))
    return None


def together(rows: Sequence[inbox.Row], ahead: Ahead) -> Iterator[Sequence[inbox.Row]]:
    """In their order: runs of inputs that were judged ahead, which are committed together, and each other one alone. A
    transaction costs more than what a timer has to write."""
    run: list[inbox.Row] = []
    for row in rows:
        if judged_of(row, ahead) is not None:
            run.append(row)
            continue
        if run:
            yield run
            run = []
        yield [row]
    if run:
        yield run


async def judged_ahead(
    rows: Sequence[inbox.Row],
    database: Database,
    current: Callable[[], Awaitable[Judging]],
    examine: ExaminePeer,
) -> Ahead:
    """The judgements that these inputs will ask for, where several do. What fails here fails again, and alone, when
    its input is decided."""
    due = {(row.input.case, row.now) for row in rows if isinstance(row.input, TimerDue) and row.input.kind in ALIKE}
    if len(due) < 2:
        return {}
    judging = await current()
    async with database.reading() as connection:
        sites = await standing.sites_of(connection, sorted({case for case, _ in due}))
    found: dict[tuple[str, datetime], Judgement] = {}
    for now in sorted({moment for _, moment in due}):
        case_at = {sites[case]: case for case, moment in due if moment == now and case in sites}
        asked = sorted(site for site in case_at if site in judging.inventory.sites)
        async for site, judge in judging.judge_each(asked, now, asked, examine):
            try:
                judgement = judge()
            except LineproofError:
                continue
            except Exception as error:
                log.error("site_not_judged_ahead", site=site, exc_info=error)
                continue
            if judgement is not None:
                found[case_at[site], now] = judgement
    return found
