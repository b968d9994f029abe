"""What is stale and why: every source, and every link as far as its sources reach. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.model import Fact, FactKind, Source
from inventory.model import Link
from reports.formatting import duration
from reports.model import Tone
from service.desk.views.seen import SOURCE_NAMES, Seen, reach
from service.desk.views.words import Badge

_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFreshness:
    """One source over all links that it should measure; `reach` is how far back was looked, in words. `why` says in
    sentences what is known about the rest."""

    source: Source
    name: str
    badge: Badge
    fresh: int
    expected: int
    newest: datetime | None
    reach: str
    promise: str
    why: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.fresh == self.expected


def source_freshness(seen: Seen, facts: Sequence[Fact]) -> tuple[SourceFreshness, ...]:
    """Every source that should measure at least one link. `facts` are the latest about devices and sources."""
    links: dict[Source, list[Link]] = {}
    for name, sources in seen.expected.items():
        for source in sources:
            links.setdefault(source, []).append(seen.inventory.links[name])
    return tuple(_of_source(source, links[source], seen, facts) for source in seen.cadences if source in links)


def _of_source(source: Source, links: Sequence[Link], seen: Seen, facts: Sequence[Fact]) -> SourceFreshness:
    cadence = seen.cadences[source]
    stale = [link for link in links if not seen.fresh(link.id, source)]
    ends = [seen.newest[link.id, source] for link in links if (link.id, source) in seen.newest]
    return SourceFreshness(
        source=source,
        name=SOURCE_NAMES[source],
        badge=_badge(len(stale), len(links)),
        fresh=len(links) - len(stale),
        expected=len(links),
        newest=max(ends, default=None),
        reach=_reach(seen, source),
        promise=f"a value every {duration(cadence.every)}, at most {duration(cadence.late)} late",
        why=tuple(_why(source, stale, seen, facts)),
    )


def _reach(seen: Seen, source: Source) -> str:
    return duration(reach(seen.cadences[source]).total_seconds())


def _badge(stale: int, links: int) -> Badge:
    if not stale:
        return Badge("fresh", Tone.GOOD)
    return Badge("stale", Tone.BAD) if stale == links else Badge("partly stale", Tone.WARNING)


def _why(source: Source, stale: Sequence[Link], seen: Seen, facts: Sequence[Fact]) -> list[str]:
    """What is known about stale links: what their source and their devices said last, or that nothing was said."""
    if not stale:
        return []
    sentences = [_source_sentence(fact, seen.now) for fact in _newest_of(facts, FactKind.SOURCE_STATE, source).values()]
    sentences = [sentence for sentence in sentences if sentence]
    silent = _silent_devices(stale, facts) if source is Source.SNMP else {}
    sentences += _outcome_sentences(silent)
    explained = {link.id for link in stale if link.device in silent}
    rest = [link.id for link in stale if link.id not in explained]
    never = [link for link in rest if (link, source) not in seen.newest]
    late = [link for link in rest if (link, source) in seen.newest]
    if never:
        sentences.append(f"nothing in the last {_reach(seen, source)} of {_count(len(never), 'line')}: {_some(never)}")
    if late:
        sentences.append(f"overdue values of {_count(len(late), 'line')}: {_some(late)}")
    return sentences


def _silent_devices(stale: Sequence[Link], facts: Sequence[Fact]) -> dict[str, Fact]:
    """The devices of stale links whose last poll gave nothing, each with that poll's outcome."""
    outcomes = _newest_of(facts, FactKind.POLL_OUTCOME, Source.SNMP)
    devices = {link.device for link in stale if link.device is not None}
    return {name: fact for name, fact in outcomes.items() if name in devices and fact.value != "ok"}


def _outcome_sentences(silent: Mapping[str, Fact]) -> list[str]:
    """One sentence for each outcome, with the commonest of what was found out about it."""
    sentences = []
    for outcome, count in Counter(fact.value for fact in silent.values()).items():
        alike = {name: fact for name, fact in silent.items() if fact.value == outcome}
        [(detail, _)] = Counter(fact.detail for fact in alike.values()).most_common(1)
        found = f" ({detail})" if detail else ""
        sentences.append(f"{_count(count, 'device')}: SNMP {outcome}{found}: {_some(sorted(alike))}")
    return sentences


def _source_sentence(fact: Fact, now: datetime) -> str:
    if fact.value == "ok":
        return ""
    detail = f": {fact.detail}" if fact.detail else ""
    return f"{fact.subject} is {fact.value} since {duration((now - fact.time).total_seconds())}{detail}"


def _newest_of(facts: Sequence[Fact], kind: FactKind, source: Source) -> dict[str, Fact]:
    """The newest fact of a kind about each subject; `facts` ascend in time."""
    return {fact.subject: fact for fact in facts if fact.kind is kind and fact.source is source}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
