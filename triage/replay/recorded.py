"""What people did while history was made: the claims and decisions that an installation's inbox has kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms, from_epoch_ms
from config.errors import NotFoundError
from triage import inbox, repository, tables
from triage.inputs import ClaimReported, PersonAct, PersonActed


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An input as it was taken down at `at`. Of a person's decision `proposal` says that it was about a re-route: ids
    are those of other records, so the site says which case is meant."""

    at: datetime
    key: str
    input: ClaimReported | PersonActed
    client: str
    site: str
    proposal: bool = False


async def recorded_inputs(connection: AsyncConnection, start: datetime, until: datetime) -> Sequence[Recorded]:
    """Claims and people's decisions with start <= at < until, in the order in which they were taken down."""
    row = tables.inbox.c
    rows = await connection.execute(
        select(tables.inbox)
        .where(row.kind.in_(("claim", "person")), row.now >= epoch_ms(start), row.now < epoch_ms(until))
        .order_by(row.now, row.seq)
    )
    found = []
    for one in rows.all():
        happened = inbox.KINDS[one.kind].validate_python(one.document)
        at = from_epoch_ms(one.now)
        if isinstance(happened, ClaimReported):
            claim = happened.claim
            found.append(Recorded(at=at, key=one.key, input=happened, client=claim.client, site=claim.site))
        elif isinstance(happened, PersonActed):
            if happened.does is PersonAct.OPEN:
                opened = await repository.cases(connection, site=happened.target, limit=1)
                found += [Recorded(at=at, key=one.key, input=happened, client=c.client, site=c.site) for c in opened]
                continue
            about = await _about(connection, happened.target)
            if about is not None:
                client, site, proposal = about
                found.append(Recorded(at=at, key=one.key, input=happened, client=client, site=site, proposal=proposal))
    return found


async def _about(connection: AsyncConnection, target: str) -> tuple[str, str, bool] | None:
    """Client and site of a case or a proposal, and whether it is a proposal; None for what is not there."""
    proposal = target.startswith("P-")
    try:
        case_id = (await repository.proposal_by_id(connection, target)).case if proposal else target
        case = await repository.case_by_id(connection, case_id)
    except NotFoundError:
        return None
    return case.client, case.site, proposal
