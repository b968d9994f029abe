"""A comparison of two policies as lines for a terminal, for whoever decides about the new one. No figure is computed
here but the minutes between two times."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from triage.formatting import local_time, number, quantity, since_time
from triage.model import Cause, Finding
from triage.words import CAUSE_WORDS, STATISTIC_WORDS, metric_words

Document = Mapping[str, Any]
_FINDING = TypeAdapter(Finding)
TITLES = {
    "vanishes": "Cases that vanish",
    "appears": "Cases that appear",
    "changes": "Cases that change",
    "moves": "Cases that move in time",
}
SEVERAL = {"vanishes": "vanish", "appears": "appear", "changes": "change", "moves": "move"}
SHARED = "several clients"
"""Whose a carrier's own case is, that stands for those of its sites."""
TIMES = ("onset", "end", "opened_at")
FIELD_WORDS = {"opened_at": "opened", "reopened": "times re-opened"}
WIDEST = 120


def comparison_lines(document: Document, width: int) -> Iterator[str]:
    """The whole answer, no line longer than `width` where words can be broken; times in each site's zone."""
    room = max(40, min(width, WIDEST))
    for line in _lines(document):
        if len(line) <= room:
            yield line
            continue
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        yield from textwrap.wrap(line, room, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _lines(document: Document) -> Iterator[str]:
    yield from _head(document)
    yield ""
    old, new = document["summary"]["old"], document["summary"]["new"]
    yield f"  {'':34}{'old':>10}{'new':>10}"
    for title, before, after in _rows(old, new):
        yield f"  {title:34}{before:>10}{after:>10}".rstrip()
    yield ""
    yield _in_short(document)
    for scenario in document.get("scenarios", ()):
        yield ""
        yield from _scenario(scenario)
    yield from _claims(document.get("claims", ()))
    for kind, title in TITLES.items():
        found = [case for case in document.get("cases", ()) if case["difference"] == kind]
        if found:
            yield ""
            yield f"{title}: {len(found)}"
        for case in found:
            yield from _case(case)


def _head(document: Document) -> Iterator[str]:
    if document["of"] == "scenario_set":
        yield f"Two policies over the scenario set {document['path']}"
    else:
        zone = ZoneInfo(document["zone"])
        start, until = (datetime.fromisoformat(document[name]) for name in ("start", "until"))
        what = document.get("path") or f"{document['sites']} sites, looked at every {document['every_minutes']} minutes"
        yield f"Two policies over {_long(until - start)}: {what}"
        yield f"  from {local_time(start, zone)} to {local_time(until, zone)}"
    for side in ("old", "new"):
        yield f"  {side}  {document[side]['name']}  {document[side]['policy'][:19]}"
    changes = document["policy_changes"]
    yield "  what differs in the policies:" if changes else "  the policies are the same"
    widest = max((len(change["key"]) for change in changes), default=0)
    for change in changes:
        yield f"    {change['key']:{widest}}  {_shown(change['old'])} -> {_shown(change['new'])}"


def _rows(old: Document, new: Document) -> Iterator[tuple[str, str, str]]:
    plain = {
        "scenarios": "scenarios",
        "cases": "cases",
        "tickets": "  with a ticket",
        "suspicions": "suspicions that did not hold",
        "minutes_in_trouble": "minutes of sites in trouble",
    }
    for name, title in plain.items():
        if name in old:
            yield title, _count(old[name]), _count(new[name])
    groups = {
        "by_cause": "cases by cause",
        "by_client": "cases by client",
        "claims": "claims by answer",
        "verdicts": "by verdict",
        "causes": "by cause",
    }
    for name, title in groups.items():
        before, after = old.get(name, {}), new.get(name, {})
        keys = dict.fromkeys((*before, *after))
        if keys:
            yield title, "", ""
        for key in keys:
            yield f"  {_called(key)}", _count(before.get(key, 0)), _count(after.get(key, 0))


def _in_short(document: Document) -> str:
    if document["of"] == "scenario_set":
        differing = len(document["scenarios"])
        return f"{differing} of {differing + document['alike']} scenarios are answered otherwise."
    claims = len(document["claims"])
    parts = [f"{_counted(claims, 'claim')} {'is' if claims == 1 else 'are'} answered otherwise"] if claims else []
    for kind in TITLES:
        found = sum(case["difference"] == kind for case in document["cases"])
        if found:
            parts.append(f"{_counted(found, 'case')} {kind if found == 1 else SEVERAL[kind]}")
    same = f"{_counted(document['alike'], 'case')} {'is' if document['alike'] == 1 else 'are'} the same"
    return f"{', '.join(parts)}; {same}." if parts else f"No difference: {same}, and every claim is answered alike."


def _claims(claims: Sequence[Document]) -> Iterator[str]:
    if claims:
        yield ""
        yield f"Claims that are answered otherwise: {len(claims)}"
    for claim in claims:
        when = local_time(datetime.fromisoformat(claim["reported_at"]), ZoneInfo(claim["zone"]))
        old, new = (_answer(claim[side]) for side in ("old", "new"))
        yield f"  {when}  {claim['site']} ({claim['client']}): {old} -> {new}"
        for side in ("old", "new"):
            yield f"      {side}: {claim[side]['refused'] or _why(claim[side]['word'])}"


def _answer(claim: Document) -> str:
    word = claim["word"]
    cause = f", {_called(word['cause'])}" if word and word["cause"] not in ("none", "no_data") else ""
    waited = f"{_called(claim['first'])}, then " if claim["first"] not in (None, claim["verdict"]) else ""
    return f"{waited}{_called(claim['verdict'])}{cause}"


def _case(case: Document) -> Iterator[str]:
    zone = ZoneInfo(case["zone"])
    there = case["old"] or case["new"]
    when = local_time(datetime.fromisoformat(there["onset"] or there["opened_at"]), zone)
    yield f"  {when}  {case['site']} ({case['client'] or SHARED}): {_what(there)}"
    if case["old"] is not None and case["new"] is not None:
        yield f"      {'; '.join(_moved(case, name, zone) for name in case['fields'])}"
        same = case["old"]["word"] == case["new"]["word"]
        sides = [] if same else ["old", "new"]
        for side in sides:
            yield f"      {side}: {_why(case[side]['word'])}"
        return
    has, lacks = ("old", "new") if case["old"] is not None else ("new", "old")
    why = {has: _why(there["word"]), lacks: _why(case["other"]) if case["other"] else "no such case"}
    if case["suspected_only"]:
        why[lacks] = "suspected, but it did not outlast its quarantine"
    for side in ("old", "new"):
        yield f"      {side}: {why[side]}"


def _what(case: Document) -> str:
    over = case["end"] or case["ended_at"]
    onset = case["onset"] or case["opened_at"]
    length = datetime.fromisoformat(over) - datetime.fromisoformat(onset) if over else None
    parts = [
        CAUSE_WORDS[Cause(case["cause"])] + (f" on {case['link']}" if case["link"] else ""),
        case["severity"] or "",
        f"shared by its {case['scope']}" if case["scope"] == "carrier" else "",
        _long(length) if length is not None else "not ended",
        "ticket" if case["ticket"] else "no ticket",
    ]
    return ", ".join(part for part in parts if part)


def _moved(case: Document, name: str, zone: ZoneInfo) -> str:
    old, new = case["old"][name], case["new"][name]
    called = FIELD_WORDS.get(name, name)
    if name not in TIMES:
        return f"{called} {_shown(old)} -> {_shown(new)}"
    day = datetime.fromisoformat(case["old"]["onset"] or case["old"]["opened_at"])
    was, now = (datetime.fromisoformat(each) if each is not None else None for each in (old, new))
    shown = " -> ".join(since_time(each, zone, day) if each is not None else "none" for each in (was, now))
    if was is None or now is None:
        return f"{called} {shown}"
    by = (now - was) / timedelta(minutes=1)
    return f"{called} {shown} ({'+' if by > 0 else ''}{number(by, 0 if by == round(by) else 1)} min)"


def _scenario(scenario: Document) -> Iterator[str]:
    old, new = scenario["old"], scenario["new"]
    told = "; ".join(f"{name} {_shown(old[name])} -> {_shown(new[name])}" for name in scenario["fields"])
    yield f"  {scenario['id']}: {told}"
    for side in ("old", "new"):
        yield f"      {side}: {_why(scenario[side])}"


def _why(word: Document | None) -> str:
    """The figure and the rule that made it, or the sentence where no rule found anything."""
    if word is None:
        return "one case for a carrier's sites that fail together; theirs are told each"
    if word["finding"] is None:
        return str(word["reason"])
    finding = _FINDING.validate_python(word["finding"])
    ordinary = f", ordinarily {quantity(finding.baseline, finding.unit)}" if finding.baseline is not None else ""
    return (
        f"{metric_words(finding.metric)} {quantity(finding.value, finding.unit)} {STATISTIC_WORDS[finding.statistic]} "
        f"on {finding.link} against {quantity(finding.threshold, finding.unit)}{ordinary}: {finding.rule}"
    )


def _long(length: timedelta) -> str:
    minutes = round(length / timedelta(minutes=1))
    if minutes < 120:
        return _counted(minutes, "minute")
    hours = minutes / 60
    return (
        f"{hours:.1f}".removesuffix(".0") + " hours" if hours < 48 else f"{hours / 24:.1f}".removesuffix(".0") + " days"
    )


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _count(value: float) -> str:
    return number(value, 0)


def _called(name: str) -> str:
    return name.replace("_", " ") or SHARED


def _shown(value: object) -> str:
    """A value of a policy or of a case, as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
