"""All detectors on one link: what each of its sources shows, and what the sources together amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from collector.model import Source
from inventory.model import Link
from triage.detection import facts, loss, shift, traffic
from triage.detection.changes import changes_of
from triage.detection.damping import instabilities
from triage.detection.event import MINUTE, Event, meanwhile
from triage.detection.once import Once
from triage.detection.view import View
from triage.model import Cause, Measured
from triage.policy import Policy


@dataclass(frozen=True, eq=False)
class Examined(Once):
    """One link's views and the events found on it, each event already named by its most likely cause."""

    link: Link
    views: Sequence[View]
    events: Sequence[Event]
    traffic_gone: Sequence[Event] = ()
    accounted_for: Sequence[Event] = ()
    """What was found as well, and follows from one of the events."""

    def view(self, order: Sequence[Source], *metrics: str) -> View | None:
        """The view of the first source in the policy's order that measured one of the metrics in the window."""
        for source in order:
            for view in self.views:
                if view.source is source and any(view.has(metric) for metric in metrics):
                    return view
        return None


QUALITY = ("loss_pct", "rtt_ms", "jitter_ms", *loss.METRICS, *shift.METRICS)
TRAFFIC = ("rx_bps", "tx_bps")


def views_of(
    measured: Measured, start: int, now: int, policy: Policy, excluded: Sequence[tuple[int, int]] = ()
) -> list[View]:
    never = (*excluded, *measured.troubled)
    return [
        View(
            series,
            start,
            now,
            policy.windows,
            never,
            measured.zone,
            measured.holidays,
            measured.learnt.get(series.source),
        )
        for series in measured.series
        if len(series)
    ]


def examine(
    measured: Measured,
    start: int,
    now: int,
    policy: Policy,
    excluded: Sequence[tuple[int, int]] = (),
    *,
    behind: bool = True,
) -> Examined:
    """Every degradation of one link in [start, now), in epoch milliseconds; with `behind`, also behind it."""
    link = measured.link
    policy = policy.of(link, measured.client)
    views = views_of(measured, start, now, policy, excluded)
    limits = policy.limits
    found: list[Event] = []
    changes = changes_of(measured, views)
    for view in views:
        for metric in loss.METRICS:
            found += loss.losses(view, metric, policy, limits, changes)
        for metric in shift.METRICS:
            found += shift.shifts(view, metric, policy, limits)
        found += traffic.port_down(view, policy)
    found += facts.link_states(measured, views, start, now, policy)
    found += instabilities(link.id, changes, start, now, policy)
    examined = Examined(link, views, ())
    full, gone = _traffic_events(examined, policy, behind=behind)
    merged = _outages_and_flaps(found, now, policy)
    named = _with_saturation(examined, merged, full, now, policy)
    healthy = [event for event in gone if _healthy(event, named, now, policy)]
    return Examined(link, views, named, healthy, [event for event in found if event not in named])


def _traffic_events(examined: Examined, policy: Policy, *, behind: bool) -> tuple[list[Event], list[Event]]:
    view = examined.view(policy.sources.traffic, *TRAFFIC)
    if view is None:
        return [], []
    metric = "rx_bps" if view.has("rx_bps") else "tx_bps"
    gone = traffic.traffic_gone(view, metric, policy) if behind else []
    return traffic.saturations(view, examined.link, policy), gone


def _healthy(event: Event, others: Sequence[Event], now: int, policy: Policy) -> bool:
    """Whether the line carried packets well enough during most of the event that it cannot be what stopped them."""
    length = event.until(now) - event.onset
    harmful = (Cause.LINK_DOWN, Cause.INSTABILITY, Cause.LOSS)
    return not any(
        other.cause in harmful
        and other.overlap(event.onset, event.until(now), now) > policy.traffic_gone.ill_share * length
        for other in others
    )


def _outages_and_flaps(found: Sequence[Event], now: int, policy: Policy) -> list[Event]:
    """Within an outage nothing else is worth a word; within a flapping line its short outages and losses are not."""
    outages = [event for event in found if event.cause is Cause.LINK_DOWN]
    flapping = [event for event in found if event.cause is Cause.INSTABILITY and not _mostly_in(event, outages, now)]
    long = [
        event
        for event in outages
        if not any(
            event.overlap(flap.onset, flap.until(now), now) > 0
            and event.until(now) - event.onset < 0.5 * (flap.until(now) - flap.onset)
            for flap in flapping
        )
    ]
    rest = [event for event in found if event.cause not in (Cause.LINK_DOWN, Cause.INSTABILITY)]
    near = policy.flapping.half_life_minutes * MINUTE / 2
    return [
        *long,
        *flapping,
        *(event for event in rest if not _mostly_in(event, [*long, *flapping], now, near)),
    ]


def _mostly_in(event: Event, others: Sequence[Event], now: int, near: float = 0) -> bool:
    length = max(1, event.until(now) - event.onset)
    return any(
        other.overlap(event.onset, event.until(now), now) >= 0.5 * length
        or (near and length <= near and other.overlap(event.onset - int(near), event.until(now) + int(near), now) > 0)
        for other in others
    )


def _with_saturation(
    examined: Examined, events: Sequence[Event], full: Sequence[Event], now: int, policy: Policy
) -> list[Event]:
    """A full line that is slow or lossy is slow because it is full; a full line that is neither carries its load.

    It has to be full for the policy's minimum, as far as samples can tell: a slot more or less. One that fills right
    now is believed earlier, when it is slow or lossy as well: otherwise its carrier would be called first.
    """
    kept = list(events)
    view = examined.view(policy.sources.traffic, *TRAFFIC)
    step = view.step if view else 0
    for event in full:
        brief = event.until(now) - event.onset + step < policy.saturation.minimum_minutes * MINUTE
        filling = event.end is None and event.bad_samples >= policy.bad_samples and _beside(event, events, now)
        if brief and not filling:
            continue
        if not (_beside(event, events, now) or _suffers(examined, event, now, policy)):
            continue
        kept = [other for other in kept if not _explained_by(other, event, now)]
        kept.append(replace(event, weight=10 * event.weight))
    return kept


def _explained_by(other: Event, full: Event, now: int) -> bool:
    return other.cause not in (Cause.LINK_DOWN, Cause.INSTABILITY) and meanwhile(other, full, now)


def _beside(full: Event, events: Sequence[Event], now: int) -> bool:
    return any(event.overlap(full.onset, full.until(now), now) > 0 for event in events if event.cause in _QUEUEING)


def _suffers(examined: Examined, full: Event, now: int, policy: Policy) -> bool:
    """Whether delay or jitter is up by the policy's share of the smallest fault while the line is full; a line whose
    quality nobody measures is taken to suffer."""
    view = examined.view(policy.sources.quality, *QUALITY)
    if view is None:
        return True
    inside = (view.time >= full.onset) & (view.time < full.until(now))
    for metric, cause in shift.METRICS.items():
        if view.has(metric) and inside.any():
            size = policy.latency if cause is Cause.LATENCY else policy.jitter
            usual = shift.ordinary(view, metric, size)
            excess = (view.column(metric) - usual.centre)[inside] / usual.effect[inside]
            known = excess[~np.isnan(excess)]
            if len(known) and float(np.median(known)) >= policy.saturation.suffering:
                return True
    return False


_QUEUEING = (Cause.LATENCY, Cause.JITTER, Cause.LOSS)
