"""Control probes: whether anything comes back from where something always does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from collector.control import ControlWatch, control_subject
from collector.model import Fact, FactKind, SampleBatch
from collector.settings import CollectorSettings, ProbeSettings
from config.clock import SystemClock

pytestmark = pytest.mark.rim


class Kept:
    def __init__(self) -> None:
        self.said: list[Fact] = []
        self.both = asyncio.Event()

    async def samples(self, batch: SampleBatch) -> None:
        raise AssertionError(f"a control probe is no sample: {batch}")

    async def facts(self, facts: Sequence[Fact]) -> None:
        self.said += facts
        if len({fact.subject for fact in self.said}) == 2:
            self.both.set()


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)  # type: ignore[attr-defined]


class Silent(asyncio.DatagramProtocol):
    """Takes what is sent, and answers nothing."""


async def test_each_slot_says_of_each_target_whether_anything_came_back() -> None:
    loop = asyncio.get_running_loop()
    ends = [await loop.create_datagram_endpoint(kind, ("127.0.0.1", 0)) for kind in (Echo, Silent)]
    answers, silent = (f"udp://127.0.0.1:{end[0].get_extra_info('sockname')[1]}" for end in ends)
    kept = Kept()
    settings = ProbeSettings(every=1, timeout=0.2)
    watch = asyncio.create_task(ControlWatch([answers, silent], settings, SystemClock(), kept).run())
    async with asyncio.timeout(10):
        await kept.both.wait()
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    for end in ends:
        end[0].close()
    said = {(fact.subject, fact.kind, fact.value) for fact in kept.said}
    assert said == {
        (control_subject(answers), FactKind.SOURCE_STATE, "ok"),
        (control_subject(silent), FactKind.SOURCE_STATE, "failing"),
    }


@pytest.mark.parametrize("target", ["tcp://host:80", "icmp://", "udp://host", "icmp://host:7", "host"])
def test_a_target_that_cannot_be_probed_is_refused_with_the_settings(target: str) -> None:
    with pytest.raises(ValidationError, match=r"icmp://HOST or udp://HOST:PORT"):
        CollectorSettings(control_probes=(target,))
