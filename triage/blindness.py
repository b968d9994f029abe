"""Are we blind ourselves? Pure.

If an unlikely share of unrelated sites goes silent at once, it is our outage: no troubles, no tickets, one alarm. Sites
are related that one carrier's trouble, or one market's (its power, its weather), would silence alike: what one of those
explains is theirs. Nothing tells a fleet of one carrier from that carrier's outage but control probes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from collector.model import Cadence, Source
from collector.store.hot import MINUTE_MS, HotWindow
from collector.store.hot_facts import Run
from collector.store.rows import SOURCES
from config.clock import epoch_ms
from inventory.model import Inventory, Link

SILENT_SHARE = 0.5
FEWEST_SITES = 6
"""With fewer sites than this, half of them silent is not unlikely enough."""
FEWEST_SILENT = 3
"""Beside what one carrier or market explains: where one site in a hundred is dark at any time, three of six at once by
chance are two in a hundred thousand."""
LOSS = "loss_pct"
AT_ONCE = 8192
"""Series whose losses are looked at together: bounds memory, not speed."""
_PROBE = SOURCES.index(Source.PROBE)


@dataclass(frozen=True, slots=True, eq=False)
class Kinship:
    """Of each watched link the numbers of its site and of its carrier (-1: not known), and of each site that of its
    market (-1)."""

    site: NDArray[np.intp]
    carrier: NDArray[np.intp]
    market: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Of each site whether it was heard at all within the window, whether lately, and for each that was the domains
    (carriers, and behind them markets) of which one alone explains its silence: pairs of site and domain."""

    known: NDArray[np.bool_]
    spoke: NDArray[np.bool_]
    explained: NDArray[np.intp]
    by: NDArray[np.intp]
    carriers: int


def kinship_of(lines: Sequence[Link], inventory: Inventory) -> Kinship:
    """`lines` as the hot window numbers them."""
    sites = {site: place for place, site in enumerate(dict.fromkeys(line.site for line in lines))}
    carriers: dict[str, int] = {}
    markets: dict[str, int] = {}
    carrier = [carriers.setdefault(each, len(carriers)) if each else -1 for each in map(_domain, lines)]
    at = [inventory.sites[site].market for site in sites]
    return Kinship(
        site=np.array([sites[line.site] for line in lines], dtype=np.intp),
        carrier=np.array(carrier, dtype=np.intp),
        market=np.array([markets.setdefault(each, len(markets)) if each else -1 for each in at], dtype=np.intp),
    )


def _domain(line: Link) -> str:
    return line.fault_domain or "" if line.is_wan else ""


def heard(hot: HotWindow, kinship: Kinship, cadences: Mapping[Source, Cadence], now: datetime) -> Heard:
    """Who was heard lately.

    A source is silent when none of its slots is younger than twice its cadence plus its lateness; a probe whose packets
    were all lost has heard nothing. A site is silent when its quickest source is, unless another tells of a later time:
    what comes late by nature does not speak for now. No carrier explains that a probe was not even sent.
    """
    moment, minute = epoch_ms(now), epoch_ms(now) // MINUTE_MS
    newest = _newest_heard(hot, minute)
    known = np.flatnonzero(newest >= moment - hot.minutes * MINUTE_MS)
    link, source, newest = hot.link[known], hot.source[known], newest[known]
    silence = np.array([_silence_ms(cadences.get(each)) for each in SOURCES])[source]
    length = hot.slot_seconds[known].astype(np.int64) * 1000
    place, count = kinship.site[link], len(kinship.market)
    quickest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(quickest, place, silence)
    quick = silence == quickest[place]
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, place[quick], newest[quick])
    fresh = newest >= moment - silence
    speaks = fresh & (quick | (newest + length > last[place] + MINUTE_MS))
    there = np.bincount(place, minlength=count) > 0
    unsent = np.zeros(count, dtype=bool)
    unsent[place[(source == _PROBE) & (hot.newest[known] < moment - silence)]] = True
    explained, by = _explained(kinship, link, source == _PROBE, there & ~unsent)
    return Heard(
        there, np.bincount(place[speaks], minlength=count) > 0, explained, by, int(kinship.carrier.max(initial=-1)) + 1
    )


