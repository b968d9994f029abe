"""Contact with devices: lost while data flow (management), lost with everything else (site down), and restarts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collector.model import Fact, FactKind, FloatArray
from config.clock import epoch_ms
from triage.detection.baseline import usual_traffic
from triage.detection.event import MINUTE, Event
from triage.detection.facts import answers_polls, data_alive, held
from triage.detection.link import Examined
from triage.model import Cause, Direction, Picture
from triage.policy import Policy
from triage.words import source_words

LOST = {FactKind.EDGE_STATE: "offline", FactKind.POLL_OUTCOME: "timeout"}
LOST_WORDS = {
    FactKind.EDGE_STATE: "device reported offline",
    FactKind.POLL_OUTCOME: "polls of the device unanswered",
}
FEWEST = {FactKind.EDGE_STATE: 1, FactKind.POLL_OUTCOME: 2}
"""Facts in a row that it takes: one poll may be lost on its way, an orchestrator's state is its own conclusion."""


def events(picture: Picture, wan: Sequence[Examined], start: int, now: int, policy: Policy) -> list[Event]:
    """`management_lost`, `site_down` and `device` events of the site's devices in [start, now)."""
    if not wan:
        return []
    found: list[Event] = []
    for device in picture.devices:
        facts = [fact for fact in picture.device_facts if fact.subject == device.id and epoch_ms(fact.time) < now]
        found += _silences(facts, wan, start, now, policy)
        found += [_restart(fact, wan[0].link.id) for fact in facts if _is_recent_restart(fact, start)]
    return found


def _silences(facts: Sequence[Fact], wan: Sequence[Examined], start: int, now: int, policy: Policy) -> list[Event]:
    """Contact lost by one source is management lost as long as another sees data or is answered by the device; lost by
    two and seen by none, the site is down; lost by one and seen by none proves nothing."""
    spans = [
        (kind, source, span)
        for kind, lost in LOST.items()
        for source in sorted({fact.source for fact in facts if fact.kind is kind})
        for span in held([fact for fact in facts if fact.kind is kind and fact.source is source], lost, now)
        if span[1] > start and span[1] - span[0] >= policy.down.minimum_seconds * 1000 and span[2] >= FEWEST[kind]
    ]
    found = []
    for kind, source, (begin, end, count) in spans:
        alive = sorted(
            {
                view.source.value
                for each in wan
                for view in each.views
                if view.source is not source and (data_alive(view, begin, end) or answers_polls(view, begin, end))
            }
        )
        agreeing = {other for _, other, span in spans if span[0] < end and span[1] > begin}
        if not alive and len(agreeing) < 2:
            continue
        cause = Cause.MANAGEMENT_LOST if alive else Cause.SITE_DOWN
        found.append(
            Event(
                link=wan[0].link.id,
                source=source,
                metric=f"fact:{kind.value}",
                cause=cause,
                direction=Direction.BOTH,
                onset=begin,
                end=None if end == now else end,
                value=float(count),
                baseline=0.0,
                threshold=float(FEWEST[kind]),
                rule=_rule(kind, policy.down.minimum_seconds, alive),
                statistic="sum",
                bad_samples=count,
                weight=0.5 if alive else 40.0,
            )
        )
    return found


def _rule(kind: FactKind, seconds: float, alive: Sequence[str]) -> str:
    """Both facts: who lost contact, and who did not."""
    still = f", while {' and '.join(map(source_words, alive))} still saw it alive" if alive else ""
    return f"{LOST_WORDS[kind]} for at least {seconds:g} s{still}"


def _is_recent_restart(fact: Fact, start: int) -> bool:
    return fact.kind is FactKind.REBOOT and epoch_ms(fact.time) >= start


def _restart(fact: Fact, link: str) -> Event:
    end = epoch_ms(fact.time)
    uptime = float(fact.value) if fact.value.replace(".", "", 1).isdigit() else 0.0
    onset = end - int(1000 * min(uptime, 600.0)) - MINUTE
    return Event(
        link=link,
        source=fact.source,
        metric="fact:reboot",
        cause=Cause.DEVICE,
        direction=Direction.BOTH,
        onset=onset,
        end=end + 1,
        value=1.0,
        baseline=0.0,
        threshold=1.0,
        rule="its uptime (sysUpTime) started again",
        statistic="sum",
        bad_samples=1,
        weight=1.0,
    )


def moved(event: Event, each: Examined, wan: Sequence[Examined], now: int, policy: Policy) -> Examined | None:
    """The other line of the site on which traffic that left this one turned up: enough of it to be the same."""
    if event.baseline is None:
        return None
    missing = event.baseline - event.value
    for other in wan:
        view = other.view(policy.sources.traffic, event.metric)
        if other is each or view is None:
            continue
        inside = (view.time >= event.onset) & (view.time < event.until(now))
        before = usual_traffic(view, event.metric, policy.traffic_gone.minimum_bps) or 0.0
        gained = _median(view.column(event.metric)[inside]) - before
        if gained >= policy.traffic_gone.moved_share * missing:
            return other
    return None


def _median(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0
