"""What is refused under SNMPv3: by an agent, which reports it, and by us, who do not believe it. Pure."""

from __future__ import annotations

from enum import StrEnum

from collector.snmp.agent import User
from collector.snmp.engine import Engine
from config.errors import Blame, LineproofError


class Report(StrEnum):
    """What an agent reports instead of answering, by the name of the counter (RFC 3414, RFC 3412, RFC 3413)."""

    UNSUPPORTED_SEC_LEVELS = "usmStatsUnsupportedSecLevels"
    NOT_IN_TIME_WINDOWS = "usmStatsNotInTimeWindows"
    UNKNOWN_USER_NAMES = "usmStatsUnknownUserNames"
    UNKNOWN_ENGINE_IDS = "usmStatsUnknownEngineIDs"
    WRONG_DIGESTS = "usmStatsWrongDigests"
    DECRYPTION_ERRORS = "usmStatsDecryptionErrors"
    UNKNOWN_SECURITY_MODELS = "snmpUnknownSecurityModels"
    INVALID_MSGS = "snmpInvalidMsgs"
    UNKNOWN_PDU_HANDLERS = "snmpUnknownPDUHandlers"
    UNAVAILABLE_CONTEXTS = "snmpUnavailableContexts"
    UNKNOWN_CONTEXTS = "snmpUnknownContexts"
    OTHER = "a counter of another name"


REPORT_OIDS = {
    "1.3.6.1.6.3.15.1.1.1.0": Report.UNSUPPORTED_SEC_LEVELS,
    "1.3.6.1.6.3.15.1.1.2.0": Report.NOT_IN_TIME_WINDOWS,
    "1.3.6.1.6.3.15.1.1.3.0": Report.UNKNOWN_USER_NAMES,
    "1.3.6.1.6.3.15.1.1.4.0": Report.UNKNOWN_ENGINE_IDS,
    "1.3.6.1.6.3.15.1.1.5.0": Report.WRONG_DIGESTS,
    "1.3.6.1.6.3.15.1.1.6.0": Report.DECRYPTION_ERRORS,
    "1.3.6.1.6.3.11.2.1.1.0": Report.UNKNOWN_SECURITY_MODELS,
    "1.3.6.1.6.3.11.2.1.2.0": Report.INVALID_MSGS,
    "1.3.6.1.6.3.11.2.1.3.0": Report.UNKNOWN_PDU_HANDLERS,
    "1.3.6.1.6.3.12.1.4.0": Report.UNAVAILABLE_CONTEXTS,
    "1.3.6.1.6.3.12.1.5.0": Report.UNKNOWN_CONTEXTS,
}

_CORRECTIONS = {
    Report.UNSUPPORTED_SEC_LEVELS: "the agent does not let this user in at this level; give the user the "
    "authentication and privacy protocols that the agent has for it",
    Report.NOT_IN_TIME_WINDOWS: "the agent refuses the time that it told us itself; look whether its clock or its "
    "engine boots stand still, and restart its SNMP agent",
    Report.UNKNOWN_USER_NAMES: "the agent knows no such user; correct the user's name, or create the user there",
    Report.UNKNOWN_ENGINE_IDS: "the agent does not know the engine id that it told us itself; look whether two agents "
    "answer at this address",
    Report.WRONG_DIGESTS: "the agent knows the user, but not this authentication; correct the authentication password "
    "or the authentication protocol",
    Report.DECRYPTION_ERRORS: "the agent cannot decrypt what we send; correct the privacy password or the privacy "
    "protocol",
    Report.UNKNOWN_SECURITY_MODELS: "the agent has no User-based Security Model; ask it with SNMPv2c",
    Report.INVALID_MSGS: "the agent finds our message invalid; look whether it speaks SNMPv3",
    Report.UNKNOWN_PDU_HANDLERS: "the agent serves no objects under its own engine id; look whether it is a proxy",
    Report.UNAVAILABLE_CONTEXTS: "the agent's context is not available now; correct the user's context, or wait",
    Report.UNKNOWN_CONTEXTS: "the agent knows no context of this name; correct the user's context",
    Report.OTHER: "the agent reports an error that we do not know; look into its log",
}


def explain(report: Report) -> str:
    """What an agent means by its report and what to correct, in a clause without secrets."""
    return f"{_CORRECTIONS[report]} ({report})"


class NextStep(StrEnum):
    DISCOVER = "discover"
    """Ask for the engine id, then again with a Wrapping for that engine."""
    RESYNC = "resync"
    """Ask again with the engine that the report was opened to, which has the agent's clock."""
    REFUSED = "refused"
    """Do not ask again; `explain` says what to correct."""


def next_step(report: Report, *, authenticated: bool, discoveries: int, resyncs: int) -> NextStep:
    """What to do after a report, given how often this request has led to each step already.

    Each is tried once. Time is believed only when authenticated (RFC 3414, 3.2, step 7).
    """
    if report is Report.UNKNOWN_ENGINE_IDS and not discoveries:
        return NextStep.DISCOVER
    if report is Report.NOT_IN_TIME_WINDOWS and authenticated and not resyncs:
        return NextStep.RESYNC
    return NextStep.REFUSED


class Refusal(StrEnum):
    """Why a well-formed message is not taken for the answer."""

    WRONG_ENGINE_ID = "wrong_engine_id"
    WRONG_USER = "wrong_user"
    WRONG_LEVEL = "wrong_level"
    WRONG_DIGEST = "wrong_digest"
    NOT_IN_TIME_WINDOW = "not_in_time_window"
    UNDECRYPTABLE = "undecryptable"
    WRONG_CONTEXT = "wrong_context"


_REFUSED = {
    Refusal.WRONG_ENGINE_ID: "it is of another engine than the one asked; look whether two agents answer here",
    Refusal.WRONG_USER: "it names another user than the one who asked; look who else answers at this address",
    Refusal.WRONG_LEVEL: "it is not secured as the request was; look who else answers at this address",
    Refusal.WRONG_DIGEST: "its digest is wrong; it was changed on the way, or its sender does not know the password",
    Refusal.NOT_IN_TIME_WINDOW: "it is too old by the agent's clock; it may have been sent a second time",
    Refusal.UNDECRYPTABLE: "it cannot be decrypted; correct the privacy password or the privacy protocol",
    Refusal.WRONG_CONTEXT: "it is about another context than the one asked; look whether the agent is a proxy",
}


class SecurityError(LineproofError):
    """A well-formed SNMPv3 message that must not be taken for the answer (RFC 3414, 3.2; RFC 3412, 7.2)."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"an SNMPv3 answer was refused: {_REFUSED[refusal]}", retryable=True, blame=Blame.VENDOR)
        self.refusal = refusal


def explain_silence(user: User, engine: Engine | None) -> str:
    """What it says that an agent is silent which has never answered this user; '' when that says nothing more.

    `engine` is how far we came. Agents drop what they cannot decrypt or what is for an unknown context without a
    report (seen with net-snmp 5.9), though RFC 3414, 3.2 and RFC 3413, 3.2 have one for each.
    """
    if engine is None:
        return ""
    context = ", or the user's context" if user.context else ""
    if user.priv and engine.heard_at is not None:
        return (
            "the agent accepts the user's authentication, but does not answer what is encrypted; correct the privacy "
            f"password or the privacy protocol{context}"
        )
    return f"the agent tells its engine id, but does not answer this user; correct the user's name and level{context}"
