"""The columns of IF-MIB (RFC 2863), and which row is the interface that the inventory means. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from collector.snmp.ber import Value

SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
_IF_ENTRY = "1.3.6.1.2.1.2.2.1"
_IF_X_ENTRY = "1.3.6.1.2.1.31.1.1.1"


class Column(StrEnum):
    """The columns in use; the value is the MIB's name."""

    IF_DESCR = "ifDescr"
    IF_NAME = "ifName"
    IF_ALIAS = "ifAlias"
    IF_SPEED = "ifSpeed"
    IF_OPER_STATUS = "ifOperStatus"
    IF_LAST_CHANGE = "ifLastChange"
    IF_IN_OCTETS = "ifInOctets"
    IF_IN_DISCARDS = "ifInDiscards"
    IF_IN_ERRORS = "ifInErrors"
    IF_OUT_OCTETS = "ifOutOctets"
    IF_OUT_DISCARDS = "ifOutDiscards"
    IF_OUT_ERRORS = "ifOutErrors"
    IF_HC_IN_OCTETS = "ifHCInOctets"
    IF_HC_OUT_OCTETS = "ifHCOutOctets"
    IF_HIGH_SPEED = "ifHighSpeed"
    IF_COUNTER_DISCONTINUITY_TIME = "ifCounterDiscontinuityTime"


@dataclass(frozen=True, slots=True)
class ColumnMeaning:
    oid: str
    unit: str
    meaning: str


COLUMNS: Mapping[Column, ColumnMeaning] = {
    Column.IF_DESCR: ColumnMeaning(f"{_IF_ENTRY}.2", "", "description of the interface"),
    Column.IF_NAME: ColumnMeaning(f"{_IF_X_ENTRY}.1", "", "name of the interface"),
    Column.IF_ALIAS: ColumnMeaning(f"{_IF_X_ENTRY}.18", "", "the operator's name for the interface"),
    Column.IF_SPEED: ColumnMeaning(f"{_IF_ENTRY}.5", "bit/s", "speed, 32 bits"),
    Column.IF_OPER_STATUS: ColumnMeaning(
        f"{_IF_ENTRY}.8", "", "1 up, 2 down, 5 dormant, 6 not present, 7 lower layer down"
    ),
    Column.IF_LAST_CHANGE: ColumnMeaning(f"{_IF_ENTRY}.9", "1/100 s", "sysUpTime when the state last changed"),
    Column.IF_IN_OCTETS: ColumnMeaning(f"{_IF_ENTRY}.10", "octets", "octets received, 32 bits"),
    Column.IF_IN_DISCARDS: ColumnMeaning(f"{_IF_ENTRY}.13", "packets", "received and discarded"),
    Column.IF_IN_ERRORS: ColumnMeaning(f"{_IF_ENTRY}.14", "packets", "received with errors"),
    Column.IF_OUT_OCTETS: ColumnMeaning(f"{_IF_ENTRY}.16", "octets", "octets sent, 32 bits"),
    Column.IF_OUT_DISCARDS: ColumnMeaning(f"{_IF_ENTRY}.19", "packets", "discarded before sending"),
    Column.IF_OUT_ERRORS: ColumnMeaning(f"{_IF_ENTRY}.20", "packets", "not sent because of errors"),
    Column.IF_HC_IN_OCTETS: ColumnMeaning(f"{_IF_X_ENTRY}.6", "octets", "octets received, 64 bits"),
    Column.IF_HC_OUT_OCTETS: ColumnMeaning(f"{_IF_X_ENTRY}.10", "octets", "octets sent, 64 bits"),
    Column.IF_HIGH_SPEED: ColumnMeaning(f"{_IF_X_ENTRY}.15", "Mbit/s", "speed"),
    Column.IF_COUNTER_DISCONTINUITY_TIME: ColumnMeaning(
        f"{_IF_X_ENTRY}.19", "1/100 s", "sysUpTime when the counters last started again"
    ),
}
NAME_COLUMNS = (Column.IF_NAME, Column.IF_DESCR)
READ_COLUMNS = tuple(column for column in COLUMNS if column not in (*NAME_COLUMNS, Column.IF_ALIAS))


@dataclass(frozen=True, slots=True)
class Row:
    """An interface found at an agent. `column` and `text` are what it was found by and must go on showing;
    a row found by its ifIndex has none."""

    index: int
    column: Column | None
    text: bytes
    columns: tuple[Column, ...] = READ_COLUMNS
    oids: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """What to GET: the identifying column first, where there is one."""

    def __post_init__(self) -> None:
        names = (self.column, *self.columns) if self.column else self.columns
        object.__setattr__(self, "oids", tuple(f"{COLUMNS[column].oid}.{self.index}" for column in names))


def naming_columns(interfaces: Sequence[str]) -> tuple[Column, ...]:
    """Which columns must be read to find these interfaces; none when all are given as `ifIndex:N`."""
    kinds = {interface.partition(":")[0] for interface in interfaces if ":" in interface}
    named = any(not interface.startswith(("ifIndex:", "ifAlias:")) for interface in interfaces)
    aliased = "ifAlias" in kinds
    return (NAME_COLUMNS if named else ()) + ((Column.IF_ALIAS,) if aliased else ())


def find_row(interface: str, table: Mapping[Column, Mapping[str, Value]]) -> Row | None:
    """The row that an inventory's interface name means: `ifIndex:3`, `ifAlias:text`, or an ifName, else an ifDescr.

    An exact match is preferred to one that differs in case. A name that several rows bear finds none of them.
    """
    kind, colon, rest = interface.partition(":")
    if colon and kind == "ifIndex":
        return Row(int(rest), None, b"") if rest.isascii() and rest.isdigit() else None
    if colon and kind == "ifAlias":
        return _named(rest, Column.IF_ALIAS, table)
    return _named(interface, Column.IF_NAME, table) or _named(interface, Column.IF_DESCR, table)


def _named(name: str, column: Column, table: Mapping[Column, Mapping[str, Value]]) -> Row | None:
    texts = {index: value for index, value in table.get(column, {}).items() if isinstance(value, bytes)}
    alike = [
        (index, interface_text(value))
        for index, value in texts.items()
        if index.isdigit() and interface_text(value).casefold() == name.casefold()
    ]
    exact = [(index, text) for index, text in alike if text == name]
    hits = exact or alike
    return Row(int(hits[0][0]), column, texts[hits[0][0]]) if len(hits) == 1 else None


def interface_text(value: bytes) -> str:
    """A DisplayString as text; some agents end it with NUL."""
    return value.rstrip(b"\0").decode("utf-8", "replace").strip()
