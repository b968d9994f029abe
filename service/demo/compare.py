"""Injected against found, as rows that agree or not. Pure: the truth was revealed, the findings were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

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
    """A case with its tickets. `held`: the machine looked again after quarantine, and the trouble was still there.

    `parent`: the carrier's case that it is part of, whose ticket stands for it unless somebody asked for its own.
    """

    id: str
    site: str
    status: str
    cause: str
    link: str | None
    onset: datetime | None
    origins: tuple[str, ...]
    held: bool
    tickets: tuple[str, ...]
    parent: str | None = None


class Part(StrEnum):
    CALL = "call"
    FAULT = "fault"
    BESIDE = "beside"
    """What must hold beside finding the faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the final tables."""

    part: Part
    subject: str
    when: str = ""
    injected: str
    found: str
    wrong: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return not self.wrong


def compare(truth: Truth, answers: Sequence[Answer], cases: Sequence[CaseFound], exchanged: Exchanged) -> list[Row]:
    """A row for each call, one for each line and each carrier that was hit, and two for what must not be: troubles
    that nobody injected, and polls of a site that is not subscribed."""
    faults = {fault.id: fault for fault in truth.faults}
    answered = {answer.call.id: answer for answer in answers}
    rows = []
    for background in truth.calls:
        answer = answered.get(background.call)
        if answer is None:
            nobody = "nobody took it"
            rows.append(Row(part=Part.CALL, subject=background.call, injected="a call", found=nobody, wrong=(nobody,)))
        else:
            rows.append(_call_row(answer, faults[background.fault] if background.fault else None, cases))
    rows += [_fault_row(fault, line, cases) for fault in truth.faults for line in fault.lines]
    rows += [_carrier_row(fault, cases) for fault in truth.faults if fault.carrier is not None]
    return [*rows, _false_alarms(truth, cases), _left_alone(exchanged)]


def _call_row(answer: Answer, fault: InjectedFault | None, cases: Sequence[CaseFound]) -> Row:
    call, found = answer.call, answer.final
    hit = next((line for line in fault.lines if line.site == call.site), None) if fault else None
    expected = expected_verdict(call, hit)
    wrong = [f"verdict {found.verdict}, not {expected}"] if found.verdict != expected else []
    if fault is not None and hit is not None:
        wrong += _cause_faults(found, fault, hit)
    tickets = [ticket for case in cases if case.site == call.site for ticket in case.tickets]
    return Row(
        part=Part.CALL,
        subject=call.site,
        when=f"{call.at:%H:%M}",
        injected=f"{_described(fault, hit)}: {expected}" if fault else f"nothing: {expected}",
        found=", ".join([_said(answer), *_place_and_time(found.link, found.onset, call.site, hit), *tickets]),
        wrong=tuple(wrong),
    )


def _said(answer: Answer) -> str:
    found = answer.final
    first = f"{answer.first.verdict}, then " if answer.first.id != found.id else ""
    cause = "" if found.cause == "none" else f": {found.cause}"
    return f"{first}{found.verdict}{cause}{' of its carrier' * (found.scope == 'carrier')}"


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
    return wrong + _wrong_place_or_time(found.link, found.onset, hit)


def _wrong_place_or_time(link: str | None, onset: datetime | None, hit: HitLine) -> list[str]:
    wrong = [] if link == hit.link else [f"link {link}, not {hit.link}"]
    if onset is None or abs(onset - hit.start) > ONSET_TOLERANCE:
        wrong.append(f"onset {onset:%H:%M}, not {hit.start:%H:%M}" if onset else "no onset")
    return wrong


def _fault_row(fault: InjectedFault, hit: HitLine, cases: Sequence[CaseFound]) -> Row:
    """Whether the site has its case, with the right cause, line and time, and one ticket if one is due."""
    here = [case for case in cases if case.site == hit.site]
    case = next((case for case in here if case.cause == CAUSES[fault.kind]), None)
    opened = [ticket for each in here for ticket in each.tickets]
    wrong = []
    if case is None:
        wrong.append(", ".join(each.cause for each in here) or "no case")
    else:
        wrong += _wrong_place_or_time(case.link, case.onset, hit)
    waits = any(each.parent is not None and "client" not in each.origins for each in here)
    due = 0 if fault.kind in WITHOUT_TICKET or waits else 1
    if len(opened) != due:
        wrong.append(f"{len(opened)} tickets, not {due}")
    return Row(
        part=Part.FAULT,
        subject=hit.site,
        when=f"{hit.start:%H:%M}",
        injected=_described(fault, hit),
        found=_case_told(case, hit) if case is not None else "nothing of the kind",
        wrong=tuple(wrong),
    )


def _carrier_row(fault: InjectedFault, cases: Sequence[CaseFound]) -> Row:
    """Whether the carrier's trouble has one case and one ticket, and its sites' cases are part of it."""
    parents = [case for case in cases if _is_of(case, fault)]
    children = [case for case in cases if case.parent in {parent.id for parent in parents}]
    opened = [ticket for parent in parents for ticket in parent.tickets]
    wrong = [] if len(parents) == 1 else [f"{len(parents)} cases, not 1"]
    wrong += [
        f"cause {parent.cause}, not {CAUSES[fault.kind]}" for parent in parents if parent.cause != CAUSES[fault.kind]
    ]
    wrong += [] if len(opened) == 1 else [f"{len(opened)} tickets, not 1"]
    missing = {line.site for line in fault.lines} - {child.site for child in children}
    wrong += [f"{site} is no part of it" for site in sorted(missing)]
    return Row(
        part=Part.FAULT,
        subject=fault.carrier or "",
        injected=f"{fault.kind} at {len(fault.lines)} sites",
        found=", ".join(
            f"{parent.id} {parent.status}: {parent.cause}, {' '.join(parent.tickets)}" for parent in parents
        )
        or "nothing of the kind",
        wrong=tuple(wrong),
    )


def _is_of(case: CaseFound, fault: InjectedFault) -> bool:
    """Whether it is the case that stands for the carrier's fault."""
    return fault.carrier is not None and case.site.startswith(f"carrier:{fault.carrier}@")


