"""What can be made to go wrong with the calls to a simulated dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class TroubleKind(StrEnum):
    RATE_LIMITED = "rate_limited"
    """429 with `Retry-After`, as when an organization's other applications use up its calls."""
    NGINX_LIMITED = "nginx_limited"
    """429 without `Retry-After`, from before the dashboard."""
    REVOKED_KEY = "revoked_key"
    """401."""
    NO_API = "no_api"
    """404: API access of the organization is not enabled, or not known to this key."""
    FORBIDDEN = "forbidden"
    SERVER_ERROR = "server_error"
    HTML = "html"
    """502 with a proxy's page."""
    HALF_ANSWER = "half_answer"
    SLOW = "slow"
    EMPTY = "empty"
    """200 and `[]`."""
    MOVED = "moved"
    """308 to the organization's shard."""
    CIRCLE = "circle"
    """Each page names itself as the next."""


@dataclass(slots=True, kw_only=True)
class Trouble:
    """Meets calls whose path contains `part`: `calls` of them, all when None. `seconds` is how slow, or the
    Retry-After."""

    kind: TroubleKind
    part: str = ""
    calls: int | None = None
    seconds: float = 1.0


@dataclass(slots=True)
class Troubles:
    now_on: list[Trouble] = field(default_factory=list)

    def begin(self, kind: TroubleKind, part: str = "", *, calls: int | None = None, seconds: float = 1.0) -> Trouble:
        self.now_on.append(Trouble(kind=kind, part=part, calls=calls, seconds=seconds))
        return self.now_on[-1]

    def end_all(self) -> None:
        self.now_on.clear()

    def of_call(self, path: str) -> list[Trouble]:
        """Those that a call meets; it counts as one of their calls."""
        met = [one for one in self.now_on if one.part in path and one.calls != 0]
        for one in met:
            if one.calls is not None:
                one.calls -= 1
        return met
