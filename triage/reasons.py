"""Why something was decided, done or left undone."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a decision was taken, or why something was not done. Reaches desk, audit trail and metrics."""

    CLAIM_CONFIRMED = "claim_confirmed"
    CLAIM_RECOVERED = "claim_recovered"
    CLAIM_NOT_SUBSTANTIATED = "claim_not_substantiated"
    CLAIM_INCONCLUSIVE = "claim_inconclusive"
    CLAIM_JOINED = "claim_joined"
    CLAIM_REFUSED = "claim_refused"
    REPORTER_NOT_AUTHORISED = "reporter_not_authorised"
    """Who reports is not on the client's list of those who may (CPNI): a listed contact is called back."""
    TROUBLE_SUSPECTED = "trouble_suspected"
    TROUBLE_HELD = "trouble_held"
    NO_QUARANTINE = "no_quarantine"
    TROUBLE_DID_NOT_HOLD = "trouble_did_not_hold"
    TROUBLE_CHANGED = "trouble_changed"
    TROUBLE_ONGOING = "trouble_ongoing"
    TROUBLE_OVER = "trouble_over"
    """It was over when it was first seen: nothing is left to act on."""
    RECHECK_WITHOUT_DATA = "recheck_without_data"
    STILL_WITHOUT_DATA = "still_without_data"
    RECOVERY_SEEN = "recovery_seen"
    RECOVERY_GOES_ON = "recovery_goes_on"
    RECOVERY_HELD = "recovery_held"
    RECOVERY_BROKEN = "recovery_broken"
    CLIENT_MUST_CONFIRM = "client_must_confirm"
    STOOD_TOO_LONG = "stood_too_long"
    RESOLVED_TOO_OFTEN = "resolved_too_often"
    TICKET_REQUESTED = "ticket_requested"
    TICKET_EXISTS = "ticket_exists"
    TICKET_NOT_ASKED_FOR = "ticket_not_asked_for"
    NO_TICKET_FOR_CAUSE = "no_ticket_for_cause"
    CARRIER_PARENT = "carrier_parent"
    CARRIER_WIDE = "carrier_wide"
    JOINED_PARENT = "joined_parent"
    LEFT_PARENT = "left_parent"
    IN_MAINTENANCE = "in_maintenance"
    OWN_BLINDNESS = "own_blindness"
    SIGHT_RETURNED = "sight_returned"
    FAR_END_ANSWERED = "far_end_answered"
    FAR_END_GAVE_UP = "far_end_gave_up"
    PERSON_ACTED = "person_acted"
    PERSON_ACT_REFUSED = "person_act_refused"
    CARRIER_TOLD = "carrier_told"
    INTAKE_TOLD = "intake_told"
    CARRIER_OVERDUE = "carrier_overdue"
    CARRIER_REFUSED = "carrier_refused"
    """What was told of a carrier's ticket cannot be so."""
    REOPENED = "reopened"
    """The same trouble is back, or the client objects: the same case and ticket again."""
    WAIT_OVER = "wait_over"
    NOBODY_OBJECTED = "nobody_objected"
    CLIENT_UPDATE_DUE = "client_update_due"
    PERSON_DECIDED = "person_decided"
    """A person has decided about this very trouble: the machine does not undo it."""
    PERSON_MUST_RESOLVE = "person_must_resolve"
    HANDED_OVER = "handed_over"
    HAND_OVER_POSTPONED = "hand_over_postponed"
    TAKEN_BY_PERSON = "taken_by_person"
    CLIENTS_OWN_LINE = "clients_own_line"
    """Only lines that the client holds the contracts of are in trouble: nothing for a desk or a carrier of ours."""
    CLIENT_REMINDED = "client_reminded"
    ASSIGNED_LINE = "assigned_line"
    CASE_ENDED = "case_ended"
    NOTHING_FOUND = "nothing_found"
    INPUT_FAILED = "input_failed"


QUIET = frozenset(
    {
        Reason.NOTHING_FOUND,
        Reason.TROUBLE_ONGOING,
        Reason.TROUBLE_OVER,
        Reason.PERSON_DECIDED,
        Reason.STILL_WITHOUT_DATA,
        Reason.RECOVERY_GOES_ON,
    }
)
"""What is decided minute after minute: counted, and neither logged nor kept."""
