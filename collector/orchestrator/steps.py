"""Pieces of work at one orchestrator that may fail for reasons that we foresee, and what fails at present."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from config.errors import LineproofError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a step fails at present, and whether that stands or may have been a hiccup."""

    reason: str
    standing: bool


class Steps:
    """Does steps by name. A failure is logged when its reason changes, and ends nothing."""

    def __init__(self, orchestrator: str) -> None:
        self._orchestrator = orchestrator
        self._failures: dict[str, _Failure] = {}

    async def do(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Do a piece of work; False when it failed."""
        try:
            await work()
        except LineproofError as error:
            before = self._failures.get(name)
            if before is None or before.reason != str(error):
                log.warning("orchestrator_failing", orchestrator=self._orchestrator, step=name, error=str(error))
            # One proxy's hiccup is not blindness: what may be tried again counts from the second failure in a row.
            self._failures[name] = _Failure(str(error), standing=before is not None or not error.retryable)
            return False
        if self._failures.pop(name, None) is not None:
            log.info("orchestrator_recovered", orchestrator=self._orchestrator, step=name)
        return True

    def forget(self, name: str) -> None:
        """This step is no longer done, so that its last failure means nothing."""
        self._failures.pop(name, None)

    def errors(self) -> Mapping[str, str]:
        """Why steps fail that fail for more than a moment, by name."""
        return {name: failure.reason for name, failure in self._failures.items() if failure.standing}
