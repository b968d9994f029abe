"""What a tick knows of the open cases, and which sites it judges. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from zlib import crc32

from triage.case_rules import may_worsen
from triage.cases import CaseStatus, PendingWhy
from triage.model import Cause

OPEN_CASES_EVERY = 5
"""Minutes between two looks at a case that is open already; spread by site, so that no case moves another's."""
CHILDREN_EVERY = 30
"""As OPEN_CASES_EVERY, of a case that a carrier's stands for and whose line is bad to this moment."""


class Standing(NamedTuple):
    """An open case: `waits` tells what it waits for."""

    case: str
    site: str
    status: CaseStatus
    cause: Cause
    waits: PendingWhy | None
    parent: str | None
    is_parent: bool


def sites_to_judge(
    cases: Sequence[Standing],
    nominated: Collection[str],
    struck: Collection[str],
    known: Collection[str],
    minute: int,
    tick_minutes: int,
) -> set[str]:
    """The nominated sites without a case, and those whose case has its turn. `struck`: those that are bad to this
    moment; `known`: the inventory's; ticks are `tick_minutes` apart."""
    sites, turn = set(nominated), minute // tick_minutes
    for one in cases:
        if one.parent is None and may_worsen(one.status, one.cause):
            continue
        every = CHILDREN_EVERY if one.parent is not None and one.site in struck else OPEN_CASES_EVERY
        looked_at = (turn + crc32(one.site.encode())) % max(1, every // tick_minutes) == 0
        if one.status is CaseStatus.SUSPECTED or one.waits is PendingWhy.STATISTICS or not looked_at:
            sites.discard(one.site)
        elif one.site in known:
            sites.add(one.site)
    return sites
