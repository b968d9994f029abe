"""Whose loss is it: the local line's, the remote end's, or that of the way between. Pure, on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LOSSY_PCT = 1.0
"""From this loss on a tunnel needs an explanation. Ours: with the vendor's one echo a second and ten minutes it is six
echoes, more than chance takes of a good line, and less than what any of our policies calls a trouble."""
WITNESS_SITES = 2
"""So many other sites must see loss at a remote end before it is blamed."""
AGREEING_SITES = 3
"""Loss towards so many remote sites is the local line's, though nobody else can tell about them."""
MUCH_MORE = 2.0
"""A tunnel that loses so many times what others see at its remote end has a fault of its own besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnels:
    """n tunnels of one window, each between two of m ends (a transport of a device). A tunnel that both its ends
    report stands twice. NaN is "not measured".

    `local` and `remote` number the ends, 0 to m - 1; `site` (length m) numbers the site of each end.
    """

    local: IntArray
    remote: IntArray
    site: IntArray
    loss_pct: FloatArray
    rtt_ms: FloatArray
    jitter_ms: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Of each of m ends, what its own line does, NaN where no tunnel tells (`loss_pct`, `rtt_ms`, `jitter_ms`), and
    whether its loss is told apart from that of the far end (`told_apart`; true where there is none).

    Of each of n tunnels: `blamed`, its loss belongs to the remote end; `stray`, it loses though neither of its two
    lines does (one that loses everything is down, which is its state's matter). `seen_pct` and `seen_by`: the loss
    that other sites see at its remote end, and how many they are; `agreeing` of them see loss too.
    """

    loss_pct: FloatArray
    rtt_ms: FloatArray
    jitter_ms: FloatArray
    told_apart: BoolArray
    blamed: BoolArray
    stray: BoolArray
    seen_pct: FloatArray
    seen_by: IntArray
    agreeing: IntArray


def attributed(tunnels: Tunnels) -> Attribution:
    """The part of the tunnels' figures that is each local line's own.

    A tunnel's echoes cross the local line, the way between, and the remote line, there and back; so its figure is a
    bound for each of them, and no statement about one. Loss on a line hits all of the tunnels over it. From that:

    1. *What others see.* A remote end is seen by every other site that has a tunnel to it; each site counts once, with
       its best tunnel, so that a site's own bad line says little. The lower median of these sites is what others see.
    2. *The remote end is to blame* for a lossy tunnel if at least two other sites see loss there (the hub whose line
       is bad: half of all sites complain) and this tunnel is not much worse than what they see. Such a tunnel tells
       nothing of the local line and is left out of its figures, rather than be counted as zero. One that is much worse
       counts with what remains of its loss once the remote's share is taken out: survival is a product.
    3. *The local line's figures* are the lower median over remote sites, each with the lower median of its tunnels: a
       fault towards one remote only is not the line's, even with two remotes; a fault towards all of them is.
    4. *Told apart* is the line's loss if somebody else, or another line of the same site, reaches one of the lossy
       tunnels' remote ends well; or if three or more remote sites are lossy at once. One remote and nobody to compare
       with is not told apart: the figure stands, and says so.

    What this cannot see: a carrier's core that fails for all lines of one colour looks like its hubs' ends; and
    latency is compared with nobody, because distance is part of it.
    """
    ends = len(tunnels.site)
    loss = tunnels.loss_pct
    lossy = loss >= LOSSY_PCT
    seen, seen_by, agreeing = _seen_by_other_sites(tunnels)
    suspect = lossy & (seen_by >= WITNESS_SITES) & (seen >= LOSSY_PCT)
    blamed = suspect & (loss <= MUCH_MORE * seen)
    beyond = suspect & ~blamed
    own = loss.copy()
    own[beyond] = 100.0 * (1.0 - (1.0 - loss[beyond] / 100.0) / (1.0 - seen[beyond] / 100.0))

    line_loss = _line_figure(tunnels, np.where(blamed, np.nan, own))
    lossy_line = line_loss >= LOSSY_PCT
    counted = lossy & ~blamed
    proven = counted & (beyond | _reached_well_by_others(tunnels))
    agree = _distinct_per_end(tunnels.local[counted], tunnels.site[tunnels.remote[counted]], ends) >= AGREEING_SITES
    return Attribution(
        loss_pct=line_loss,
        rtt_ms=_line_figure(tunnels, np.where(blamed, np.nan, tunnels.rtt_ms)),
        jitter_ms=_line_figure(tunnels, np.where(blamed, np.nan, tunnels.jitter_ms)),
        told_apart=~lossy_line | agree | (np.bincount(tunnels.local[proven], minlength=ends) > 0),
        blamed=blamed,
        stray=counted & (loss < 100.0) & ~lossy_line[tunnels.local] & ~lossy_line[tunnels.remote],
        seen_pct=seen,
        seen_by=seen_by,
        agreeing=agreeing,
    )


