"""The JSON of big answers. What does not change from call to call is rendered once and kept.

An edge to which nothing happened lately differs from one call to the next in the moment of its last contact alone: its
JSON is kept in the pieces between those moments. All others are rendered anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from service.simulator.fleet import Premises
from service.simulator.noise import FloatArray
from service.simulator.vco.metrics import Stack, fleet_figures, stacks_of
from service.simulator.vco.oddities import Json, disfigured
from service.simulator.vco.states import PARTS, edge_object, links_of, status_rows
from service.simulator.vco.statistics import Window, whole
from service.simulator.vco.world import Register, World, edge_id, heartbeat, link_id, vco_time

Rows = Callable[[World, Premises, float], list[Json]]


def encoded(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def listing(rows: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(rows) + b"]"


@lru_cache(maxsize=512)
def _moment(moment: float) -> bytes:
    return vco_time(moment).encode()


class Sheets:
    """Answers about whole fleets as JSON. Everything in it follows from a world, apart from what is kept."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._kept: dict[tuple[str, int], list[list[bytes]]] = {}
        self._stacks: Sequence[Stack] | None = None

    def link_status(self, world: World, enterprises: Iterable[int] | None, now: float) -> bytes:
        """monitoring/getEnterpriseEdgeLinkStatus."""
        return listing(row for each in world.edges(enterprises) for row in self._status(world, each, now))

    def edges(self, world: World, enterprises: Iterable[int] | None, parts: frozenset[str], now: float) -> bytes:
        """enterprise/getEnterpriseEdges, with these parts."""
        return listing(self._edges(world, enterprises, parts, now))

    def enterprises(self, world: World, rows: Sequence[Json], parts: frozenset[str], now: float) -> bytes:
        """network/getNetworkEnterprises: each row with its edges."""
        return listing(
            encoded(row)[:-1] + b',"edges":' + listing(self._edges(world, [row["id"]], parts, now)) + b"}"
            for row in rows
        )

    def aggregates(
        self, world: World, enterprises: Iterable[int] | None, window: Window, names: Sequence[str]
    ) -> bytes:
        """monitoring/getAggregateEdgeLinkMetrics: a link without a readable tick in the window is not listed."""
        if self._stacks is None:
            self._stacks = stacks_of(self._register)
        # Whether a link had any statistics at all is told by its bytes.
        figures = fleet_figures(world, self._stacks, window, [*names, "bytesRx"])
        numbers = _number_texts([*names, "bytesRx"], figures.columns)
        return listing(
            row
            for each in world.edges(enterprises)
            for row in self._aggregate_rows(world, each, figures.rows, numbers, window.now)
        )

    def _aggregate_rows(
        self, world: World, premises: Premises, rows: Mapping[str, int], numbers: Sequence[str | None], now: float
    ) -> Iterator[bytes]:
        oddities = world.oddities(premises)
        status = self._status(world, premises, now)
        for place, link in enumerate(links_of(world, premises)):
            row = rows.get(link.id)
            text = None if row is None else numbers[row]
            if text is None:
                continue
            head = f'{{"linkId":{link_id(premises, link)},"name":"{link.interface}",{text}"state":0,"link":'
            whole_row = head.encode() + status[place] + b"}"
            yield encoded(disfigured(json.loads(whole_row), oddities)) if oddities else whole_row

    def _status(self, world: World, premises: Premises, now: float) -> list[bytes]:
        return self._rows("status", status_rows, world, premises, now)

    def _edges(
        self, world: World, enterprises: Iterable[int] | None, parts: frozenset[str], now: float
    ) -> Iterator[bytes]:
        known = parts & PARTS

        def make(world: World, premises: Premises, now: float) -> list[Json]:
            return [edge_object(world, premises, now, known)]

        name = ",".join(sorted(known))
        for each in world.edges(enterprises):
            yield from self._rows(name, make, world, each, now)

    def _rows(self, name: str, make: Rows, world: World, premises: Premises, now: float) -> list[bytes]:
        if not world.quiet(premises, now):
            return [encoded(row) for row in make(world, premises, now)]
        moment = _moment(heartbeat(premises, now))
        key = (name, edge_id(premises))
        kept = self._kept.get(key)
        if kept is None:
            kept = [encoded(row).split(moment) for row in make(world, premises, now)]
            self._kept[key] = kept
        return [moment.join(pieces) for pieces in kept]


def _number_texts(names: Sequence[str], columns: Sequence[FloatArray]) -> list[str | None]:
    """For each row of the columns its metrics as JSON members, each with a comma behind it; None where the last column
    is NaN. The last column is not written."""
    template = "".join(f'"{name}":%{"d" if whole(name) else "r"},' for name in names[:-1])
    there = (~(columns[-1] != columns[-1])).tolist()
    filled = [column.tolist() for column in columns[:-1]]
    return [template % tuple(row) if known else None for known, *row in zip(there, *filled, strict=True)]
