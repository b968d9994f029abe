"""The datagrams of one device in flight: started together, delivered together."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import partial

from collector.snmp.agent import Agent
from collector.snmp.ask import Answer, Ask, Outcome, Result
from collector.snmp.lane import Part
from collector.snmp.poller import SnmpPoller
from collector.snmp.template import FastValue

Delivered = list[list[FastValue]]
"""The values of each part, in its order."""


class Exchange:
    """Made once for a device and started in every slot. `done` is called with the values of all parts; with None when
    the agent answered otherwise than it did when the parts were planned (it must be read in full again); or with the
    first Answer that failed."""

    __slots__ = ("_answers", "_asks", "_done", "_failure", "_other", "_waiting", "parts")

    def __init__(
        self, agent: Agent, parts: Sequence[Part], done: Callable[[Delivered | Answer | None], None], attempts: int = 0
    ) -> None:
        self.parts = tuple(parts)
        self._done = done
        self._asks = tuple(
            Ask(agent, part.template, partial(self._arrived, number), attempts=attempts)
            for number, part in enumerate(self.parts)
        )
        self._answers: Delivered = []
        self._waiting = 0
        self._failure: Answer | None = None
        self._other = False

    async def place(self, poller: SnmpPoller) -> Answer | None:
        """Resolve the address; an Answer that says why it cannot be used."""
        for ask in self._asks:
            unplaced = await poller.place(ask)
            if unplaced is not None:
                return unplaced
        return None

    def start(self, poller: SnmpPoller) -> None:
        """Send everything; `done` is called once, later."""
        self._answers = [[] for _ in self._asks]
        self._failure, self._other = None, False
        self._waiting = len(self._asks)
        for ask in self._asks:
            poller.start(ask)

    @property
    def octets_sent(self) -> int:
        """Of one attempt, without IP and UDP headers."""
        return sum(len(ask.head) + 4 + len(ask.tail) for ask in self._asks)

    def _arrived(self, number: int, _: Ask, result: Result) -> None:
        if isinstance(result, list):
            self._answers[number] = result
        elif result.outcome is not Outcome.OK:
            self._failure = self._failure or result
        else:
            values = as_planned(self.parts[number], result)
            if values is None:
                self._other = True
            else:
                self._answers[number] = values
        self._waiting -= 1
        if not self._waiting:
            self._done(self._failure or (None if self._other else self._answers))


def as_planned(part: Part, answer: Answer) -> list[FastValue] | None:
    """The values of an answer that was decoded in full, where each is of the kind that was planned for."""
    values = [varbind.value for varbind in answer.varbinds]
    if any(values[at] != text for at, text in part.template.fixed.items()):
        return None
    plain: list[FastValue] = [value for value in values if isinstance(value, int | bytes)]
    return plain if len(plain) == len(values) else None


def counters(part: Part, values: Sequence[FastValue]) -> array[int] | None:
    """A part's numbers; None where one is negative or no number."""
    try:
        return array("Q", values[part.numbers])  # type: ignore[arg-type]
    except (OverflowError, TypeError):
        return None
