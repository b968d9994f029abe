"""The port to an SD-WAN orchestrator: states, closed statistics windows, history, events and inventory of its edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from collector.model import Fact, SampleBatch
from config.errors import LineproofError
from inventory.listing import Listing


class OrchestratorError(LineproofError):
    """An orchestrator refused, limited us, or answered something unusable. `str()` names the host and what to do."""


class SessionExpiredError(OrchestratorError):
    """The host no longer (or not yet) knows our session."""


class RateLimitedError(OrchestratorError):
    """The host asks us to be slower."""


@dataclass(frozen=True, slots=True)
class StateReport:
    """Link and edge states. `unmapped` names edges or links of the host that the inventory does not know,
    `absent` those of ours that the host did not mention: absent is not healthy. `unread` are sentences on parts of the
    host that did not answer; nothing is said of what is ours there."""

    facts: Sequence[Fact]
    unmapped: Sequence[str]
    absent: Sequence[str]
    unread: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that a host says of a device at this moment: what it is about (the device or a link of it), the
    field's words, the value as a person reads it, and what it means."""

    subject: str
    name: str
    value: str
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """Everything that a host says of one device now. `notes` are sentences on what could not be read, and why."""

    facts: Sequence[Fact]
    samples: SampleBatch
    figures: Sequence[Figure]
    notes: Sequence[str] = ()


ClockName = Literal["states", "statistics", "events"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """What an adapter will call: each method's calls an hour in the steady state, once at first contact, and for one
    listing of the inventory."""

    hourly: Mapping[str, float]
    at_first_contact: int
    listing: int
    notes: Sequence[str] = field(default=())
    clocks: Mapping[str, ClockName] = field(default_factory=dict)
    """The clock on which each method of `hourly` is called; without it nobody can tell the busiest minute."""


class Orchestrator(Protocol):
    """One orchestrator host. Every method maps vendor ids to our device and link ids and raises OrchestratorError.

    `urgent` calls are made for a person or a case that waits: they go before background polling and may use the part
    of the host's quota that is kept for them.
    """

    @property
    def name(self) -> str: ...

    async def states(self, *, urgent: bool = False) -> StateReport:
        """Current edge, link and HA states as facts; seconds old. A handful of calls, whatever the fleet's size."""

    async def statistics(self, start: datetime, end: datetime) -> SampleBatch:
        """Samples of the closed window [start, end), tick-aligned; may lack links without activity. Aggregate calls
        only."""

    async def history(self, device: str, start: datetime, end: datetime, *, urgent: bool = False) -> SampleBatch:
        """Statistics of one device's links tick by tick, to fill a past that we did not watch."""

    async def events(self, start: datetime, end: datetime) -> Sequence[Fact]:
        """Events of our edges in [start, end), every page; findings on statistics that were read of late may lie before
        `start`."""

    async def own_parts(self) -> Sequence[Fact]:
        """States of the host's own gateways and controllers (PART_STATE, subject `name/part`); empty where it has none
        or this account may not see them."""

    async def look(self, device: str) -> DeviceReport:
        """Everything about one device now; some calls for that device alone, urgent."""

    async def listing(self, *, rates: bool = True) -> Listing:
        """The host's inventory: every edge that this account sees, with its links, rates and ISPs. Paced by the quota;
        may take long. Without `rates` nothing is asked for their sake, and `unrated` says so."""

    async def close(self) -> None: ...
