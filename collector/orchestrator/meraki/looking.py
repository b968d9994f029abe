"""One device seen closer: everything that the dashboard says of it now."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from collector.model import Fact, FloatArray, SampleBatch
from collector.orchestrator.meraki.calls import DEVICE, PERFORMANCE
from collector.orchestrator.meraki.mapping import OrganizationStates
from collector.orchestrator.meraki.past import Past
from collector.orchestrator.meraki.rows import LossSeries, UnitRow, device_rows
from collector.orchestrator.meraki.session import MerakiSession
from collector.orchestrator.port import DeviceReport, Figure, OrchestratorError
from collector.orchestrator.record import Record, Rows

NEWEST = timedelta(minutes=15)


class ReadPast(Protocol):
    def __call__(self, device: str, start: datetime, end: datetime, *, urgent: bool) -> Awaitable[Past]: ...


async def device_report(
    session: MerakiSession,
    device: str,
    answer: OrganizationStates,
    facts: Sequence[Fact],
    read_past: ReadPast,
    past_batch: Callable[[Past, datetime, datetime], SampleBatch],
    now: datetime,
) -> DeviceReport:
    """The report of a device whose states are `answer` and `facts`. Two calls for each unit, and those of the past of
    a quarter of an hour. What cannot be read is a note."""
    start = now - NEWEST
    notes: list[str] = []
    try:
        past = await read_past(device, start, now, urgent=True)
    except OrchestratorError as error:
        past, notes = Past(), [str(error)]
    notes += [str(error) for error in past.problems]
    figures = [figure for row in answer.appliances for figure in _uplink_figures(device, row)]
    figures += [figure for link, series in past.series for figure in target_figures(link, series)]
    serials = [row.serial for row in answer.appliances]
    for found in await asyncio.gather(*(_unit_figures(session, device, serial, notes) for serial in serials)):
        figures += found
    return DeviceReport(facts=facts, samples=past_batch(past, start, now), figures=figures, notes=notes)


def _uplink_figures(device: str, row: UnitRow) -> list[Figure]:
    figures = []
    if row.paired and row.role:
        meaning = "as configured; it does not change with a failover"
        figures.append(Figure(subject=device, name=f"role of {row.serial}", value=row.role, meaning=meaning))
    for uplink in row.uplinks:
        name = f"{uplink.interface} of {row.serial}"
        addresses = " ".join(filter(None, (uplink.address, uplink.public_address and f"as {uplink.public_address}")))
        value = ", ".join(filter(None, (uplink.status or "no status", addresses, uplink.provider)))
        figures.append(Figure(subject=device, name=name, value=value, meaning="status, address, and provider if told"))
    return figures


def target_figures(link: str, series: LossSeries) -> list[Figure]:
    """What one unit measured to one target, as means of the minutes that were measured."""
    columns = (("loss", series.loss, "%"), ("latency", series.latency, "ms"), ("jitter", series.jitter, "ms"))
    return [
        Figure(
            subject=link,
            name=f"{name} {series.serial} to {series.target}",
            value=f"{mean:.1f} {unit}",
            meaning=f"there and back, mean of {count} minutes",
        )
        for name, column, unit in columns
        for mean, count in [_mean(column)]
        if count
    ]


def _mean(column: FloatArray) -> tuple[float, int]:
    there = column[~np.isnan(column)]
    return (float(there.mean()) if len(there) else math.nan), len(there)


async def _unit_figures(session: MerakiSession, device: str, serial: str, notes: list[str]) -> list[Figure]:
    figures = []
    try:
        rows = session.counted(DEVICE, device_rows([await session.get(DEVICE, {"serial": serial}, urgent=True)]))
        for row in rows:
            value = ", ".join(filter(None, (row.model, row.firmware, row.name)))
            figures.append(Figure(subject=device, name=serial, value=value, meaning="model, firmware, name"))
    except OrchestratorError as error:
        notes.append(str(error))
    try:
        answer = await session.get(PERFORMANCE, {"serial": serial}, urgent=True)
    except OrchestratorError as error:
        notes.append(str(error))
    else:
        record = Record({} if answer is None else answer)
        score = record.number("perfScore", high=100.0)
        session.counted(PERFORMANCE, Rows([], record.damaged))
        if not math.isnan(score):
            meaning = "utilization of the appliance over half an hour; above 50 it is heavily used"
            name = f"performance score of {serial}"
            figures.append(Figure(subject=device, name=name, value=f"{score:.0f} %", meaning=meaning))
    return figures
