"""What an agent's own objects say about a link: whose a row of a table is, and what its value means. Pure."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from collector.snmp.ber import Value
from collector.snmp.interfaces import Row, interface_text
from collector.snmp.profiles import By, Holds, Kind, Relation, TableSpec, ValueSpec
from inventory.model import Access, Link

NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*")
OPAQUE_FLOAT = b"\x9f\x78\x04"
"""Net-SNMP wraps a 32-bit float into an Opaque (draft-perkins-float-00)."""
LARGEST_INTEGER = 2**31 - 1
DECIMALS = 9
"""More than any object has; takes away what binary fractions add (-70 tenths are -7 dB, not -7.000000000000001)."""
CELLULAR = (Access.LTE, Access.FIVE_G)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One object of one link: `oid` in full, and how its value becomes `field`.

    `holder` is the object by which its row was found, and the octets that it showed: once it shows others, the row
    is another's and the link's gauges must be found again.
    """

    field: str
    oid: str
    name: str
    unit: str
    meaning: str = ""
    scale: float = 1.0
    offset: float = 0.0
    lowest: float = -math.inf
    highest: float = math.inf
    sentinels: tuple[float | str, ...] = ()
    text: re.Pattern[str] | None = None
    kind: Kind = Kind.GAUGE
    holder: tuple[str, bytes] | None = None


def gauge_value(gauge: Gauge, value: Value) -> float:
    """The measurement in the gauge's unit; NaN where the object is absent, says "not measured", or cannot be."""
    return measured(gauge, value, gauge.scale)


def measured(spec: Gauge | ValueSpec, value: Value, scale: float) -> float:
    """`number * scale + offset`, or NaN."""
    number = _number(value, spec.text, spec.sentinels)
    if number > LARGEST_INTEGER and -math.inf < spec.lowest < 0:
        number -= 2**32  # dBm and dB that the agent sends as an unsigned number
    if math.isnan(number) or number in spec.sentinels:
        return math.nan
    result = round(number * scale + spec.offset, DECIMALS)
    return result if spec.lowest <= result <= spec.highest else math.nan


def _number(value: Value, text: re.Pattern[str] | None, sentinels: tuple[float | str, ...]) -> float:
    if isinstance(value, int):
        return float(value)
    if not isinstance(value, bytes):
        return math.nan
    if len(value) == 7 and value.startswith(OPAQUE_FLOAT):
        return float(struct.unpack(">f", value[3:])[0])
    shown = interface_text(value)
    if shown in sentinels:
        return math.nan
    found = text.search(shown) if text else NUMBER.fullmatch(shown)
    number = NUMBER.fullmatch(found[1]) if found else None
    return float(number[1]) if number else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A link with what tells its rows: its IF-MIB row, and every name that its interface goes by."""

    link: Link
    row: Row | None = None
    names: frozenset[str] = frozenset()

    @property
    def cellular(self) -> bool:
        return self.link.access in CELLULAR

    @property
    def target(self) -> str | None:
        return _address(urlsplit(self.link.probe_target).hostname or "") if self.link.probe_target else None

    @property
    def carriers(self) -> frozenset[str]:
        given = (self.link.carrier, self.link.underlying_carrier)
        return frozenset(name.casefold() for name in given if name)


def wanted(link: Link, row: Row | None, shown: Iterable[str]) -> Wanted:
    """`shown` are the ifName and ifDescr of its row."""
    given = link.interface or ""
    own = () if not given or given.startswith(("ifIndex:", "ifAlias:")) else (given,)
    return Wanted(link=link, row=row, names=frozenset(name.casefold() for name in (*own, *shown) if name))


@dataclass(frozen=True, slots=True)
class Cells:
    """What a table showed: `values[oid][instance]`, the row indices in their order, and by relation and row what
    its column held, with the OID where that stood."""

    values: Mapping[str, Mapping[str, Value]]
    rows: tuple[str, ...]
    held: Mapping[tuple[Relation, str], tuple[str, Value]] = field(default_factory=dict)


def row_indices(table: TableSpec, values: Mapping[str, Mapping[str, Value]]) -> tuple[str, ...]:
    """The rows of a table that has these values, each index once, in the order of their OIDs."""
    found = {
        row
        for spec in table.values
        for instance in values.get(spec.oid, {})
        if (row := _row_of(instance, spec.suffix)) is not None and has_row(spec, row)
    }
    return tuple(sorted(found, key=lambda index: [int(part) for part in index.split(".")]))


def instance_of(row: str, spec: ValueSpec) -> str:
    return f"{row}.{spec.suffix}" if spec.suffix else row


def _row_of(instance: str, suffix: str) -> str | None:
    if not suffix:
        return instance
    return instance.removesuffix(f".{suffix}") if instance.endswith(f".{suffix}") else None


def has_row(spec: ValueSpec, row: str) -> bool:
    return spec.rows is None or spec.rows.search(spelled(row)) is not None


def row_name(table: TableSpec, row: str) -> str:
    """A row's index for people: 3, or KPN KPN-RPM."""
    return spelled(row) if table.index_is_text else row


