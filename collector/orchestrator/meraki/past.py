"""What one device measured in the past: its uplinks' loss and latency to each target, and its network's volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.orchestrator.meraki.calls import DEVICE, LOSS_HISTORY, TARGETS, USAGE_HISTORY
from collector.orchestrator.meraki.rows import (
    LossSeries,
    UsageSlot,
    device_rows,
    history_series,
    target_rows,
    usage_slots,
)
from collector.orchestrator.meraki.session import MerakiSession
from collector.orchestrator.port import OrchestratorError
from config.clock import rfc3339

LOOK_BACK = timedelta(days=30)
"""The usage history reaches no further; that of loss and latency 60 days."""
USAGE_RESOLUTIONS = (60, 300, 600, 1800, 3600, 86400)
USUAL_TARGET = "8.8.8.8"
"""What appliances measure to where nobody chose otherwise."""


@dataclass(slots=True)
class Past:
    """`series` and `slots` with the link they belong to; `problems` are what could not be read, by call."""

    series: list[tuple[str, LossSeries]] = field(default_factory=list)
    slots: list[tuple[str, UsageSlot]] = field(default_factory=list)
    problems: list[OrchestratorError] = field(default_factory=list)


async def read_past(
    session: MerakiSession,
    uplinks: Mapping[str, str],
    serials: Sequence[str],
    network: str | None,
    targets: Mapping[str, Sequence[str]],
    window: tuple[datetime, datetime],
    tick: int,
    *,
    urgent: bool = False,
) -> Past:
    """The past of one device's links; `uplinks` and `targets` are by link. One call for each link, unit and target,
    one for the volumes, and up to two to learn network and targets.

    Raises the OrchestratorError that may be tried again, or the first one where nothing at all could be read.
    """
    past = Past()
    if network is None:
        network = await _network(session, serials, past, urgent=urgent)
    if network and not all(targets.get(link) for link in uplinks):
        usual = await _targets(session, network, past, urgent=urgent)
        targets = {link: targets.get(link) or usual for link in uplinks}
    span = [("t0", rfc3339(window[0])), ("t1", rfc3339(window[1]))]
    for link, uplink in uplinks.items():
        for serial in serials:
            for target in targets.get(link) or [USUAL_TARGET]:
                query = [*span, ("uplink", uplink), ("ip", target), ("resolution", "60")]
                items = await _tried(session, LOSS_HISTORY, {"serial": serial}, query, past, urgent=urgent)
                rows = session.counted(LOSS_HISTORY, history_series(items, serial, uplink, target))
                past.series += [(link, row) for row in rows]
    if network:
        resolution = max(each for each in USAGE_RESOLUTIONS if tick % each == 0)
        query = [*span, ("resolution", str(resolution))]
        items = await _tried(session, USAGE_HISTORY, {"network": network}, query, past, urgent=urgent)
        links = {uplink.casefold(): link for link, uplink in uplinks.items()}
        for slot in session.counted(USAGE_HISTORY, usage_slots(items)):
            if slot.interface.casefold() in links:
                past.slots.append((links[slot.interface.casefold()], slot))
    if past.problems and not past.slots and not any(len(one.time) for _, one in past.series):
        raise past.problems[0]
    return past


async def _network(session: MerakiSession, serials: Sequence[str], past: Past, *, urgent: bool) -> str | None:
    for serial in serials:
        items = await _tried(session, DEVICE, {"serial": serial}, (), past, urgent=urgent, one=True)
        for row in session.counted(DEVICE, device_rows(items)):
            if row.network:
                return row.network
    return None


async def _targets(session: MerakiSession, network: str, past: Past, *, urgent: bool) -> Sequence[str]:
    try:
        value = await session.get(TARGETS, {"network": network}, urgent=urgent)
    except OrchestratorError as error:
        if error.retryable:
            raise
        past.problems.append(error)
        return ()
    items = value.get("destinations") if isinstance(value, dict) else None
    return session.counted(TARGETS, target_rows(items if isinstance(items, list) else []))


async def _tried(
    session: MerakiSession,
    method: str,
    ids: Mapping[str, str],
    query: Sequence[tuple[str, str]],
    past: Past,
    *,
    urgent: bool,
    one: bool = False,
) -> list[object]:
    """The entries of an answer (of `one` object, that object); none where the host refuses for good, which is noted."""
    try:
        if one:
            return [await session.get(method, ids, query, urgent=urgent)]
        return await session.list(method, ids, query, paged=False, urgent=urgent)
    except OrchestratorError as error:
        if error.retryable:
            raise
        past.problems.append(error)
        return []
