"""What a VCO answers about its links' statistics: aggregates of the whole fleet, of one edge, and series. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inventory.model import Link
from service.simulator.behaviour import Surroundings, likeness, stacked
from service.simulator.fleet import Premises
from service.simulator.noise import FloatArray
from service.simulator.vco.oddities import Json, disfigured
from service.simulator.vco.states import link_object
from service.simulator.vco.statistics import (
    TICK,
    Ticks,
    Window,
    aggregate,
    figure,
    late_seed,
    metric,
    ticks_of,
    whole,
)
from service.simulator.vco.world import Register, World, edge_id, link_id

SHORTEST_SERIES = 15 * 60
"""A getEdgeLinkSeries window below this gives an empty array (seen in public code)."""
MOST_TICKS = 1024
STACK = 256
"""Sites that are computed together; more would need memory rather than save time."""

Figures = Mapping[str, Mapping[str, float]]
"""Link id to metric to its aggregate."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Quiet sites of one likeness as one."""

    premises: Sequence[Premises]
    around: Surroundings
    late: NDArray[np.uint64]


def stacks_of(register: Register) -> Sequence[Stack]:
    """Every edge without a habit of its own, in stacks; hits are not part of them."""
    alike: dict[object, list[Premises]] = defaultdict(list)
    for each in register.by_edge.values():
        kind = likeness(Surroundings(each.demand, each.lines))
        if kind is not None:
            alike[kind].append(each)
    chosen = (group[first : first + STACK] for group in alike.values() for first in range(0, len(group), STACK))
    return [
        Stack(
            premises,
            stacked([Surroundings(each.demand, each.lines) for each in premises]),
            np.array([[late_seed(each.device.id)] for each in premises], dtype=np.uint64),
        )
        for premises in chosen
    ]


def edge_ticks(world: World, premises: Premises, window: Window) -> Mapping[str, Ticks]:
    """The ticks of one edge's lines, by link."""
    found = ticks_of(late_seed(premises.device.id), world.around(premises), window)
    return {ticks.link: ticks for ticks in found}


def edge_figures(world: World, premises: Premises, window: Window, names: Sequence[str]) -> Figures:
    """Aggregates of one edge's links; a link without a readable tick is left out."""
    found = {}
    for link, ticks in edge_ticks(world, premises, window).items():
        values = {name: float(aggregate(name, metric(ticks.values, name))) for name in names}
        if not np.isnan(ticks.values["bytesRx"]).all():
            found[link] = values
    return found


@dataclass(frozen=True, slots=True, eq=False)
class FleetFigures:
    """Aggregates of a fleet: `rows` gives a link's place in each of the columns; NaN throughout where there are
    none."""

    rows: Mapping[str, int]
    columns: Sequence[FloatArray]


def fleet_figures(world: World, stacks: Sequence[Stack], window: Window, names: Sequence[str]) -> FleetFigures:
    """The aggregates of every edge: stacked sites together, those with hits of their own one by one."""
    rows: dict[str, int] = {}
    parts: list[FloatArray] = []
    for stack in stacks:
        for place, ticks in zip(_warm(stack), ticks_of(stack.late, stack.around, window), strict=False):
            for each in stack.premises:
                rows[each.lines[place].link] = len(rows)
            parts.append(np.stack([aggregate(name, metric(ticks.values, name)) for name in names]))
    columns = list(np.concatenate(parts, axis=1)) if parts else [np.empty(0) for _ in names]
    return _with_single(world, stacks, window, names, FleetFigures(rows, columns))


def _warm(stack: Stack) -> list[int]:
    return [place for place, line in enumerate(stack.around.lines) if not line.cold]


def _with_single(
    world: World, stacks: Sequence[Stack], window: Window, names: Sequence[str], quiet: FleetFigures
) -> FleetFigures:
    """With the sites that had to be computed alone: those with hits, and those that are in no stack."""
    in_stacks = {each.site.id for stack in stacks for each in stack.premises}
    rows, added = dict(quiet.rows), list[list[float]]()
    total = len(rows)
    columns = [column.copy() for column in quiet.columns]
    for each in world.register.by_edge.values():
        hit = any(hit.start < window.end and hit.end > window.start for hit in world.hits_at(each))
        if each.site.id in in_stacks and not hit:
            continue
        found = edge_figures(world, each, window, names)
        for line in each.lines:
            values = [found[line.link][name] if line.link in found else math.nan for name in names]
            if line.link in quiet.rows:
                for column, value in zip(columns, values, strict=True):
                    column[quiet.rows[line.link]] = value
            else:
                rows[line.link] = total + len(added)
                added.append(values)
    if added:
        columns = [np.concatenate([column, fresh]) for column, fresh in zip(columns, np.array(added).T, strict=True)]
    return FleetFigures(rows, columns)


def number(name: str, value: float) -> float | int:
    """A figure as the vendor writes it: an integer where it counts, at most four decimals elsewhere."""
    return int(value) if whole(name) else value


def edge_metrics(world: World, premises: Premises, window: Window, names: Sequence[str]) -> list[Json]:
    """metrics/getEdgeLinkMetrics: each link of one edge with activity in the window."""
    found = edge_figures(world, premises, window, names)
    return [
        disfigured(
            {
                "linkId": link_id(premises, link),
                "name": link.interface,
                **{name: number(name, value) for name, value in found[link.id].items()},
                "state": 0,
                "link": link_object(world, premises, link, window.now),
            },
            world.oddities(premises),
        )
        for link in premises.wan
        if link.id in found
    ]


def series(world: World, premises: Premises, window: Window, names: Sequence[str]) -> list[Json]:
    """metrics/getEdgeLinkSeries: one object per link; `data` has null where nothing was received."""
    if window.end - window.start < SHORTEST_SERIES:
        return []
    window = Window(window.start, min(window.end, window.start + MOST_TICKS * TICK), window.now, window.lateness)
    by_link = edge_ticks(world, premises, window)
    return [
        disfigured(_series_of(world, premises, link, by_link[link.id], names, window.now), world.oddities(premises))
        for link in premises.wan
        if link.id in by_link
    ]


def _series_of(world: World, premises: Premises, link: Link, ticks: Ticks, names: Sequence[str], now: float) -> Json:
    return {
        "edgeId": edge_id(premises),
        "linkId": link_id(premises, link),
        "series": [_series(name, ticks) for name in names],
        "link": link_object(world, premises, link, now),
    }


def _series(name: str, ticks: Ticks) -> Json:
    values = figure(name, metric(ticks.values, name)).tolist()
    data = [None if math.isnan(value) else number(name, value) for value in values]
    known = [value for value in data if value is not None]
    return {
        "metric": name,
        "startTime": int(ticks.start[0]) * 1000,
        "tickInterval": TICK * 1000,
        "data": data,
        "total": sum(known),
        "min": min(known, default=0),
        "max": max(known, default=0),
    }
