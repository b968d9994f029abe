"""What sources said other than by measuring: link and edge states, poll outcomes, reboots.

A device that does not answer a poll is a fact about the device, never a link that is down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from collector.model import Fact, FactKind, Source
from config.clock import epoch_ms, from_epoch_ms
from triage.detection.event import MINUTE, OUTAGE, Event
from triage.detection.view import View
from triage.model import Cause, Direction, Measured
from triage.policy import Policy
from triage.words import source_words

DISCONNECTED, UNKNOWN = "disconnected", "unknown"
IN_TIME = attrgetter("time", "value")
"""Comparing whole facts takes as long as everything else together."""


def link_states(measured: Measured, views: Sequence[View], start: int, now: int, policy: Policy) -> list[Event]:
    """An orchestrator's `disconnected` held for the policy's minimum is a link that is down. Where another source saw
    data pass at that time, only management of the link is lost. The value counts the facts that said so."""
    events = []
    for source in sorted({fact.source for fact in measured.facts if fact.kind is FactKind.LINK_STATE}):
        for event in _outages(measured, source, start, now, policy):
            others = [view for view in views if view.source is not source]
            alive = [view.source.value for view in others if data_alive(view, event.onset, event.until(now))]
            rule = f"{event.rule}, while {' and '.join(map(source_words, alive))} still saw data pass"
            events.append(replace(event, cause=Cause.MANAGEMENT_LOST, weight=0.5, rule=rule) if alive else event)
    return events


def _outages(measured: Measured, source: Source, start: int, now: int, policy: Policy) -> list[Event]:
    before = from_epoch_ms(now)
    states = [
        fact
        for fact in measured.facts
        if fact.kind is FactKind.LINK_STATE and fact.source is source and fact.time < before
    ]
    events = []
    for begin, end, count in held(states, DISCONNECTED, now, silent=policy.windows.join_minutes):
        if end <= start or end - begin < policy.down.minimum_seconds * 1000:
            continue
        events.append(
            Event(
                link=measured.link.id,
                source=source,
                metric="fact:link_state",
                cause=Cause.LINK_DOWN,
                direction=Direction.BOTH,
                onset=begin,
                end=None if end == now else end,
                value=float(count),
                baseline=0.0,
                threshold=1.0,
                rule=f"line reported {DISCONNECTED} for at least {policy.down.minimum_seconds:g} s",
                statistic="sum",
                bad_samples=count,
                weight=OUTAGE,
            )
        )
    return events


def held(
    states: Sequence[Fact], value: str, now: int, *, silent: float, unknown_for: float | None = None
) -> list[tuple[int, int, int]]:
    """[from, to) in epoch milliseconds in which the newest state was `value`, and how many facts said so.

    Nobody knows how it is after `silent` minutes without a word, or after `unknown_for` minutes (by default as many)
    of words that say just that: then it was so until it was last known.
    """
    spans: list[tuple[int, int, int]] = []
    begin, known, count = None, 0, 0
    doubt: int | None = None
    patience = int((silent if unknown_for is None else unknown_for) * MINUTE)

    def end_at(moment: int) -> int:
        if doubt is not None and moment - doubt > patience:
            return doubt
        return moment if doubt is not None or moment - known <= silent * MINUTE else known + 1

    for fact in sorted(states, key=IN_TIME):
        if begin is None and fact.value != value:
            continue
        moment = epoch_ms(fact.time)
        if begin is not None and (fact.value not in (value, UNKNOWN) or end_at(moment) < moment):
            spans.append((begin, end_at(moment), count))
            begin, count, doubt = None, 0, None
        if fact.value == value:
            begin = moment if begin is None else begin
            known, count, doubt = moment, count + 1, None
        elif begin is not None and doubt is None:
            doubt = moment
    if begin is not None:
        spans.append((begin, end_at(now), count))
    return spans


def data_alive(view: View, begin: int, end: int) -> bool:
    """Whether this source saw packets pass in most of [begin, end), in epoch milliseconds."""
    passed = np.zeros(len(view.time), dtype=bool)
    for metric in ("loss_pct", "loss_rx_pct", "loss_tx_pct"):
        passed |= np.nan_to_num(view.column(metric), nan=100.0) < 99
    for metric in ("rx_bps", "tx_bps"):
        passed |= np.nan_to_num(view.column(metric)) > 0
    return _most(view, passed, begin, end)


def answers_polls(view: View, begin: int, end: int) -> bool:
    """Whether the device answered this source's polls in most of [begin, end): a row comes of an answer only, whatever
    little traffic it shows."""
    return view.source is Source.SNMP and _most(view, np.ones(len(view.time), dtype=bool), begin, end)


def _most(view: View, rows: NDArray[np.bool_], begin: int, end: int) -> bool:
    """Whether `rows` fill half of [begin, end) and half of what this source measured in it.

    Two slots may yet be on their way; an orchestrator's statistics are late by nature, so they count up to the newest.
    A source that fell silent soon after `begin` says nothing about the rest.
    """
    inside = (view.time >= begin) & (view.time < end)
    if not inside.any():
        return False
    seconds = view.series.seconds[view.rows][inside]
    newest = int(view.time[inside][-1]) + int(seconds[-1]) * 1000
    until = newest if view.source is Source.ORCHESTRATOR else max(newest, end - 2 * view.step)
    filled = 1000 * int(seconds[rows[inside]].sum())
    return bool(2 * filled >= max(until - begin, 1000 * int(seconds.sum())))
