"""What keeps traps from being received at all is said, with what to do."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector.model import Source
from collector.settings import CollectorSettings
from collector.sink import Gatherer, NoSink
from collector.snmp.trap_admission import TrapError, TrapOutcome
from collector.snmp.traps import TrapReceiver
from config.clock import SystemClock
from inventory.model import Inventory

pytestmark = pytest.mark.rim


def receiver(folder: Path, **traps: Any) -> TrapReceiver:
    traps = {"enabled": True, "listen": ["127.0.0.1"], "port": 0, "communities": ["x"], **traps}
    settings = CollectorSettings.model_validate({"traps": traps}).traps
    gatherer = Gatherer(Source.SNMP, [], NoSink(), SystemClock())
    return TrapReceiver(settings, Inventory.of(), gatherer, SystemClock(), {}, folder)


async def test_a_taken_port_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(TrapError, match="Address already in use; another program has it"):
            await receiver(tmp_path, port=taken.getsockname()[1]).run()


async def test_an_address_that_is_not_ours_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TrapError, match=r"no address of this machine; correct traps\.listen"):
        await receiver(tmp_path, listen=["127.0.0.1", "203.0.113.77"]).run()


async def test_an_engine_that_cannot_be_kept_says_what_to_do_and_nothing_is_received(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrapError, match="Not a directory"):
        await receiver(tmp_path / "file").run()


UNPRIVILEGED = """
import os
from collector.snmp.traps import _listening
from collector.snmp.trap_admission import TrapError
os.setuid(65534)
try:
    _listening("0.0.0.0", 162)
except TrapError as error:
    print(error)
"""


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root")
def test_port_162_without_privilege_says_what_to_do() -> None:
    alone = ["unshare", "-n", sys.executable, "-c", UNPRIVILEGED]  # where the kernel's own limit of 1024 is in force
    asked = subprocess.run(alone, capture_output=True, text=True, check=True)
    assert "Permission denied" in asked.stdout
    assert "CAP_NET_BIND_SERVICE" in asked.stdout
    assert "traps.port to 1162" in asked.stdout


async def test_a_user_that_is_no_user_is_refused_at_once(tmp_path: Path) -> None:
    settings = CollectorSettings.model_validate({"traps": {"communities": ["x"]}}).traps
    settings = settings.model_copy(update={"users": ("nobody",)})
    gatherer = Gatherer(Source.SNMP, [], NoSink(), SystemClock())
    with pytest.raises(TrapError, match="'nobody', which is no user"):
        TrapReceiver(settings, Inventory.of(), gatherer, SystemClock(), {}, tmp_path)


@pytest.mark.slow
def test_pysnmp_is_not_imported_until_traps_are_received() -> None:
    code = "import sys, collector.snmp.traps; print('pysnmp' in sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout == "False\n"


async def started(listening: TrapReceiver) -> asyncio.Task[None]:
    running = asyncio.create_task(listening.run())
    async with asyncio.timeout(5):
        while not listening.port:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return running


async def test_ipv6_is_received_too(tmp_path: Path) -> None:
    listening = receiver(tmp_path, listen=["::1"])
    running = await started(listening)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"?", ("::1", listening.port))
    async with asyncio.timeout(5):
        while not sum(listening.counts.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert listening.counts[TrapOutcome.UNKNOWN_SOURCE] == 1


async def test_a_start_again_counts_the_engines_boots_before_it_listens(tmp_path: Path) -> None:
    listening = receiver(tmp_path)
    for boots in (1, 2):
        running = await started(listening)
        assert f'"boots": {boots}' in (tmp_path / "snmp-engine.json").read_text()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
