"""A second line that is down while it carries nothing: nobody feels it, and nothing would take over. Pure.

A provider opens a ticket, of a low severity, for any line of a device that is disconnected.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from collector.model import FactKind
from config.clock import epoch_ms
from triage.darkness import ALIVE
from triage.detection.event import Event
from triage.detection.link import Examined
from triage.model import Cause, Measured

WEIGHT = 0.75
"""Any trouble that a client can feel comes first."""


def lost_standbys(wan: Sequence[Examined], carrying: Collection[str], links: Sequence[Measured]) -> list[Event]:
    """The outages of WAN links that are not among the `carrying` ones (ids), and were in service before.

    A cold spare, or a line that was never brought up, has not been lost.
    """
    measured = {one.link.id: one for one in links}
    return [
        replace(event, weight=WEIGHT)
        for each in wan
        if each.link.id not in carrying
        for event in each.events
        if event.cause is Cause.LINK_DOWN and _served(measured[each.link.id], event.onset)
    ]


def _served(measured: Measured, before: int) -> bool:
    """Whether its port was up, a packet came through, or a source called it in service before this moment (epoch
    milliseconds), as far back as is known."""
    if any(
        fact.kind is FactKind.LINK_STATE and fact.value in ALIVE and epoch_ms(fact.time) < before
        for fact in measured.facts
    ):
        return True
    for series in measured.series:
        earlier = series.time < before
        lost = np.nan_to_num(series.column("loss_pct")[earlier], nan=100.0)
        up = np.nan_to_num(series.column("oper_up")[earlier])
        sent = np.nan_to_num(series.column("rx_bps")[earlier]) + np.nan_to_num(series.column("tx_bps")[earlier])
        if (lost < 99).any() or (up > 0).any() or (sent > 0).any():
            return True
    return False
