"""The other lines of a site's carriers, as a judgement looks at them."""

from __future__ import annotations

from collections.abc import Callable

from triage.detection.link import Examined, examine
from triage.model import Measured
from triage.policy import Policy

ExaminePeer = Callable[[Measured, int, int, Policy], Examined]


def examine_peer(peer: Measured, start: int, now: int, policy: Policy) -> Examined:
    """A carrier's other line; what lies behind it says nothing of the carrier."""
    return examine(peer, start, now, policy, behind=False)


def remembering(examine: ExaminePeer) -> ExaminePeer:
    """The same for each line that several pictures share: what was found of it is kept as long as this is."""
    known: dict[tuple[int, int, int], tuple[Measured, Examined]] = {}

    def of(peer: Measured, start: int, now: int, policy: Policy) -> Examined:
        key = (id(peer), start, now)
        if key not in known:
            known[key] = (peer, examine(peer, start, now, policy))
        return known[key][1]

    return of
