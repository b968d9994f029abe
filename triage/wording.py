"""A verdict's reason in one sentence for a person: in words, scaled units, and the time of the site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from collector.model import FIELDS
from config.clock import from_epoch_ms
from triage.coverage import Covered
from triage.detection.event import Event
from triage.formatting import in_a_sentence, quantity, since_time
from triage.model import Cause, Direction, VerdictKind
from triage.policy import Policy
from triage.scope import CarrierPicture
from triage.words import CAUSE_WORDS, STATISTIC_WORDS, metric_words, source_words

CAUSES: Mapping[Cause, str] = {
    Cause.LINK_DOWN: "the line is down",
    Cause.SITE_DOWN: "every line of the site is down",
    Cause.SATURATION: "the client's own traffic fills the line",
    Cause.INSTABILITY: "the line goes up and down",
    Cause.FAILOVER: "the traffic has moved to another line",
    Cause.LAN: "the line is healthy and nothing comes from behind it",
    Cause.DEVICE: "the device itself is in trouble",
    Cause.MANAGEMENT_LOST: "management contact is lost while the line carries data",
}
"""Causes that a figure alone does not tell; loss, delay and jitter are told by theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where and when a sentence is read: the site's zone, and now."""

    zone: tzinfo
    now: datetime

    def at(self, moment: datetime) -> str:
        return since_time(moment, self.zone, self.now)

    def since(self, event: Event) -> str:
        until = "" if event.end is None else f" until {self.at(from_epoch_ms(event.end))}"
        return f"since {self.at(from_epoch_ms(event.onset))}{until}"


def found(kind: VerdictKind, event: Event, cause: Cause, carrier: CarrierPicture, here: Here) -> str:
    """What is wrong, where, since when, by which figure, and whether others have it too."""
    tense = "" if kind is VerdictKind.CONFIRMED else "it is over: "
    where = f"on {event.link} {here.since(event)}"
    told = f"{CAUSES[cause]} {where}: {figure(event)}" if cause in CAUSES else f"{figure(event)} {where}"
    area = "the carrier in this market" if carrier.nearby else "the carrier"
    others = f"; {event.rule}" if cause is Cause.FAILOVER else ""
    others += f"; {carrier.struck} of {carrier.peers} other sites of {area} have it too" if carrier.shared else ""
    return f"{tense}{told}{_against(event)}{others}"


def figure(event: Event) -> str:
    """The figure that is compared, in words with its unit."""
    if event.statistic == "changes" or event.metric == "flaps":
        return f"{event.value:.0f} state changes told by the {source_words(event.source.value)}"
    if event.metric.startswith("fact:"):
        return f"{source_words(event.source.value)}: {event.rule}"
    if event.metric == "oper_up":
        return event.rule
    value = in_a_sentence(event.value, FIELDS.get(event.metric, ""))
    return f"{metric_words(event.metric)} of {value} {STATISTIC_WORDS[event.statistic]}"


def _against(event: Event) -> str:
    """What is ordinary, and from where on it is a fault; nothing where the figure is a count of what was said."""
    if event.metric.startswith("fact:") or event.metric == "oper_up":
        return ""
    unit = FIELDS.get(event.metric, "")
    usual = "" if event.baseline is None else f"; ordinarily {in_a_sentence(event.baseline, unit)}"
    limit = in_a_sentence(event.threshold, unit).replace(".0 ", " ")
    side = "down to" if event.value < event.threshold else "from"
    return f"{usual}{',' if usual else ';'} a fault {side} {limit}"


def not_measured(seen: Covered, here: Here, *, measured: bool) -> str:
    """Why nothing can be said yet, or at all."""
    count = seen.coverage
    if seen.rejudge_at is not None:
        samples = "1 sample of the claimed time has" if count.pending == 1 else f"{count.pending} samples have"
        due = "it is" if count.pending == 1 else "they are"
        return f"{samples} yet to arrive; {due} due by {here.at(seen.rejudge_at)}"
    if measured or not count.expected:
        return "nothing measured the claimed time; ask the client for a test while the line is watched"
    return f"only {count.present} of {count.expected} samples of the claimed time are there; that proves nothing"


