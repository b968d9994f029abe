"""What the engine decided and what the far ends answered, told as output lines in the order in which it happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from config.clock import Clock, rfc3339
from triage import inbox
from triage.cases import Case, Decision, Effect, EffectKind, Judged, Proposal
from triage.documents import verdict_document
from triage.inputs import Tick, TimerDue
from triage.reasons import Reason
from triage.replay.bodies import TicketChange
from triage.replay.lines import Played
from triage.replay.orchestrators import Read, fact_document

ALARMS = (
    Reason.OWN_BLINDNESS,
    Reason.SIGHT_RETURNED,
    Reason.FAR_END_GAVE_UP,
    Reason.CARRIER_OVERDUE,
    Reason.INPUT_FAILED,
)
FOUND = (Reason.TROUBLE_SUSPECTED, Reason.NO_QUARANTINE)
WITHHELD = (
    Reason.IN_MAINTENANCE, Reason.NO_TICKET_FOR_CAUSE, Reason.TROUBLE_DID_NOT_HOLD, Reason.RECHECK_WITHOUT_DATA,
    Reason.CLAIM_REFUSED, Reason.PERSON_ACT_REFUSED, Reason.CLIENT_MUST_CONFIRM, Reason.CARRIER_PARENT,
    Reason.STOOD_TOO_LONG, Reason.RESOLVED_TOO_OFTEN, Reason.ASSIGNED_LINE, Reason.PERSON_MUST_RESOLVE,
    Reason.CLIENTS_OWN_LINE, Reason.TAKEN_BY_PERSON, Reason.HAND_OVER_POSTPONED,
    Reason.CARRIER_REFUSED,
)  # fmt: skip


class Telling:
    """Numbers the lines and keeps them until they are taken."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: list[dict[str, Any]] = []
        self._kinds: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._entry_by_input: dict[int, int] = {}
        self.entry: int | None = None
        """The place in the timeline of what happens now."""

    def caused(self, seq: int) -> None:
        """The input with this number came from the entry that happens now."""
        if self.entry is not None:
            self._entry_by_input[seq] = self.entry

    def taken(self) -> list[dict[str, Any]]:
        lines, self._lines = self._lines, []
        return lines

    def called(self, what: str, key: str, outcome: str) -> None:
        """An attempt at a far end."""
        self._calls[what] += 1
        self.tell("call", outcome, call=what, key=key, input=self.entry)

    def read(self, orchestrator: str, read: Read) -> None:
        """A reading of an orchestrator: each call, and with the last one what they all meant."""
        for attempt in read.attempts:
            self.called(attempt.call, orchestrator, f"http_{attempt.status}")
        if read.attempts:
            told = {"facts": [fact_document(fact) for fact in read.facts], "rows": read.rows}
            self._lines[-1] |= told | ({"detail": read.wrong} if read.wrong else {})

    def changed(self, change: TicketChange, ticket: str | None) -> None:
        """A human changed a ticket where it is kept."""
        if ticket is None:
            why = f"{change.by} wanted to change {change.ticket or 'a ticket'}, and there is none"
            self.tell("withheld", Played.NO_SUCH_TICKET, input=self.entry, detail=why)
            return
        status = change.status.value if change.status else None
        set_to = {"owner": change.owner, "queue": change.queue, "severity": change.severity}
        told = [f"{name}: {value or 'nobody'}" for name, value in set_to.items() if value is not None]
        said = "; ".join(filter(None, [change.note, *told]))
        self.tell(
            "ticket", Played.CHANGED_AT_FAR_END, input=self.entry, ticket=ticket, status=status, by=change.by,
            detail=said or None,
        )  # fmt: skip

    def decided(self, row: inbox.Row, site: str, decision: Decision) -> None:
        """An observer of the engine."""
        reason, case, judged = decision.reason, decision.case, decision.judged
        origin: dict[str, Any] = {"site": site or None, "detail": decision.detail or None}
        if isinstance(row.input, TimerDue):
            origin["timer"] = row.input.kind.value
        elif not isinstance(row.input, Tick):
            origin["input"] = self._entry_by_input.get(row.seq)
        if judged is not None and reason is not Reason.NOTHING_FOUND:
            self._judged("trouble" if reason in FOUND else "verdict", judged, case, reason, origin)
        if reason in ALARMS:
            self.tell("alarm", reason, **origin, case=case.id if case else None)
        if reason in WITHHELD:
            self.tell("withheld", reason, **origin, case=case.id if case else None)
        if case is not None:
            self.tell("case", reason, **origin, **_case(case))
            if reason is Reason.FAR_END_ANSWERED and case.ticket is not None:
                self.tell("ticket", reason, **origin, case=case.id, ticket=case.ticket)
        if decision.proposal is not None:
            self.tell("proposal", reason, **origin, **_proposal(decision.proposal))
        for effect in decision.effects:
            self._meant(effect, reason, origin)

    def _meant(self, effect: Effect, reason: Reason, origin: Mapping[str, Any]) -> None:
        """What somebody is to hear: the desk that a ticket goes to, the client, or whoever reads the ticket."""
        about = {**origin, "case": effect.case, "ticket": effect.ticket}
        if effect.queue is not None:
            self.tell("handover", reason, **about, to=effect.queue, text=effect.text or None)
        elif effect.kind is EffectKind.REBOOT_MODEM:
            self.tell("reboot", reason, **{**about, "ticket": None}, link=effect.link)
        elif effect.kind is EffectKind.TELL_CLIENT:
            self.tell("note", reason, **about, to="client", text=effect.text)
        elif effect.kind in (EffectKind.NOTE_TICKET, EffectKind.UPDATE_TICKET) and effect.text:
            self.tell("note", reason, **about, text=effect.text)

    def _judged(self, line: str, judged: Judged, case: Case | None, reason: Reason, origin: Mapping[str, Any]) -> None:
        """The whole verdict, its nulls too: a program reads it as it reads `triage --json`."""
        document = verdict_document(judged.verdict, "", case.id if case else None, judged.evidence_sha256)
        says = {"says": document["reason"]}
        head = {"id": None, "reason": None, "site": None, "case": None}
        kept = {name: value for name, value in document.items() if name not in head}
        self.tell(line, reason, **origin, case=document["case"])
        self._lines[-1] |= kept | says

    def tell(self, line: str, reason: str, **about: object) -> None:
        known = {name: value for name, value in about.items() if value is not None}
        head = {"seq": self._kinds.total() + 1, "at": rfc3339(self._clock.now()), "line": line, "reason": str(reason)}
        self._kinds[line] += 1
        self._lines.append(head | known)

    def summary(self, open_cases: Sequence[str], tickets: Sequence[str]) -> dict[str, Any]:
        """The last line."""
        counts = {"calls": dict(self._calls), "lines": dict(self._kinds)}
        self.tell("summary", "end", open_cases=list(open_cases), tickets=list(tickets), **counts)
        return self._lines.pop()


def _case(case: Case) -> dict[str, Any]:
    return {
        "case": case.id,
        "status": case.status.value,
        "client": case.client,
        "cause": case.cause.value,
        "scope": case.scope.value,
        "severity": case.severity.value if case.severity else None,
        "link": case.link,
        "onset": _time(case.onset),
        "origins": [origin.value for origin in case.origins],
        "claims": case.claims,
        "owner": case.owner,
        "next_action": case.next_action or None,
        "next_action_at": _time(case.next_action_at),
        "ticket": case.ticket,
        "parent": case.parent,
        "pending": case.pending.why.value if case.pending else None,
        "queue": case.queue or None,
        "reopened": case.reopened or None,
        "decided_by": case.decided_by,
        "next_update_at": _time(case.next_update_at),
        "sites": case.sites or None,
    }


def _proposal(proposal: Proposal) -> dict[str, Any]:
    return {
        "case": proposal.case,
        "proposal": proposal.id,
        "link": proposal.to_link,
        "status": proposal.status.value,
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
