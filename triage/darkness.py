"""A box that is switched off for the night is no outage. Pure.

Dark is a site from which no sign of life came: no packet, no answer to a poll, no word of an orchestrator that its
device has contact. A darkness that began while the site was closed is its own doing, until it opens. One line that is
down while anything else of the site lives is a fault at any hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from collector.model import Fact, FactKind, Series, Source, TimeArray
from config.clock import epoch_ms, from_epoch_ms
from inventory.model import Site
from triage.detection.event import MINUTE, Event
from triage.hours import next_opening, open_at
from triage.model import Cause, Measured, Picture
from triage.policy import Policy
from triage.recompute import FACTS, recompute, recompute_from_facts

Period = tuple[int, int]
"""[from, to) in epoch milliseconds."""
IN_CONTACT = ("connected", "degraded")
ALIVE = ("stable", "unstable", "standby", "quiet")
"""Link states that an orchestrator can only tell of while it hears the device."""


def switched_off(
    site: Site, links: Sequence[Measured], device_facts: Sequence[Fact], policy: Policy, now: int
) -> list[Period]:
    """When the whole site was dark while it was closed: from the last sign of life to the first, or to the opening.

    Empty for a site that tells no hours. People close a little early, and samples are long: it counts as closed from
    the policy's `onset_slack_minutes` before closing.
    """
    if not site.business_hours:
        return []
    slack = int(policy.claims.onset_slack_minutes * MINUTE)
    found = []
    for begin, end in _dark(links, device_facts, now):
        shortly = begin + slack
        asleep = _closed_until(site, shortly if end == now else min(shortly, end), end)
        if asleep is not None and asleep - begin >= policy.down.minimum_seconds * 1000:
            found.append((begin, asleep))
    return found


def _closed_until(site: Site, moment: int, end: int) -> int | None:
    """The opening that follows, at most `end`; None when it is open at this moment, which may be yet to come."""
    if open_at(site, from_epoch_ms(moment)):
        return None
    opening = next_opening(site, from_epoch_ms(moment))
    return end if opening is None else min(end, epoch_ms(opening))


def _dark(links: Sequence[Measured], device_facts: Sequence[Fact], now: int) -> list[Period]:
    """The gaps between signs of life of anything at the site, from the first sign on."""
    parts = [_alive(one) for one in _series(links) if len(one)]
    facts = [*device_facts, *(fact for measured in links for fact in measured.facts)]
    parts.append(np.array(list(_told(facts, now)), dtype=np.int64).reshape(-1, 2))
    spans = np.concatenate(parts)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    spans = spans[spans[:, 0] < now]
    if not len(spans):
        return []
    until = np.maximum.accumulate(spans[:, 1])
    following = np.append(spans[1:, 0], now)
    gaps = following > until
    return list(zip(until[gaps].tolist(), following[gaps].tolist(), strict=True))


def _alive(series: Series) -> TimeArray:
    """The slots [from, to) in which something came through. A row of a device's own counters is one whatever it says;
    an orchestrator's zeros are not."""
    some = np.zeros(len(series), dtype=bool)
    for name in ("loss_pct", "loss_rx_pct", "loss_tx_pct"):
        some |= np.nan_to_num(series.column(name), nan=100.0) < 99
    for name in ("rx_bps", "tx_bps", "oper_up", "flaps"):
        values = series.column(name)
        some |= np.nan_to_num(values) > 0 if series.source is Source.ORCHESTRATOR else ~np.isnan(values)
    time = series.time[some]
    return np.stack((time, time + series.seconds[some].astype(np.int64) * 1000), axis=1)


def _told(facts: Sequence[Fact], now: int) -> Iterator[Period]:
    """Signs of life in words: contact with a device lasts until its source says otherwise, the rest are moments."""
    by_speaker: dict[tuple[str, Source], list[Fact]] = {}
    for fact in sorted(facts):
        moment = epoch_ms(fact.time)
        if fact.kind is FactKind.EDGE_STATE:
            by_speaker.setdefault((fact.subject, fact.source), []).append(fact)
        elif (fact.kind is FactKind.LINK_STATE and fact.value in ALIVE) or (
            fact.kind is FactKind.POLL_OUTCOME and fact.value == "ok"
        ):
            yield moment, moment + 1
    for said in by_speaker.values():
        ends = [*(epoch_ms(fact.time) for fact in said), now]
        for fact, (begin, end) in zip(said, pairwise(ends), strict=True):
            if fact.value in IN_CONTACT:
                yield begin, end


def told_apart(
    events: Sequence[Event], off: Sequence[Period], picture: Picture, policy: Policy, now: int,
    shared: Callable[[Event], bool],
) -> tuple[list[Event], list[Event]]:  # fmt: skip
    """The events that count, and the outages that do not as the site was switched off.

    One that outlasts the opening counts from the opening on, by what was measured from then on. `shared` tells whether
    others whose hours are none of this client's were struck at the same time: then it is their carrier's.
    """
    slack = int(policy.claims.onset_slack_minutes * MINUTE)
    counted, resting = [], []
    for event in events:
        period = next(((begin, end) for begin, end in off if begin - slack <= event.onset < end), None)
        if event.cause not in (Cause.LINK_DOWN, Cause.SITE_DOWN) or period is None or shared(event):
            counted.append(event)
        elif event.until(now) <= period[1] + slack or (later := _from(event, period[1], picture, now)) is None:
            resting.append(event)
        else:
            counted.append(later)
    return counted, resting


def _from(event: Event, opening: int, picture: Picture, now: int) -> Event | None:
    """The same outage from the opening on; None when what came after it does not show one."""
    moved = replace(event, onset=opening)
    finding = moved.finding()
    own = [measured for measured in picture.links if measured.link.id == event.link]
    if event.metric.startswith(FACTS):
        facts = [*picture.device_facts, *(fact for measured in own for fact in measured.facts)]
        value = recompute_from_facts(finding, facts, [event.link, *(device.id for device in picture.devices)])
    else:
        value = next((recompute(finding, one, now) for one in _series(own) if one.source is event.source), np.nan)
    return replace(moved, value=value) if value >= event.threshold else None


def _series(measured: Sequence[Measured]) -> Iterator[Series]:
    for one in measured:
        yield from one.series
