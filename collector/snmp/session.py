"""One user's dealings with one SNMPv3 agent: its engine, its clock, and what to send next (RFC 3414, section 4)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from collector.snmp.agent import User
from collector.snmp.engine import Engine
from collector.snmp.refusals import NextStep, explain, explain_silence, next_step
from collector.snmp.version3 import Wrapping, discovered, discovery_request

_SALTS = 2**64


@dataclass(slots=True)
class Steps:
    """What one request has led to so far, beside attempts. `discovering`: what is in flight asks for the engine."""

    discovering: bool = False
    discoveries: int = 0
    resyncs: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The agent refuses the request; `detail` says what to correct."""

    detail: str


class Again:
    """The request is to be sent again at once: the engine, or its clock, is known now."""


AGAIN = Again()


class Session:
    """Engine and keys are found out once and kept; the clock follows every authenticated answer."""

    __slots__ = ("_answered", "_engine", "_salt", "_user", "_wrapping")

    def __init__(self, user: User) -> None:
        self._user = user
        self._engine: Engine | None = None
        self._wrapping: Wrapping | None = None
        self._answered = False
        # Random at the start: a salt must not come again after a restart with the same clock (RFC 3826, 3.1.4).
        self._salt = secrets.randbelow(_SALTS)

    def datagram(self, identity: int, pdu: bytes, steps: Steps, monotonic: float) -> bytes:
        """What to send now for a request whose msgID is `identity`."""
        if self._engine is None or self._wrapping is None:
            steps.discovering = True
            return discovery_request(identity)
        steps.discovering = False
        self._salt = (self._salt + 1) % _SALTS
        return self._wrapping.request(self._engine, monotonic, identity, pdu, self._salt)

    def opened(self, data: bytes, steps: Steps, monotonic: float) -> bytes | Again | Refused:
        """The PDU of an answer, or what its report leads to. Raises DecodeError for what is malformed and SecurityError
        for what must not be believed; neither ends the request."""
        if steps.discovering or self._engine is None or self._wrapping is None:
            return self._discovered(data, steps)
        answer = self._wrapping.open(data, self._engine, monotonic)
        self._engine = answer.engine
        if answer.report is None:
            self._answered = True
            return answer.pdu
        step = next_step(
            answer.report, authenticated=answer.authenticated, discoveries=steps.discoveries, resyncs=steps.resyncs
        )
        if step is NextStep.REFUSED:
            return Refused(explain(answer.report))
        if step is NextStep.DISCOVER:
            self._engine, self._wrapping = None, None
        else:
            steps.resyncs += 1
        return AGAIN

    def silence(self) -> str:
        """What it says that a request got no answer; '' when that says nothing of user and passwords."""
        return "" if self._answered else explain_silence(self._user, self._engine)

    def _discovered(self, data: bytes, steps: Steps) -> Again:
        """Another request of this session may have found the engine in the meantime."""
        if self._engine is None:
            self._engine = discovered(data)
            self._wrapping = Wrapping(self._user, self._engine.id)
        steps.discoveries += 1
        return AGAIN
