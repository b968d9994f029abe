"""Keeps what we send and receive over metered lines within their budgets: the ledger, with its page on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from collector.snmp.budget import Admission, Ledger, Page, read_page, write_page
from collector.store.port import StoreError
from config.clock import Clock

log = structlog.get_logger()

FILE = "metered.json"
LOOK_EVERY = 1.0
"""Real seconds between two looks at whether the page must be written; the ledger lets it be once a minute."""


class Meter:
    """`lines` names the metered links to which a device is charged; most have none and are never counted.

    Raises StoreError when the page cannot be read.
    """

    def __init__(
        self, budgets: Mapping[str, int], lines: Mapping[str, Sequence[str]], folder: Path, clock: Clock
    ) -> None:
        self._lines = lines
        self._path = folder / FILE
        self._clock = clock
        self._ledger = Ledger(budgets, read_page(self._path) if budgets else None)
        self._budgets = budgets
        self._told: set[str] = set()
        self.error = ""

    def charges(self, device: str) -> bool:
        """Whether what is sent to a device is counted."""
        return device in self._lines

    def reserve_on(self, link: str, octets: int) -> bool:
        """Whether so many octets may go over a link itself."""
        if link not in self._budgets:
            return True
        return self._ledger.reserve((link,), octets, self._now()) is Admission.GRANTED

    def reserve(self, device: str, octets: int, *, extra: bool = False) -> bool:
        """Whether up to so many octets may go to and from a device now; they count as spent until `settle`."""
        lines = self._lines.get(device)
        if not lines:
            return True
        return self._ledger.reserve(lines, octets, self._now(), extra=extra) is Admission.GRANTED

    def settle(self, device: str, reserved: int, spent: int, reserved_at: float) -> None:
        """Count what really went in the place of what was reserved at that epoch second."""
        lines = self._lines.get(device)
        if lines:
            self._ledger.settle(lines, reserved, spent, reserved_at, self._now())

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def run(self) -> None:
        """Keep the page on disk ahead of what is spent, until cancelled; then write what was."""
        if not self._budgets:
            await asyncio.Event().wait()
        try:
            while True:
                page = self._ledger.page(self._now())
                if page is not None:
                    await self._write(page)
                self._tell()
                await asyncio.sleep(LOOK_EVERY)
        finally:
            await self._write(self._ledger.closing_page(self._now()))

    def _tell(self) -> None:
        """Log each line once whose turns are left out."""
        lines = {problem.partition(":")[0]: problem for problem in self._ledger.problems(self._now())}
        for line in lines.keys() - self._told:
            log.warning("metered_line_left_out", problem=lines[line])
        self._told = set(lines)

    async def _write(self, page: Page) -> None:
        try:
            await asyncio.to_thread(write_page, self._path, page)
        except StoreError as error:
            if str(error) != self.error:
                log.error("metered_page_not_written", error=str(error))
            self.error = str(error)
        else:
            self.error = ""
            self._ledger.written(page)

    def problems(self) -> list[str]:
        """One sentence for each line that lacks polls for its budget's sake, and for a page that cannot be written."""
        return [*self._ledger.problems(self._now()), *([self.error] if self.error else [])]
