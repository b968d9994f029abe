"""A line that goes up and down: its state changes, damped as a router damps a route's (RFC 2439).

Each change adds 1 to a penalty, which halves in the policy's half-life. The line is unstable (the RFC's cutoff
threshold) at what the policy's changes make, spread over one half-life; it stays so while a single change's worth is
left (the reuse threshold). The penalty never rises over the cutoff (the RFC's ceiling), so that quiet ends it however
bad it was.
Nothing is remembered between two looks: the penalty is computed anew from the changes themselves.
"""

from __future__ import annotations

import numpy as np

from triage.detection.changes import Changes, Seen
from triage.detection.event import MINUTE, Event
from triage.model import Cause, Direction
from triage.policy import FlappingPolicy, Policy

REUSE = 1.0
"""The penalty of one change: a line that changes once in each half-life stays unstable, and does not become so."""


def instabilities(link: str, changes: Changes, start: int, now: int, policy: Policy) -> list[Event]:
    """Stretches of flapping that reach into [start, now), in epoch milliseconds, as each source saw them."""
    return [
        event
        for seen in changes.seen
        for first, stop in flapping(seen, now, policy.flapping)
        if (event := _event(link, seen, first, stop, now, policy.flapping)).until(now) > start
    ]


def cutoff(policy: FlappingPolicy) -> float:
    """The penalty of the policy's changes when they are spread evenly over one half-life."""
    return sum(2 ** (-place / (policy.changes - 1)) for place in range(policy.changes))


def flapping(seen: Seen, now: int, policy: FlappingPolicy) -> list[tuple[int, int]]:
    """Stretches [first, stop) of the changes before `now`, each of at least the policy's number, none overlapping."""
    time, count = [int(moment) for moment in seen.time if moment < now], seen.count.tolist()
    found: list[tuple[int, int]] = []
    most = cutoff(policy)
    penalty, begun = 0.0, None
    for place, moment in enumerate(time):
        penalty *= _left(moment - time[place - 1], policy) if place else 0.0
        if begun is not None and penalty < REUSE:
            found.append((begun, place))
            begun = None
        penalty = min(penalty + count[place], most)
        if begun is None and penalty >= most:
            begun = _beginning(time, count, place, policy)
            while found and begun < found[-1][1]:
                begun = min(begun, found.pop()[0])
    if begun is not None:
        found.append((begun, len(time)))
    return [(first, stop) for first, stop in found if sum(count[first:stop]) >= policy.changes]


def _left(milliseconds: int, policy: FlappingPolicy) -> float:
    """The share of a penalty that is left after a time."""
    return float(2 ** (-milliseconds / (policy.half_life_minutes * MINUTE)))


def _beginning(time: list[int], count: list[float], place: int, policy: FlappingPolicy) -> int:
    """The first change of the flapping that was noticed at `place`: the same penalty, followed backwards from there."""
    penalty = most = cutoff(policy)
    while place:
        penalty *= _left(time[place] - time[place - 1], policy)
        if penalty < REUSE:
            break
        place -= 1
        penalty = min(penalty + count[place], most)
    return place


def _event(link: str, seen: Seen, first: int, stop: int, now: int, policy: FlappingPolicy) -> Event:
    over = int(seen.time[stop - 1]) + seen.width
    newest = stop == int(np.searchsorted(seen.time, now))
    total = float(seen.count[first:stop].sum())
    # It goes on while its next change may merely be due, not for as long as it would take to be trusted again.
    goes_on = newest and now - over <= policy.half_life_minutes * MINUTE
    return Event(
        link=link,
        source=seen.source,
        metric=seen.metric,
        cause=Cause.INSTABILITY,
        direction=Direction.BOTH,
        onset=int(seen.since[first]),
        end=None if goes_on else over,
        value=total,
        baseline=0.0,
        threshold=float(policy.changes),
        rule=f"state changes as close as {policy.changes} within {policy.half_life_minutes:g} minutes, each counting "
        "half after as long (flap damping, RFC 2439)",
        statistic="sum" if seen.metric == "flaps" else "changes",
        bad_samples=stop - first,
        weight=total / policy.changes,
    )
