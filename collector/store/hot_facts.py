"""What sources said lately, as runs of one word each: all that the sweep asks of facts, in a few bytes a subject."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector.model import Fact, FactKind, Source
from config.clock import epoch_ms

Key = tuple[str, FactKind, Source]


@dataclass(slots=True)
class Run:
    """The same word from `begin` to `end` (epoch milliseconds, both of facts): said once when they are equal."""

    begin: int
    end: int
    value: str

    @property
    def repeated(self) -> bool:
        return self.end > self.begin


class HotFacts:
    """Runs of each (subject, kind, source), ascending in time, of these subjects and kinds only.

    Late and repeated facts land where they belong. How often a word was said is not kept: once, or more than once.
    """

    def __init__(self, subjects: Sequence[str], kinds: Sequence[FactKind]) -> None:
        self._subjects, self._kinds = frozenset(subjects), frozenset(kinds)
        self._runs: dict[Key, list[Run]] = {}

    def runs(self) -> Iterator[tuple[Key, Sequence[Run]]]:
        return iter(self._runs.items())

    def of(self, subject: str, kind: FactKind, source: Source) -> Sequence[Run]:
        return self._runs.get((subject, kind, source), ())

    def take_in(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.kind in self._kinds and fact.subject in self._subjects:
                _say(self._runs.setdefault((fact.subject, fact.kind, fact.source), []), epoch_ms(fact.time), fact.value)

    def forget(self, before: int) -> None:
        """Drop runs that ended before this moment, but the newest of each, which still holds."""
        for runs in self._runs.values():
            if len(runs) > 1 and runs[0].end < before:
                runs[:] = [run for run in runs[:-1] if run.end >= before] + runs[-1:]


def _say(runs: list[Run], time: int, value: str) -> None:
    if not runs or time > runs[-1].end:
        if runs and runs[-1].value == value:
            runs[-1].end = time
        else:
            runs.append(Run(time, time, value))
        return
    place = bisect_left(runs, time, key=lambda run: run.end)
    run = runs[place]
    if run.value == value:
        run.begin = min(run.begin, time)
    elif time < run.begin:
        if place and runs[place - 1].value == value:
            runs[place - 1].end = time
        else:
            runs.insert(place, Run(time, time, value))
    else:
        _split(runs, place, time, value)


def _split(runs: list[Run], place: int, time: int, value: str) -> None:
    """Another word within a run: what was said before and after it are runs of their own, taken to be said more than
    once where that is possible."""
    run = runs[place]
    after = [Run(time + 1, run.end, run.value)] if run.end > time else []
    before = [Run(run.begin, time - 1, run.value)] if run.begin < time else []
    runs[place : place + 1] = [*before, Run(time, time, value), *after]
