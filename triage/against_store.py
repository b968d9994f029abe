"""Holds an evidence pack's samples and facts against the store that they were read from. Pure.

What arrived after the judgement is told apart from what was altered: a sample carries when it was received, and a later
one may rightly replace an earlier. What the store no longer keeps is taken from the pack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.model import Fact, Series, Source
from config.clock import MILLISECOND, epoch_ms, from_epoch_ms, rfc3339
from triage.evidence import Check

UNDER_WAY_MS = 3_600_000
"""What is received is readable within seconds, on an engine that is behind within minutes: of what came in the hour
before a judgement some may have missed it. Figures are computed from what the judgement saw."""
CORRECTED_MS = 120_000
"""A sample that was measured again this shortly before a judgement may have been corrected while it was read."""
MOST_NAMED = 5

STORE, PACK = "store", "pack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """When the pack was made, when the newest row that it knew was received, and from when on the store keeps every
    row; all in epoch milliseconds. `lag`: how long a measurement may take to whoever judges, milliseconds."""

    made_at: int
    until: int
    kept_from: int
    lag: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One series as the store has it, as far as it was known when it was judged; `used`: where its rows are from."""

    series: Series
    used: str
    check: Check


def known_of(document: Mapping[str, Any], kept_from: datetime, lag: timedelta = timedelta(0)) -> Known:
    """Of a pack's document; packs of earlier versions do not say until when they knew."""
    made_at = document["made_at"]
    moments = [datetime.fromisoformat(moment) for moment in (made_at, document.get("known_until", made_at))]
    return Known(
        made_at=epoch_ms(moments[0]), until=epoch_ms(moments[1]), kept_from=epoch_ms(kept_from), lag=lag // MILLISECOND
    )


def hold(packed: Series, stored: Series | None, known: Known) -> Held:
    """The store's rows beside the pack's, which cover the same time."""
    stored = _none_of(packed) if stored is None else stored
    what = f"samples of {packed.link} by {packed.source.value}"
    both, mine, theirs = np.intersect1d(packed.time, stored.time, assume_unique=True, return_indices=True)
    fields = sorted({*packed.fields, *stored.fields})
    differs = {name: _differ(packed.column(name)[mine], stored.column(name)[theirs]) for name in fields}
    changed = np.logical_or.reduce([packed.seconds[mine] != stored.seconds[theirs], *differs.values()])
    corrected = known.made_at - CORRECTED_MS - known.lag
    later = stored.received_at[theirs] > np.maximum(corrected, packed.received_at[mine])
    missing = ~np.isin(packed.time, both)
    expired = missing & (packed.time < known.kept_from)
    extra = ~np.isin(stored.time, both)
    unseen = extra & (stored.received_at <= known.until - UNDER_WAY_MS) & (packed.source is not Source.IMPORT)
    wrong = [
        *(
            f"{_at(packed.time[mine[row]])} {name}: stored {stored.column(name)[theirs[row]]:.6g}, "
            f"in the pack {packed.column(name)[mine[row]]:.6g}"
            for row in np.flatnonzero(changed & ~later)
            for name in fields
            if differs[name][row]
        ),
        *(f"{_at(time)}: no longer in the store" for time in packed.time[missing & ~expired]),
        *(f"{_at(time)}: in the store, received in time, and not in the pack" for time in stored.time[unseen]),
    ]
    # Where a later row stands in the place of one that was judged, the pack still has that one.
    replaced = changed & later
    from_pack = np.isin(packed.time, packed.time[mine[replaced]]) | expired
    as_judged = np.isin(stored.time, packed.time[mine[~replaced]])
    series = _joined(_rows(stored, as_judged), _rows(packed, from_pack))
    late = int(np.count_nonzero(replaced)) + int(np.count_nonzero(extra & ~unseen))
    used = _used(len(series), int(np.count_nonzero(from_pack)))
    check = Check(what=what, ok=not wrong, detail=_told(wrong, len(both), late, expired), used=used)
    return Held(series=series, used=used, check=check)


def hold_facts(packed: Sequence[Fact], stored: Sequence[Fact], known: Known) -> tuple[list[Fact], Check]:
    """The facts as they were known when it was judged, and whether the store still has them all."""
    had = {_identity(fact): fact for fact in packed}
    has = {_identity(fact): fact for fact in stored}
    gone = [fact for key, fact in had.items() if key not in has]
    expired = [fact for fact in gone if epoch_ms(fact.time) < known.kept_from]
    fresh = [fact for key, fact in has.items() if key not in had]
    unseen = [fact for fact in fresh if epoch_ms(fact.received_at) <= known.until - UNDER_WAY_MS]
    unseen = [fact for fact in unseen if fact.source is not Source.IMPORT]
    wrong = [f"{_fact(fact)}: no longer in the store" for fact in gone if fact not in expired]
    wrong += [f"{_fact(fact)}: in the store, received in time, and not in the pack" for fact in unseen]
    known_then = sorted([fact for key, fact in has.items() if key in had] + expired)
    detail = _told(wrong, len(has.keys() & had.keys()), len(fresh) - len(unseen), np.ones(len(expired), dtype=bool))
    return known_then, Check(what="facts", ok=not wrong, detail=detail, used=STORE if has or not had else PACK)


def by_line(series: Sequence[Series]) -> Mapping[tuple[str, Source], Series]:
    return {(one.link, one.source): one for one in series}


def _told(wrong: Sequence[str], same: int, late: int, expired: NDArray[np.bool_]) -> str:
    gone = int(np.count_nonzero(expired))
    parts = [f"{same} as stored"]
    if gone:
        parts.append(f"{gone} no longer stored, from the pack")
    if late:
        parts.append(f"{late} came after the judgement")
    if wrong:
        more = f"; and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        parts.append(f"{len(wrong)} not as judged: {'; '.join(wrong[:MOST_NAMED])}{more}")
    return ", ".join(parts)


def _used(rows: int, from_pack: int) -> str:
    if not from_pack:
        return STORE
    return PACK if from_pack == rows else f"{STORE}, {from_pack} of {rows} samples from the {PACK}"


def _differ(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.bool_]:
    return ~np.isclose(mine, theirs, rtol=1e-9, atol=1e-12, equal_nan=True)


def _none_of(series: Series) -> Series:
    return _rows(series, np.zeros(len(series), dtype=bool))


def _rows(series: Series, which: NDArray[np.bool_]) -> Series:
    return Series(
        series.link, series.source, series.time[which], series.seconds[which], series.received_at[which],
        {name: values[which] for name, values in series.fields.items()},
    )  # fmt: skip


def _joined(first: Series, second: Series) -> Series:
    """Rows of both, ascending in time; no time stands in both."""
    time = np.concatenate([first.time, second.time])
    order = np.argsort(time, kind="stable")
    names = {*first.fields, *second.fields}
    return Series(
        first.link, first.source, time[order], np.concatenate([first.seconds, second.seconds])[order],
        np.concatenate([first.received_at, second.received_at])[order],
        {name: np.concatenate([first.column(name), second.column(name)])[order] for name in names},
    )  # fmt: skip


def _identity(fact: Fact) -> tuple[str, str, str, int, str]:
    return fact.subject, fact.kind.value, fact.source.value, epoch_ms(fact.time), fact.value


def _fact(fact: Fact) -> str:
    return f"{rfc3339(fact.time)} {fact.subject} {fact.kind.value} {fact.value}"


def _at(time: int) -> str:
    return rfc3339(from_epoch_ms(int(time)))
