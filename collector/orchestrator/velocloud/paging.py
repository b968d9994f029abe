"""Answers that come in pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.orchestrator.answers import in_a_circle
from collector.orchestrator.record import Record
from collector.orchestrator.velocloud.session import VcoSession

MOST_PAGES = 500
"""A million events of one question; a host that goes on is broken."""
LONGEST_LINK = 10_000


@dataclass(frozen=True, slots=True)
class Pages:
    """The items of all pages. `cut`: there is more, and the host gave no link to it. `plain`: it knows no pages."""

    items: list[object]
    cut: bool = False
    plain: bool = False


async def read_pages(
    session: VcoSession, method: str, parameters: Mapping[str, object], *, plain: bool = False
) -> Pages:
    """Every page of `{data, metaData{more, nextPageLink}}`. With `plain` the first answer may be a list instead, which
    is all there is. Raises OrchestratorError for other answers, and for pages that never end."""
    items: list[object] = []
    followed: set[str] = set()
    asked = dict(parameters)
    while True:
        page = await session.call(method, asked)
        if plain and not followed and isinstance(page, list):
            return Pages(page, plain=True)
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise session.misshapen(method, "an object with a list `data`")
        items += page["data"]
        meta = page.get("metaData")
        if not isinstance(meta, dict) or meta.get("more") not in (True, "true"):
            return Pages(items)
        following = Record(meta).text("nextPageLink", longest=LONGEST_LINK)
        if following is None:
            return Pages(items, cut=True)
        if following in followed or len(followed) == MOST_PAGES:
            raise in_a_circle(session.host, method)
        followed.add(following)
        asked["nextPageLink"] = following
