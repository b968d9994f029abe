"""Injected against found, as rows that agree or not. Pure: the truth was revealed, the findings were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.simulator.truth import Exchanged, HitLine, InjectedFault, PhoneCall, Truth

ONSET_TOLERANCE = timedelta(minutes=10)
"""Two statistics intervals: a five-minute mean cannot place an onset better than that."""
STILL_THERE = timedelta(minutes=20)
"""A degradation that ended less than this before the call still counts as confirmed (DESIGN section 2)."""

CAUSES: Mapping[str, str] = {
    "line_down": "link_down",
    "loss": "loss",
    "latency": "latency",
    "saturation": "saturation",
    "flapping": "instability",
    "management_lost": "management_lost",
}
"""The product's word for what was injected."""
WITHOUT_TICKET = frozenset({"management_lost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFound:
    """The parts of a verdict that are compared."""

    id: str
    verdict: str
    cause: str
    scope: str
    link: str | None
    onset: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service said to one call: at once, and, where it had to wait for data, in the end."""

    call: PhoneCall
    first: VerdictFound
    final: VerdictFound


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFound:
    id: str
    site: str
    cause: str
    scope: str
    link: str | None
    by_machine: bool
    tickets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the final table."""

    subject: str
    injected: str
    found: str
    agrees: bool
    why_not: str = ""


def compare(truth: Truth, answers: Sequence[Answer], cases: Sequence[CaseFound], exchanged: Exchanged) -> list[Row]:
    """A row for each call, one for each injected fault, and two for what must not be: troubles that nobody injected,
    and polls of a site that is not subscribed."""
    faults = {fault.id: fault for fault in truth.faults}
    behind = {background.call: background.fault for background in truth.calls}
    answered = {answer.call.id: answer for answer in answers}
    rows = []
    for background in truth.calls:
        answer = answered.get(background.call)
        if answer is None:
            rows.append(Row(subject=background.call, injected="a call", found="nobody took it", agrees=False))
        else:
            name = behind[answer.call.id]
            rows.append(_call_row(answer, faults[name] if name else None))
    rows += [_fault_row(fault, cases) for fault in truth.faults]
    return [*rows, _false_alarms(truth, cases), _left_alone(exchanged)]


def _call_row(answer: Answer, fault: InjectedFault | None) -> Row:
    call, found = answer.call, answer.final
    hit = next((line for line in fault.lines if line.site == call.site), None) if fault else None
    expected = expected_verdict(call, hit)
    injected = f"{_described(fault)}: {expected}" if fault else f"nothing wrong: {expected}"
    wrong = []
    if found.verdict != expected:
        wrong.append(f"verdict {found.verdict}")
    if fault is not None and hit is not None:
        wrong += _cause_faults(found, fault, hit)
    first = f"{answer.first.verdict}, then " if answer.first.id != found.id else ""
    return Row(
        subject=f"{call.site}: call at {call.at:%H:%M}",
        injected=injected,
        found=f"{first}{found.verdict}, {found.cause} ({found.scope})",
        agrees=not wrong,
        why_not="; ".join(wrong),
    )


def expected_verdict(call: PhoneCall, hit: HitLine | None) -> str:
    """What an honest answer to this call is."""
    if hit is None:
        return "not_substantiated"
    return "recovered" if hit.end <= call.at - STILL_THERE else "confirmed"


def _cause_faults(found: VerdictFound, fault: InjectedFault, hit: HitLine) -> list[str]:
    wrong = []
    if found.cause != CAUSES[fault.kind]:
        wrong.append(f"cause {found.cause}, not {CAUSES[fault.kind]}")
    if (found.scope == "carrier") != (fault.carrier is not None):
        wrong.append(f"scope {found.scope}")
    if found.link != hit.link:
        wrong.append(f"link {found.link}, not {hit.link}")
    if found.onset is None or abs(found.onset - hit.start) > ONSET_TOLERANCE:
        wrong.append(f"onset {found.onset:%H:%M}, not {hit.start:%H:%M}" if found.onset else "no onset")
    return wrong


def _fault_row(fault: InjectedFault, cases: Sequence[CaseFound]) -> Row:
    """Whether each hit site has its case, the machine saw it, and exactly one ticket was opened where one is due."""
    wrong: list[str] = []
    seen, tickets = 0, 0
    for line in fault.lines:
        of_site = [case for case in cases if case.site == line.site and case.cause == CAUSES[fault.kind]]
        opened = [ticket for case in cases if case.site == line.site for ticket in case.tickets]
        seen += bool(of_site)
        tickets += len(opened)
        if not of_site:
            others = ", ".join(case.cause for case in cases if case.site == line.site) or "no case"
            wrong.append(f"{line.site}: {others}")
        due = 0 if fault.kind in WITHOUT_TICKET else 1
        if len(opened) != due:
            wrong.append(f"{line.site}: {len(opened)} tickets, not {due}")
    return Row(
        subject=_where(fault),
        injected=_described(fault),
        found=f"{seen} of {len(fault.lines)} cases, {tickets} ticket{'s' * (tickets != 1)}",
        agrees=not wrong,
        why_not="; ".join(wrong),
    )


def _false_alarms(truth: Truth, cases: Sequence[CaseFound]) -> Row:
    hit = {line.site for fault in truth.faults for line in fault.lines}
    others = [case for case in cases if case.site not in hit and (case.by_machine or case.tickets)]
    return Row(
        subject="every other site",
        injected="nothing",
        found=f"{len(others)} troubles" if others else "nothing",
        agrees=not others,
        why_not="; ".join(f"{case.site}: {case.cause}" for case in others),
    )


def _left_alone(exchanged: Exchanged) -> Row:
    asked = exchanged.requests_to_unsubscribed
    return Row(
        subject="the unsubscribed site",
        injected="an agent that must not be polled",
        found=f"{asked} polls" if asked else "left alone",
        agrees=not asked,
        why_not="polled without a monitoring obligation" if asked else "",
    )


def _described(fault: InjectedFault) -> str:
    return f"{fault.kind} of {fault.carrier}" if fault.carrier else fault.kind


def _where(fault: InjectedFault) -> str:
    return f"{len(fault.lines)} sites of {fault.carrier}" if fault.carrier else fault.lines[0].site
