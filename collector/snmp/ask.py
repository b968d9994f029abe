"""A question to an agent and what became of it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from collector.addresses import SocketAddress
from collector.snmp.agent import Agent, Community
from collector.snmp.message import Request, VarBind, community_head
from collector.snmp.session import Session, Steps
from collector.snmp.template import FastValue, Layout, Template


class Outcome(StrEnum):
    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"
    """The agent answered with an error-status, or nothing could be sent."""
    AUTH = "auth"
    """The agent says that it does not accept the user, the keys or the level (RFC 3414)."""
    GARBLED = "garbled"
    """Something came from the agent's address, but nothing usable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one request. `varbinds` follow the order asked; `detail` is a clause for a person."""

    outcome: Outcome
    varbinds: tuple[VarBind, ...] = ()
    error_status: int = 0
    error_index: int = 0
    detail: str = ""
    attempts: int = 1


Result = Answer | list[FastValue]
"""Values in the order asked where all is as expected, an Answer otherwise."""
Deliver = Callable[["Ask", Result], None]


@dataclass(slots=True)
class Tally:
    """Octets to and from one agent, with IP and UDP headers."""

    headers: int
    octets: int = 0

    def add(self, octets: int) -> None:
        self.octets += octets + self.headers

    def taken(self) -> int:
        """What came together since the last time."""
        octets, self.octets = self.octets, 0
        return octets


class Ask:
    """A question to one agent, to be started again once it was delivered.

    With a `template` the answer is compared with what is expected; without, it is always decoded in full. `target` and
    `sock` are filled in by `SnmpPoller.place`; the datagram is `head`, the request id in four octets, `tail`;
    under SNMPv3 the `session` makes both anew for each attempt. `attempts` is how often at most it is sent, 0: as often
    as the poller does. `layout` is for wire alone: how the last answer looked.
    """

    __slots__ = (
        "agent", "attempt", "attempts", "deliver", "due", "head", "in_order", "layout", "request", "request_id",
        "session", "sock", "started", "steps", "tail", "tally", "target", "template",
    )  # fmt: skip

    def __init__(
        self, agent: Agent, question: Template | Request, deliver: Deliver, *, attempts: int = 0, in_order: bool = True
    ) -> None:
        self.agent = agent
        self.template = question if isinstance(question, Template) else None
        self.request = question.request if isinstance(question, Template) else question
        self.deliver = deliver
        self.attempts = attempts
        self.in_order = in_order
        self.target: SocketAddress | None = None
        self.sock: socket.socket | None = None
        self.session: Session | None = None
        self.steps: Steps | None = None
        self.tally: Tally | None = None
        self.layout: Layout | None = None
        self.request_id = 0
        self.attempt = 0
        self.started = self.due = 0.0
        octets = len(self.request.head) + 4 + len(self.request.tail)
        credential = agent.credential
        self.head = (
            community_head(credential.text, octets) + self.request.head if isinstance(credential, Community) else b""
        )
        self.tail = self.request.tail
