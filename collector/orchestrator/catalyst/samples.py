"""From the manager's statistics to samples of our links, and to facts on what is not theirs. Pure.

What the figures are: an edge sends a BFD echo through each tunnel, one a second by default. Latency is the round trip
from echo to reply, jitter its variation, loss the share of echoes without a reply, each averaged over the app-route
poll interval, ten minutes by default (Cisco, "Enhanced Application-Aware Routing"). All three are two-way: `rtt_ms`,
`jitter_ms`, `loss_pct`. `entry_time` is the moment of the reading, the end of its interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from collector.model import Fact, FactKind, FloatArray, SampleBatch, Source
from collector.orchestrator.catalyst.attribution import Attribution, IntArray, Tunnels, attributed
from collector.orchestrator.catalyst.places import End, Places
from collector.orchestrator.catalyst.readings import InterfaceReadings, TunnelReadings
from config.clock import epoch_ms

REMOTE_END_LOSS = "REMOTE_END_LOSS"
TUNNEL_LOSS = "TUNNEL_LOSS"
LOSS_NOT_TOLD_APART = "LOSS_NOT_TOLD_APART"
"""Values of EVENT facts about a link: loss of its tunnels that is the far end's, that of one way between two good
lines, and that for which nobody can be compared."""
ENDS_SHOWN = 4
SHARE_TOLD = 0.25
"""Loss at fewer of a line's tunnels is not told: in a full mesh every site has a tunnel to each site in trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Samples, and what was found about loss that is not, or not surely, the link's own."""

    samples: SampleBatch
    findings: Sequence[Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStatistics:
    """What each of m ends measured in one window; the attribution is of its `tunnels`."""

    ends: Sequence[End]
    tunnels: Tunnels
    attribution: Attribution


def readings_window(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """When the readings of the window [start, end) are taken: those whose interval, as long as the window and ending
    with the reading, has its middle in it. So each reading belongs to one window."""
    half = (end - start) / 2
    return start + half, end + half


def statistics_batch(
    tunnels: Sequence[TunnelReadings],
    interfaces: Sequence[InterfaceReadings],
    places: Places,
    start: datetime,
    end: datetime,
    now: datetime,
) -> Statistics:
    """One sample of [start, end) for each of our links of which something was measured in it."""
    first, last = (epoch_ms(moment) for moment in readings_window(start, end))
    quality = end_statistics(tunnels, places.sites, first, last)
    figures: dict[str, dict[str, float]] = {}
    for number, one in enumerate(quality.ends):
        link = places.link_of(*one)
        if link is not None:
            figures.setdefault(link, {}).update(
                rtt_ms=quality.attribution.rtt_ms[number],
                jitter_ms=quality.attribution.jitter_ms[number],
                loss_pct=quality.attribution.loss_pct[number],
            )
    for (address, interface), (rx, tx) in interface_rates(interfaces, first, last).items():
        link = places.link_at(address, interface)
        if link is not None:
            figures.setdefault(link, {}).update(rx_bps=rx, tx_bps=tx)
    return Statistics(samples=_batch(figures, start, end, now), findings=findings(quality, places, start, now))


FIELDS = ("rtt_ms", "jitter_ms", "loss_pct", "rx_bps", "tx_bps")


def _batch(figures: Mapping[str, Mapping[str, float]], start: datetime, end: datetime, now: datetime) -> SampleBatch:
    measured = [link for link, values in figures.items() if not all(np.isnan(value) for value in values.values())]
    return SampleBatch(
        source=Source.ORCHESTRATOR,
        links=measured,
        time=np.full(len(measured), epoch_ms(start), dtype=np.int64),
        seconds=np.full(len(measured), round((end - start).total_seconds()), dtype=np.int32),
        received_at=np.full(len(measured), epoch_ms(now), dtype=np.int64),
        fields={
            name: np.array([figures[link].get(name, np.nan) for link in measured], dtype=np.float64) for name in FIELDS
        },
    )


def end_statistics(
    readings: Sequence[TunnelReadings], sites: Mapping[str, str], first: int, last: int
) -> EndStatistics:
    """What each end measured by readings with first <= `end` < last (epoch ms): a tunnel's readings are averaged, each
    counting as many times as it sent echoes, then its figures are attributed to its ends. `sites` gives the site of a
    system IP; one without is a site of its own."""
    numbers: dict[End, int] = {}
    pairs: dict[tuple[int, int], int] = {}
    index: list[int] = []
    kept: list[TunnelReadings] = []
    inside: list[IntArray] = []
    for page in readings:
        chosen = np.flatnonzero((page.end >= first) & (page.end < last))
        kept.append(page)
        inside.append(chosen)
        for i in chosen.tolist():
            local = numbers.setdefault((page.local[i], page.local_colour[i]), len(numbers))
            remote = numbers.setdefault((page.remote[i], page.remote_colour[i]), len(numbers))
            index.append(pairs.setdefault((local, remote), len(pairs)))

    def column(name: str) -> FloatArray:
        parts = [getattr(page, name)[chosen] for page, chosen in zip(kept, inside, strict=True)]
        return np.concatenate([np.empty(0), *parts])

    of = np.array(index, dtype=np.int64)
    sent = column("sent")
    weight = np.where(sent > 0, sent, 1.0)
    site_numbers: dict[str, int] = {}
    site = [site_numbers.setdefault(sites.get(address, address), len(site_numbers)) for address, _ in numbers]
    tunnels = Tunnels(
        local=np.array([local for local, _ in pairs], dtype=np.int64),
        remote=np.array([remote for _, remote in pairs], dtype=np.int64),
        site=np.array(site, dtype=np.int64),
        loss_pct=weighted_mean(of, column("loss_pct"), weight, len(pairs)),
        rtt_ms=weighted_mean(of, column("rtt_ms"), weight, len(pairs)),
        jitter_ms=weighted_mean(of, column("jitter_ms"), weight, len(pairs)),
    )
    return EndStatistics(ends=list(numbers), tunnels=tunnels, attribution=attributed(tunnels))


def weighted_mean(groups: IntArray, values: FloatArray, weights: FloatArray, total: int) -> FloatArray:
    """Of each of `total` groups the mean of its values that are not NaN; NaN where there is none."""
    there = ~np.isnan(values)
    summed = np.bincount(groups[there], weights=(values * weights)[there], minlength=total)
    weight = np.bincount(groups[there], weights=weights[there], minlength=total)
    mean = np.full(total, np.nan)
    np.divide(summed, weight, out=mean, where=weight > 0)
    return mean


def interface_rates(
    readings: Sequence[InterfaceReadings], first: int, last: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """Mean download and upload (bit/s) of each (system IP, interface) by its readings with first <= `end` < last."""
    numbers: dict[tuple[str, str], int] = {}
    index: list[int] = []
    rx: list[FloatArray] = [np.empty(0)]
    tx: list[FloatArray] = [np.empty(0)]
    for page in readings:
        chosen = np.flatnonzero((page.end >= first) & (page.end < last))
        index += [numbers.setdefault((page.address[i], page.interface[i]), len(numbers)) for i in chosen.tolist()]
        rx.append(page.rx_bps[chosen])
        tx.append(page.tx_bps[chosen])
    of, once = np.array(index, dtype=np.int64), np.ones(len(index))
    means = (weighted_mean(of, np.concatenate(column), once, len(numbers)).tolist() for column in (rx, tx))
    return dict(zip(numbers, zip(*means, strict=True), strict=True))


def findings(quality: EndStatistics, places: Places, start: datetime, now: datetime) -> list[Fact]:
    """Facts, at the window's start, on loss at our links' tunnels that is not, or not surely, the link's own."""
    found = quality.attribution
    tunnels = quality.tunnels
    facts = []
    remote_of: dict[tuple[str, str], list[str]] = {}
    tunnels_of = np.bincount(tunnels.local, minlength=len(quality.ends))
    elsewhere = found.blamed | found.stray
    share = np.bincount(tunnels.local[elsewhere], minlength=len(quality.ends)) / np.maximum(tunnels_of, 1)
    for i in np.flatnonzero(elsewhere & (share >= SHARE_TOLD)[tunnels.local]).tolist():
        link = places.link_of(*quality.ends[int(tunnels.local[i])])
        if link is None:
            continue
        far = f"{' '.join(quality.ends[int(tunnels.remote[i])])}: {tunnels.loss_pct[i]:.1f} %"
        if found.blamed[i]:
            far += f" ({found.agreeing[i]} of {found.seen_by[i]} other sites see loss there, half of them "
            far += f"{found.seen_pct[i]:.1f} % or more)"
        remote_of.setdefault((link, REMOTE_END_LOSS if found.blamed[i] else TUNNEL_LOSS), []).append(far)
    for (link, value), ends in remote_of.items():
        said = "its far end is lossy" if value == REMOTE_END_LOSS else "the way between two good lines is lossy"
        facts.append(_finding(link, value, f"not this line's loss, {said}: {_shown(ends)}", start, now))
    for number in np.flatnonzero(~found.told_apart).tolist():
        link = places.link_of(*quality.ends[number])
        if link is not None:
            detail = (
                f"{found.loss_pct[number]:.1f} % at every tunnel, and nobody to compare with: the line's own, or its "
                "far end's"
            )
            facts.append(_finding(link, LOSS_NOT_TOLD_APART, detail, start, now))
    return facts


def _finding(link: str, value: str, detail: str, start: datetime, now: datetime) -> Fact:
    return Fact(start, link, FactKind.EVENT, value, Source.ORCHESTRATOR, now, detail)


def _shown(ends: Sequence[str]) -> str:
    more = f" and {len(ends) - ENDS_SHOWN} more" if len(ends) > ENDS_SHOWN else ""
    return ", ".join(ends[:ENDS_SHOWN]) + more


def joined(batches: Sequence[SampleBatch]) -> SampleBatch:
    """Batches of one device as one; no batch at all gives an empty one."""
    return SampleBatch(
        source=Source.ORCHESTRATOR,
        links=[link for batch in batches for link in batch.links],
        time=np.concatenate([np.empty(0, np.int64), *(batch.time for batch in batches)]),
        seconds=np.concatenate([np.empty(0, np.int32), *(batch.seconds for batch in batches)]),
        received_at=np.concatenate([np.empty(0, np.int64), *(batch.received_at for batch in batches)]),
        fields={name: np.concatenate([np.empty(0), *(batch.fields[name] for batch in batches)]) for name in FIELDS},
    )
