"""What the collector says about itself: which source is fresh, which is not, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from collector.orchestrator.windows import Clocks
from collector.settings import OrchestratorSettings
from config.clock import rfc3339

SLOTS_UNTIL_STALE = 3
"""A polled source hands over a slot's rows at most a slot late; with this many missing it is no longer fresh."""
NAMES_SHOWN = 8


class SourceState(StrEnum):
    """The values of a SOURCE_STATE fact, and `starting` before the first answer."""

    OK = "ok"
    STALE = "stale"
    FAILING = "failing"
    STARTING = "starting"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """`newest` is the end of the newest measurement; `detail` says why the state is not ok."""

    name: str
    state: SourceState
    detail: str
    newest: datetime | None

    @property
    def well(self) -> bool:
        return self.state in (SourceState.OK, SourceState.STARTING)

    def document(self) -> dict[str, object]:
        newest = rfc3339(self.newest) if self.newest else None
        return {"name": self.name, "state": self.state.value, "detail": self.detail, "newest": newest}


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorHealth:
    sources: Sequence[SourceHealth]
    journal_lag_seconds: float
    """Age of the oldest row that is not yet in the journal; 0 when there is none."""
    store_detail: str
    journal_detail: str = ""
    """How much of the journal's limit is used."""
    forwarder_detail: str = ""
    """What waits for a store elsewhere; empty where there is none."""
    problems: Sequence[str]
    """One sentence for each thing that is not as it should be."""

    @property
    def ok(self) -> bool:
        return not self.problems

    def document(self) -> dict[str, object]:
        """As the health endpoint shows it."""
        return {
            "ok": self.ok,
            "why": "; ".join(self.problems),
            "problems": list(self.problems),
            "sources": [source.document() for source in self.sources],
            "journal_lag_seconds": round(self.journal_lag_seconds, 3),
            "journal": self.journal_detail,
            "forwarder": self.forwarder_detail,
            "store": self.store_detail,
        }


def polled_health(
    name: str,
    *,
    every: int,
    newest: datetime | None,
    outcomes: Mapping[str, str],
    started: datetime,
    now: datetime,
) -> SourceHealth:
    """How a source is that we poll or probe ourselves each `every` seconds. Pure.

    `newest` is the end of the newest slot handed over since `started`; `outcomes` the last poll outcome of each
    device. A silent device is told, but only when all are silent is it likelier that we are the blind ones.
    """
    silent = sorted(device for device, outcome in outcomes.items() if outcome != "ok")
    shown = ", ".join(f"{device} ({outcomes[device]})" for device in silent[:NAMES_SHOWN])
    more = ", ..." if len(silent) > NAMES_SHOWN else ""
    detail = f"{len(silent)} of {len(outcomes)} devices without a good poll: {shown}{more}" if silent else ""
    if silent and len(silent) == len(outcomes):
        return SourceHealth(name=name, state=SourceState.FAILING, detail=detail, newest=newest)
    limit = timedelta(seconds=SLOTS_UNTIL_STALE * every)
    if now - max(newest or started, started) > limit:
        since = f"no sample since {rfc3339(newest)}" if newest else "no sample yet"
        return SourceHealth(
            name=name, state=SourceState.STALE, detail="; ".join(filter(None, [since, detail])), newest=newest
        )
    state = SourceState.OK if newest else SourceState.STARTING
    return SourceHealth(name=name, state=state, detail=detail, newest=newest)


def source_state(
    errors: Mapping[str, str],
    states_at: datetime | None,
    statistics_until: datetime | None,
    now: datetime,
    settings: OrchestratorSettings,
    expected: Clocks,
) -> tuple[SourceState, str]:
    """Whether a host may be believed at `now`. Pure. `errors` holds what fails at present, by step; `expected` the
    intervals, which a stretched plan makes longer.

    Without states or statistics we are blind, so an error there is `failing`; `stale` is what should have come by
    now and has not, though nothing failed. Events and history alone are missed, but nothing is judged wrongly.
    """
    said = "; ".join(f"{step}: {errors[step]}" for step in sorted(errors))
    if "states" in errors or "statistics" in errors:
        return SourceState.FAILING, said
    if states_at is None or statistics_until is None:
        return SourceState.STARTING, said
    if now - states_at > timedelta(seconds=3 * expected.states + settings.timeout):
        return SourceState.STALE, f"no states since {states_at:%Y-%m-%d %H:%M:%S}Z"
    due = timedelta(seconds=settings.late + expected.statistics + 2 * settings.tick)
    if now - statistics_until > due:
        return SourceState.STALE, f"no statistics after {statistics_until:%Y-%m-%d %H:%M}Z"
    return SourceState.OK, said


def slower(paced: Clocks, stretch: float) -> str:
    """What a stretched plan means, as a person reads it; empty while it is not. Pure."""
    if stretch <= 1.0:
        return ""
    return (
        f"slower because the host limits our calls: states each {paced.states:.0f} s, statistics each "
        f"{paced.statistics:.0f} s, events each {paced.events:.0f} s"
    )
