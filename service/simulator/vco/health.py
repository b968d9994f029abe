"""How a VCO's edges and gateways are: their load, and which edge is at which gateway. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from service.simulator.fleet import Premises
from service.simulator.noise import FloatArray, seed_of, uniform
from service.simulator.vco.oddities import Json, disfigured
from service.simulator.vco.records import VCO_ADDRESS
from service.simulator.vco.states import edge_object
from service.simulator.vco.statistics import Window, unmanaged
from service.simulator.vco.world import World, edge_id, logical_id, vco_time

GATEWAYS = {1: ("vcg-east-1", "192.0.2.21"), 2: ("vcg-west-1", "192.0.2.22")}
"""Name and address by id. Edges are spread over them by their own id."""
MINUTE = 60

EDGE_RANGES: Mapping[str, tuple[float, float]] = {
    "tunnelCount": (3, 9),
    "tunnelCountV6": (0, 0),
    "memoryPct": (38, 62),
    "flowCount": (120, 900),
    "cpuPct": (6, 44),
    "cpuCoreTemp": (41, 63),
    "handoffQueueDrops": (0, 0),
}
GATEWAY_RANGES: Mapping[str, tuple[float, float]] = {
    "tunnelCount": (310, 420),
    "tunnelCountV6": (0, 0),
    "memoryPct": (48, 66),
    "flowCount": (20_000, 60_000),
    "cpuPct": (15, 40),
    "handoffQueueDrops": (0, 3),
    "connectedEdges": (0, 0),
}


def _samples(subject: str, name: str, bounds: tuple[float, float], times: FloatArray) -> FloatArray:
    low, high = bounds
    drawn = uniform(seed_of(subject, name), 1, (times // MINUTE).astype(np.int64))
    return np.round(low + (high - low) * drawn, 2 if name.endswith("Pct") else 0)


def _summary(values: FloatArray) -> Json:
    if not len(values):
        return {"min": None, "max": None, "average": None}
    return {"min": float(values.min()), "max": float(values.max()), "average": round(float(values.mean()), 4)}


def edge_summary(world: World, premises: Premises, window: Window, names: Sequence[str]) -> Json:
    """metrics/getEdgeStatusMetrics: least, greatest and mean of the minutes in which the edge had contact."""
    starts = np.arange(int(window.start), int(min(window.end, window.now)), MINUTE, dtype=np.int64)
    starts = starts[~unmanaged(world.hits_at(premises), starts, starts + MINUTE)]
    wanted = {name: bounds for name, bounds in EDGE_RANGES.items() if not names or name in names}
    times = starts.astype(np.float64)
    found = {name: _summary(_samples(premises.device.id, name, bounds, times)) for name, bounds in wanted.items()}
    shown: Json = disfigured(found, world.oddities(premises))
    return shown


def edge_row(world: World, premises: Premises, now: float) -> Json:
    """One row of monitoring/getEnterpriseEdgeStatus."""
    at = np.array([now])
    found = {name: _samples(premises.device.id, name, bounds, at)[0] for name, bounds in EDGE_RANGES.items()}
    row = {"edgeId": edge_id(premises), "name": premises.site.id.upper()}
    shown: Json = disfigured(
        {**row, **{name: float(value) if name.endswith("Pct") else int(value) for name, value in found.items()}},
        world.oddities(premises),
    )
    return shown


def gateway_of(premises: Premises) -> int:
    return 1 + edge_id(premises) % len(GATEWAYS)


def gateways(world: World, now: float) -> list[Json]:
    """network/getNetworkGateways."""
    return [_gateway_row(world, number, now) for number in GATEWAYS]


def _gateway_row(world: World, number: int, now: float) -> Json:
    name, address = GATEWAYS[number]
    edges = [each for each in world.edges() if gateway_of(each) == number]
    at = np.array([now])
    load = {each: float(_samples(name, each, GATEWAY_RANGES[each], at)[0]) for each in ("cpuPct", "memoryPct")}
    return {
        "id": number,
        "name": name,
        "logicalId": logical_id("gateway", number),
        "networkId": 1,
        "gatewayState": "CONNECTED",
        "serviceState": "IN_SERVICE",
        "activationState": "ACTIVATED",
        "ipAddress": address,
        "connectedEdges": len(edges),
        "connectedEdgeList": [{"vceid": logical_id("edge", edge_id(each))} for each in edges],
        "utilization": load["cpuPct"],
        "utilizationDetail": {"load": 1.2, "overall": 40, "cpu": load["cpuPct"], "memory": load["memoryPct"]},
        "lastContact": vco_time(now - now % 30),
    }


def gateway_summary(world: World, number: int, window: Window, names: Sequence[str]) -> Json:
    """metrics/getGatewayStatusMetrics."""
    name, _ = GATEWAYS[number]
    times = np.arange(window.start, min(window.end, window.now), MINUTE)
    wanted = {each: bounds for each, bounds in GATEWAY_RANGES.items() if not names or each in names}
    found = {each: _summary(_samples(name, each, bounds, times)) for each, bounds in wanted.items()}
    if "connectedEdges" in found:
        count = sum(1 for each in world.edges() if gateway_of(each) == number)
        found["connectedEdges"] = {"min": count, "max": count, "average": count}
    return found


def gateway_edges(world: World, number: int, enterprises: Sequence[int], now: float) -> list[Json]:
    """gateway/getGatewayEdgeAssignments."""
    return [edge_object(world, each, now) for each in world.edges(enterprises) if gateway_of(each) == number]


def addresses() -> list[Json]:
    """enterprise/getEnterpriseAddresses."""
    gateway_rows = [{"address": address, "entity": "GATEWAY"} for _, address in GATEWAYS.values()]
    return [{"address": VCO_ADDRESS, "entity": "ACTIVE_VCO"}, *gateway_rows]
