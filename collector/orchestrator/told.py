"""What was last told of each subject: so that only news go to the journal, and repeats before they stop holding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from collector.availability import STATE_HOLDS
from collector.model import Fact, FactKind
from collector.pacing import share_of_slot


class Told:
    """`news` picks what is to be told, `note` remembers that it was."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, FactKind], tuple[str, datetime]] = {}

    def news(self, facts: Iterable[Fact], next_reading: timedelta) -> Sequence[Fact]:
        """The facts whose value changed, that would stop holding before the next reading, or that a clock put back
        leaves in the future."""
        holds = STATE_HOLDS - next_reading
        news = []
        for fact in facts:
            told = self._told.get((fact.subject, fact.kind))
            if told is None or told[0] != fact.value or not told[1] <= fact.time < told[1] + holds:
                news.append(fact)
        return news

    def note(self, news: Iterable[Fact], next_reading: timedelta) -> None:
        """These were told. What is told for the first time is repeated sooner, each subject after a time of its own:
        a fleet first seen in one moment is not repeated in one moment for ever after."""
        spread = max(timedelta(), STATE_HOLDS - next_reading)
        for fact in news:
            key = (fact.subject, fact.kind)
            sooner = timedelta() if key in self._told else share_of_slot(fact.subject) * spread
            self._told[key] = (fact.value, fact.time - sooner)
