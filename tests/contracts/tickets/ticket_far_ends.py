"""What the suite must know of a ticket system. A new one is one file more beside this: `system_NAME.py` with SYSTEM."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from triage.tickets.port import TicketStatus, TicketSystem

WRONG_SECRET = "wrong-secret-of-the-tests"


class Person(Protocol):
    """Somebody who works in the ticket system itself, past our adapter; `name` is the login that others see."""

    name: str

    async def note(self, ticket: str, text: str) -> None: ...

    async def change(self, ticket: str, *, status: TicketStatus | None = None, owner: str | None = None) -> None: ...

    async def file(self, ticket: str, name: str) -> bytes:
        """The content of the attachment of that name, as the system hands it out."""

    async def with_key(self, external_id: str) -> Sequence[str]:
        """Ids of all tickets that carry the key and are not merged into another."""


@dataclass(kw_only=True)
class FarEnd:
    """One ticket system with an adapter of ours for it. Where nothing lies between, the last three are None.

    `away`: the same adapter for a server that nobody can connect to. `refused`: with WRONG_SECRET.
    `silent`: for one that takes connections and never answers, with a timeout of half a second.
    """

    tickets: TicketSystem
    person: Person | None = None
    away: TicketSystem | None = None
    refused: TicketSystem | None = None
    silent: TicketSystem | None = None
    queues: tuple[str, str] = ("NOC", "Field")
    """The desk at which tickets begin, and another."""
    owner: str = "anna"
    """Somebody who may own tickets."""
    absent: str = "T-999999"
    """A well-formed id that no ticket has."""


Opened = Callable[[pytest.FixtureRequest, Path], AbstractAsyncContextManager[FarEnd]]


@dataclass(frozen=True, kw_only=True)
class System:
    """`lacks` names what the system cannot do, as the tests' marker `needs` does: "people", "show", "owner", "queue",
    "severity", "files", "network", "wide_keys" (keys beyond ASCII), "changes", "pending" (a status that says that we
    wait), "a_ticket_for_each_key" (where a line's second trouble joins the ticket of its first). `marks` are pytest
    marks of each of its tests."""

    open: Opened
    lacks: frozenset[str] = frozenset()
    marks: tuple[pytest.MarkDecorator, ...] = ()


def systems() -> Mapping[str, System]:
    names = sorted(path.stem for path in Path(__file__).parent.glob("system_*.py"))
    return {name.removeprefix("system_"): importlib.import_module(name).SYSTEM for name in names}


OpenedFarEnd = AsyncIterator[FarEnd]
