"""The result of polling one device, and what a person is told about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from collector.echo import Reachability, Reached
from collector.snmp.ask import Outcome
from collector.snmp.gauges import Gauge
from collector.snmp.harvest import Settled
from collector.snmp.interfaces import COLUMNS, SYS_UPTIME, Column, Row, interface_text
from collector.snmp.message import ErrorStatus
from collector.snmp.rates import MEASURED_FIELDS
from collector.snmp.survey import SURVEY_COLUMNS, Survey


class PollOutcome(StrEnum):
    """Of a device, never of a link; the values of a `poll_outcome` fact."""

    OK = "ok"
    TIMEOUT = "timeout"
    AUTH = "auth"
    ERROR = "error"


def outcome_of(outcome: Outcome, error_status: int) -> PollOutcome:
    """What a request's outcome says about the device. v2c agents hardly ever say that access was refused."""
    if outcome is Outcome.ERROR and error_status in (ErrorStatus.AUTHORIZATION_ERROR, ErrorStatus.NO_ACCESS):
        return PollOutcome.AUTH
    return _OUTCOMES[outcome]


def measured_of(settled: Settled | None, links: Iterable[str]) -> Mapping[str, Mapping[str, float]]:
    """The fields of each link; NaN where nothing was measured of it."""
    batch = settled.batch if settled is not None else None
    place = {link: at for at, link in enumerate(batch.links)} if batch else {}
    fields = {name: batch.fields[name].tolist() for name in batch.fields} if batch else {}
    nothing = dict.fromkeys(MEASURED_FIELDS, math.nan)
    return {
        link: {name: column[place[link]] for name, column in fields.items()} if link in place else nothing
        for link in links
    }


_OUTCOMES = {
    Outcome.AUTH: PollOutcome.AUTH,
    Outcome.OK: PollOutcome.OK,
    Outcome.TIMEOUT: PollOutcome.TIMEOUT,
    Outcome.ERROR: PollOutcome.ERROR,
    Outcome.GARBLED: PollOutcome.ERROR,
}


@dataclass(frozen=True, slots=True)
class PolledValue:
    """One value with its meaning. `value` is None where the object says that nothing was measured."""

    oid: str
    name: str
    value: float | int | str | None
    unit: str
    meaning: str
    link: str | None
    interface: str | None
    row: str | None = None
    """Of a table: its row, as people call it."""
    field: str | None = None
    """The measurement field that it feeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """One poll of one device. `readings` and `measurements` are by link id and empty unless the outcome is ok.

    `measurements` are fields of `collector.model.FIELDS`, NaN where not known. `missing` names links whose interface
    the device does not show. `rebooted` is true when the device started again since the last poll by the same watch.
    `strays` counts datagrams that came and were not taken, by reason.
    """

    device: str
    address: str
    port: int
    outcome: PollOutcome
    message: str = ""
    uptime_seconds: float | None = None
    rebooted: bool = False
    milliseconds: float = 0.0
    rows: Mapping[str, Row] = field(default_factory=dict)
    readings: Mapping[str, Mapping[Column, int]] = field(default_factory=dict)
    measurements: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    strays: Mapping[str, int] = field(default_factory=dict)
    gauges: Mapping[str, tuple[Gauge, ...]] = field(default_factory=dict)
    survey: Survey | None = None
    """Everything that the device shows, where it was asked for."""

    def values(self) -> Iterator[PolledValue]:
        """Every value that was answered, device first, then link by link."""
        if self.uptime_seconds is not None:
            ticks = round(self.uptime_seconds * 100)
            yield PolledValue(SYS_UPTIME, "sysUpTime", ticks, "1/100 s", "time since the agent started", None, None)
        if self.survey is not None:
            yield from self._surveyed(self.survey)
            return
        for link, reading in self.readings.items():
            yield from _of_link(link, self.rows[link], reading)

    def _surveyed(self, survey: Survey) -> Iterator[PolledValue]:
        """All values, the links' own first."""
        of_row = {str(row.index): link for link, row in self.rows.items()}
        of_oid = {gauge.oid: link for link, gauges in self.gauges.items() for gauge in gauges}
        found = [
            PolledValue(
                oid=each.oid,
                name=each.name,
                value=each.value,
                unit=each.unit,
                meaning=each.meaning,
                link=of_oid.get(each.oid) or (of_row.get(each.row or "") if each.name in SURVEY_COLUMNS else None),
                interface=each.interface,
                row=each.row,
                field=each.field,
            )
            for each in survey.all_values()
        ]
        yield from sorted(found, key=lambda value: value.link is None and value.row is not None)


def _of_link(link: str, row: Row, reading: Mapping[Column, int]) -> Iterator[PolledValue]:
    interface = interface_text(row.text) if row.column else f"ifIndex:{row.index}"
    if row.column:
        yield _value(row.column, row.index, interface, link, interface)
    for column, value in reading.items():
        yield _value(column, row.index, value, link, interface)


def _value(column: Column, index: int, value: int | str, link: str, interface: str) -> PolledValue:
    about = COLUMNS[column]
    return PolledValue(f"{about.oid}.{index}", column.value, value, about.unit, about.meaning, link, interface)


def at(address: str, port: int) -> str:
    """`192.0.2.1:161`, or `[2001:db8::1]:161`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def silence(address: str, port: int, reachability: Reachability, seen: str, *, version3: bool = False) -> str:
    """What to say of a device that did not answer.

    A v2c agent stays silent on a wrong community as well (RFC 3416 gives it nothing to answer with), so the two
    cannot be told apart; whether the address answers ping narrows it down, and so does what was `seen`, a clause.
    """
    match reachability.reached:
        case Reached.YES:
            ping = "the address does answer ping"
        case Reached.NO:
            ping = "the address does not answer ping"
        case Reached.UNKNOWN:
            ping = f"whether the address answers ping is not known ({reachability.detail})"
    check = "user and ACL" if version3 else "community and ACL"
    return f"no SNMP answer from {at(address, port)}; {ping}; check {check}{f'; {seen}' if seen else ''}"
