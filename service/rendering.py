"""Reports are set in a process of their own: a heavy one delays no decision, and either may be killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from config.errors import LineproofError
from triage.evidence import EvidenceFile, EvidencePack

NICENESS = 10
"""nice(1): whoever decides or measures goes first."""


class RenderingProcess:
    """`triage.evidence.EvidenceRenderer` in a spawned process, which starts with the first report and is started again
    when it was killed. `close` it."""

    def __init__(self, issuer: str = "Lineproof") -> None:
        self._issuer = issuer
        self._pool: ProcessPoolExecutor | None = None

    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        """As `reports.evidence.evidence_files`. Raises ReportError, and a retryable LineproofError when the process
        ended during it."""
        pool = self._pool or self._start()
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _render, pack, case, self._issuer)
        except BrokenProcessPool as error:
            if self._pool is pool:
                self.close()
            raise LineproofError(
                f"the process that sets reports ended while it set the evidence of {case}; it is tried again",
                retryable=True,
            ) from error

    def close(self) -> None:
        """What is being set is given up; whoever asked for it asks again."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _start(self) -> ProcessPoolExecutor:
        # Spawned: a fork would carry the engine's threads' locks over, but not the threads.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_begin)
        return self._pool


def _begin() -> None:
    os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's worker would wait for ever for a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)


def _render(pack: EvidencePack, case: str, issuer: str) -> tuple[EvidenceFile, ...]:
    from reports.evidence import evidence_files

    return evidence_files(pack, case, issuer)
