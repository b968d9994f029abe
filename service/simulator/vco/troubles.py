"""What can be made to go wrong with a simulated VCO while it runs, and what of it is going on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import ClassVar

from service.simulator.vco.oddities import Oddity
from service.simulator.vco.world import World


class TroubleKind(StrEnum):
    EXPIRED_SESSION = "expired_session"
    """The caller's session ends: HTTP 200 with a tokenError. A token is refused in the same way."""
    RATE_LIMITED = "rate_limited"
    """429, and a penalty of five seconds in which every call of that user is refused."""
    SLOW = "slow"
    """The answer comes `seconds` late."""
    HALF_ANSWER = "half_answer"
    """The connection is closed in the middle of the body."""
    HTML = "html"
    """A proxy's error page, 502."""
    SERVER_ERROR = "server_error"
    """500 with the vendor's error object."""
    EMPTY = "empty"
    """200 and `[]`, whatever the fleet."""
    LATE_STATISTICS = "late_statistics"
    """Statistics become readable `seconds` later than usual."""
    MISSING_EDGES = "missing_edges"
    """`edges` are in no answer."""


OF_DATA = frozenset({TroubleKind.LATE_STATISTICS, TroubleKind.MISSING_EDGES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that goes wrong until it is ended. Of a call: for `methods` (`area/method`; all when empty), `calls`
    times at most, each call with the chance `share`. Of the data, an oddity among them: for `edges` (all when
    empty)."""

    kind: TroubleKind | Oddity
    methods: frozenset[str] = frozenset()
    calls: int | None = None
    share: float = 1.0
    seconds: float = 0.0
    edges: frozenset[int] = frozenset()
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    @property
    def of_data(self) -> bool:
        return isinstance(self.kind, Oddity) or self.kind in OF_DATA


@dataclass(slots=True)
class Troubles:
    """Those that are going on, by number, with the moment each began (epoch seconds). Chances come from `chance`."""

    chance: Random
    now_on: dict[int, tuple[Trouble, float]] = field(default_factory=dict)
    _left: dict[int, int] = field(default_factory=dict)
    _given: int = 0

    def begin(self, trouble: Trouble, now: float) -> int:
        """The number by which it can be ended."""
        self._given += 1
        self.now_on[self._given] = (trouble, now)
        if trouble.calls is not None:
            self._left[self._given] = trouble.calls
        return self._given

    def end(self, number: int) -> bool:
        """Whether there was such a one."""
        self._left.pop(number, None)
        return self.now_on.pop(number, None) is not None

    def end_all(self) -> None:
        self.now_on.clear()
        self._left.clear()

    def of_call(self, method: str) -> list[Trouble]:
        """What this call of a method meets; counts it."""
        met = []
        for number, (trouble, _) in list(self.now_on.items()):
            if trouble.of_data or (trouble.methods and method not in trouble.methods):
                continue
            if trouble.share < 1 and self.chance.random() >= trouble.share:
                continue
            met.append(trouble)
            if number in self._left:
                self._left[number] -= 1
                if self._left[number] <= 0:
                    self.end(number)
        return met

    def applied(self, world: World) -> World:
        """The world as its data look with what is going on."""
        odd: dict[int, dict[Oddity, float]] = {}
        hidden: set[int] = set()
        lateness = 0.0
        for trouble, since in self.now_on.values():
            if not trouble.of_data:
                continue
            edges: Iterable[int] = trouble.edges or world.register.by_edge
            if isinstance(trouble.kind, Oddity):
                for edge in edges:
                    odd.setdefault(edge, {})[trouble.kind] = since
            elif trouble.kind is TroubleKind.MISSING_EDGES:
                hidden.update(edges)
            else:
                lateness += trouble.seconds
        return replace(world, odd=odd, hidden=frozenset(hidden), lateness=lateness)
