"""When each device or link has its turn: slots aligned to 1970, turns spread over the slot by a stable hash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from hashlib import blake2b
from typing import TypeVar

import structlog

from config.clock import Clock

log = structlog.get_logger()

Item = TypeVar("Item")

MOST_LATE = 0.5
"""A turn that we come to late still counts for its slot, up to this share of a slot after its moment."""
OUR_LAG = "our own lag: the event loop or the clock jumped"


def share_of_slot(key: str) -> float:
    """A number in [0, 1) that depends on nothing but the key: the same device has the same turn in every slot."""
    return int.from_bytes(blake2b(key.encode(), digest_size=7).digest(), "big") / 2**56


class Turns:
    """Starts one coroutine a slot for each item, and never two at a time for one key unless `overlap` is allowed.

    A turn that raises is logged and ends alone. Turns that our own lag made impossible are counted in `skipped`.
    """

    def __init__(self, clock: Clock, every: int, *, overlap: bool = False) -> None:
        self._clock = clock
        self._every = every
        self._overlap = overlap
        self._running: set[asyncio.Task[None]] = set()
        self._busy: set[str] = set()
        self.skipped = 0

    async def run(
        self,
        items: Sequence[Item],
        key: Callable[[Item], str],
        turn: Callable[[Item, int], Coroutine[None, None, None]],
        *,
        within: float = 1.0,
    ) -> None:
        """Call `turn(item, slot start in epoch ms)` in every slot, spread over its first `within`, until cancelled.

        Turns of the slot in which it starts that are already past are left to the next, so that none comes in a heap.
        """
        order = sorted(((share_of_slot(key(item)) * within * self._every, key(item), item) for item in items), key=_due)
        try:
            slot = int(self._now() // self._every)
            past = self._now() - slot * self._every
            await self._one_slot(slot, [due for due in order if due[0] >= past], turn)
            while True:
                await self._until((slot + 1) * self._every)
                missed = max(0, int(self._now() // self._every) - slot - 1)
                if missed and order:
                    self._skip(missed * len(order), OUR_LAG)
                slot += 1 + missed
                await self._one_slot(slot, order, turn)
        finally:
            await self._stop()

    async def _one_slot(
        self,
        slot: int,
        order: Sequence[tuple[float, str, Item]],
        turn: Callable[[Item, int], Coroutine[None, None, None]],
    ) -> None:
        for offset, key, item in order:
            due = slot * self._every + offset
            await self._until(due)
            if self._now() - due > MOST_LATE * self._every:
                self._skip(1, OUR_LAG)
            elif key in self._busy and not self._overlap:
                self._skip(1, f"{key} is still being waited for")
            else:
                self._start(key, turn(item, slot * self._every * 1000))

    def _start(self, key: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        self._busy.add(key)

        def ended(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            self._busy.discard(key)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("turn_failed", key=key, exc_info=error)

        task.add_done_callback(ended)

    def _skip(self, turns: int, reason: str) -> None:
        self.skipped += turns
        log.warning("turns_skipped", turns=turns, reason=reason, skipped_in_all=self.skipped)

    async def _until(self, moment: float) -> None:
        wait = moment - self._now()
        if wait > 0:
            await self._clock.sleep(wait)

    async def _stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _due(entry: tuple[float, str, object]) -> tuple[float, str]:
    return entry[:2]
