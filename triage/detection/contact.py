"""Contact with devices: lost while data flow (management), or with everything else (site down); and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from collector.model import Fact, FactKind, FloatArray
from config.clock import epoch_ms
from triage.detection.baseline import usual_traffic
from triage.detection.device import LOST_STANDBY, PAIR, device_events
from triage.detection.event import Event
from triage.detection.facts import answers_polls, data_alive, held
from triage.detection.link import Examined
from triage.model import Cause, Direction, Picture
from triage.policy import Policy
from triage.words import source_words

CONTACT = {FactKind.EDGE_STATE: "offline", FactKind.POLL_OUTCOME: "timeout"}
LOST = {**CONTACT, FactKind.HA_STATE: LOST_STANDBY}
"""The words by which a source says that it has lost a device, or a pair its standby."""
LOST_WORDS = {
    FactKind.EDGE_STATE: "device reported offline",
    FactKind.POLL_OUTCOME: "polls of the device unanswered",
}
FEWEST = {FactKind.EDGE_STATE: 1, FactKind.POLL_OUTCOME: 2}
"""Facts in a row that it takes: one poll may be lost on its way, an orchestrator's state is its own conclusion."""


def events(picture: Picture, wan: Sequence[Examined], start: int, now: int, policy: Policy) -> list[Event]:
    """`management_lost`, `site_down` and `device` events of the site's devices in [start, now).

    States of an orchestrator's own gateways and controllers are none of these: no fact says which site is behind one.
    """
    if not wan:
        return []
    found: list[Event] = []
    for device in picture.devices:
        facts = [fact for fact in picture.device_facts if fact.subject == device.id and epoch_ms(fact.time) < now]
        link = next((each.link.id for each in wan if each.link.device == device.id), wan[0].link.id)
        found += _silences(facts, wan, link, start, now, policy)
        found += device_events(facts, link, start, now, policy)
    return found


def unfelt(event: Event) -> bool:
    """Whether a client cannot feel it: our own contact with a device, and a standby that is lost while the other unit
    serves. It is for us to look after, and no answer to whoever complains about the service."""
    return event.cause is Cause.MANAGEMENT_LOST or event.metric == PAIR


def _silences(
    facts: Sequence[Fact], wan: Sequence[Examined], link: str, start: int, now: int, policy: Policy
) -> list[Event]:
    """Contact lost by one source is management lost as long as another sees data or is answered by the device; lost by
    two and seen by none, the site is down; lost by one and seen by none proves nothing."""
    silent = policy.windows.join_minutes
    spans = [
        (kind, source, span)
        for kind, lost in CONTACT.items()
        for source in sorted({fact.source for fact in facts if fact.kind is kind})
        for span in held(
            [fact for fact in facts if fact.kind is kind and fact.source is source], lost, now, silent=silent
        )
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
                link=link,
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


def failed_over(event: Event, to: str) -> Event:
    """Traffic that is gone from one line, named by the other on which it turned up."""
    return replace(event, cause=Cause.FAILOVER, rule=f"{event.rule}; it turned up on {to}")


def _median(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0
