"""What states are called on a page, and how they are told apart: by word and sign first, by colour only besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.model import Tone
from triage.cases import CaseStatus, Origin, PendingWhy, ProposalStatus
from triage.inputs import PersonAct
from triage.model import Cause, Severity, Symptom
from triage.reasons import Reason
from triage.words import CAUSE_WORDS

SYMBOLS: Mapping[Tone, str] = {
    Tone.GOOD: "✓",
    Tone.WARNING: "!",
    Tone.BAD: "✕",
    Tone.UNKNOWN: "?",
    Tone.PLAIN: "–",
}


@dataclass(frozen=True, slots=True)
class Badge:
    text: str
    tone: Tone


CASE_STATUS: Mapping[CaseStatus, Badge] = {
    CaseStatus.SUSPECTED: Badge("suspected", Tone.WARNING),
    CaseStatus.OPEN: Badge("open", Tone.BAD),
    CaseStatus.PENDING: Badge("pending", Tone.UNKNOWN),
    CaseStatus.MONITORING: Badge("monitoring", Tone.WARNING),
    CaseStatus.RESOLVED: Badge("resolved", Tone.GOOD),
    CaseStatus.CLOSED: Badge("closed", Tone.PLAIN),
}
SEVERITY: Mapping[Severity, Badge] = {
    Severity.CRITICAL: Badge("critical", Tone.BAD),
    Severity.MAJOR: Badge("major", Tone.WARNING),
    Severity.MINOR: Badge("minor", Tone.PLAIN),
}
NO_SEVERITY = Badge("no severity", Tone.PLAIN)
PROPOSAL_STATUS: Mapping[ProposalStatus, Badge] = {
    ProposalStatus.PROPOSED: Badge("waits for a decision", Tone.WARNING),
    ProposalStatus.APPROVED: Badge("approved, not applied", Tone.WARNING),
    ProposalStatus.REFUSED: Badge("refused", Tone.PLAIN),
    ProposalStatus.APPLYING: Badge("being carried out", Tone.UNKNOWN),
    ProposalStatus.APPLIED: Badge("applied", Tone.GOOD),
    ProposalStatus.REVERTED: Badge("reverted", Tone.PLAIN),
    ProposalStatus.FAILED: Badge("failed", Tone.BAD),
}
TICKET_STATUS: Mapping[str, Badge] = {
    "acknowledged": Badge("acknowledged", Tone.WARNING),
    "inProgress": Badge("in progress", Tone.WARNING),
    "pending": Badge("pending", Tone.UNKNOWN),
    "resolved": Badge("resolved", Tone.GOOD),
    "closed": Badge("closed", Tone.PLAIN),
}
SYMPTOMS: Mapping[Symptom, str] = {
    Symptom.SLOW: "slow",
    Symptom.DOWN: "nothing works",
    Symptom.DROPS: "drops out",
    Symptom.VOICE: "calls are bad",
}
ORIGINS: Mapping[Origin, str] = {
    Origin.MACHINE: "found by measuring",
    Origin.CLIENT: "reported by the client",
    Origin.CARRIER: "told by the carrier",
    Origin.PERSON: "opened by a person",
}
ACTS: Mapping[PersonAct, str] = {
    PersonAct.OPEN: "Open a case",
    PersonAct.APPROVE: "Approve",
    PersonAct.REFUSE: "Refuse",
    PersonAct.APPLY: "Apply now",
    PersonAct.REVERT: "Revert",
    PersonAct.ACKNOWLEDGE: "Take this case",
    PersonAct.RESOLVE: "Resolve",
    PersonAct.CONFIRM: "The client says it is well",
    PersonAct.REOPEN: "Re-open",
    PersonAct.CLOSE: "Close",
    PersonAct.ASSIGN: "Assign to",
    PersonAct.HOLD: "Put on hold",
    PersonAct.RESUME: "Go on with it",
    PersonAct.MOVE: "Move to queue",
    PersonAct.MERGE: "Merge into",
    PersonAct.NOTE: "Add the note",
}
PENDING: Mapping[PendingWhy, str] = {
    PendingWhy.STATISTICS: "statistics that have not arrived",
    PendingWhy.CLIENT: "the client",
    PendingWhy.ACCESS: "access to the site",
    PendingWhy.CARRIER: "the carrier",
    PendingWhy.MAINTENANCE: "announced work to be over",
}
REASONS: Mapping[str, str] = {
    Reason.CLAIM_CONFIRMED: "the client's report was confirmed",
    Reason.CLAIM_RECOVERED: "what the client reported was there, and has ended",
    Reason.CLAIM_NOT_SUBSTANTIATED: "nothing out of the ordinary was measured at the reported time",
    Reason.CLAIM_INCONCLUSIVE: "too little was measured to answer the client's report yet",
    Reason.CLAIM_JOINED: "the client's report joined the site's open case",
    Reason.CLAIM_REFUSED: "the report was not recorded",
    Reason.REPORTER_NOT_AUTHORISED: "the report came from somebody who is not listed as one who may report",
    Reason.TROUBLE_SUSPECTED: "a trouble is suspected; it is looked at again before anything is done",
    Reason.TROUBLE_HELD: "the trouble held at the second look",
    Reason.NO_QUARANTINE: "a trouble was found on a line whose outages need no second look",
    Reason.TROUBLE_DID_NOT_HOLD: "the trouble was gone at the second look",
    Reason.TROUBLE_CHANGED: "the trouble has changed",
    Reason.TROUBLE_ONGOING: "the trouble goes on",
    Reason.TROUBLE_OVER: "the trouble was over when it was seen",
    Reason.RECHECK_WITHOUT_DATA: "no data to tell by; it is looked at again, less and less often until there are some",
    Reason.STILL_WITHOUT_DATA: "still no data to tell by",
    Reason.RECOVERY_GOES_ON: "the trouble is still no longer measured",
    Reason.RECOVERY_SEEN: "no trouble is measured now; that is watched before the case ends",
    Reason.RECOVERY_HELD: "the trouble stayed gone",
    Reason.RECOVERY_BROKEN: "the trouble came back",
    Reason.CLIENT_MUST_CONFIRM: "the trouble stayed gone; the client has to confirm",
    Reason.STOOD_TOO_LONG: "the trouble stayed gone, but stood for so long that a person has to resolve it",
    Reason.RESOLVED_TOO_OFTEN: "the trouble stayed gone, but has come back so often that a person has to resolve it",
    Reason.TICKET_REQUESTED: "a ticket was asked for",
    Reason.TICKET_EXISTS: "the ticket exists already",
    Reason.TICKET_NOT_ASKED_FOR: "no ticket was asked for",
    Reason.NO_TICKET_FOR_CAUSE: "the policy opens no ticket for this cause",
    Reason.CARRIER_PARENT: "it is part of a carrier's trouble, whose ticket stands for it",
    Reason.CARRIER_WIDE: "the carrier's trouble: more of its sites suffer at once than chance makes",
    Reason.JOINED_PARENT: "it is part of a carrier's trouble",
    Reason.LEFT_PARENT: "the carrier's trouble is over; this one stands alone",
    Reason.IN_MAINTENANCE: "announced maintenance covers it",
    Reason.OWN_BLINDNESS: "we are blind ourselves: nothing of the sites is decided",
    Reason.SIGHT_RETURNED: "we see again: what waited is taken up",
    Reason.FAR_END_ANSWERED: "the far end answered",
    Reason.FAR_END_GAVE_UP: "the far end did not take it; it was given up",
    Reason.PERSON_ACTED: "a person decided",
    Reason.PERSON_ACT_REFUSED: "the decision did not fit the state of things",
    Reason.REOPENED: "taken up again: the trouble is back, or the client objects",
    Reason.WAIT_OVER: "what it waited for is due",
    Reason.NOBODY_OBJECTED: "nobody objected in time; it is closed",
    Reason.CLIENT_UPDATE_DUE: "the client is owed word of how it goes",
    Reason.PERSON_DECIDED: "a person has decided about this very trouble",
    Reason.PERSON_MUST_RESOLVE: "nothing is measured any more; what people or carriers have in hand, a person resolves",
    Reason.HANDED_OVER: "handed over to the desk that works on such troubles",
    Reason.HAND_OVER_POSTPONED: "the hand-over waits",
    Reason.TAKEN_BY_PERSON: "not handed over: a person has it",
    Reason.CLIENTS_OWN_LINE: "not handed over: the line is the client's own",
    Reason.CLIENT_REMINDED: "the client was reminded that their own line is down",
    Reason.ASSIGNED_LINE: "the trouble stayed gone; a person has this dedicated line in hand, and has to resolve it",
    Reason.CASE_ENDED: "the case had ended",
    Reason.NOTHING_FOUND: "nothing was found",
    Reason.CARRIER_TOLD: "the carrier told of its ticket",
    Reason.INTAKE_TOLD: "what a carrier asks was answered",
    Reason.CARRIER_OVERDUE: "the carrier is overdue",
    Reason.CARRIER_REFUSED: "what was told of the carrier's ticket does not fit",
    Reason.INPUT_FAILED: "a defect of ours kept this from being decided; it was set aside",
}


def cause_words(cause: Cause) -> str:
    return CAUSE_WORDS[cause]


def reason_words(reason: str) -> str:
    """A recorded reason in words; one that this version has no words for stays as it is."""
    return REASONS.get(reason, reason)
