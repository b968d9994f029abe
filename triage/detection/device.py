"""What is said of a site's devices: restarts, failed services, too much load, and a pair that has lost its standby."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from collector.model import Fact, FactKind, Source
from config.clock import epoch_ms
from triage.detection.event import MINUTE, Event
from triage.detection.facts import held
from triage.model import Cause, Direction
from triage.policy import Policy

REBOOT, RESTART, LOAD, PAIR = "fact:reboot", "fact:event/restart", "fact:event/load", "fact:ha_state"
LOST_STANDBY = "failed"
TOLD: Mapping[str, frozenset[str]] = {
    RESTART: frozenset({"EDGE_REBOOTING", "EDGE_SERVICE_FAILED", "system-reboot-issued"}),
    LOAD: frozenset({"EDGE_MEMORY_USAGE_WARNING", "OVERTEMP"}),
}
"""Events in their sources' words."""
RULES: Mapping[str, str] = {
    REBOOT: "its uptime (sysUpTime) started again",
    RESTART: "the device said that it restarts, or that a service of it failed",
    LOAD: "the device said that it is short of memory, or too hot",
    PAIR: "the standby of the pair is lost: the other unit serves, and nothing would take over from it",
}
WEIGHTS: Mapping[str, float] = {REBOOT: 1.0, RESTART: 1.0, LOAD: 0.5, PAIR: 0.25}
"""A device that is busy explains less than a line that is measured to ail, and a lost standby explains nothing yet."""


def device_events(facts: Sequence[Fact], link: str, start: int, now: int, policy: Policy) -> list[Event]:
    """`device` events of one device in [start, now), told at `link`, one of its lines."""
    near = int(policy.flapping.half_life_minutes * MINUTE)
    found = []
    for source in sorted({fact.source for fact in facts}):
        own = [fact for fact in facts if fact.source is source]
        for metric in (REBOOT, *TOLD):
            times = sorted(epoch_ms(fact.time) for fact in own if _tells(fact, metric))
            found += [_event(metric, link, source, row[0], row[-1] + 1, len(row)) for row in _rows(times, near)]
        pair = [fact for fact in own if fact.kind is FactKind.HA_STATE]
        for begin, end, count in held(pair, LOST_STANDBY, now, unknown_for=0, silent=policy.windows.join_minutes):
            if end - begin >= policy.down.minimum_seconds * 1000:
                found.append(_event(PAIR, link, source, begin, None if end == now else end, count))
    return [event for event in found if event.until(now) > start]


def _tells(fact: Fact, metric: str) -> bool:
    if metric == REBOOT:
        return fact.kind is FactKind.REBOOT
    return fact.kind is FactKind.EVENT and fact.value in TOLD[metric]


def _rows(times: Sequence[int], near: int) -> Iterator[list[int]]:
    """Moments with no more than this between two of them: a device that fails again and again is told once."""
    breaks = [place for place, (one, other) in enumerate(pairwise(times), 1) if other - one > near]
    for first, stop in pairwise([0, *breaks, len(times)]):
        if stop > first:
            yield list(times[first:stop])


def _event(metric: str, link: str, source: Source, onset: int, end: int | None, count: int) -> Event:
    return Event(
        link=link,
        source=source,
        metric=metric,
        cause=Cause.DEVICE,
        direction=Direction.BOTH,
        onset=onset,
        end=end,
        value=float(count),
        baseline=0.0,
        threshold=1.0,
        rule=RULES[metric],
        statistic="sum",
        bad_samples=count,
        weight=WEIGHTS[metric],
    )
