"""One device seen closer: what the manager asks of the device itself, for a person who waits."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Iterable, Sequence

from collector.orchestrator.catalyst.calls import CONTROL_NOW, STATUS_NOW, TUNNELS_NOW
from collector.orchestrator.catalyst.columns import Columns
from collector.orchestrator.catalyst.places import Places
from collector.orchestrator.catalyst.rows import DeviceRow, TunnelNow, tunnels_now
from collector.orchestrator.catalyst.session import CatalystSession
from collector.orchestrator.port import Figure, OrchestratorError
from collector.orchestrator.record import Record
from config.clock import rfc3339

STATUS_FIELDS = {
    "cpu_user": ("CPU, user", "percent of the processors' time"),
    "cpu_system": ("CPU, system", "percent of the processors' time"),
    "cpu_idle": ("CPU, idle", "percent of the processors' time"),
    "mem_used": ("memory used", "KiB, of the control plane"),
    "mem_total": ("memory", "KiB, of the control plane"),
    "uptime": ("uptime", "as the device says"),
}


async def device_figures(
    session: CatalystSession, row: DeviceRow, device: str, places: Places
) -> tuple[list[Figure], list[str]]:
    """Figures of a device by three real-time calls, and a note for each that could not be read."""
    figures = row_figures(row, device)
    notes: list[str] = []
    query = {"deviceId": row.address}
    status = await _or_note(session.rows(STATUS_NOW, query, urgent=True), notes)
    figures += status_figures(status, device)
    control = await _or_note(session.rows(CONTROL_NOW, query, urgent=True), notes)
    figures += certificate_figures(control, device)
    tunnels = await _or_note(session.rows(TUNNELS_NOW, query, urgent=True), notes)
    figures += tunnel_figures(session.counted(TUNNELS_NOW, tunnels_now(tunnels)), row.address, device, places)
    return figures, notes


async def _or_note(call: Awaitable[Sequence[object]], notes: list[str]) -> Sequence[object]:
    try:
        return await call
    except OrchestratorError as error:
        notes.append(str(error))
        return ()


def row_figures(row: DeviceRow, device: str) -> list[Figure]:
    """What the list of devices says."""
    said = (
        ("system IP", row.address, "which tunnels and statistics name it by"),
        ("reachability", row.reachability, "contact with the manager, no statement about the site"),
        ("state", row.said or row.state, "of its daemons"),
        ("last update", rfc3339(row.updated) if row.updated else None, "when the manager last heard of it"),
        ("certificate", row.certificate, "validity as the manager sees it"),
        ("site id", row.site, "the manager's own"),
    )
    return [Figure(subject=device, name=name, value=value, meaning=means) for name, value, means in said if value]


def status_figures(items: Sequence[object], device: str) -> list[Figure]:
    """Processors and memory, of the first row of device/system/status, as they are written there."""
    columns = Columns(items[:1])
    values = {key: columns.text(key) for key in STATUS_FIELDS}
    return [
        Figure(subject=device, name=name, value=value, meaning=meaning)
        for key, (name, meaning) in STATUS_FIELDS.items()
        for value in values[key]
        if value is not None
    ]


def certificate_figures(items: Sequence[object], device: str) -> list[Figure]:
    """Until when its certificate holds, of the first row of device/control/localproperties."""
    record = Record(items[0] if items else {})
    until, status = record.text("certificate-not-valid-after"), record.text("certificate-status")
    figures = []
    if until:
        meaning = "without it the edge loses its control connections"
        figures.append(Figure(subject=device, name="certificate valid until", value=until, meaning=meaning))
    if status:
        figures.append(Figure(subject=device, name="certificate status", value=status, meaning="as the device says"))
    return figures


def tunnel_figures(rows: Iterable[TunnelNow], address: str, device: str, places: Places) -> list[Figure]:
    """Each tunnel's app-route averages: of the whole tunnel, so of both its lines and the way between."""
    figures = []
    for row in rows:
        parts = [
            f"{value:g} {words}"
            for value, words in (
                (row.loss_pct, "% lost"),
                (row.rtt_ms, "ms there and back"),
                (row.jitter_ms, "ms jitter"),
            )
            if not math.isnan(value)
        ]
        figures.append(
            Figure(
                subject=places.link_of(address, row.colour) or device,
                name=f"tunnel {row.colour} to {row.remote} {row.remote_colour}",
                value=", ".join(parts) or "not measured",
                meaning="BFD echoes, mean of the polls that the device keeps; both lines and the way between",
            )
        )
    return figures
