"""How calls identify themselves at a host, and how many callers share one log-in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from collector.orchestrator.port import OrchestratorError

REFUSED_FOR, REFUSED_LONGEST = 60.0, 3600.0
"""Seconds for which a refused log-in is not tried again, twice as long after each further refusal: accounts are locked
after a few."""


class LoginRefusedError(OrchestratorError):
    """The host does not take user and password; trying again would lock the account."""


class Login(Protocol):
    """`generation` counts the log-ins, so that a caller with an old session sees that another has renewed it."""

    async def headers(self) -> tuple[Mapping[str, str], int]:
        """The headers that identify a call, and the generation they are of. Raises OrchestratorError."""

    async def renew(self, generation: int) -> bool:
        """Log in again unless another caller has since `generation`; False where there is nothing to renew."""


class KeyLogin:
    """A token or API key in a header: nothing to renew."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    async def headers(self) -> tuple[Mapping[str, str], int]:
        return self._headers, 0

    async def renew(self, generation: int) -> bool:  # noqa: ARG002 - as the protocol says
        return False


class SharedLogin:
    """One session for all callers: `log_in` gives its headers, and raises LoginRefusedError when refused.

    Whoever waited while a log-in failed shares its failure, so that a host in trouble is not asked once for each.
    """

    def __init__(self, log_in: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        self._log_in = log_in
        self._lock = asyncio.Lock()
        self._headers: Mapping[str, str] | None = None
        self._generation = 0
        self._failed = 0
        self._failure: OrchestratorError | None = None
        self._refused_until = 0.0
        self._refused_for = REFUSED_FOR

    async def headers(self) -> tuple[Mapping[str, str], int]:
        if self._headers is None:
            await self.renew(self._generation)
        assert self._headers is not None  # noqa: S101 - renew raises otherwise
        return self._headers, self._generation

    async def renew(self, generation: int) -> bool:
        failed = self._failed
        async with self._lock:
            if self._generation != generation:
                return True
            loop = asyncio.get_running_loop()
            if self._failure is not None and (self._failed != failed or loop.time() < self._refused_until):
                # A new one each time: an exception gathers the traceback of everyone who raises it.
                raise type(self._failure)(
                    str(self._failure), retryable=self._failure.retryable, blame=self._failure.blame
                ) from None
            try:
                self._headers = await self._log_in()
            except OrchestratorError as error:
                self._failed += 1
                self._failure = error
                if isinstance(error, LoginRefusedError):
                    self._refused_until = loop.time() + self._refused_for
                    self._refused_for = min(2 * self._refused_for, REFUSED_LONGEST)
                raise
            self._failure, self._refused_for = None, REFUSED_FOR
            self._generation += 1
            return True
