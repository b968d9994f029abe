"""Events of our edges, every page of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from collector.model import Fact
from collector.orchestrator.directory import Directory
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.velocloud.calls import AGGREGATE_EVENTS, ENTERPRISE_EVENTS
from collector.orchestrator.velocloud.event_facts import EVENTS, EventRow, Names, event_facts, event_rows, nameless
from collector.orchestrator.velocloud.paging import read_pages
from collector.orchestrator.velocloud.rights import Refusals, refuses
from collector.orchestrator.velocloud.session import VcoSession, interval, number
from config.errors import Blame

EVENT_PAGE = 2048
SHORTEST = timedelta(seconds=2)


async def read_events(
    session: VcoSession,
    known: Directory,
    refusals: Refusals,
    names: Callable[[], Awaitable[Names]],
    start: datetime,
    end: datetime,
    now: datetime,
) -> Sequence[Fact]:
    """Events in [start, end), each once. One call and page for all our enterprises, where there is more than one and
    the account may; else one for each. `names` is asked where a host gives no ids of edges."""
    enterprises = known.enterprises()
    rows = None
    if len(enterprises) > 1:
        rows = await refusals.unless_refused(AGGREGATE_EVENTS, lambda: _of_all(session, start, end))
    if rows is None:
        rows = await _one_by_one(session, refusals, enterprises, start, end)
    inside = [row for row in rows if start <= row.time < end]
    facts = event_facts(inside, await names() if nameless(inside) else {}, known, now)
    return list(dict.fromkeys(facts))


async def _of_all(session: VcoSession, start: datetime, end: datetime) -> list[EventRow]:
    # Without `detail` the host leaves out which link an event is about.
    return await _read(session, AGGREGATE_EVENTS, {"detail": True}, None, start, end)


async def _one_by_one(
    session: VcoSession, refusals: Refusals, enterprises: Sequence[str], start: datetime, end: datetime
) -> list[EventRow]:
    """An enterprise that is refused does not silence the others; when all are, that is an error."""
    rows: list[EventRow] = []
    refused: dict[str, OrchestratorError] = {}
    for enterprise in enterprises:
        try:
            about = {"enterpriseId": number(enterprise)}
            rows += await _read(session, ENTERPRISE_EVENTS, about, enterprise, start, end)
        except OrchestratorError as error:
            if not refuses(error):
                raise
            refused[enterprise] = error
    if refused and len(refused) == len(enterprises):
        raise next(iter(refused.values()))
    for enterprise, refusal in refused.items():
        refusals.note(f"events of enterprise {enterprise}", refusal)
    return rows


async def _read(
    session: VcoSession,
    method: str,
    about: Mapping[str, object],
    enterprise: str | None,
    start: datetime,
    end: datetime,
) -> list[EventRow]:
    """Every page. A host that says there is more and gives no link to it is asked for two halves instead."""
    parameters = {
        **about,
        "interval": interval(start, end),
        "filter": {"limit": EVENT_PAGE, "rules": [{"field": "event", "op": "is", "values": list(EVENTS)}]},
    }
    pages = await read_pages(session, method, parameters)
    if not pages.cut:
        return list(session.counted(method, event_rows(pages.items, enterprise)))
    if end - start <= SHORTEST:
        raise OrchestratorError(
            f"{session.host} has more events in two seconds than it gives ({method}); asking again later",
            retryable=True,
            blame=Blame.VENDOR,
        )
    middle = start + (end - start) / 2
    first = await _read(session, method, about, enterprise, start, middle)
    return first + await _read(session, method, about, enterprise, middle, end)