def spelled(index: str) -> str:
    """An index of texts read as such, with the lengths before its parts or without (RFC 2578, section 7.7: IMPLIED);
    dotted numbers where it is none."""
    numbers = [int(part) for part in index.split(".")]
    parts, at = [], 0
    while at < len(numbers) and 0 < numbers[at] < len(numbers) - at:
        parts.append(_text(numbers[at + 1 : at + 1 + numbers[at]]))
        at += 1 + numbers[at]
    if at == len(numbers) and parts and all(parts):
        return " ".join(part for part in parts if part)
    return _text(numbers) or index


def _text(numbers: Sequence[int]) -> str | None:
    return bytes(numbers).decode("ascii") if all(32 <= number < 127 for number in numbers) else None


def scale_of(spec: ValueSpec, row: str, cells: Mapping[tuple[str, str], Value]) -> float | None:
    """The factor of a row, `cells` by column and row: the plain one where the agent does not know the column (an older
    one), None where the row names one that the profile does not know."""
    named = cells.get((spec.factors.column, row)) if spec.factors else None
    if spec.factors is None or named is None:
        return spec.scale
    factor = spec.factors.by_value.get(named) if isinstance(named, int) else None
    return None if factor is None else spec.scale * factor


def rows_of(
    links: Sequence[Wanted], table: TableSpec, cells: Cells, usable: frozenset[str]
) -> tuple[dict[str, tuple[str, Relation]], list[str]]:
    """Whose each row is: by link id its row's index and the relation that found it, and sentences on what is not
    clear. `usable` are the rows with a value now.

    Several rows of one interface or target (two probes over one line) leave it to the first. A carrier's name and
    the single cellular row are no proof of that kind: they count only where they leave no choice.
    """
    found: dict[str, tuple[str, Relation]] = {}
    notes: list[str] = []
    for relation in table.relations:
        taken = {row for row, _ in found.values()}
        open_links = [each for each in links if each.link.id not in found]
        if relation.by is By.CELLULAR:
            more, unclear = _the_single_one(open_links, table, [row for row in cells.rows if row in usable - taken])
        else:
            fitting = {
                each.link.id: [row for row in cells.rows if _fits(relation, row, each, cells)] for each in open_links
            }
            more, unclear = _the_first_ones(fitting, relation, table)
        found.update({link: (row, relation) for link, row in more.items()})
        notes += unclear
    return found, notes


def _the_first_ones(
    fitting: Mapping[str, Sequence[str]], relation: Relation, table: TableSpec
) -> tuple[dict[str, str], list[str]]:
    rows = {link: indices for link, indices in fitting.items() if indices}
    if relation.holds is Holds.CARRIER:
        shared = [row for indices in rows.values() for row in indices]
        return {link: each[0] for link, each in rows.items() if len(each) == 1 and shared.count(each[0]) == 1}, []
    notes = [
        f"{table.name}: rows {_listed(table, indices)} are all of link {link}; the first is read"
        for link, indices in rows.items()
        if len(indices) > 1
    ]
    return {link: indices[0] for link, indices in rows.items()}, notes


def _the_single_one(links: Sequence[Wanted], table: TableSpec, rows: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    cellular = [each.link.id for each in links if each.cellular]
    if not cellular or not rows:
        return {}, []
    if len(cellular) == len(rows) == 1:
        return {cellular[0]: rows[0]}, []
    note = (
        f"{table.name}: which of the rows {_listed(table, rows)} is which of the cellular links "
        f"{', '.join(cellular)} is not known; none of them is read"
    )
    return {}, [note]


def _listed(table: TableSpec, rows: Iterable[str]) -> str:
    return ", ".join(row_name(table, row) for row in rows)


def _fits(relation: Relation, row: str, each: Wanted, cells: Cells) -> bool:
    if relation.by is By.INDEX:
        held: Value = None
        match relation.holds:
            case Holds.IF_INDEX:
                return each.row is not None and row == str(each.row.index)
            case Holds.TARGET:
                return each.target is not None and _address_in(row, relation.address_at or 0) == each.target
            case _:
                held = spelled(row).encode()
    else:
        held = cells.held.get((relation, row), ("", None))[1]
    match relation.holds:
        case Holds.IF_INDEX:
            return each.row is not None and held == each.row.index
        case Holds.TARGET:
            return each.target is not None and _address_of(held) == each.target
        case Holds.CARRIER:
            return _picked(held, relation) in each.carriers
        case Holds.INTERFACE:
            return _picked(held, relation) in each.names


def _picked(held: Value, relation: Relation) -> str | None:
    """The compared part of a text, without regard to case."""
    if not isinstance(held, bytes):
        return None
    shown = interface_text(held)
    if relation.pattern is None:
        return shown.casefold() or None
    found = relation.pattern.search(shown)
    return found[1].casefold() if found and found[1] else None


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _address_of(held: Value) -> str | None:
    """An IpAddress, an InetAddress in octets (RFC 4001), or an address written out."""
    if isinstance(held, bytes):
        return str(ip_address(held)) if len(held) in (4, 16) else _address(interface_text(held))
    return _address(held) if isinstance(held, str) else None


def _address_in(row: str, at: int) -> str | None:
    numbers = [int(part) for part in row.split(".")]
    length = numbers[at] if at < len(numbers) else 0
    octets = numbers[at + 1 : at + 1 + length]
    if length not in (4, 16) or len(octets) != length or max(octets) > 255:
        return None
    return str(ip_address(bytes(octets)))
