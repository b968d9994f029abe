"""The datagrams that read a device, planned once and sent in every slot. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.snmp.gauges import Gauge
from collector.snmp.interfaces import COLUMNS, READ_COLUMNS, SYS_UPTIME, Column
from collector.snmp.rates import UNKNOWN_SPEED
from collector.snmp.template import Template

MOST_OCTETS = 1400
"""Of an answer: no IP fragments on an ordinary path (1,500 octets less the IP and UDP headers and some tunnel's)."""
MOST_VARBINDS = 120
ENVELOPE_OCTETS = 60
"""What stands around the bindings in an answer, with a community of ordinary length."""
_VARBIND_OVERHEAD = 10
"""Two headers and what sub-identifiers above 127 take more."""
_NUMBER_OCTETS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """An interface as it is read: `place` is its row in the harvest, `columns` those that the agent answers, `name`
    the octets of the column that it was found by (None for a row named by its ifIndex)."""

    place: int
    index: int
    columns: tuple[Column, ...]
    name_column: Column | None = None
    name: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One datagram. Its answer holds sysUpTime where the agent has it, then the numbers that go to `cells` (flat, row
    times columns), then a value for each of `gauges` (with the row that it belongs to), then names that are only
    compared."""

    template: Template
    cells: NDArray[np.intp]
    gauges: tuple[tuple[int, Gauge], ...]
    numbers: slice
    gauge_values: slice


@dataclass(frozen=True, slots=True)
class _Number:
    oid: str
    row: LaneRow
    column: Column

    @property
    def name(self) -> tuple[str, bytes] | None:
        """The object, and the octets it must show, by which the row was found."""
        row = self.row
        if row.name_column is None or row.name is None:
            return None
        return f"{COLUMNS[row.name_column].oid}.{row.index}", row.name


_Item = _Number | tuple[int, Gauge]


def plan(
    rows: Sequence[LaneRow],
    gauges: Sequence[tuple[int, Gauge]],
    most_varbinds: int = MOST_VARBINDS,
    *,
    uptime: bool = True,
    tags: Mapping[str, int] | None = None,
) -> tuple[Part, ...]:
    """As few datagrams as the path and the agent allow; one with sysUpTime alone when there is nothing else to read.

    `tags` are the BER types of objects, by OID, that their values must go on having.

    Every datagram that reads a row also asks for the name it was found by, so that no value is ever taken from another.
    """
    items: list[_Item] = [
        _Number(f"{COLUMNS[column].oid}.{row.index}", row, column) for row in rows for column in row.columns
    ]
    items += gauges
    return tuple(_part(group, tags or {}, uptime=uptime or not items) for group in _grouped(items, most_varbinds))


def _grouped(items: Sequence[_Item], most_varbinds: int) -> Iterator[list[_Item]]:
    group: list[_Item] = []
    oids = {SYS_UPTIME: 0}
    octets = ENVELOPE_OCTETS
    for item in items:
        new = {oid: size for oid, size in _objects(item) if oid not in oids}
        if group and (octets + sum(new.values()) > MOST_OCTETS or len(oids) + len(new) > most_varbinds):
            yield group
            group, oids, octets = [], {SYS_UPTIME: 0}, ENVELOPE_OCTETS
            new = dict(_objects(item))
        group.append(item)
        oids |= new
        octets += sum(new.values())
    yield group


def _objects(item: _Item) -> Iterator[tuple[str, int]]:
    """What an item asks for, and the octets that each adds to an answer."""
    oid = item.oid if isinstance(item, _Number) else item[1].oid
    yield oid, _VARBIND_OVERHEAD + oid.count(".") + _NUMBER_OCTETS
    name = _name(item)
    if name is not None:
        yield name[0], _VARBIND_OVERHEAD + name[0].count(".") + len(name[1])


def _name(item: _Item) -> tuple[str, bytes] | None:
    return item.name if isinstance(item, _Number) else item[1].holder


def _part(group: Sequence[_Item], tags: Mapping[str, int], *, uptime: bool) -> Part:
    numbers = [item for item in group if isinstance(item, _Number)]
    gauges = tuple(item for item in group if not isinstance(item, _Number))
    names = dict(name for item in group if (name := _name(item)) is not None)
    clocks = [SYS_UPTIME] if uptime else []
    oids = [*clocks, *(item.oid for item in numbers), *(gauge.oid for _, gauge in gauges)]
    fixed = {len(oids) + at: text for at, text in enumerate(names.values())}
    cells = [item.row.place * len(READ_COLUMNS) + READ_COLUMNS.index(item.column) for item in numbers]
    first, last = len(clocks), len(clocks) + len(numbers)
    return Part(
        Template([*oids, *names], fixed, {at: tags[oid] for at, oid in enumerate(oids) if oid in tags}),
        np.array(cells, dtype=np.intp),
        gauges,
        slice(first, last),
        slice(last, last + len(gauges)),
    )


def steady_columns(answered: Mapping[Column, int]) -> tuple[Column, ...]:
    """What to go on reading of an interface: no 32-bit counter beside its 64-bit one (RFC 2863, section 3.1.6), no
    ifSpeed that says the same as ifHighSpeed or that it is too small for the speed."""
    high, low = answered.get(Column.IF_HIGH_SPEED, 0), answered.get(Column.IF_SPEED, 0)
    superseded = {
        Column.IF_IN_OCTETS: Column.IF_HC_IN_OCTETS in answered,
        Column.IF_OUT_OCTETS: Column.IF_HC_OUT_OCTETS in answered,
        Column.IF_SPEED: high > 0 and low in (high * 1_000_000, UNKNOWN_SPEED),
    }
    return tuple(column for column in READ_COLUMNS if column in answered and not superseded.get(column, False))
