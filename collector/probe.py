"""The active probe: one sample a slot for each line that names a probe target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from statistics import median
from urllib.parse import urlsplit

import structlog

from collector.echo import PROBE_OCTETS, EchoKind, EchoProber, NotPermittedError, ProbeError
from collector.metering import Meter
from collector.model import Fact, FactKind, Source
from collector.pacing import Turns
from collector.settings import ProbeSettings
from collector.sink import Gatherer, Sink
from config.clock import Clock, epoch_ms
from inventory.model import Inventory, Link, Tool

log = structlog.get_logger()

SPREAD = 0.5
"""A train takes this share of its slot; the other half is for its start and the last answers."""


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    kind: EchoKind
    host: str
    port: int = 0


def parse_target(text: str) -> ProbeTarget:
    """`icmp://HOST` or `udp://HOST:PORT`. Raises ProbeError."""
    wrong = f"{text!r} is not a probe target; write icmp://HOST or udp://HOST:PORT"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ProbeError(wrong) from None
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ProbeError(wrong)
    if parts.scheme == EchoKind.ICMP and port is None:
        return ProbeTarget(EchoKind.ICMP, host)
    if parts.scheme == EchoKind.UDP and port:
        return ProbeTarget(EchoKind.UDP, host, port)
    raise ProbeError(wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeMeasurement:
    """One slot of a line. With every packet lost, loss is 100 and times are NaN."""

    rtt_ms: float
    jitter_ms: float
    loss_pct: float
    sent: float
    lost: float

    def row(self) -> tuple[float, ...]:
        return astuple(self)


PROBED_FIELDS = tuple(field.name for field in fields(ProbeMeasurement))


_DECIMALS = 3
"""Of a millisecond: a process is not woken up more exactly than that."""


def summarise(rtts_ms: Sequence[float]) -> ProbeMeasurement:
    """Round-trip times by sequence, NaN for a lost packet, at least one.

    `rtt_ms` is the median. `jitter_ms` is the mean absolute difference of consecutive packets that both came back
    (packet delay variation in RFC 3393's selection of consecutive pairs, "IPDV" in RFC 5481, section 4.1).
    Loss is two-way (RFC 6673).
    """
    answered = [rtt for rtt in rtts_ms if not math.isnan(rtt)]
    steps = [abs(later - earlier) for earlier, later in pairwise(rtts_ms) if not math.isnan(later - earlier)]
    lost = len(rtts_ms) - len(answered)
    return ProbeMeasurement(
        rtt_ms=round(median(answered), _DECIMALS) if answered else math.nan,
        jitter_ms=round(sum(steps) / len(steps), _DECIMALS) if steps else math.nan,
        loss_pct=100 * lost / len(rtts_ms),
        sent=len(rtts_ms),
        lost=lost,
    )


def probed_links(inventory: Inventory) -> tuple[tuple[Link, ProbeTarget], ...]:
    """Watched links with a usable probe target. A target that cannot be read is logged and left out."""
    found = []
    for link in inventory.watched_links():
        if link.probe_target is None or (link.monitoring.tools and Tool.PROBE not in link.monitoring.tools):
            continue
        try:
            found.append((link, parse_target(link.probe_target)))
        except ProbeError as error:
            log.error("probe_target_unusable", link=link.id, error=str(error))
    return tuple(found)


class ProbeWatch:
    """Probes every line once a slot until cancelled.

    A packet that could not be sent is no loss: when none of a train could be, the slot has no row.
    """

    def __init__(
        self,
        inventory: Inventory,
        settings: ProbeSettings,
        clock: Clock,
        sink: Sink,
        *,
        every: Mapping[str, int] | None = None,
        meter: Meter | None = None,
    ) -> None:
        """`every` names the links whose interval is a longer one, a multiple of the ordinary; `meter` says what may go
        over metered lines."""
        self._every = every or {}
        self._meter = meter
        self._links = probed_links(inventory) if settings.enabled else ()
        self._settings = settings
        self._clock = clock
        self._prober = EchoProber()
        self.gatherer = Gatherer(Source.PROBE, PROBED_FIELDS, sink, clock)
        self._turns = Turns(clock, settings.every, overlap=True)
        self._failing: dict[str, str] = {}

    async def run(self) -> None:
        """Probe until cancelled."""
        try:
            async with self.gatherer.handing_over():
                await self._turns.run(self._links, _link_id, self._turn, within=1 - SPREAD)
        finally:
            self._prober.close()

    async def probe(self, target: ProbeTarget) -> ProbeMeasurement:
        """One train now, spread over half a slot. Raises ProbeError when nothing could be sent."""
        gap = self._settings.every * SPREAD / self._settings.packets
        train = await self._prober.train(
            target.kind,
            target.host,
            target.port,
            self._settings.packets,
            self._settings.timeout,
            lambda: self._clock.sleep(gap),
        )
        return summarise(train.rtts_ms)

    async def _turn(self, item: tuple[Link, ProbeTarget], slot_ms: int) -> None:
        link, target = item
        every = self._every.get(link.id, self._settings.every)
        if slot_ms // 1000 % every:
            return
        octets = 2 * PROBE_OCTETS * self._settings.packets
        if self._meter is not None and not self._meter.reserve_on(link.id, octets):
            return
        try:
            measured = await self.probe(target)
        except ProbeError as error:
            self._failed(link.id, target, error)
            return
        if self._failing.pop(link.id, None) is not None:
            log.info("probe_recovered", link=link.id)
        self.gatherer.add((link.id, slot_ms, every, epoch_ms(self._clock.now()), measured.row()))

    def _failed(self, link: str, target: ProbeTarget, error: ProbeError) -> None:
        """Say it once, not in every slot. Without permission every ICMP target is blind, so that is our own fact."""
        if self._failing.get(link) == str(error):
            return
        first_refusal = isinstance(error, NotPermittedError) and str(error) not in self._failing.values()
        self._failing[link] = str(error)
        log.error("probe_failed", link=link, target=f"{target.kind}://{target.host}", error=str(error))
        if first_refusal:
            now = self._clock.now()
            state = Fact(now, Source.PROBE.value, FactKind.SOURCE_STATE, "failing", Source.PROBE, now, str(error))
            self.gatherer.add_fact(state)


def _link_id(item: tuple[Link, ProbeTarget]) -> str:
    return item[0].id
