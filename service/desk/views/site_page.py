"""A site's page: its state, its lines with their figures, its full inventory, what was decided about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.model import Fact, FactKind
from inventory.describe import SiteSheet
from reports.formatting import duration
from reports.model import Tone
from service.desk.views.figures import LinkFigures
from service.desk.views.home import CaseLine
from service.desk.views.reporting import ReportForm
from service.desk.views.states import SiteLine
from service.desk.views.words import Badge, reason_words
from triage.reasons import Reason
from triage.repository import StoredDecision

_DEVICE_TONES = {
    "ok": Tone.GOOD,
    "connected": Tone.GOOD,
    "ready": Tone.GOOD,
    "degraded": Tone.WARNING,
    "timeout": Tone.UNKNOWN,
    "offline": Tone.UNKNOWN,
    "failed": Tone.BAD,
    "auth": Tone.WARNING,
    "error": Tone.WARNING,
}
_DEVICE_WORDS = {
    (FactKind.POLL_OUTCOME, "ok"): "answers SNMP",
    (FactKind.POLL_OUTCOME, "timeout"): "no SNMP answer",
    (FactKind.POLL_OUTCOME, "auth"): "SNMP credential refused",
    (FactKind.POLL_OUTCOME, "error"): "SNMP answer unusable",
    (FactKind.EDGE_STATE, "connected"): "orchestrator contact",
    (FactKind.EDGE_STATE, "offline"): "orchestrator contact lost",
}
_NAMES = {FactKind.EDGE_STATE: "edge", FactKind.HA_STATE: "HA", FactKind.POLL_OUTCOME: "SNMP"}


@dataclass(frozen=True, slots=True)
class DeviceNote:
    """What a source said last about a device. It says nothing about the device's lines."""

    device: str
    badge: Badge
    note: str


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """Why something was done, or not."""

    made_at: datetime
    words: str
    detail: str
    case: str | None
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePage:
    line: SiteLine
    sheet: SiteSheet
    case: CaseLine | None
    links: tuple[LinkFigures, ...]
    devices: tuple[DeviceNote, ...]
    decisions: tuple[DecisionLine, ...]
    form: ReportForm
    key: str
    """Of the form that opens a case, so that sending it twice counts once."""
    chart: str | None
    """The link whose charts are shown first."""


def decision_lines(decisions: Sequence[StoredDecision]) -> tuple[DecisionLine, ...]:
    """But for the mere echo of what a far end answered: the case's story says what came of each effect."""
    return tuple(
        DecisionLine(one.made_at, reason_words(one.reason), one.detail, one.case, one.policy[:19])
        for one in decisions
        if one.reason != Reason.FAR_END_ANSWERED
    )


def device_notes(facts: Sequence[Fact], now: datetime) -> tuple[DeviceNote, ...]:
    """The newest word about each device of each kind; `facts` ascend in time."""
    newest = {(fact.subject, fact.kind): fact for fact in facts if fact.kind in _NAMES}
    return tuple(
        DeviceNote(
            fact.subject,
            Badge(
                _DEVICE_WORDS.get((fact.kind, fact.value), f"{_NAMES[fact.kind]} {fact.value}"),
                _DEVICE_TONES.get(fact.value, Tone.UNKNOWN),
            ),
            f"{duration(max(0.0, (now - fact.time).total_seconds()))} ago"
            + (f": {fact.detail}" if fact.detail else ""),
        )
        for fact in newest.values()
    )
