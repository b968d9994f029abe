"""What IF-MIB rows mean for a link (RFC 2863). Pure: rows found by name, two readings to one measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from enum import StrEnum

from collector.snmp.ber import Value
from collector.snmp.counters import AGENT_CACHE_SECONDS, Continuity, continuity, difference, interval
from inventory.model import Link

SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
_IF_ENTRY = "1.3.6.1.2.1.2.2.1"
_IF_X_ENTRY = "1.3.6.1.2.1.31.1.1.1"

FASTEST_PORT_BPS = 400e9
"""No access line ends at a port faster than 400GBASE (IEEE 802.3bs); the bound where an agent names no speed."""
SMALLEST_PACKET_BITS = 160
"""An IPv4 header alone (RFC 791); bounds how many packets a line can carry in a second."""
UNKNOWN_SPEED = 2**32 - 1
"""ifSpeed at its maximum says "see ifHighSpeed" (RFC 2863); some agents put the same into ifHighSpeed."""
SHORTEST_IN_SLOTS = 0.25
"""Agents refresh their counters every few seconds; readings closer together give a rate of nothing or of double."""
LONGEST_IN_SLOTS = 2.5
"""One missed poll is bridged by the average over both slots; a longer gap says nothing about its last slot."""


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


class Facing(StrEnum):
    """Where an interface looks: at the carrier, or at the site."""

    WAN = "wan"
    LAN = "lan"

    @classmethod
    def of(cls, link: Link) -> Facing:
        return cls.WAN if link.is_wan else cls.LAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One interface at one moment: seconds of our clock, the agent's sysUpTime, and the columns it answered."""

    moment: float
    uptime: int | None
    values: Mapping[Column, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMeasurement:
    """One slot of a link, in the words and units of the measurement fields. NaN is "not known"."""

    rx_bps: float = math.nan
    tx_bps: float = math.nan
    rx_capacity_bps: float = math.nan
    tx_capacity_bps: float = math.nan
    oper_up: float = math.nan
    flaps: float = math.nan
    errors_rx: float = math.nan
    errors_tx: float = math.nan
    discards_rx: float = math.nan
    discards_tx: float = math.nan

    def row(self) -> tuple[float, ...]:
        return astuple(self)


MEASURED_FIELDS = tuple(measured.name for measured in fields(LinkMeasurement))


def measure(
    before: Reading | None, now: Reading, facing: Facing, *, every: float, committed_bps: float | None = None
) -> LinkMeasurement:
    """What two readings say about the slot of the later one.

    On a WAN port ifInOctets is download; on a LAN port, which looks at the site, it is upload. Rates and counts
    need an agent that ran on between the readings, a quarter to 2.5 slots apart. `committed_bps` raises the bound of a
    plausible rate where a router is configured with a smaller ifSpeed than the line has.
    """
    speed = speed_bps(now.values)
    state: dict[str, float] = {"oper_up": oper_up(now.values), "rx_capacity_bps": speed, "tx_capacity_bps": speed}
    elapsed = now.moment - before.moment if before else math.inf
    if before is None or not SHORTEST_IN_SLOTS * every <= elapsed <= LONGEST_IN_SLOTS * every:
        return LinkMeasurement(**state)
    if continuity(before.uptime, now.uptime, elapsed) is Continuity.REBOOTED:
        return LinkMeasurement(**state)
    seconds = interval(before.uptime, now.uptime, elapsed)
    state["flaps"] = flaps(before.values, now.values)
    if not _counters_ran_on(before.values, now.values):
        return LinkMeasurement(**state)
    bound = max(speed, committed_bps or 0.0) if speed > 0 else None
    return LinkMeasurement(**state, **_traffic(before, now, seconds, bound, facing))


def _traffic(before: Reading, now: Reading, seconds: float, bound: float | None, facing: Facing) -> dict[str, float]:
    """Rates and counts, turned from the interface's in and out to the line's download and upload."""
    inward, outward = ("rx", "tx") if facing is Facing.WAN else ("tx", "rx")
    return {
        f"{inward}_bps": _rate(before, now, Column.IF_HC_IN_OCTETS, Column.IF_IN_OCTETS, seconds, bound),
        f"{outward}_bps": _rate(before, now, Column.IF_HC_OUT_OCTETS, Column.IF_OUT_OCTETS, seconds, bound),
        f"errors_{inward}": _count(before, now, Column.IF_IN_ERRORS, seconds, bound),
        f"errors_{outward}": _count(before, now, Column.IF_OUT_ERRORS, seconds, bound),
        f"discards_{inward}": _count(before, now, Column.IF_IN_DISCARDS, seconds, bound),
        f"discards_{outward}": _count(before, now, Column.IF_OUT_DISCARDS, seconds, bound),
    }


def _rate(before: Reading, now: Reading, wide: Column, narrow: Column, seconds: float, bound: float | None) -> float:
    """bit/s from the 64-bit counter, from the 32-bit one where the agent has no other (RFC 2863, section 3.1.6)."""
    if wide in before.values and wide in now.values:
        ceiling = (bound or FASTEST_PORT_BPS) / 8
        change = difference(before.values[wide], now.values[wide], bits=64, seconds=seconds, ceiling=ceiling)
    elif narrow in before.values and narrow in now.values:
        slow = bound / 8 if bound else None
        change = difference(before.values[narrow], now.values[narrow], bits=32, seconds=seconds, ceiling=slow)
    else:
        return math.nan
    return change.amount * 8 / seconds


def _count(before: Reading, now: Reading, column: Column, seconds: float, bound: float | None) -> float:
    if column not in before.values or column not in now.values:
        return math.nan
    packets = bound / SMALLEST_PACKET_BITS if bound else None
    if packets and packets * (seconds + AGENT_CACHE_SECONDS) >= 2**32:
        packets = None  # too wide a bound to recognise a wrap by; a rise still stands
    return difference(before.values[column], now.values[column], bits=32, seconds=seconds, ceiling=packets).amount


def _counters_ran_on(before: Mapping[Column, int], now: Mapping[Column, int]) -> bool:
    """False when the agent says that the counters started again (ifCounterDiscontinuityTime, RFC 2863)."""
    column = Column.IF_COUNTER_DISCONTINUITY_TIME
    return before.get(column) == now.get(column) or column not in before or column not in now


def speed_bps(values: Mapping[Column, int]) -> float:
    """ifHighSpeed in bit/s; ifSpeed where that is 0, absent or the maximum; NaN when neither says anything."""
    high = values.get(Column.IF_HIGH_SPEED, 0)
    if 0 < high < UNKNOWN_SPEED:
        return high * 1e6
    low = values.get(Column.IF_SPEED, 0)
    return float(low) if 0 < low < UNKNOWN_SPEED else math.nan


def oper_up(values: Mapping[Column, int]) -> float:
    """1 for ifOperStatus up; 0 for down, testing, notPresent, lowerLayerDown; NaN for unknown and for dormant,
    which waits for something to happen and is no fault (RFC 2863, section 3.1.15)."""
    status = values.get(Column.IF_OPER_STATUS)
    if status == 1:
        return 1.0
    return 0.0 if status in (2, 3, 6, 7) else math.nan


def flaps(before: Mapping[Column, int], now: Mapping[Column, int]) -> float:
    """The fewest state changes that explain both readings: ifLastChange moved between two equal states is two."""
    status = Column.IF_OPER_STATUS
    if status not in before or status not in now:
        return math.nan
    if before[status] != now[status]:
        return 1.0
    moved = before.get(Column.IF_LAST_CHANGE) != now.get(Column.IF_LAST_CHANGE)
    return 2.0 if moved and Column.IF_LAST_CHANGE in before and Column.IF_LAST_CHANGE in now else 0.0
