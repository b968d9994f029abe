"""Which of the troubles that stand are one trouble of a carrier, and where. Pure; onsets of a whole fleet at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from config.clock import epoch_ms
from triage.detection.event import MINUTE
from triage.model import Cause, Severity
from triage.policy import CarrierPolicy
from triage.scope import HOUR, NOTHING_KNOWN, Usual, fewest_shared

ANYWHERE = "*"
"""Stands for the market where a carrier's trouble is not one market's."""


@dataclass(frozen=True, slots=True, order=True)
class Domain:
    """Where a carrier can fail as a whole: one market, or `ANYWHERE`."""

    carrier: str
    market: str

    @property
    def site(self) -> str:
        """What stands as the site of its parent case."""
        return f"carrier:{self.carrier}@{self.market}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One site's trouble as its case has it; `carrier` is the fault domain of the line."""

    case: str
    site: str
    carrier: str
    market: str
    onset: datetime
    cause: Cause
    severity: Severity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """How many sites of a domain are watched, and how often their troubles usually begin."""

    sites: int
    usual: Usual = NOTHING_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Troubles that are one: the commonest cause, the gravest severity, the first onset."""

    domain: Domain
    troubles: tuple[Trouble, ...]

    @property
    def onset(self) -> datetime:
        return min(trouble.onset for trouble in self.troubles)

    @property
    def cause(self) -> Cause:
        order = list(Cause)
        counted = Counter(trouble.cause for trouble in self.troubles)
        return min(counted, key=lambda cause: (-counted[cause], order.index(cause)))

    @property
    def severity(self) -> Severity | None:
        order = list(Severity)
        graded = [trouble.severity for trouble in self.troubles if trouble.severity is not None]
        return min(graded, key=order.index, default=None)


def group(
    troubles: Sequence[Trouble], now: datetime, populations: Mapping[Domain, Population], policy: CarrierPolicy
) -> tuple[Group, ...]:
    """The carriers' troubles among these, at most one a carrier and market, in the order of their domains.

    Asked of each trouble as `scope.carrier_picture` asks of a claim: how many other sites have an onset within
    minutes of this one, against those that chance makes at the carrier's usual rate. Two questions a trouble: of its
    market, and of the whole carrier. What stays shared when the market that is struck most is left out is the
    carrier's ANYWHERE. A domain without a population is not judged.
    """
    found: list[Group] = []
    by_carrier: dict[str, dict[str, Trouble]] = {}
    for trouble in sorted(troubles, key=lambda one: (one.onset, one.site, one.case)):
        by_carrier.setdefault(trouble.carrier, {}).setdefault(trouble.site, trouble)
    for carrier, by_site in by_carrier.items():
        markets: dict[str, list[Trouble]] = {}
        for trouble in by_site.values():
            markets.setdefault(trouble.market, []).append(trouble)
        questions = 1 if len(markets) == 1 and _alone(carrier, next(iter(markets)), populations) else 2
        struck = {
            market: shared
            for market, inside in markets.items()
            if (shared := _shared(inside, now, populations.get(Domain(carrier, market)), policy, questions))
        }
        wide = _anywhere(carrier, markets, now, populations, policy, questions)
        if wide:
            found.append(Group(domain=Domain(carrier, ANYWHERE), troubles=tuple(wide)))
        taken = {trouble.site for trouble in wide}
        found += [
            Group(domain=Domain(carrier, market), troubles=tuple(shared))
            for market, shared in struck.items()
            if not all(trouble.site in taken for trouble in shared)
        ]
    return tuple(sorted(found, key=lambda one: one.domain))


def _alone(carrier: str, market: str, populations: Mapping[Domain, Population]) -> bool:
    """Whether the carrier serves this market only, so that both questions are one."""
    inside, all_of_it = populations.get(Domain(carrier, market)), populations.get(Domain(carrier, ANYWHERE))
    return inside is not None and all_of_it is not None and inside.sites == all_of_it.sites


def _anywhere(
    carrier: str,
    markets: Mapping[str, Sequence[Trouble]],
    now: datetime,
    populations: Mapping[Domain, Population],
    policy: CarrierPolicy,
    questions: int,
) -> list[Trouble]:
    whole = populations.get(Domain(carrier, ANYWHERE))
    if whole is None or len(markets) < 2:
        return []
    everyone = sorted((trouble for inside in markets.values() for trouble in inside), key=lambda one: one.onset)
    shared = _shared(everyone, now, whole, policy, questions)
    most = Counter(trouble.market for trouble in shared).most_common(1)
    rest = [trouble for trouble in shared if trouble.market != most[0][0]]
    without = populations.get(Domain(carrier, most[0][0])) if most else None
    others = Population(sites=whole.sites - (without.sites if without else 0), usual=whole.usual)
    return shared if _shared(rest, now, others, policy, questions) else []


def _shared(
    troubles: Sequence[Trouble], now: datetime, population: Population | None, policy: CarrierPolicy, questions: int
) -> list[Trouble]:
    """Those troubles, ascending in onset and one a site, with too many others beside them to be a coincidence."""
    if population is None or len(troubles) <= policy.minimum_sites:
        return []
    near = int(policy.onset_minutes * MINUTE)
    onset: NDArray[np.int64] = np.array([epoch_ms(trouble.onset) for trouble in troubles], dtype=np.int64)
    first = np.searchsorted(onset, onset - near, "left")
    stop = np.searchsorted(onset, onset + near, "right")
    others = stop - first - 1
    window = (np.minimum(epoch_ms(now), onset + near) - (onset - near)) // MINUTE
    sites = max(population.sites, len(troubles)) - 1
    needed = {
        minutes: fewest_shared(sites, sites * minutes * MINUTE / HOUR, population.usual, policy, questions=questions)
        for minutes in np.unique(window).tolist()
    }
    enough = others >= np.array([needed[minutes] for minutes in window.tolist()])
    # Whoever lies beside one that is shared belongs to it.
    edges = np.zeros(len(onset) + 1, dtype=np.int64)
    np.add.at(edges, first[enough], 1)
    np.add.at(edges, stop[enough], -1)
    member = np.cumsum(edges[:-1]) > 0
    return [trouble for trouble, inside in zip(troubles, member.tolist(), strict=True) if inside]
