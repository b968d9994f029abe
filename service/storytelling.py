"""The story of a case as the audit trail has it: who, what, why, in order; times in the site's zone.

What was meant for a far end is one line, where it was meant, with what came of it; the trail keeps each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from config.clock import rfc3339
from service.desk.views.words import reason_words
from service.effect_story import EFFECT_KINDS, effect_words, effects_in
from triage.audit import MACHINE, Kind, Recorded
from triage.model import Cause, VerdictKind
from triage.reasons import Reason
from triage.words import CAUSE_WORDS, VERDICT_WORDS

TIMES = ("since", "until", "etr", "next_update_at", "opened_at", "closed_at", "onset", "end")
QUIETLY = ("policy", "reported_at", "text_sha256", "at")
"""Told in the JSON alone: a line is for reading."""
LONGEST = 160
_LABELS = {"target": "", "note": "", "value": ""}
ACTS = {"outbox_retry": "has it tried again", "outbox_give_up": "leaves it undone"}


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of a story: when, who, and what in words."""

    at: datetime
    actor: str
    words: str


def story_document(told: Recorded) -> dict[str, Any]:
    entry = told.entry
    return {
        "number": told.number,
        "at": rfc3339(entry.at),
        "kind": entry.kind.value,
        "reason": entry.reason,
        "actor": entry.actor,
        "site": entry.site,
        "document": dict(entry.document),
        "sha256": told.sha256,
    }


def in_words(story: Sequence[Mapping[str, Any]], zone: tzinfo) -> Iterator[Told]:
    effects, status = effects_in(story), ""
    for one in story:
        document = one["document"]
        if Kind(one["kind"]) in EFFECT_KINDS:
            effect = effects.pop(document["key"], None)
            words = effect_words(effect, zone) if effect is not None else ""
        elif Kind(one["kind"]) is Kind.DECISION:
            before, status = status, document.get("status") or status
            words = _decided(one, status if status != before else "")
        else:
            words = _said(one, zone)
        if words:
            yield Told(datetime.fromisoformat(one["at"]).astimezone(zone), one["actor"], words)


def story_lines(story: Sequence[Mapping[str, Any]], zone: tzinfo) -> Iterator[str]:
    for told in in_words(story, zone):
        yield f"  {told.at:%Y-%m-%d %H:%M:%S %Z}  {told.actor:20}  {told.words}"


def _said(one: Mapping[str, Any], zone: tzinfo) -> str:
    document, reason = one["document"], one["reason"]
    if Kind(one["kind"]) is Kind.VERDICT:
        cause = CAUSE_WORDS[Cause(document["cause"])]
        on = f" on {document['link']}" if document.get("link") else ""
        verdict = VERDICT_WORDS[VerdictKind(reason)]
        return f"judges {document['id']}: {verdict}; {cause}{on}; evidence {document['evidence_sha256'][:16]}"
    if reason == "claim":
        words = f": “{document['words']}”" if document.get("words") else ""
        return f"reports {document['symptom']}{_since(document, zone)}{words}"
    who = "" if one["actor"] != MACHINE else "somebody: "
    # Whoever acts on a case, or opens one of a site, acts on the one that is shown.
    own = () if str(document.get("target", "")).startswith("P-") else ("target",)
    return f"{who}{ACTS.get(reason, reason.replace('_', ' '))}{_rest(document, zone, but=own)}"


def _decided(one: Mapping[str, Any], became: str) -> str:
    """Empty for the mere echo of what a far end answered, or a person did: the line of that says it already."""
    document, reason = one["document"], one["reason"]
    detail = " ".join(str(document.get("detail") or "").split())
    if not became and (reason == Reason.FAR_END_ANSWERED or (reason == Reason.PERSON_ACTED and not detail)):
        return ""
    return f"decides{f' [{became}]' if became else ''}: {reason_words(reason)}{f' ({detail})' if detail else ''}"


def _since(document: Mapping[str, Any], zone: tzinfo) -> str:
    return f" since {_time(document['since'], zone)}" if document.get("since") else ""


def _rest(document: Mapping[str, Any], zone: tzinfo, but: Sequence[str] = ()) -> str:
    parts = [
        name.replace("_", " ")
        if value is True
        else f"{_LABELS.get(name, name.replace('_', ' ') + ' ')}{_time(value, zone) if name in TIMES else _line(value)}"
        for name, value in document.items()
        if name not in (*QUIETLY, *but) and value not in (None, "", False)
    ]
    return f": {', '.join(parts)}" if parts else ""


def _line(value: object) -> str:
    return " ".join(str(value).split())[:LONGEST]


def _time(text: str, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M %Z}"
