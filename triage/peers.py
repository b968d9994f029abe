"""The other lines of a site's carriers, as a judgement looks at them."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from triage.detection.link import Examined, examine
from triage.model import Measured
from triage.policy import Policy

KEPT = 3_000
"""Lines, some 60 MB: pictures of sites beside each other have most of their peers in common."""
ExaminePeer = Callable[[Measured, int, int, Policy], Examined]


def examine_peer(peer: Measured, start: int, now: int, policy: Policy) -> Examined:
    """A carrier's other line; what lies behind it says nothing of the carrier."""
    return examine(peer, start, now, policy, behind=False)


def remembering(examine: ExaminePeer) -> ExaminePeer:
    """The same for each line that several pictures have for a peer, at one moment: what was found of it is kept until
    KEPT others were asked for since."""
    known: dict[Hashable, Examined] = {}
    same: dict[tuple[int, int, int, int], tuple[Measured, Policy, Examined]] = {}

    def of(peer: Measured, start: int, now: int, policy: Policy) -> Examined:
        """Those that were read together are the very same objects: what is kept of one holds it, so no other can be."""
        key = (id(peer), id(policy), start, now)
        if key not in same:
            if len(same) >= KEPT:
                same.clear()
            same[key] = (peer, policy, examined(peer, start, now, policy))
        return same[key][2]

    def examined(peer: Measured, start: int, now: int, policy: Policy) -> Examined:
        read = len(peer.facts), *(len(one) for one in peer.series)  # a read may reach further back, or come later
        key = (peer.link, read, start, now, policy.hash)
        found = known.pop(key, None) or examine(peer, start, now, policy)
        known[key] = found
        if len(known) > KEPT:
            del known[next(iter(known))]
        return found

    return of
