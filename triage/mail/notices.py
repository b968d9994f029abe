"""What carriers' notices by mail mean for the inventory's lines (NANOG BCOP maintenance notifications). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from config.errors import LineproofError
from inventory.maintenance import covers
from inventory.model import Impact, Inventory, Link, MaintenanceSource, MaintenanceStatus, MaintenanceWindow, Notice
from inventory.notices import announcement, carriers_of, lines_of, revised, window_id
from triage.cases import Case
from triage.inputs import CarrierTold


class MailRefusal(StrEnum):
    """Why a mail was set aside for a person."""

    TOO_LARGE = "too_large"
    SENDER_UNKNOWN = "sender_unknown"
    NOT_AUTHENTICATED = "not_authenticated"
    UNREADABLE = "unreadable"
    CIRCUITS_UNKNOWN = "circuits_unknown"
    """Circuits that no line of this carrier has. What of the notice is known counts all the same."""
    TOO_LONG = "too_long"


class RefusedMailError(LineproofError):
    """A mail needs a person: `reason`, and in the text what is wrong with it."""

    def __init__(self, reason: MailRefusal, why: str) -> None:
        super().__init__(why)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierNotice:
    """A notice as its carrier wrote it; `circuits` with what happens to each, `status` in the BCOP's words."""

    account: str
    id: str
    status: str
    circuits: tuple[tuple[str, str], ...]
    start: datetime
    end: datetime
    stamp: datetime
    sequence: int
    summary: str = ""


@dataclass(frozen=True, slots=True)
class NoticeReading:
    """What is to be written, and the circuits that no line of the carrier has."""

    windows: tuple[MaintenanceWindow, ...]
    unknown: tuple[str, ...]


def windows_of(
    notices: Sequence[CarrierNotice], carrier: str, known: Inventory, now: datetime, longest: timedelta
) -> NoticeReading:
    """The windows that the notices of one mail add or change. A notice speaks only of lines of its own carrier.

    Raises RefusedMailError for work that is longer than `longest`: whoever can send a notice could silence a line.
    """
    lines = [link for link in known.links.values() if carrier.casefold() in carriers_of(link)]
    written: dict[str, MaintenanceWindow] = {}
    unknown: list[str] = []
    for identity in dict.fromkeys(notice.id for notice in notices):
        same = [notice for notice in notices if notice.id == identity]
        newest = max((notice.sequence, notice.stamp) for notice in same)
        same = [notice for notice in same if (notice.sequence, notice.stamp) == newest]
        before = [one for one in known.maintenance if announcement(one) == (carrier.casefold(), identity)]
        fresh = []
        for at, notice in enumerate(sorted(same, key=lambda one: one.start)):
            if notice.end - notice.start > longest:
                lasts = (notice.end - notice.start) / timedelta(days=1)
                why = (
                    f"{carrier}'s notice {identity} announces {lasts:.1f} days; the limit is `mail.intake.longest_days`"
                )
                raise RefusedMailError(MailRefusal.TOO_LONG, why)
            fresh += _windows(notice, carrier, lines, before, unknown, str(at + 1) if at else "")
        for window in revised(before, fresh, now) or ():
            written[window.id] = window
    return NoticeReading(tuple(written.values()), tuple(dict.fromkeys(unknown)))


def _windows(
    notice: CarrierNotice,
    carrier: str,
    lines: Sequence[Link],
    before: Sequence[MaintenanceWindow],
    unknown: list[str],
    place: str,
) -> list[MaintenanceWindow]:
    """A window for each kind of impact, the worst first: lines that only lose their spare way stay watched."""
    status = _status(notice, before)
    of_impact: dict[Impact, list[str]] = {impact: [] for impact in reversed(Impact)}
    for circuit, impact in notice.circuits:
        found = lines_of(lines, circuit, account=notice.account)
        if len(found) == 1:
            of_impact[Impact(impact.casefold())].append(found[0].id)
        else:
            unknown.append(f"{circuit} of notice {notice.id}")
    kinds = [(impact, links) for impact, links in of_impact.items() if links] or [(_worst(notice), [])]
    return [
        MaintenanceWindow(
            id=window_id(carrier, notice.id, place, "" if at == 0 else impact.value),
            start=notice.start,
            end=notice.end,
            links=tuple(dict.fromkeys(links)),
            reason=notice.summary,
            source=MaintenanceSource.CARRIER,
            status=status,
            notice=Notice(
                provider=carrier,
                account=notice.account,
                id=notice.id,
                sequence=notice.sequence,
                stamp=notice.stamp,
                circuits=tuple(circuit for circuit, _ in notice.circuits),
                impact=impact,
            ),
        )
        for at, (impact, links) in enumerate(kinds)
    ]


def _worst(notice: CarrierNotice) -> Impact:
    said = {impact.casefold() for _, impact in notice.circuits}
    return next((impact for impact in reversed(Impact) if impact.value in said), Impact.OUTAGE)


def _status(notice: CarrierNotice, before: Sequence[MaintenanceWindow]) -> MaintenanceStatus:
    """NO-CHANGE (the BCOP lets carriers leave the status out) is the status that the work has; of new work nothing is
    promised yet."""
    told = notice.status.casefold()
    if told == "no-change":
        return before[0].status if before else MaintenanceStatus.TENTATIVE
    return MaintenanceStatus(told)


def outages_in(windows: Sequence[MaintenanceWindow], before: Inventory) -> list[MaintenanceWindow]:
    """Those that tell of an outage. The BCOP has no word for one: it is work that takes lines down and that nothing was
    heard of before it began. It was announced to nobody, so it excuses nothing. `before` has no windows of the mail."""
    heard_of = {announcement(window) for window in before.maintenance}
    return [
        window
        for window in windows
        if (notice := window.notice).provider
        and notice.impact is Impact.OUTAGE
        and notice.stamp is not None
        and notice.stamp >= window.start
        and announcement(window) not in heard_of
    ]


def outages_told(outages: Sequence[MaintenanceWindow], known: Inventory, now: datetime) -> list[CarrierTold]:
    """What each site is told by notices of an outage that is there now."""
    told: dict[tuple[str, str], CarrierTold] = {}
    for window in outages:
        for link in known.links.values():
            if covers(window, link, now):
                told.setdefault((link.site, window.notice.id), _told_of(window, link, now, site=link.site))
    return list(told.values())


def told_cases(
    windows: Sequence[MaintenanceWindow], cases: Sequence[Case], known: Inventory, now: datetime
) -> list[CarrierTold]:
    """What each open case is told by notices of work that is under way now on its line: the carrier's own number, and
    until when it says that it works. `known` has the windows already."""
    return [
        _told_of(window, link, now, case=case.id)
        for case in cases
        if (link := known.links.get(case.link or "")) is not None and not case.is_parent
        for window in windows
        if window.notice.provider and covers(window, link, now)
    ]


def _told_of(window: MaintenanceWindow, link: Link, now: datetime, *, case: str = "", site: str = "") -> CarrierTold:
    return CarrierTold(
        case=case,
        site=site,
        who=f"{window.notice.provider}'s notice",
        number=window.notice.id,
        carrier=window.notice.provider,
        link=link.id,
        opened_at=min(window.notice.stamp or now, now),
        etr=window.end,
        account=window.notice.account,
        reason_for_outage=window.reason,
    )
