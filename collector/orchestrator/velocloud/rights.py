"""What a host refuses to an account for good, remembered so that it is not asked at every turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from collector.orchestrator.login import LoginRefusedError
from collector.orchestrator.port import OrchestratorError, SessionExpiredError
from config.clock import Clock

Result = TypeVar("Result")

REFUSED_FOR = timedelta(days=1)
"""Rights are given and taken by people: a refusal is tested again once a day."""

log = structlog.get_logger()


def refuses(error: OrchestratorError) -> bool:
    """Whether the host understood the call and will not answer it: no right to it, an unknown id, a method that it
    does not have. A session that ended says nothing of that."""
    return not error.retryable and not isinstance(error, SessionExpiredError | LoginRefusedError)


class Refusals:
    """What was refused, each with the moment until which it is not asked again."""

    def __init__(self, orchestrator: str, clock: Clock) -> None:
        self._orchestrator = orchestrator
        self._clock = clock
        self._until: dict[str, datetime] = {}

    async def unless_refused(self, what: str, ask: Callable[[], Awaitable[Result]]) -> Result | None:
        """What `ask` gives; None where it is refused now, or was within the last day. Other errors are raised."""
        if self.holds(what):
            return None
        try:
            return await ask()
        except OrchestratorError as error:
            if not refuses(error):
                raise
            self.note(what, error)
            return None

    def note(self, what: str, error: OrchestratorError) -> None:
        """Say once a day that `what` is refused."""
        if not self.holds(what):
            log.info("orchestrator_refuses", orchestrator=self._orchestrator, what=what, error=str(error))
            self._until[what] = self._clock.now() + REFUSED_FOR

    def holds(self, what: str) -> bool:
        """Whether `what` was refused within the last day."""
        until = self._until.get(what)
        return until is not None and self._clock.now() < until
