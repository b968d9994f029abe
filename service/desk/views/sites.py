"""The list of sites, filtered. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.desk.views.states import STATES, SiteLine, SiteState


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty means all."""

    text: str = ""
    client: str = ""
    market: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class SiteList:
    lines: tuple[SiteLine, ...]
    total: int
    filter: Filter
    clients: tuple[tuple[str, str], ...]
    markets: tuple[str, ...]
    states: tuple[tuple[str, str], ...] = tuple((state.value, STATES[state].text) for state in SiteState)


def site_list(lines: Sequence[SiteLine], wanted: Filter) -> SiteList:
    return SiteList(
        tuple(line for line in lines if _fits(line, wanted)),
        len(lines),
        wanted,
        tuple(sorted({(line.client.id, line.client.name) for line in lines})),
        tuple(sorted({line.site.market for line in lines if line.site.market})),
    )


def _fits(line: SiteLine, wanted: Filter) -> bool:
    site = line.site
    text = f"{site.id} {site.name} {site.address} {' '.join(site.aliases)} {line.client.name}".casefold()
    return (
        wanted.text.casefold() in text
        and wanted.client in ("", site.client)
        and wanted.market in ("", site.market)
        and wanted.state in ("", line.state.value)
    )
