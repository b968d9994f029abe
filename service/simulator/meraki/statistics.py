"""Measurements and changes over stretches of time, as the dashboard answers them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from service.simulator.meraki.asked import DAY, Asked, Json, RefusedError, zulu
from service.simulator.meraki.happenings import MINUTE
from service.simulator.noise import seed_of

NEWEST_LOSS = 120.0
LONGEST_LOSS = 300.0
LOSS_RESOLUTIONS = (60, 600, 3600, 86400)
USAGE_RESOLUTIONS = (60, 300, 600, 1800, 3600, 86400)


def loss_and_latency(asked: Asked) -> list[Json]:
    start, end = asked.span(LONGEST_LOSS, LONGEST_LOSS, 60 * DAY)
    if asked.one("t1") is None:
        start, end = start - NEWEST_LOSS, end - NEWEST_LOSS
    if asked.now - end < NEWEST_LOSS - 1e-6:
        raise RefusedError(400, "t1 can be at the latest 2 minutes into the past")
    uplink, ip = asked.one("uplink"), asked.one("ip")
    rows: list[Json] = []
    for serial, network in asked.appliances():
        for line in network.lines:
            for target in network.targets:
                if uplink not in (None, line.interface) or ip not in (None, target):
                    continue
                points = []
                for minute, moment in _minutes(serial, start, end):
                    found = asked.world.happenings.measured(serial, network, line, target, minute)
                    if found is not None:
                        points.append({"ts": zulu(moment), "lossPercent": found[0], "latencyMs": found[1]})
                rows.append(
                    {
                        "networkId": network.id,
                        "serial": serial,
                        "uplink": line.interface,
                        "ip": target,
                        "timeSeries": points,
                    }
                )
    return rows


def _minutes(serial: str, start: float, end: float) -> Iterator[tuple[int, float]]:
    """Each minute that an appliance measures in [start, end), and the moment in it that is told."""
    second = seed_of(serial) % MINUTE
    for minute in range(int(start // MINUTE), int(end // MINUTE) + 1):
        if start <= minute * MINUTE + second < end:
            yield minute, minute * MINUTE + second


def loss_history(asked: Asked) -> list[Json]:
    network = asked.world.of_serial(asked.id)
    target, uplink = asked.one("ip"), asked.one("uplink") or "wan1"
    if target is None:
        raise RefusedError(400, "'ip' is required")
    if uplink not in ("wan1", "wan2", "wan3", "wan4", "cellular"):
        raise RefusedError(400, "'uplink' must be one of: 'wan1', 'wan2', 'wan3', 'cellular', 'wan4'")
    start, end = asked.span(DAY, 31 * DAY, 60 * DAY)
    every = asked.resolution(LOSS_RESOLUTIONS)
    line = next((one for one in network.lines if one.interface == uplink), None)
    rows: list[Json] = []
    for first in range(-(-int(start) // every) * every, int(end) - every + 1, every):
        found = None
        if line is not None and target in network.targets:
            found = asked.world.happenings.measured(asked.id, network, line, target, first // MINUTE)
        loss, latency, jitter = found or (None, None, None)
        rows.append(
            {
                "startTime": zulu(first),
                "endTime": zulu(first + every),
                "lossPercent": loss,
                "latencyMs": latency,
                "goodput": None if loss is None else 0,
                "jitter": jitter,
            }
        )
    return rows


def usage_by_network(asked: Asked) -> list[Json]:
    start, end = asked.span(DAY, 14 * DAY, 30 * DAY)
    minutes = range(-(-int(start) // MINUTE), int(end) // MINUTE)
    rows: list[Json] = []
    for network in asked.world.organization(asked.id).networks:
        uplinks = []
        for line in network.lines:
            received, sent = asked.world.happenings.octets(network, line, minutes)
            # Both units of a pair are told as one, by the interface.
            serial = network.serials[0]
            uplinks.append({"serial": serial, "interface": line.interface, "sent": sent, "received": received})
        if network.serials[0] not in asked.world.missing:
            rows.append({"networkId": network.id, "name": network.name, "byUplink": uplinks})
    return rows


def usage_history(asked: Asked) -> list[Json]:
    network = asked.world.network(asked.id)
    start, end = asked.span(600, 31 * DAY, 30 * DAY)
    every = asked.resolution(USAGE_RESOLUTIONS)
    rows: list[Json] = []
    for first in range(int(start) // every * every, int(end) - every + 1, every):
        uplinks = []
        for line in network.lines:
            minutes = range(first // MINUTE, (first + every) // MINUTE)
            received, sent = asked.world.happenings.octets(network, line, minutes)
            uplinks.append({"interface": line.interface, "sent": sent, "received": received})
        rows.append({"startTime": zulu(first), "endTime": zulu(first + every), "byInterface": uplinks})
    return rows


def change_history(asked: Asked) -> list[Json]:
    start, end = asked.span(DAY, 31 * DAY, 31 * DAY)
    rows: list[tuple[float, Json]] = []
    for network in asked.world.organization(asked.id).networks:
        for moment, serial, old, new in asked.world.happenings.changes(network, start, end):
            row: Json = {
                "ts": zulu(moment),
                "category": "status",
                "device": {
                    "serial": serial,
                    "name": network.name,
                    "productType": "appliance",
                    "model": network.model,
                },
                "network": {"id": network.id, "name": network.name, "tags": []},
                "details": {"old": [{"name": "status", "value": old}], "new": [{"name": "status", "value": new}]},
            }
            rows.append((moment, row))
    return [row for _, row in sorted(rows, key=lambda each: -each[0])]