def _case_told(case: CaseFound, hit: HitLine) -> str:
    place = _place_and_time(case.link, case.onset, case.site, hit)
    tickets = " ".join(case.tickets) or "no ticket"
    who = f"seen by {' and '.join(case.origins)}"
    return f"{case.id} {case.status}: {', '.join([case.cause, *place, tickets, who])}"


def _false_alarms(truth: Truth, cases: Sequence[CaseFound]) -> Row:
    hit = {line.site for fault in truth.faults for line in fault.lines}
    found = [case for case in cases if case.site not in hit and ("machine" in case.origins or case.tickets)]
    others = [case for case in found if not any(_is_of(case, fault) for fault in truth.faults)]
    return Row(
        part=Part.BESIDE,
        subject="every other site",
        injected="nothing",
        found=f"{len(others)} troubles" if others else "nothing",
        wrong=tuple(f"{case.site}: {case.cause}" for case in others),
    )


def _left_alone(exchanged: Exchanged) -> Row:
    asked = exchanged.requests_to_unsubscribed
    return Row(
        part=Part.BESIDE,
        subject="the unsubscribed site",
        injected="an agent that must not be polled",
        found=f"{asked} polls" if asked else "left alone",
        wrong=("polled without a monitoring obligation",) if asked else (),
    )


def _described(fault: InjectedFault, hit: HitLine | None) -> str:
    where = f" on {_short(hit.link, hit.site)}" if hit is not None else ""
    return f"{fault.kind}{where}{f' of {fault.carrier}' if fault.carrier else ''}"


def _place_and_time(link: str | None, onset: datetime | None, site: str, hit: HitLine | None) -> list[str]:
    """The line by its last part, and how far the onset is off in minutes."""
    if hit is None or link is None:
        return []
    off = [f"onset {round((onset - hit.start) / timedelta(minutes=1)):+d} min"] if onset is not None else []
    return [_short(link, site), *off]


def _short(link: str, site: str) -> str:
    return link.removeprefix(f"{site}-")
