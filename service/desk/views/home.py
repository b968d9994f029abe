"""The first page: how many sites are in which state, what is open, what is stale. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.model import Inventory, Site
from service.desk.views.freshness import SourceFreshness
from service.desk.views.repair import OverdueCarrier, overdue_carriers
from service.desk.views.states import STATES, SiteLine, SiteState
from service.desk.views.words import CASE_STATUS, NO_SEVERITY, SEVERITY, Badge
from triage.cases import Case, Origin
from triage.model import Cause

MOST_SHOWN = 25
"""The list of cases has them all."""


@dataclass(frozen=True, slots=True)
class Count:
    state: SiteState
    badge: Badge
    number: int


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in a list. `site` is None when it has left the inventory."""

    case: Case
    site: Site | None
    client: str
    status: Badge
    severity: Badge

    @property
    def since(self) -> datetime:
        return self.case.onset or self.case.opened_at

    @property
    def told(self) -> str:
        """What the case is about in its own words, where no measured cause says it."""
        reported = {Origin.PERSON, Origin.CARRIER} & {*self.case.origins}
        unmeasured = self.case.cause in (Cause.NONE, Cause.NO_DATA)
        return self.case.title if self.case.is_parent or (reported and unmeasured) else ""


@dataclass(frozen=True, slots=True)
class Home:
    counts: tuple[Count, ...]
    cases: tuple[CaseLine, ...]
    """The most urgent ones."""
    open: int
    """How many cases are open."""
    sources: tuple[SourceFreshness, ...]
    alarms: tuple[str, ...]
    """What is wrong with our own processes, one sentence each."""
    overdue: tuple[OverdueCarrier, ...]


def case_lines(cases: Sequence[Case], inventory: Inventory) -> tuple[CaseLine, ...]:
    return tuple(
        CaseLine(
            case,
            inventory.sites.get(case.site),
            inventory.clients[case.client].name if case.client in inventory.clients else case.client,
            CASE_STATUS[case.status],
            SEVERITY[case.severity] if case.severity is not None else NO_SEVERITY,
        )
        for case in cases
    )


def home_view(
    lines: Sequence[SiteLine],
    cases: Sequence[Case],
    inventory: Inventory,
    sources: tuple[SourceFreshness, ...],
    now: datetime,
    alarms: tuple[str, ...] = (),
) -> Home:
    numbers = Counter(line.state for line in lines)
    return Home(
        tuple(Count(state, STATES[state], numbers[state]) for state in SiteState),
        tuple(sorted(case_lines(cases, inventory), key=urgency)[:MOST_SHOWN]),
        len(cases),
        sources,
        alarms,
        overdue_carriers(tuple(cases), inventory, now),
    )


def urgency(line: CaseLine) -> tuple[int, int, datetime]:
    """Open before suspected before monitoring, the graver first, the older first."""
    statuses, severities = list(CASE_STATUS.values()), list(SEVERITY.values())
    status = (1, 0, 2, 3, 4, 5)[statuses.index(line.status)]
    grave = severities.index(line.severity) if line.severity in severities else len(severities)
    return status, grave, line.since
