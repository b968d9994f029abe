"""What was meant for a far end, as one line of a case's story: what, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from triage.audit import Kind
from triage.audit_entries import Outcome
from triage.cases import EffectKind

EFFECT_KINDS = frozenset({Kind.INTENT, Kind.ATTEMPT, Kind.OUTCOME})
LONGEST = 160
_DOES: Mapping[EffectKind, str] = {
    EffectKind.OPEN_TICKET: "opens a ticket",
    EffectKind.ATTACH_EVIDENCE: "attaches the evidence",
    EffectKind.NOTE_TICKET: "adds a note",
    EffectKind.RESOLVE_TICKET: "resolves the ticket",
    EffectKind.UPDATE_TICKET: "changes the ticket",
    EffectKind.TELL_CLIENT: "writes to the client",
    EffectKind.REBOOT_MODEM: "reboots the modem",
    EffectKind.APPLY_REROUTE: "carries the re-route out",
    EffectKind.REVERT_REROUTE: "takes the re-route back",
}
_SHOWN = ("proposal", "link", "status", "severity", "queue", "owner")


@dataclass(slots=True)
class EffectStory:
    """The rows of one key, in the trail's order. `decided`: what a person has since decided about it."""

    kind: str
    began: datetime
    intent: Mapping[str, Any] = field(default_factory=dict)
    attempts: list[datetime] = field(default_factory=list)
    outcomes: list[tuple[datetime, Outcome, Mapping[str, Any]]] = field(default_factory=list)
    decided: tuple[str, str] | None = None


def effects_in(story: Sequence[Mapping[str, Any]]) -> dict[str, EffectStory]:
    """By key, in the order in which they were meant."""
    found: dict[str, EffectStory] = {}
    for one in story:
        kind, document, at = Kind(one["kind"]), one["document"], datetime.fromisoformat(one["at"])
        key = document.get("key")
        if kind in EFFECT_KINDS:
            effect = found.setdefault(key, EffectStory(document.get("effect", one["reason"]), at))
            if kind is Kind.INTENT:
                effect.intent = document
            elif kind is Kind.ATTEMPT:
                effect.attempts.append(at)
            else:
                effect.outcomes.append((at, Outcome(one["reason"]), document))
            effect.decided = None
        elif key in found:
            found[key].decided = (one["reason"], one["actor"])
    return found


def effect_words(effect: EffectStory, zone: tzinfo) -> str:
    """`opens a ticket (severity major): done 10:03:53, ticket T-1`; times of another day carry their date."""
    does = _DOES.get(EffectKind(effect.kind), effect.kind)
    about = ", ".join(f"{name} {effect.intent[name]}" for name in _SHOWN if effect.intent.get(name))
    name = _name(effect)
    said = f"{does}{f' {name}' if name else ''}{f' ({about})' if about else ''}"
    return f"{said}: {_came_of_it(effect, zone)}"


def _name(effect: EffectStory) -> str:
    """A note is named by its key, an evidence pack by its digest."""
    key = str(effect.intent.get("key", "")).partition(":")[2]
    if effect.kind == EffectKind.NOTE_TICKET:
        return f"({key})"
    return str(effect.intent.get("evidence_sha256", ""))[:16] if effect.kind == EffectKind.ATTACH_EVIDENCE else ""


def _came_of_it(effect: EffectStory, zone: tzinfo) -> str:
    tried = len(effect.attempts)
    at, outcome, document = effect.outcomes[-1] if effect.outcomes else (effect.began, None, {})
    when, said = _moment(at, effect.began, zone), _line(document.get("text"))
    error = next((_line(one["text"]) for _, came, one in reversed(effect.outcomes) if came is Outcome.FAILED), "")
    before = f", at attempt {tried}; the last error before: {error}" if tried > 1 and error else ""
    key = f" [{effect.intent.get('key', '')}]"
    if effect.decided is not None:
        reason, who = effect.decided
        last = f"; the last error: {error or said}" if error or said else ""
        if reason == "outbox_give_up":
            return f"left undone by {who}{_after(tried)}{last}{key}"
        if reason == "outbox_retry":
            return f"to be tried again, says {who}{_after(tried)}{last}{key}"
    under_way = bool(effect.attempts) and (not effect.outcomes or effect.attempts[-1] > at)
    if under_way:
        last = f"; the last error: {error}" if error else ""
        return f"being tried since {_moment(effect.attempts[-1], effect.began, zone)}, attempt {tried}{last}{key}"
    match outcome:
        case Outcome.DONE:
            what = f"ticket {document['ticket']}" if effect.kind == EffectKind.OPEN_TICKET else said
            return f"done {when}{f', {what}' if what else ''}{before}"
        case Outcome.WITHHELD:
            return f"withheld {when}: {said.removeprefix('withheld: ')}"
        case Outcome.DEAD:
            return f"given up {when}{_after(tried)}: {said}{key}"
        case Outcome.FAILED:
            return f"not done yet{_after(tried)}, the last {when}: {said}{key}"
        case Outcome.CANCELLED:
            return f"no longer wanted {when}"
        case None:
            return f"not tried yet{key}"


def _after(tried: int) -> str:
    return f" after {tried} {'attempt' if tried == 1 else 'attempts'}" if tried else ""


def _line(text: str | None) -> str:
    """The first line of what a far end said."""
    lines = (text or "").strip().splitlines()
    return lines[0][:LONGEST] if lines else ""


def _moment(at: datetime, began: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    same_day = local.date() == began.astimezone(zone).date()
    return f"{local:%H:%M:%S}" if same_day else f"{local:%Y-%m-%d %H:%M:%S}"
