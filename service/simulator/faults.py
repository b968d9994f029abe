"""What goes wrong, and who complains: the truth, drawn from the seed. Only the simulator's processes know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """How a single line, or the management of a device, is hit."""

    LINE_DOWN = "line_down"
    LOSS = "loss"
    LATENCY = "latency"
    SATURATION = "saturation"
    FLAPPING = "flapping"
    MANAGEMENT_LOST = "management_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One line hit over [start, end), epoch seconds. `strength`: loss in %, latency in ms, or, for saturation, the
    demand as a multiple of the line's rate. A flapping line is down for `down_seconds` in every `period`.
    """

    kind: FaultKind
    site: str
    link: str
    start: float
    end: float
    strength: float = 0.0
    period: float = 1.0
    down_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that was injected: a single hit, or several of one carrier that began within minutes."""

    id: str
    kind: FaultKind
    hits: tuple[Hit, ...]
    carrier: str | None = None
    """Set when the carrier's network is at fault, not one line."""

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(hit.site for hit in self.hits))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A client's complaint. `about` is the fault behind it, None when nothing is wrong there: that part is truth."""

    id: str
    at: float
    client: str
    site: str
    symptom: str
    since: float
    by: str
    words: str
    about: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that will happen from `start` on. At `over` the story is told; what still lasts goes on for a while.
    Epoch seconds."""

    start: float
    over: float
    faults: tuple[Fault, ...]
    calls: tuple[Call, ...]

    def hits_at(self, site: str) -> Sequence[Hit]:
        return [hit for fault in self.faults for hit in fault.hits if hit.site == site]
