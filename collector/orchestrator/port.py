"""The port to an SD-WAN orchestrator: states, closed statistics windows, history and events of its edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from collector.model import Fact, SampleBatch
from config.errors import LineproofError


class OrchestratorError(LineproofError):
    """An orchestrator refused, limited us, or answered something unusable. `str()` names the host and what to do."""


@dataclass(frozen=True, slots=True)
class StateReport:
    """Link and edge states. `unmapped` names edges or links of the host that the inventory does not know,
    `absent` those of ours that the host did not mention: absent is not healthy."""

    facts: Sequence[Fact]
    unmapped: Sequence[str]
    absent: Sequence[str]


class Orchestrator(Protocol):
    """One orchestrator host. Every method maps vendor ids to our device and link ids and raises OrchestratorError."""

    @property
    def name(self) -> str: ...

    async def states(self) -> StateReport:
        """Current edge, link and HA states as facts; seconds old."""

    async def statistics(self, start: datetime, end: datetime) -> SampleBatch:
        """Samples of the closed window [start, end), tick-aligned; may lack links without activity."""

    async def history(self, device: str, start: datetime, end: datetime) -> SampleBatch:
        """Statistics of one device's links tick by tick, to fill a past that we did not watch."""

    async def events(self, start: datetime, end: datetime) -> Sequence[Fact]:
        """Events of our edges in [start, end), every page."""

    async def close(self) -> None: ...
