"""Which lines are known to be well for a while: by data, or by a source's word. Pure.

Absent is not healthy, and neither is zero: the statistics of a dead line come as zeros, or not at all. A provider whose
machine looked at figures alone could resolve an outage for a line that was down still.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from collector.measures import slot_count
from collector.model import Cadence, Fact, FactKind, Series
from config.clock import epoch_ms
from inventory.model import LinkRole
from triage.darkness import ALIVE, IN_CONTACT
from triage.model import Cause, Measured, Picture
from triage.policy import Policy

BY_DATA_ALONE = frozenset({Cause.LOSS, Cause.LATENCY, Cause.JITTER, Cause.SATURATION})
"""What no state of a line says anything about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthy:
    """`measured`: lines whose samples fill the time and show that packets passed. `said`: lines and devices whose
    newest state is one of life, and not so old that it is no longer known."""

    measured: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()

    def covers(self, cause: Cause, line: str | None, device: str | None) -> bool:
        """Whether it shows that this trouble of a line, or of its device, is over."""
        if line in self.measured or cause in BY_DATA_ALONE:
            return line in self.measured
        about = {line, device} if cause in (Cause.DEVICE, Cause.MANAGEMENT_LOST, Cause.SITE_DOWN) else {line}
        return bool(about & self.said)


NOTHING = Healthy()


def known_healthy(picture: Picture, policy: Policy, now: datetime) -> Healthy:
    """What is known of the site over the time that a trouble has to stay gone. `policy` is what holds for the site."""
    since = epoch_ms(now - timedelta(minutes=policy.cases.recovery_minutes))
    share, end = policy.claims.minimum_coverage, epoch_ms(now)
    known = epoch_ms(now - timedelta(minutes=policy.windows.join_minutes))
    measured = {
        one.link.id
        for one in picture.links
        for series in one.series
        if (cadence := picture.cadences.get(series.source)) is not None
        and _filled(series, _passed(one, series), cadence, since, end, share)
    }
    facts = [*picture.device_facts, *(fact for one in picture.links for fact in one.facts)]
    return Healthy(measured=frozenset(measured), said=frozenset(_alive(facts, known, end)))


def _filled(series: Series, rows: NDArray[np.bool_], cadence: Cadence, since: int, now: int, share: float) -> bool:
    """Whether these rows fill each half of [since, now) as far as it should have arrived, and something has: a line
    that was well and fell silent is not known to be well."""
    middle = (since + now) // 2
    halves = [
        slot_count(series.time[rows], series.seconds[rows], begin, end, cadence, now)
        for begin, end in ((since, middle), (middle, now))
    ]
    due = [half for half in halves if half.expected]
    return bool(due) and all(half.present >= share * half.expected for half in due)


def _passed(one: Measured, series: Series) -> NDArray[np.bool_]:
    """The rows in which packets passed; of a port towards the site also that it was up."""
    passed = np.zeros(len(series), dtype=bool)
    for name in ("loss_pct", "loss_rx_pct", "loss_tx_pct"):
        passed |= np.nan_to_num(series.column(name), nan=100.0) < 99
    for name in ("rx_bps", "tx_bps", *(("oper_up",) if one.link.role is LinkRole.LAN else ())):
        passed |= np.nan_to_num(series.column(name)) > 0
    return passed


def _alive(facts: Iterable[Fact], since: int, now: int) -> Iterable[str]:
    """Subjects of which the newest words of all sources that speak of them are of life, none older than `since`."""
    newest: dict[tuple[str, FactKind, str], Fact] = {}
    words = {FactKind.LINK_STATE: ALIVE, FactKind.EDGE_STATE: IN_CONTACT, FactKind.POLL_OUTCOME: ("ok",)}
    for fact in facts:
        key = (fact.subject, fact.kind, fact.source.value)
        if fact.kind in words and epoch_ms(fact.time) < now and (key not in newest or newest[key] <= fact):
            newest[key] = fact
    told: dict[str, list[bool]] = {}
    for (subject, kind, _), fact in newest.items():
        told.setdefault(subject, []).append(fact.value in words[kind] and epoch_ms(fact.time) >= since)
    return [subject for subject, alive in told.items() if all(alive)]
