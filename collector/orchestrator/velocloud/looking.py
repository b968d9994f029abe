"""Everything that a VCO says of one edge now."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model import Fact, SampleBatch
from collector.orchestrator.directory import Directory
from collector.orchestrator.port import DeviceReport, Figure, OrchestratorError
from collector.orchestrator.record import Record
from collector.orchestrator.velocloud.calls import EDGE, EDGE_CONFIGURATION, EDGE_HEALTH, LINK_QUALITY
from collector.orchestrator.velocloud.configuration import ConfiguredLine, read_configuration
from collector.orchestrator.velocloud.mapping import state_report
from collector.orchestrator.velocloud.quality import OVERALL, link_qualities, quality_figures
from collector.orchestrator.velocloud.rows import EdgeRow, link_rows
from collector.orchestrator.velocloud.samples import joined
from collector.orchestrator.velocloud.session import VcoSession, interval, number
from collector.orchestrator.velocloud.status import status_items
from config.clock import rfc3339

LOOKED_BACK = timedelta(hours=1)
HEALTH = {
    "cpuPct": ("CPU", "{:.0f} %"),
    "memoryPct": ("memory", "{:.0f} %"),
    "cpuCoreTemp": ("temperature", "{:.0f} °C"),
    "flowCount": ("flows", "{:.0f}"),
    "tunnelCount": ("tunnels", "{:.0f}"),
    "tunnelCountV6": ("tunnels over IPv6", "{:.0f}"),
    "handoffQueueDrops": ("packets dropped at the handoff queue", "{:.0f}"),
}
"""The vendor's metrics: our name, and how a value is written."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The edge that is looked at: our device, and its ids at the host."""

    device: str
    edge: str
    enterprise: str

    def asked(self) -> dict[str, object]:
        return {"enterpriseId": number(self.enterprise), "edgeId": number(self.edge)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    facts: Sequence[Fact] = ()
    figures: Sequence[Figure] = ()
    samples: SampleBatch | None = None
    notes: Sequence[str] = ()


History = Callable[[datetime, datetime], Awaitable[SampleBatch]]


async def look_at(session: VcoSession, known: Directory, edge: Edge, history: History, now: datetime) -> DeviceReport:
    """Five calls, all urgent, at once. A part that fails is a note; raises OrchestratorError when all of them do."""
    since = now - LOOKED_BACK
    parts: Mapping[str, Awaitable[_Part]] = {
        "states": _states(session, known, edge, now),
        "statistics": _statistics(history, since, now),
        "quality of experience": _quality(session, known, edge, since, now),
        "the edge's health": _health(session, edge, since, now),
        "configuration": _configuration(session, known, edge),
    }
    done = await asyncio.gather(*(_tried(part) for part in parts.values()))
    failed = [result for result in done if isinstance(result, OrchestratorError)]
    if len(failed) == len(done):
        raise failed[0]
    read = [result for result in done if isinstance(result, _Part)]
    notes = [f"{name}: {result}" for name, result in zip(parts, done, strict=True) if not isinstance(result, _Part)]
    return DeviceReport(
        facts=[fact for part in read for fact in part.facts],
        samples=joined([part.samples for part in read if part.samples is not None and len(part.samples)]),
        figures=[figure for part in read for figure in part.figures],
        notes=notes + [note for part in read for note in part.notes],
    )


async def _tried(part: Awaitable[_Part]) -> _Part | OrchestratorError:
    try:
        return await part
    except OrchestratorError as error:
        return error


async def _states(session: VcoSession, known: Directory, edge: Edge, now: datetime) -> _Part:
    parameters = {"id": number(edge.edge), "enterpriseId": number(edge.enterprise), "with": ["links"]}
    answer = await session.call(EDGE, parameters, urgent=True)
    if not isinstance(answer, dict):
        raise session.misshapen(EDGE, "an object")
    rows = session.counted(EDGE, link_rows(status_items({**answer, "id": edge.edge}, edge.enterprise)))
    seen = state_report(rows, [EdgeRow(edge=edge.edge, ha_state=Record(answer).text("haState"))], known, now)
    ours = {edge.device, *known.links_of(edge.device)}
    notes = [f"{each}: the host does not mention it" for each in seen.absent if each in ours]
    notes += [f"the inventory does not know {each}" for each in seen.unmapped]
    return _Part(facts=seen.facts, figures=_edge_figures(Record(answer), edge.device), notes=notes)


def _edge_figures(edge: Record, device: str) -> list[Figure]:
    serial, standby = edge.text("serialNumber"), edge.text("haSerialNumber")
    up = edge.moment("serviceUpSince")
    told = (
        ("model", edge.text("modelNumber"), ""),
        ("serial number", serial, "of the active box of a pair" if standby else ""),
        ("standby's serial number", standby, "the two change places with each failover"),
        ("software", edge.text("softwareVersion"), ""),
        ("up since", rfc3339(up) if up else None, "the edge's service"),
    )
    return [Figure(subject=device, name=name, value=value, meaning=meaning) for name, value, meaning in told if value]


async def _statistics(history: History, since: datetime, now: datetime) -> _Part:
    return _Part(samples=await history(since, now))


async def _quality(session: VcoSession, known: Directory, edge: Edge, since: datetime, now: datetime) -> _Part:
    parameters = {**edge.asked(), "interval": interval(since, now)}
    answer = await session.call(LINK_QUALITY, parameters, urgent=True)
    if not isinstance(answer, dict):
        raise session.misshapen(LINK_QUALITY, "an object")
    figures: list[Figure] = []
    for row in session.counted(LINK_QUALITY, link_qualities(answer)):
        link = known.link_of(edge.edge, row.key, None)
        if row.key == OVERALL or link is not None:
            figures += quality_figures(row, link or edge.device)
    return _Part(figures=figures)


async def _health(session: VcoSession, edge: Edge, since: datetime, now: datetime) -> _Part:
    parameters = {**edge.asked(), "interval": interval(since, now), "metrics": list(HEALTH)}
    answer = await session.call(EDGE_HEALTH, parameters, urgent=True)
    if not isinstance(answer, dict):
        raise session.misshapen(EDGE_HEALTH, "an object")
    return _Part(figures=health_figures(answer, edge.device))


def health_figures(answer: Mapping[object, object], device: str) -> list[Figure]:
    """An answer of metrics/getEdgeStatusMetrics. Pure. What the edge did not report is left out, never zero."""
    figures = []
    for metric, (name, written) in HEALTH.items():
        record = Record(answer).record(metric)
        average, most = record.number("average"), record.number("max")
        words = [written.format(average) + " on average"] if not math.isnan(average) else []
        words += [written.format(most) + " at most"] if not math.isnan(most) else []
        if words:
            figures.append(Figure(subject=device, name=name, value=", ".join(words), meaning="the last hour"))
    return figures


async def _configuration(session: VcoSession, known: Directory, edge: Edge) -> _Part:
    found = await read_configuration(session, edge.enterprise, edge.edge, urgent=True)
    figures = [
        Figure(subject=edge.device, name=f"{part} gateway", value=value, meaning="as configured")
        for part, value in found.gateways.items()
    ]
    for line in found.lines or ():
        port = line.interfaces[0] if len(line.interfaces) == 1 else None
        link = known.link_of(edge.edge, line.internal_id, port)
        figures += line_figures(line, link or f"{edge.device} {port or line.name or 'line'}")
    notes = [] if found.lines is not None else [f"the host has no WAN configuration of it ({EDGE_CONFIGURATION})"]
    return _Part(figures=figures, notes=notes)


def line_figures(line: ConfiguredLine, subject: str) -> list[Figure]:
    """A configured line for people. Pure."""
    rates = [f"{rate / 1e6:g} Mbit/s {way}" for rate, way in ((line.down_bps, "down"), (line.up_bps, "up")) if rate]
    kinds = [
        {True: "wireless", False: "wired", None: ""}[line.wireless],
        {True: "public", False: "private", None: ""}[line.public],
        "backup" if line.backup else "",
    ]
    measured = f", measured by {line.measured_by}" if line.measured_by else ""
    told = (
        ("contracted rate", ", ".join(rates), f"as configured at the orchestrator{measured}"),
        ("kind of line", ", ".join(kind for kind in kinds if kind), ""),
        ("ISP", line.isp or "", ""),
    )
    return [Figure(subject=subject, name=name, value=value, meaning=meaning) for name, value, meaning in told if value]
