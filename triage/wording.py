"""A verdict's reason in one sentence for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collector.model import FIELDS
from config.clock import from_epoch_ms, rfc3339
from triage.coverage import Covered
from triage.detection.event import Event
from triage.model import Cause, VerdictKind
from triage.scope import CarrierPicture

CAUSES: Mapping[Cause, str] = {
    Cause.LINK_DOWN: "the line is down",
    Cause.SITE_DOWN: "every line of the site is down",
    Cause.LOSS: "packets are lost",
    Cause.LATENCY: "the delay is high",
    Cause.JITTER: "the delay varies",
    Cause.SATURATION: "the client's own traffic fills the line",
    Cause.INSTABILITY: "the line goes up and down",
    Cause.FAILOVER: "the traffic has moved to another line",
    Cause.LAN: "the line is healthy and nothing comes from behind it",
    Cause.DEVICE: "the device restarted",
    Cause.MANAGEMENT_LOST: "management contact is lost while the line carries data",
}


def found(kind: VerdictKind, event: Event, cause: Cause, carrier: CarrierPicture) -> str:
    """What is wrong, where, since when, by which figure, and whether others have it too."""
    tense = "" if kind is VerdictKind.CONFIRMED else "It is over: "
    until = "" if event.end is None else f" until {rfc3339(from_epoch_ms(event.end // 1000 * 1000))}"
    since = rfc3339(from_epoch_ms(event.onset // 1000 * 1000))
    others = f"; {carrier.struck} of {carrier.peers} other sites of the carrier have it too" if carrier.shared else ""
    return f"{tense}{CAUSES.get(cause, cause.value)} on {event.link} since {since}{until}: {figure(event)}{others}"


def figure(event: Event) -> str:
    """The figure that is compared, with its unit and what is ordinary."""
    if event.metric.startswith("fact:"):
        return f"{event.source.value} reported {event.rule}"
    unit = FIELDS.get(event.metric, "")
    ordinary = "" if event.baseline is None else f", ordinarily {event.baseline:.3g}"
    return f"{event.statistic} of {event.metric} {event.value:.4g} {unit}".rstrip() + (
        f"{ordinary}, a fault from {event.threshold:.4g}"
    )


def not_measured(seen: Covered, *, measured: bool) -> str:
    """Why nothing can be said yet, or at all."""
    count = seen.coverage
    if seen.rejudge_at is not None:
        return (
            f"{count.pending} samples of the claimed time have yet to arrive; "
            f"it is judged again at {rfc3339(seen.rejudge_at)}"
        )
    if measured or not count.expected:
        return "nothing measured the claimed time; ask the client for a test while the line is watched"
    return f"only {count.present} of {count.expected} samples of the claimed time are there; that proves nothing"


def ordinary(detectable: Mapping[str, float], habitual: Sequence[Event]) -> str:
    """What was looked for and not found, or that it is always so."""
    if habitual:
        return f"as bad as always at this hour: {figure(habitual[0])}"
    smallest = ", ".join(f"{name} {value:.3g} {FIELDS.get(name, '')}".rstrip() for name, value in detectable.items())
    return "measured, and no worse than ordinary" + (f"; a fault would have shown from {smallest}" if smallest else "")


def why_not(other: Event, chosen: Event) -> str:
    """Why the second-best cause is not the one that is named."""
    return (
        f"{other.metric} reached {other.weight:.1f} times what counts as a fault, "
        f"{chosen.metric} {chosen.weight:.1f} times"
    )