def ordinary(detectable: Mapping[str, float], habitual: Sequence[Event]) -> str:
    """What was looked for and not found, or that it is always so."""
    if habitual:
        return f"as bad as always at this hour: {figure(habitual[0])}"
    smallest = ", ".join(
        f"{metric_words(name)} {in_a_sentence(value, FIELDS.get(name, ''))}" for name, value in detectable.items()
    )
    return "measured, and no worse than ordinary" + (f"; a fault would have shown from {smallest}" if smallest else "")


def switched_off(begin: int, end: int, here: Here) -> str:
    """Why a dark site (epoch milliseconds) is no outage."""
    return (
        f"nothing came from the site from {here.at(from_epoch_ms(begin))} until {here.at(from_epoch_ms(end))}, "
        "while it was closed: its equipment is taken to have been switched off"
    )


def why_not(other: Event, chosen: Event, *, explained: bool) -> str:
    """Why the second-best cause is not the one that is named. `explained`: the chosen one's traffic caused it."""
    measured = f"{figure(other)} on {other.link}"
    if explained:
        return f"{measured} follows from {CAUSE_WORDS[chosen.cause]} on {chosen.link}, whose traffic moves there"
    if chosen.cause in (Cause.LINK_DOWN, Cause.SITE_DOWN):
        if other.cause is Cause.DEVICE:
            return (
                f"{measured}, within the outage: power or the device itself may have failed instead of the lines; "
                "have somebody on site look at both"
            )
        return f"{measured} matters less than a line that carries nothing"
    if chosen.cause is Cause.LAN:
        worse = "moves the service" if other.cause is Cause.FAILOVER else "makes the service worse"
        return f"{measured} {worse} and does not stop it; {figure(chosen)} does"
    if Cause.DEVICE in (other.cause, chosen.cause) or other.cause is Cause.MANAGEMENT_LOST:
        return f"{measured} by itself does not say that the service suffered; {figure(chosen)} does"
    return f"{measured} is {_times(other)}; {figure(chosen)} is {_times(chosen)}, the worse of the two"


def accounted_for(other: Event, chosen: Event) -> str:
    """Why what was found beside a full or a flapping line is no cause of its own."""
    while_it = "is full" if chosen.cause is Cause.SATURATION else "goes up and down"
    return f"{figure(other)} on {other.link} is there while the line {while_it}, and follows from that"


def rival(chosen: Event) -> str:
    """Why the cause that shows itself most like the chosen one is not meant."""
    match chosen.cause:
        case Cause.FAILOVER:
            return "nothing is missing behind the lines: the traffic turned up on another one"
        case Cause.LAN:
            return "none of the site's other lines carries what is missing on this one"
        case Cause.MANAGEMENT_LOST:
            return f"data passed all the while: {chosen.rule}"
        case Cause.LINK_DOWN | Cause.SITE_DOWN:
            return "where only contact is lost somebody else still sees data pass, and nobody did"
        case _:
            return "a lossy line loses evenly: this one was well in between, or its state was seen to change"


def load(most: float | None, unknown: Sequence[Direction], policy: Policy) -> str:
    """Why a full line is not meant: `most` is the highest use in % of capacity, None when nobody knows."""
    full = policy.saturation.utilisation_pct
    told = [f"the line's capacity ({direction}) is not known" for direction in unknown]
    if most is None:
        return f"{' and '.join(told) or 'nobody measured the traffic'}: a full line cannot be ruled out"
    if most >= full:
        told.insert(0, f"the line was full ({most:.0f} %), but not for long enough or not because of it")
    else:
        told.insert(0, f"the line was filled to {most:.0f} % at most; it is full from {full:g} %")
    return "; ".join(told)


def full_by_measured(size: float) -> str:
    """Two capacities that differ so far that the line is full by one of them only (`size` in bit/s)."""
    return f"of the {quantity(size, 'bit/s')} that were measured when its edge started it was full"


def capacity_unknown(unknown: Sequence[Direction]) -> str:
    """What no answer can be given to, as nobody knows how much the line can carry."""
    return f"whether its own traffic fills the line ({' and '.join(unknown)}) is not known, as its capacity is not"


def _times(event: Event) -> str:
    if event.value <= event.threshold or not event.threshold:
        return "a fault"
    limit = quantity(event.threshold, FIELDS.get(event.metric, ""))
    return f"{event.value / event.threshold:.1f} times what counts ({limit})"
