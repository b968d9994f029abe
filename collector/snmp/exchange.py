"""The datagrams of one device in flight: started together, delivered together."""

from __future__ import annotations

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
        one = len(self.parts) == 1
        self._asks = tuple(
            Ask(agent, part.template, self._alone if one else partial(self._arrived, number), attempts=attempts)
            for number, part in enumerate(self.parts)
        )
        self._answers: Delivered = [[] for _ in self._asks]
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
        if len(self._asks) == 1:
            poller.start(self._asks[0])
            return
        self._waiting = len(self._asks)
        for ask in self._asks:
            poller.start(ask)

    @property
    def octets_sent(self) -> int:
        """Of one attempt, without IP and UDP headers."""
        return sum(len(ask.head) + 4 + len(ask.tail) for ask in self._asks)

    def _alone(self, ask: Ask, result: Result) -> None:
        """The ordinary case, without what several parts need."""
        if type(result) is list:
            self._answers[0] = result
            self._done(self._answers)
        else:
            self._waiting = 1
            self._arrived(0, ask, result)

    def _arrived(self, number: int, _: Ask, result: Result) -> None:
        self._waiting -= 1
        if isinstance(result, list):
            self._answers[number] = result
        else:
            self._unusual(number, result)
        if self._waiting:
            return
        if self._failure is None and not self._other:
            self._done(self._answers)
            return
        failure, self._failure, self._other = self._failure, None, False
        self._done(failure)

    def _unusual(self, number: int, answer: Answer) -> None:
        if answer.outcome is not Outcome.OK:
            self._failure = self._failure or answer
            return
        values = as_planned(self.parts[number], answer)
        if values is None:
            self._other = True
        else:
            self._answers[number] = values


def as_planned(part: Part, answer: Answer) -> list[FastValue] | None:
    """The values of an answer that was decoded in full, where each is of the kind that was planned for."""
    values = [varbind.value for varbind in answer.varbinds]
    for varbind, expected in zip(answer.varbinds, part.template.expected, strict=True):
        if expected.text not in (None, varbind.value) or expected.tag not in (0, varbind.tag):
            return None
    plain: list[FastValue] = [value for value in values if isinstance(value, int | bytes)]
    return plain if len(plain) == len(values) else None
