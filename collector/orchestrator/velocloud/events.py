"""Events of our edges, every page of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from collector.model import Fact
from collector.orchestrator.directory import Directory
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.record import Record
from collector.orchestrator.velocloud.calls import ENTERPRISE_EVENTS
from collector.orchestrator.velocloud.mapping import EVENTS, event_facts
from collector.orchestrator.velocloud.rows import EventRow, event_rows
from collector.orchestrator.velocloud.session import VcoSession, interval, number
from config.errors import Blame

EVENT_PAGE = 2048


async def read_events(
    session: VcoSession,
    known: Directory,
    names: Mapping[tuple[str, str], str],
    start: datetime,
    end: datetime,
    now: datetime,
) -> Sequence[Fact]:
    """Events in [start, end); `names` gives edge ids by (enterprise, edge name). One call for each enterprise and
    page."""
    facts: list[Fact] = []
    for enterprise in known.enterprises():
        rows = await _of_enterprise(session, enterprise, start, end)
        inside = (row for row in rows if start <= row.time < end)
        facts += event_facts(inside, enterprise, names, known, now)
    return facts


async def _of_enterprise(session: VcoSession, enterprise: str, start: datetime, end: datetime) -> list[EventRow]:
    """Every page. A host that says there is more and gives no link to it is asked for two halves instead."""
    parameters: dict[str, object] = {
        "enterpriseId": number(enterprise),
        "interval": interval(start, end),
        "filter": {"limit": EVENT_PAGE, "rules": [{"field": "event", "op": "is", "values": list(EVENTS)}]},
    }
    found: list[EventRow] = []
    followed: set[str] = set()
    while True:
        page = await session.call(ENTERPRISE_EVENTS, parameters)
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise session.misshapen(ENTERPRISE_EVENTS, "an object with a list `data`")
        found += session.counted(ENTERPRISE_EVENTS, event_rows(page["data"]))
        meta = page.get("metaData")
        if not (isinstance(meta, dict) and meta.get("more")):
            return found
        following = Record(meta).text("nextPageLink", longest=10_000)
        if following is None:
            return await _by_halves(session, enterprise, start, end)
        if following in followed:
            raise OrchestratorError(
                f"{session.host} pages its events in a circle ({ENTERPRISE_EVENTS}); asking again later",
                retryable=True,
                blame=Blame.VENDOR,
            )
        followed.add(following)
        parameters = {**parameters, "nextPageLink": following}


async def _by_halves(session: VcoSession, enterprise: str, start: datetime, end: datetime) -> list[EventRow]:
    if end - start <= timedelta(seconds=2):
        raise OrchestratorError(
            f"{session.host} has more events in two seconds than it gives ({ENTERPRISE_EVENTS})",
            blame=Blame.VENDOR,
        )
    middle = start + (end - start) / 2
    return await _of_enterprise(session, enterprise, start, middle) + await _of_enterprise(
        session, enterprise, middle, end
    )
