"""Everything that an agent shows and we can name: all of IF-MIB, and every object of its profile, links or not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from collector.snmp.agent import Agent
from collector.snmp.ask import Answer, Outcome
from collector.snmp.ber import Value
from collector.snmp.discovery import identify, read_table, text_of
from collector.snmp.gauges import Cells, has_row, instance_of, measured, row_name, scale_of, spelled
from collector.snmp.interfaces import COLUMNS, Column, ColumnMeaning, interface_text
from collector.snmp.poller import SnmpPoller
from collector.snmp.profiles import NOTHING_SAID, By, Holds, Profile, Profiles, System, TableSpec, ValueSpec
from collector.snmp.walk import Pace, look_up, walk

_IF_ENTRY = "1.3.6.1.2.1.2.2.1"
_IF_X_ENTRY = "1.3.6.1.2.1.31.1.1.1"
IF_PHYS_ADDRESS = "ifPhysAddress"

OTHER_COLUMNS: Mapping[str, ColumnMeaning] = {
    "ifType": ColumnMeaning(f"{_IF_ENTRY}.3", "", "kind of the interface, a number of IANAifType-MIB"),
    "ifMtu": ColumnMeaning(f"{_IF_ENTRY}.4", "octets", "largest packet"),
    IF_PHYS_ADDRESS: ColumnMeaning(f"{_IF_ENTRY}.6", "", "hardware address"),
    "ifAdminStatus": ColumnMeaning(f"{_IF_ENTRY}.7", "", "wanted state: 1 up, 2 down, 3 testing"),
    "ifInUcastPkts": ColumnMeaning(f"{_IF_ENTRY}.11", "packets", "unicast packets received, 32 bits"),
    "ifInNUcastPkts": ColumnMeaning(f"{_IF_ENTRY}.12", "packets", "other packets received (deprecated)"),
    "ifInUnknownProtos": ColumnMeaning(f"{_IF_ENTRY}.15", "packets", "received of an unknown protocol"),
    "ifOutUcastPkts": ColumnMeaning(f"{_IF_ENTRY}.17", "packets", "unicast packets sent, 32 bits"),
    "ifOutNUcastPkts": ColumnMeaning(f"{_IF_ENTRY}.18", "packets", "other packets sent (deprecated)"),
    "ifInMulticastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.2", "packets", "multicast packets received, 32 bits"),
    "ifInBroadcastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.3", "packets", "broadcast packets received, 32 bits"),
    "ifOutMulticastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.4", "packets", "multicast packets sent, 32 bits"),
    "ifOutBroadcastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.5", "packets", "broadcast packets sent, 32 bits"),
    "ifHCInUcastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.7", "packets", "unicast packets received, 64 bits"),
    "ifHCInMulticastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.8", "packets", "multicast packets received, 64 bits"),
    "ifHCInBroadcastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.9", "packets", "broadcast packets received, 64 bits"),
    "ifHCOutUcastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.11", "packets", "unicast packets sent, 64 bits"),
    "ifHCOutMulticastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.12", "packets", "multicast packets sent, 64 bits"),
    "ifHCOutBroadcastPkts": ColumnMeaning(f"{_IF_X_ENTRY}.13", "packets", "broadcast packets sent, 64 bits"),
    "ifConnectorPresent": ColumnMeaning(f"{_IF_X_ENTRY}.17", "", "1 has a connector, 2 has none"),
    "dot3StatsDuplexStatus": ColumnMeaning("1.3.6.1.2.1.10.7.2.1.19", "", "1 unknown, 2 half, 3 full duplex"),
}
SURVEY_COLUMNS: Mapping[str, ColumnMeaning] = {
    **{column.value: meaning for column, meaning in COLUMNS.items()},
    **OTHER_COLUMNS,
}
"""IF-MIB (RFC 2863), and the duplex state of EtherLike-MIB (RFC 3635), which has the same index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyedValue:
    """One value with its meaning. `value` is in `unit`, None where the object says that nothing was measured; `raw`
    is what it said. `interface` and `row` say where it belongs, each where known."""

    oid: str
    name: str
    value: float | int | str | None
    raw: int | str
    unit: str = ""
    meaning: str = ""
    field: str | None = None
    interface: str | None = None
    row: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All that was read; nothing but `answer` is meant unless its outcome is OK. `interfaces` holds IF-MIB's numbers
    and texts by ifIndex and column name."""

    answer: Answer
    system: System = NOTHING_SAID
    profile: Profile | None = None
    interfaces: Mapping[int, Mapping[str, int | str]] = field(default_factory=dict)
    device: tuple[SurveyedValue, ...] = ()
    values: tuple[SurveyedValue, ...] = ()
    notes: tuple[str, ...] = ()
    datagrams: int = 0

    def all_values(self) -> Iterator[SurveyedValue]:
        """The device first, then interface by interface, then the profile's tables."""
        yield from self.device
        for index, columns in self.interfaces.items():
            for name, value in columns.items():
                about = SURVEY_COLUMNS[name]
                yield SurveyedValue(
                    oid=f"{about.oid}.{index}",
                    name=name,
                    value=value,
                    raw=value,
                    unit=about.unit,
                    meaning=about.meaning,
                    interface=interface_name(columns, index),
                    row=str(index),
                )
        yield from self.values


