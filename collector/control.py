"""Control probes: places that answer whatever our sites do. When none of them does, it is we who see nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from collector.echo import EchoProber, ProbeError
from collector.model import Fact, FactKind, Source
from collector.pacing import Turns
from collector.probe import parse_target
from collector.settings import ProbeSettings
from collector.sink import Gatherer, Sink
from config.clock import Clock, from_epoch_ms

PACKETS = 5
"""Of a control probe: one that comes back is enough to say that we see."""


def control_subject(target: str) -> str:
    """Under which name facts tell of a control probe."""
    return f"control {target}"


class ControlWatch:
    """Asks each target once a slot of the probes until cancelled, and writes down whether anything came back."""

    def __init__(self, targets: Sequence[str], settings: ProbeSettings, clock: Clock, sink: Sink) -> None:
        self._targets = tuple(targets)
        self._settings = settings
        self._clock = clock
        self._prober = EchoProber()
        self._gatherer = Gatherer(Source.PROBE, (), sink, clock)
        self._turns = Turns(clock, settings.every, overlap=True)

    async def run(self) -> None:
        """Probe until cancelled."""
        try:
            async with self._gatherer.handing_over():
                await self._turns.run(self._targets, str, self._turn, within=0.5)
        finally:
            self._prober.close()

    async def _turn(self, target: str, slot_ms: int) -> None:
        value, why = "failing", "nothing came back"
        try:
            if await self._came_back(target):
                value, why = "ok", ""
        except ProbeError as error:
            why = str(error)
        at, now = from_epoch_ms(slot_ms), self._clock.now()
        subject = control_subject(target)
        self._gatherer.add_fact(Fact(at, subject, FactKind.SOURCE_STATE, value, Source.PROBE, now, why))

    async def _came_back(self, target: str) -> bool:
        parsed, pause = parse_target(target), self._settings.timeout / PACKETS
        train = await self._prober.train(
            parsed.kind, parsed.host, parsed.port, PACKETS, self._settings.timeout, lambda: self._clock.sleep(pause)
        )
        return not all(map(math.isnan, train.rtts_ms))
