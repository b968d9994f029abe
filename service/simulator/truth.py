"""What the simulator tells the outside: calls when clients make them, its counters, and, at the end, the truth."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from service.simulator.faults import Call, Fault, Plan


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class PhoneCall(_Told):
    """A client on the phone: all that a repair desk hears."""

    id: str
    at: datetime
    client: str
    site: str
    symptom: str
    since: datetime
    by: str
    words: str


class HitLine(_Told):
    site: str
    link: str
    start: datetime
    end: datetime


class InjectedFault(_Told):
    """`kind` as in `service.simulator.faults.FaultKind`; `carrier` is set when its network is at fault."""

    id: str
    kind: str
    carrier: str | None
    lines: tuple[HitLine, ...]


class Background(_Told):
    """A call and the fault behind it; None when nothing was wrong."""

    call: str
    fault: str | None


class Exchanged(_Told):
    """The simulator's own counters of what came in over its sockets and what it answered."""

    snmp_requests: int = 0
    snmp_responses: int = 0
    probes_received: int = 0
    probes_echoed: int = 0
    orchestrator_requests: int = 0
    requests_to_unsubscribed: int = 0


class Endpoints(_Told):
    """Where the fleet is to be found, for the settings of the service under test."""

    inventory: str
    orchestrator: str
    control: str
    over: datetime
    """When the (first) story is over and the truth is told."""


class Truth(_Told):
    faults: tuple[InjectedFault, ...]
    calls: tuple[Background, ...]


def told(call: Call) -> PhoneCall:
    """The call without what is behind it."""
    return PhoneCall(
        id=call.id,
        at=_utc(call.at),
        client=call.client,
        site=call.site,
        symptom=call.symptom,
        since=_utc(call.since),
        by=call.by,
        words=call.words,
    )


def revealed(plan: Plan) -> Truth:
    return Truth(
        faults=tuple(_fault(fault) for fault in plan.faults),
        calls=tuple(Background(call=call.id, fault=call.about) for call in plan.calls),
    )


def _fault(fault: Fault) -> InjectedFault:
    lines = tuple(HitLine(site=hit.site, link=hit.link, start=_utc(hit.start), end=_utc(hit.end)) for hit in fault.hits)
    return InjectedFault(id=fault.id, kind=fault.kind.value, carrier=fault.carrier, lines=lines)


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(round(moment), UTC)
