"""What sources said lately, as runs of one word each: all that the sweep asks of facts, in a few bytes a subject."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from collector.model import Fact, FactKind, Source
from config.clock import epoch_ms

Key = tuple[str, FactKind, Source]
Notable = Callable[[FactKind, str], bool]
"""Whether a word of a kind of fact is of any interest."""


@dataclass(slots=True)
class Run:
    """The same word from `begin` to `end` (epoch milliseconds, both of facts): said once when they are equal."""

    begin: int
    end: int
    value: str

    @property
    def repeated(self) -> bool:
        return self.end > self.begin


def everything(_kind: FactKind, _value: str) -> bool:
    return True


class HotFacts:
    """Runs of each (subject, kind, source), ascending in time, of these subjects and kinds only.

    Late and repeated facts land where they belong. Of a state it is not kept how often a word was said: once, or more
    than once. Of the kinds that tell of `moments` each is a run of its own, and only what is `notable` is kept.
    """

    def __init__(
        self,
        subjects: Sequence[str],
        kinds: Sequence[FactKind],
        notable: Notable = everything,
        moments: Sequence[FactKind] = (),
    ) -> None:
        self._subjects, self._kinds = frozenset(subjects), frozenset(kinds)
        self._notable, self._moments = notable, frozenset(moments)
        self._runs: dict[Key, list[Run]] = {}
        self._told: set[Key] = set()
        self._several: set[Key] = set()

    def runs(self) -> Iterator[tuple[Key, Sequence[Run]]]:
        return iter(self._runs.items())

    def told(self) -> Iterator[tuple[Key, Sequence[Run]]]:
        """The runs of those who said anything notable, as far as it is not forgotten."""
        return ((key, self._runs[key]) for key in self._told)

    def of(self, subject: str, kind: FactKind, source: Source) -> Sequence[Run]:
        return self._runs.get((subject, kind, source), ())

    def take_in(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.kind not in self._kinds or fact.subject not in self._subjects:
                continue
            notable, momentary = self._notable(fact.kind, fact.value), fact.kind in self._moments
            if momentary and not notable:
                continue
            key = (fact.subject, fact.kind, fact.source)
            runs = self._runs.setdefault(key, [])
            (_note if momentary else _say)(runs, epoch_ms(fact.time), fact.value)
            if notable:
                self._told.add(key)
            if len(runs) > 1:
                self._several.add(key)

    def forget(self, before: int) -> None:
        """Drop runs that ended before this moment, but the newest of each state, which still holds."""
        for key in self._told | self._several:
            runs = self._runs[key]
            newest = [] if key[1] in self._moments else runs[-1:]
            if runs[0].end < before and runs != newest:
                runs[:] = [run for run in runs if run.end >= before or run in newest]
                if not any(self._notable(key[1], run.value) for run in runs):
                    self._told.discard(key)
                if len(runs) < 2:
                    self._several.discard(key)
                if not runs:
                    del self._runs[key]


def _note(runs: list[Run], time: int, value: str) -> None:
    """A moment, once."""
    run = Run(time, time, value)
    place = bisect_left(runs, (time, value), key=lambda one: (one.begin, one.value))
    if runs[place : place + 1] != [run]:
        runs.insert(place, run)


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
