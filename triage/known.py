"""What the records know of the cases that an input is about: read for all of its matters together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from config.errors import NotFoundError
from triage import bulk, repository, standing
from triage.cases import Case, Proposal
from triage.life_cycle import last_meant
from triage.matters import Asked, Matter

ENDED_CASES = 5
"""So many of a site's last cases are looked at for the one that a trouble may be the return of."""
Place = tuple[str, str]
"""Client and site."""


def at_once(matters: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
    """In their order, what can be decided together: the matters of different sites. Where a site comes again, its
    second matter rests on what was written of the first."""
    some: list[Asked] = []
    places: set[Place] = set()
    for asked in matters:
        place = asked.matter.client, asked.matter.site
        if place in places:
            yield some
            some, places = [], set()
        some.append(asked)
        places.add(place)
    if some:
        yield some


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Of matters of different sites, as their transaction has it."""

    _by_id: Mapping[str, Case]
    _open: Mapping[Place, Case]
    _proposals: Mapping[str, Sequence[Proposal]]
    _last: Mapping[Place, Sequence[Case]]
    """Of the sites without a case, the newest first."""
    _others: Mapping[str, Case]

    @classmethod
    async def of(cls, connection: AsyncConnection, matters: Sequence[Matter]) -> Known:
        """Raises NotFoundError where a matter names a case that is not there."""
        named = [matter.case for matter in matters if matter.case is not None]
        by_id = await standing.whole(connection, named)
        for missing in [one for one in named if one not in by_id]:
            by_id[missing] = await repository.case_by_id(connection, missing)
        places = [(m.client, m.site) for m in matters if m.case is None]
        is_open = await bulk.open_cases(connection, places)
        cases = [*by_id.values(), *is_open.values()]
        ended = {(case.client, case.site) for case in by_id.values() if not case.status.is_open}
        others: dict[str, Case] = {}
        for other in sorted({m.other for m in matters if m.other is not None}):
            try:
                others[other] = await repository.case_by_id(connection, other)
            except NotFoundError:
                continue
        return cls(
            by_id,
            is_open | (await bulk.open_cases(connection, sorted(ended)) if ended else {}),
            await bulk.proposals_of_all(connection, [case.id for case in cases]),
            await bulk.last_cases(connection, [one for one in places if one not in is_open], ENDED_CASES),
            others,
        )

    def case(self, matter: Matter) -> Case | None:
        """The one that the matter names, or else its site's open one."""
        if matter.case is not None:
            return self._by_id[matter.case]
        return self._open.get((matter.client, matter.site))

    def proposals(self, matter: Matter) -> Sequence[Proposal]:
        """Of its case, the newest first."""
        case = self.case(matter)
        return self._proposals.get(case.id, ()) if case is not None else ()

    def ended(self, matter: Matter, now: datetime, reopen: timedelta) -> Case | None:
        """Of the last cases of a site that has no open one, the one that the matter's verdict may mean."""
        if self.case(matter) is not None:
            return None
        cases = self._last.get((matter.client, matter.site), ())
        return last_meant(cases, matter.judgement.verdict if matter.judgement else None, now, reopen)

    def other(self, matter: Matter) -> Case | None:
        """The case that an act names beside its own, if there is such; of an ended case, the one that is open
        instead."""
        if matter.other is not None:
            return self._others.get(matter.other)
        case = self.case(matter)
        if case is None or case.status.is_open:
            return None
        return self._open.get((case.client, case.site))
