"""What a VCO has configured for an edge: its lines with their contracted rates, and its gateways."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.orchestrator.record import Record, Rows, read_rows
from collector.orchestrator.velocloud.calls import EDGE_CONFIGURATION
from collector.orchestrator.velocloud.session import VcoSession, number

MEGABIT = 1e6
MOST_MBPS = 1e6
KINDS = {"WIRED": False, "WIRELESS": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredLine:
    """A line of the WAN module. None is "not set": hosts write 0 or nothing where no rate was entered."""

    internal_id: str | None
    interfaces: tuple[str, ...]
    name: str | None
    isp: str | None
    wireless: bool | None
    public: bool | None
    down_bps: float | None
    up_bps: float | None
    measured_by: str | None
    backup: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """`lines` is None where the host has no WAN module for the edge, which says nothing of its lines. `gateways` are
    names by their part: primary, secondary."""

    lines: Sequence[ConfiguredLine] | None
    gateways: Mapping[str, str]


async def read_configuration(session: VcoSession, enterprise: str, edge: str, *, urgent: bool = False) -> Configuration:
    """One call for one edge."""
    modules = ["WAN", "controlPlane"] if urgent else ["WAN"]
    parameters = {"enterpriseId": number(enterprise), "edgeId": number(edge), "modules": modules}
    answer = await session.call(EDGE_CONFIGURATION, parameters, urgent=urgent)
    if not isinstance(answer, dict):
        raise session.misshapen(EDGE_CONFIGURATION, "an object")
    data = Record(answer).record("WAN").record("data")
    lines = configured_lines(data.items("links"))
    lines = Rows(lines.rows, lines.damaged + data.damaged)
    present = isinstance(answer.get("WAN"), dict)
    return Configuration(
        lines=session.counted(EDGE_CONFIGURATION, lines) if present else None, gateways=_gateways(Record(answer))
    )


def configured_lines(items: Sequence[object]) -> Rows[ConfiguredLine]:
    """The `links` of a WAN module. Rates come as text, in Mbit/s."""
    return read_rows([_without_blanks(item) for item in items], _configured_line)


def _without_blanks(item: object) -> object:
    """Rates that nobody entered come as empty text, which is no damage."""
    return {key: value for key, value in item.items() if value != ""} if isinstance(item, dict) else item


def _configured_line(record: Record) -> tuple[ConfiguredLine | None, int]:
    interfaces = tuple(name for name in record.items("interfaces") if isinstance(name, str))
    mode, kind = record.text("mode"), record.text("type")
    line = ConfiguredLine(
        internal_id=record.text("internalId"),
        interfaces=interfaces,
        name=record.text("name"),
        isp=record.text("isp"),
        wireless=KINDS.get(kind or ""),
        public=None if mode is None else mode == "PUBLIC",
        down_bps=_rate(record.number("downstreamMbps", high=MOST_MBPS)),
        up_bps=_rate(record.number("upstreamMbps", high=MOST_MBPS)),
        measured_by=record.text("bwMeasurement"),
        backup=record.flag("backupOnly") or record.flag("hotStandby"),
    )
    return line, 0


def _rate(mbps: float) -> float | None:
    return None if math.isnan(mbps) or mbps == 0 else mbps * MEGABIT


def _gateways(answer: Record) -> dict[str, str]:
    chosen = answer.record("controlPlane").record("data").record("gatewaySelection")
    parts = {part: chosen.record(f"{part}Detail") for part in ("primary", "secondary")}
    named = {part: (detail.text("name"), detail.text("ipAddress")) for part, detail in parts.items()}
    return {part: f"{name}, {address}" if address else name for part, (name, address) in named.items() if name}


def line_of(lines: Sequence[ConfiguredLine], internal_id: str | None, interface: str | None) -> ConfiguredLine | None:
    """The configured line of a link: by the internalId, else by the port where one line alone has it."""
    by_id = [line for line in lines if internal_id and line.internal_id == internal_id]
    if by_id:
        return by_id[0]
    by_port = [line for line in lines if interface in line.interfaces]
    return by_port[0] if len(by_port) == 1 and None in (internal_id, by_port[0].internal_id) else None
