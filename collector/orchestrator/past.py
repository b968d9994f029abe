"""The past that nobody watched, filled device by device."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from collector.model import Source
from collector.orchestrator.port import Orchestrator
from collector.orchestrator.quota import Quota
from collector.orchestrator.steps import Steps
from collector.orchestrator.windows import RETRY_SECONDS, Window, missing_span
from collector.sink import Sink
from collector.store.port import MeasurementStore
from config.clock import Clock
from config.errors import LineproofError

PAUSE = 0.25
"""Real seconds between two devices."""


class Past:
    """One gap for each device, a window; filled one at a time by the host's history where the store lacks samples."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        devices: Mapping[str, Sequence[str]],
        tick: timedelta,
        sink: Sink,
        store: MeasurementStore,
        steps: Steps,
    ) -> None:
        """`devices` are those of the host, each with its watched links."""
        self._orchestrator = orchestrator
        self._devices = devices
        self._tick = tick
        self._sink = sink
        self._store = store
        self._steps = steps
        self._gaps: dict[str, Window] = {}
        self._asked = 0

    def add(self, window: Window) -> None:
        """Nobody watched any device in this window."""
        for device, links in self._devices.items():
            if links:
                self._widen(device, window)

    def _widen(self, device: str, window: Window) -> None:
        """Two gaps become one, which costs nothing: what lies between them is looked up before it is asked for."""
        known = self._gaps.get(device, window)
        self._gaps[device] = (min(known[0], window[0]), max(known[1], window[1]))

    def left(self) -> int:
        """Devices whose gap is yet to be looked through."""
        return len(self._gaps)

    async def run(self, clock: Clock, quota: Quota) -> None:
        """Fill the gaps slowly, until cancelled. What fails for good is left out and said.

        The past must not use up the host's patience for the present: after a call it waits for as long as the quota
        takes to grant one, longer while the host limits us.
        """
        while True:
            asked = self._asked
            if not self._gaps or not await self.fill_one():
                await clock.sleep(RETRY_SECONDS * quota.stretch)
            elif self._asked == asked:
                await asyncio.sleep(PAUSE)
            else:
                await asyncio.sleep(max(PAUSE, 1 / quota.limits.rate) * quota.stretch)

    async def fill_one(self) -> bool:
        """Look through the next device's gap and fill what it lacks; False when there was an error."""
        device = next(iter(self._gaps))
        window = self._gaps.pop(device)

        async def work() -> None:
            try:
                if missing := await self._missing(device, window):
                    self._asked += 1
                    batch = await self._orchestrator.history(device, *missing)
                    if len(batch):
                        await self._sink.samples(batch)
            except LineproofError as error:
                if error.retryable:
                    self._widen(device, window)
                raise

        return await self._steps.do("history", work)

    async def _missing(self, device: str, window: Window) -> Window | None:
        """What the store lacks of a device's statistics: ticks in which none of its links has a sample."""
        stored = await self._store.window(self._devices[device], ["rx_bps"], *window)
        times = [one.time for one in stored if one.source is Source.ORCHESTRATOR]
        return missing_span(np.concatenate([np.empty(0, np.int64), *times]), window, self._tick)
