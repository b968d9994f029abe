"""How bad a degradation is for its users: the E-model over its samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collector.measures import estimated_mos
from collector.model import FloatArray
from triage.detection.event import Event
from triage.detection.link import QUALITY, Examined
from triage.detection.view import View
from triage.model import Cause, Severity
from triage.policy import Policy


def severity_of(chosen: Event, own: Examined | None, now: int, policy: Policy, *, idle: bool) -> Severity:
    """Nothing comes through: critical. Contact lost, a reboot, or a line that carried nothing (`idle`): minor. Else the
    E-model of the degraded samples of `own`, the line that it is on."""
    if idle or chosen.cause in (Cause.MANAGEMENT_LOST, Cause.DEVICE):
        return Severity.MINOR
    if chosen.cause in (Cause.LAN, Cause.LINK_DOWN, Cause.SITE_DOWN):
        return Severity.CRITICAL
    view = own.view(policy.sources.quality, *QUALITY) if own else None
    return Severity.MINOR if view is None else severity(view, chosen.onset, chosen.until(now), policy)


def severity(view: View, onset: int, end: int, policy: Policy) -> Severity:
    """Critical when nothing came through for half of the time or estimated MOS is below the first limit.

    Estimated MOS (ITU-T G.107, simplified) of the median round trip and jitter and the mean loss over [onset, end).
    One-way figures are added up to a round trip.
    """
    inside = (view.time >= onset) & (view.time < end)
    loss = _worse(view, inside, ("loss_pct", "loss_rx_pct", "loss_tx_pct"), np.maximum)
    known = loss[~np.isnan(loss)]
    if len(known) and np.count_nonzero(known >= policy.down.loss_pct) >= len(known) / 2:
        return Severity.CRITICAL
    rtt = view.column("rtt_ms") if view.has("rtt_ms") else view.column("latency_rx_ms") + view.column("latency_tx_ms")
    jitter = _worse(view, inside, ("jitter_ms", "jitter_rx_ms", "jitter_tx_ms"), np.maximum)
    mos = estimated_mos(
        _median(rtt[inside]),
        _median(jitter),
        float(known.mean()) if len(known) else 0.0,
        robustness=policy.severity.loss_robustness,
    )
    if mos < policy.severity.critical_mos:
        return Severity.CRITICAL
    return Severity.MAJOR if mos < policy.severity.major_mos else Severity.MINOR


def _worse(view: View, inside: NDArray[np.bool_], metrics: tuple[str, ...], pick: np.ufunc) -> FloatArray:
    columns = [view.column(metric)[inside] for metric in metrics if view.has(metric)]
    if not columns:
        return np.full(int(inside.sum()), np.nan)
    result: FloatArray = pick.reduce(columns)
    return result


def _median(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0