def blind(seen: Heard) -> bool:
    """Whether at least half of the sites are silent from every source, and still are when those are left out whose
    silence, of two or more, one carrier explains, or one market where there is enough beside it."""
    silent = seen.known & ~seen.spoke
    sites, quiet = int(np.count_nonzero(seen.known)), int(np.count_nonzero(silent))
    if sites < FEWEST_SITES or quiet < SILENT_SHARE * sites:
        return False
    domains = int(seen.by.max(initial=-1)) + 1
    others = sites - np.bincount(seen.by, minlength=domains)
    shared = np.bincount(seen.by[silent[seen.explained]], minlength=domains)
    quiet_others = quiet - shared
    asked = (shared >= 2) & ((np.arange(domains) < seen.carriers) | (others >= FEWEST_SITES))
    ours = (quiet_others >= FEWEST_SILENT) & (quiet_others >= SILENT_SHARE * others)
    return bool(np.all(ours | ~asked))


def without_control(runs: Sequence[Sequence[Run]], cadence: Cadence | None, now: datetime) -> bool:
    """Whether none of the control probes (what is said of each, in order) is answered, or was lately.

    One that is not measured any more is not answered either. False without any.
    """
    return bool(runs) and not any(said[-1].value == "ok" for said in _lately(runs, cadence, now))


def silent_sources(runs: Sequence[Sequence[Run]], cadence: Cadence | None, now: datetime) -> frozenset[Source]:
    """Whose silence it is that no control probe is answered: nobody's where one was tried lately and failed."""
    return frozenset() if any(_lately(runs, cadence, now)) else frozenset({Source.PROBE})


def sources_of(hot: HotWindow) -> frozenset[Source]:
    """The sources that anything is known of."""
    return frozenset(SOURCES[code] for code in np.unique(hot.source).tolist())


def settled(sources: Iterable[Source], cadences: Mapping[Source, Cadence], since: datetime, now: datetime) -> bool:
    """Whether we have followed, since `since`, for as long as the slowest of these sources may be silent.

    Before that silence says nothing: after a stop of everything the newest slots are those from before it, and nothing
    is known of a control probe that was not tried yet.
    """
    grace = max((_silence_ms(cadences.get(source)) for source in sources), default=0)
    return epoch_ms(now) - epoch_ms(since) >= grace


def _lately(runs: Sequence[Sequence[Run]], cadence: Cadence | None, now: datetime) -> list[Sequence[Run]]:
    late = epoch_ms(now) - _silence_ms(cadence)
    return [said for said in runs if said and said[-1].end >= late]


def _newest_heard(hot: HotWindow, minute: int) -> NDArray[np.int64]:
    """Per series the start of the newest slot in which anything came back, epoch milliseconds."""
    newest = hot.newest.astype(np.int64)
    measured = hot.measured(LOSS) if LOSS in hot.fields else np.empty(0, np.int32)
    rows = np.flatnonzero(hot.source[measured] == _PROBE)
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        answered = hot.matrix(LOSS, minute, some) < 100
        back = np.argmax(answered[:, ::-1], axis=1)
        length = np.maximum(hot.slot_seconds[measured[some]].astype(np.int64) * 1000, 1)
        at = np.where(answered.any(axis=1), (minute - back) * MINUTE_MS // length * length, 0)
        newest[measured[some]] = np.minimum(newest[measured[some]], at)
    return newest


def _explained(
    kinship: Kinship, link: NDArray[np.integer], probed: NDArray[np.bool_], there: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A probe goes over its own line: a site with probes is explained by the carrier that all of them share. Whatever
    else is asked of a box comes over any of its lines."""
    count, carriers = len(there), int(kinship.carrier.max(initial=-1)) + 1
    place, carrier = kinship.site[link], kinship.carrier[link]
    lowest, highest = np.full(count, carriers), np.full(count, -2)
    np.minimum.at(lowest, place[probed], carrier[probed])
    np.maximum.at(highest, place[probed], carrier[probed])
    has_probe = highest > -2
    one = np.flatnonzero(has_probe & (lowest == highest) & (lowest >= 0) & there)
    beside = ~has_probe[place] & (carrier >= 0) & there[place]
    several = np.unique(np.stack([place[beside], carrier[beside]], axis=1), axis=0)
    at = np.flatnonzero(there & (kinship.market >= 0))
    return (
        np.concatenate([one, several[:, 0], at]),
        np.concatenate([lowest[one], several[:, 1], carriers + kinship.market[at]]),
    )


def _silence_ms(cadence: Cadence | None) -> int:
    every, late = (cadence.every, cadence.late) if cadence else (300, 600)
    return (2 * every + late) * 1000
