"""The state of every site: ok, trouble, suspected, unknown, or not watched. Pure. Unknown is not down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inventory.model import Client, Link, Site
from reports.formatting import duration
from reports.model import Tone
from service.desk.views.seen import SOURCE_NAMES, Seen, is_fresh
from service.desk.views.words import Badge
from triage.cases import Case, CaseStatus


class SiteState(StrEnum):
    TROUBLE = "trouble"
    SUSPECTED = "suspected"
    UNKNOWN = "unknown"
    OK = "ok"
    NOT_WATCHED = "not_watched"


STATES: Mapping[SiteState, Badge] = {
    SiteState.TROUBLE: Badge("trouble", Tone.BAD),
    SiteState.SUSPECTED: Badge("suspected", Tone.WARNING),
    SiteState.UNKNOWN: Badge("unknown", Tone.UNKNOWN),
    SiteState.OK: Badge("ok", Tone.GOOD),
    SiteState.NOT_WATCHED: Badge("not watched", Tone.PLAIN),
}
_OF_CASE = {
    CaseStatus.OPEN: SiteState.TROUBLE,
    CaseStatus.SUSPECTED: SiteState.SUSPECTED,
    CaseStatus.PENDING: SiteState.SUSPECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLine:
    """A site in a list. `ages` tells per source how old its newest sample is; `measured` of `watched` WAN lines have
    a fresh sample from any source."""

    site: Site
    client: Client
    state: SiteState
    measured: int
    watched: int
    ages: tuple[tuple[str, str, bool], ...]
    case: Case | None

    @property
    def badge(self) -> Badge:
        return STATES[self.state]

    @property
    def note(self) -> str:
        """Why the state is what it is, where the badge alone does not say."""
        if self.state is SiteState.UNKNOWN:
            return "no fresh data"
        if self.watched and self.measured < self.watched and self.state is not SiteState.NOT_WATCHED:
            return f"{self.measured} of {self.watched} lines measured"
        return ""


def site_line(site: Site, seen: Seen, case: Case | None) -> SiteLine:
    links = [link for link in seen.inventory.links_at(site.id) if link.watched and link.is_wan]
    measured = sum(seen.measured(link.id) for link in links)
    return SiteLine(
        site=site,
        client=seen.inventory.clients[site.client],
        state=_state(len(links), measured, case),
        measured=measured,
        watched=len(links),
        ages=tuple(_ages(links, seen)),
        case=case,
    )


def site_lines(seen: Seen, cases: Sequence[Case]) -> tuple[SiteLine, ...]:
    """Every site, those in trouble first."""
    by_site = {case.site: case for case in cases}
    lines = [site_line(site, seen, by_site.get(site.id)) for site in seen.inventory.sites.values()]
    order = list(SiteState)
    return tuple(sorted(lines, key=lambda line: (order.index(line.state), line.site.name or line.site.id)))


def _state(watched: int, measured: int, case: Case | None) -> SiteState:
    from_case = _OF_CASE.get(case.status) if case is not None else None
    if from_case is not None:
        return from_case
    if not watched:
        return SiteState.NOT_WATCHED
    return SiteState.OK if measured else SiteState.UNKNOWN


def _ages(links: Sequence[Link], seen: Seen) -> list[tuple[str, str, bool]]:
    """(source, age, fresh) of the newest sample of any line, for each source that should measure one."""
    ages = []
    for source in dict.fromkeys(source for link in links for source in seen.expected.get(link.id, ())):
        ends = [seen.newest[link.id, source] for link in links if (link.id, source) in seen.newest]
        end = max(ends, default=None)
        age = duration(max(0.0, (seen.now - end).total_seconds())) if end is not None else "none"
        ages.append((SOURCE_NAMES[source], age, is_fresh(end, seen.cadences[source], seen.now)))
    return ages
