"""Setting the demonstration up: ports, the settings and inventory of the service, and the processes."""

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from config.clock import ScaledClock, rfc3339
from config.database import Database
from config.errors import ConfigurationError, LineproofError
from service.settings import HOST
from service.simulator.fleet import CREDENTIAL, ORCHESTRATOR
from service.simulator.truth import Endpoints

PR_SET_PDEATHSIG = 1
MARK = ".lineproof-demo"
PATIENCE = 20.0
"""Real seconds for a process to be there, or to end."""
SNMP_PATIENCE = 50.0
"""Seconds of the fleet's time for one try: a poll that is tried twice must not outlast two of its slots."""
PROBE_PACKETS, PROBE_PATIENCE = 10, 0.5
"""Probes are echoed after real milliseconds, so they are waited for in real seconds."""


class DemoError(LineproofError):
    """The demonstration itself could not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One demonstration's folder, clock and desk port. `installation` holds what `serve -c` is given."""

    installation: Path
    seed: int
    rounds: int
    clock: ScaledClock
    desk: int

    @property
    def settings(self) -> Path:
        return self.installation / "lineproof.yaml"

    @property
    def log(self) -> Path:
        return self.installation / "service.log"


def fresh_folder(folder: Path) -> Path:
    """An empty folder, in place of what an earlier demonstration left there. Raises ConfigurationError."""
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARK).is_file():
                raise ConfigurationError(f"{folder} holds something that no demonstration made; choose another --out")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be used ({error.strerror}); choose another --out") from None
    return folder


def free_port(wanted: int = 0) -> int:
    """`wanted` if nothing listens there, else any free port of loopback. Raises ConfigurationError."""
    for port in (wanted, 0):
        with socket.socket() as trial, suppress(OSError, OverflowError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((HOST, port))
            return int(trial.getsockname()[1])
    raise ConfigurationError(f"no free port on {HOST}")


def settings_document(stage: Stage, endpoints: Endpoints, secrets_in: Mapping[str, Path]) -> dict[str, object]:
    """The settings file of the service under test. Statistics are asked for as often as they can be new."""
    return {
        "data": "data",
        "clock": {"start": rfc3339(stage.clock.start), "origin": stage.clock.origin, "factor": stage.clock.factor},
        "listen": {"desk": stage.desk, "collector": free_port(), "engine": free_port()},
        "snmp": {
            "every": 60,
            "timeout": round(SNMP_PATIENCE / stage.clock.factor, 3),
            "retries": 1,
            "credentials": {CREDENTIAL: {"community": f"file:{secrets_in['community']}"}},
        },
        "orchestrators": {
            ORCHESTRATOR: {
                "url": endpoints.orchestrator,
                "token": f"file:{secrets_in['token']}",
                "states_every": 60,
                "statistics_every": 300,
                "late": 300,
                "history_days": 3,
                # A quota counts real seconds, and the fleet's time runs faster.
                "calls_per_hour": 100_000,
                "timeout": 10,
            }
        },
        "probe": {"every": 60, "packets": PROBE_PACKETS, "timeout": PROBE_PATIENCE},
    }


async def start_simulator(stage: Stage) -> tuple[asyncio.subprocess.Process, Endpoints]:
    """The simulator's process, and where its fleet is. Its secrets are drawn here and kept in files."""
    folder = stage.installation
    environment = dict(os.environ)
    for name in ("community", "token"):
        secret = secrets.token_hex(8)
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(secret, encoding="utf-8")
        environment[f"LINEPROOF_DEMO_{name.upper()}"] = secret
    clock = stage.clock
    options = {
        "seed": stage.seed,
        "folder": folder,
        "start": clock.start.isoformat(),
        "origin": clock.origin,
        "factor": clock.factor,
        "rounds": stage.rounds,
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "service.simulator",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    written = folder / "endpoints.json"
    try:
        await _until(written.exists, process, "the simulated fleet")
    except BaseException:
        await stop(process)
        raise
    return process, Endpoints.model_validate_json(written.read_bytes())


async def install(stage: Stage, endpoints: Endpoints) -> None:
    """What a person does once: write the settings, create the records database, import the inventory."""
    from inventory.repository import import_file
    from service.migrations import upgrade

    paths = {name: (stage.installation / name).resolve() for name in ("community", "token")}
    document = settings_document(stage, endpoints, paths)
    stage.settings.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    data = stage.installation / "data"
    data.mkdir()
    database = Database(data / "records.db")
    try:
        await upgrade(database)
        await import_file(database, Path(endpoints.inventory), dry_run=False)
    finally:
        await database.close()


async def start_service(stage: Stage) -> asyncio.subprocess.Process:
    """`lineproof serve -c FILE`, as anyone would start it; its logs go to a file."""
    with stage.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "service.cli",
            "serve",
            "-c",
            str(stage.settings),
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    try:
        await _until_listening(stage.desk, process)
    except BaseException:
        await stop(process)
        raise
    return process


def _end_with_parent() -> None:
    """A killed demonstration must not leave a service behind (Linux; elsewhere it would have to be ended by hand)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _until_listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with aiohttp.ClientSession() as session:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline and process.returncode is None:
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://{HOST}:{port}/health"):
                    return
            await asyncio.sleep(0.1)
    raise DemoError(f"the service did not come up within {PATIENCE:.0f} s; its log says why")


async def _until(there: Callable[[], bool], process: asyncio.subprocess.Process, what: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not there():
        if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
            raise DemoError(f"{what} did not come up within {PATIENCE:.0f} s; its messages are above")
        await asyncio.sleep(0.05)


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process that we started, politely, and after a while not."""
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    else:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