def lower_median(groups: IntArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """The groups that have values, ascending, and the lower median of each one's values; NaN is none."""
    there = ~np.isnan(values)
    groups, values = groups[there], values[there]
    order = np.lexsort((values, groups))
    found, first, count = np.unique(groups[order], return_index=True, return_counts=True)
    return found, values[order][first + (count - 1) // 2]


def _line_figure(tunnels: Tunnels, values: FloatArray) -> FloatArray:
    """For each end the lower median over remote sites of the lower median over the tunnels to that site."""
    sites = int(tunnels.site.max(initial=0)) + 1
    pairs, of_pair = lower_median(tunnels.local * sites + tunnels.site[tunnels.remote], values)
    lines, of_line = lower_median(pairs // sites, of_pair)
    figure = np.full(len(tunnels.site), np.nan)
    figure[lines] = of_line
    return figure


def _views(tunnels: Tunnels) -> tuple[IntArray, IntArray, FloatArray]:
    """Every measured tunnel between two sites from both sides: the end that is looked at, the end that looks, loss."""
    there = ~np.isnan(tunnels.loss_pct) & (tunnels.site[tunnels.local] != tunnels.site[tunnels.remote])
    local, remote, loss = tunnels.local[there], tunnels.remote[there], tunnels.loss_pct[there]
    return np.concatenate([remote, local]), np.concatenate([local, remote]), np.concatenate([loss, loss])


def _seen_by_other_sites(tunnels: Tunnels) -> tuple[FloatArray, IntArray, IntArray]:
    """Of each tunnel: the lower median of what sites other than its own see at its remote end (NaN where none does),
    how many sites these are, and how many of them see loss."""
    at, by, loss = _views(tunnels)
    sites = int(tunnels.site.max(initial=0)) + 1
    pair = at * sites + tunnels.site[by]
    order = np.lexsort((loss, pair))
    pairs, first = np.unique(pair[order], return_index=True)
    best = loss[order][first]
    # Now one view for each end and site; by end, ascending in loss.
    ranked = np.lexsort((best, pairs // sites))
    best, ranked_pairs = best[ranked], pairs[ranked]
    rank_of = np.empty(len(pairs), dtype=np.int64)
    rank_of[ranked] = np.arange(len(pairs))
    start = np.searchsorted(ranked_pairs // sites, np.arange(len(tunnels.site)))
    count = np.bincount(ranked_pairs // sites, minlength=len(tunnels.site))
    bad = np.bincount(ranked_pairs // sites, weights=best >= LOSSY_PCT, minlength=len(tunnels.site)).astype(np.int64)

    mine = tunnels.remote * sites + tunnels.site[tunnels.local]
    place = np.minimum(np.searchsorted(pairs, mine), max(0, len(pairs) - 1))
    included = pairs[place] == mine if len(pairs) else np.zeros(len(mine), dtype=bool)
    others = count[tunnels.remote] - included
    middle = (others - 1) // 2
    own_rank = np.where(included, rank_of[place] if len(pairs) else 0, np.iinfo(np.int64).max)
    index = start[tunnels.remote] + middle
    index += index >= own_rank
    has = others > 0
    seen = np.full(len(mine), np.nan)
    seen[has] = best[index[has]]
    own_bad = np.zeros(len(mine), dtype=np.int64)
    own_bad[included] = best[own_rank[included]] >= LOSSY_PCT
    return seen, others.astype(np.int64), bad[tunnels.remote] - own_bad


def _reached_well_by_others(tunnels: Tunnels) -> BoolArray:
    """Of each tunnel, whether its remote end has a tunnel without loss to any other end than its local one."""
    at, by, loss = _views(tunnels)
    good = loss < LOSSY_PCT
    ends = len(tunnels.site)
    pairs = np.unique(at[good] * ends + by[good])
    reached = np.bincount(pairs // ends, minlength=ends)
    by_itself = np.isin(tunnels.remote * ends + tunnels.local, pairs)
    return (reached[tunnels.remote] - by_itself) > 0


def _distinct_per_end(ends: IntArray, values: IntArray, total: int) -> IntArray:
    """How many different values each end has."""
    width = int(values.max(initial=0)) + 1
    return np.bincount(np.unique(ends * width + values) // width, minlength=total)