async def survey(poller: SnmpPoller, agent: Agent, profiles: Profiles) -> Survey:
    """Read everything. Errors are in the answer and the notes; nothing is raised."""
    pace = Pace()
    identity = await identify(poller, agent, profiles, pace)
    profile = identity.profile
    if profile is None:
        return Survey(answer=identity.answer)
    oids = [about.oid for about in SURVEY_COLUMNS.values()]
    walked = await walk(poller, agent, oids, pace, identity.interfaces)
    if walked.outcome is not Outcome.OK:
        return Survey(answer=walked.answer)
    interfaces = _interfaces(walked.columns)
    scalars = {f"{spec.oid}": spec for spec in profile.device}
    known = await look_up(poller, agent, scalars, pace)
    if known.answer.outcome is not Outcome.OK:
        return Survey(answer=known.answer)
    values: list[SurveyedValue] = []
    notes: list[str] = []
    for table in profile.tables:
        cells, factors, trouble = await read_table(poller, agent, table, table.values, pace)
        notes += trouble
        labels: Mapping[str, Value] = {}
        if table.label and cells.rows:
            shown = await look_up(poller, agent, (f"{table.label}.{row}" for row in cells.rows), pace)
            labels = shown.values  # without them a row goes by its index
        values += _of_table(table, cells, factors, labels, interfaces)
    return Survey(
        answer=Answer(outcome=Outcome.OK),
        system=identity.system,
        profile=profile,
        interfaces=interfaces,
        device=tuple(
            _surveyed(spec, oid, known.values[oid], spec.scale) for oid, spec in scalars.items() if oid in known.values
        ),
        values=tuple(values),
        notes=tuple(notes),
        datagrams=pace.gets + pace.bulks,
    )


def interface_name(columns: Mapping[str, int | str], index: int) -> str:
    """What people call an interface: its ifName, else its ifDescr, else its index."""
    return str(columns.get(Column.IF_NAME) or columns.get(Column.IF_DESCR) or f"ifIndex:{index}")


def _interfaces(table: Mapping[str, Mapping[str, Value]]) -> dict[int, dict[str, int | str]]:
    """By ifIndex, ascending, the columns that answered."""
    rows: dict[int, dict[str, int | str]] = {}
    for name, about in SURVEY_COLUMNS.items():
        for index, value in table[about.oid].items():
            if index.isdigit() and isinstance(value, int | bytes):
                shown = value.hex(":") if isinstance(value, bytes) and name == IF_PHYS_ADDRESS else _raw(value)
                rows.setdefault(int(index), {})[name] = shown
    return dict(sorted(rows.items()))


def _of_table(
    table: TableSpec,
    cells: Cells,
    factors: Mapping[tuple[str, str], Value],
    labels: Mapping[str, Value],
    interfaces: Mapping[int, Mapping[str, int | str]],
) -> Iterator[SurveyedValue]:
    for row in cells.rows:
        label = text_of(labels.get(f"{table.label}.{row}")) or row_name(table, row)
        interface = _interface_of(table, row, cells, interfaces)
        for spec in table.values:
            instance = instance_of(row, spec)
            value = cells.values.get(spec.oid, {}).get(instance)
            if value is not None and has_row(spec, row):
                scale = scale_of(spec, row, factors)
                oid = f"{spec.oid}.{instance}"
                yield _surveyed(spec, oid, value, scale, row=label, interface=interface)


def _interface_of(
    table: TableSpec, row: str, cells: Cells, interfaces: Mapping[int, Mapping[str, int | str]]
) -> str | None:
    """The interface that a row is about, where a relation of its table tells."""
    for relation in table.relations:
        held: Value = cells.held.get((relation, row), ("", None))[1]
        if relation.by is By.INDEX and relation.holds is Holds.IF_INDEX:
            held = int(row) if row.isdigit() else None
        if relation.holds is Holds.IF_INDEX and isinstance(held, int) and held in interfaces:
            return interface_name(interfaces[held], held)
        if relation.holds is Holds.INTERFACE:
            text = spelled(row) if relation.by is By.INDEX else text_of(held)
            found = relation.pattern.search(text) if relation.pattern and text else None
            if text and (found or not relation.pattern):
                return found[1] if found else text
    return None


def _surveyed(
    spec: ValueSpec,
    oid: str,
    value: Value,
    scale: float | None,
    *,
    row: str | None = None,
    interface: str | None = None,
) -> SurveyedValue:
    raw = _raw(value)
    shown: float | int | str | None = raw
    if _is_number(spec):
        number = math.nan if scale is None else measured(spec, value, scale)
        shown = None if math.isnan(number) else int(number) if number == int(number) and spec.scale == 1 else number
    return SurveyedValue(
        oid=oid,
        name=spec.name,
        value=shown,
        raw=raw,
        unit=spec.unit,
        meaning=spec.meaning,
        field=spec.field,
        interface=interface,
        row=row,
    )


def _is_number(spec: ValueSpec) -> bool:
    """An object with a unit or a field is a number, however it is sent; another is shown as it is."""
    return bool(spec.field or spec.unit)


def _raw(value: Value) -> int | str:
    if isinstance(value, bytes):
        text = interface_text(value)
        return text if text.isprintable() else value.hex(" ")
    return value if isinstance(value, int) else str(value or "")
