"""What each process of an installation runs: collector, engine, desk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from config.errors import ConfigurationError, LineproofError
from inventory.model import Inventory
from service.installation import Installation, opened
from service.rendering import RenderingProcess
from service.serve import SUPERVISED
from service.settings import HOST
from service.status import Health, start_status_server
from triage.sight import blindness

if TYPE_CHECKING:
    from collector.running import Collector

log = structlog.get_logger()

INVENTORY_PAUSE = 1.0
"""Real seconds between two looks for a changed inventory."""
ENGINE_PAUSE = 0.25
"""Real seconds between two looks into the inbox."""


async def run_collector(path: Path | None, stop: asyncio.Event) -> None:
    """Poll until stopped; begin anew with the new plan when the inventory has changed."""
    async with opened(path) as installation:
        installation.journal.claim()
        current: list[Collector] = []

        async def health() -> Mapping[str, object]:
            return (await current[0].health()).document() if current else {"ok": False, "why": "starting"}

        status = await _status(installation.settings.listen.collector, health)
        try:
            while not stop.is_set():
                await _collect(installation, current, stop)
        finally:
            await status.cleanup()


async def _collect(installation: Installation, current: list[Collector], stop: asyncio.Event) -> None:
    """Run one collector on one inventory, until stopped or until that inventory is no longer the current one."""
    from collector.running import Collector
    from collector.snmp.wishes import PollWish, wishes

    inventory = await installation.inventory()

    async def wished(now: datetime) -> Sequence[PollWish]:
        async with installation.database.reading() as connection:
            return await wishes(connection, now)

    collector = Collector(
        installation.settings, inventory, installation.journal, installation.store, installation.clock, wished
    )
    current[:] = [collector]
    running = asyncio.create_task(collector.run())
    try:
        while not stop.is_set() and not running.done() and not await _superseded(installation, inventory):
            await _pause(stop, INVENTORY_PAUSE)
    finally:
        await collector.stop()
        await running


async def _superseded(installation: Installation, inventory: Inventory) -> bool:
    """Whether another inventory is the current one; measuring goes on while that cannot be read."""
    try:
        now = await installation.inventory()
        return replace(now, maintenance=inventory.maintenance) != inventory  # Work on a line changes no polling.
    except LineproofError as error:
        log.warning("inventory_unread", why=str(error))
        return False


async def run_engine(path: Path | None, stop: asyncio.Event) -> None:
    """Decide and perform while this process holds the lease; wait for it otherwise."""
    from service.calendar import start_calendar

    async with opened(path) as installation:
        process = EngineProcess(installation)
        status = await _status(installation.settings.listen.engine, process.health)
        jobs = start_calendar(installation)
        try:
            # A defect in either ends the process, for the supervisor to start it again.
            async with asyncio.TaskGroup() as tasks:
                loops = (process.perform, process.watch, process.read_mail)
                beside = [tasks.create_task(loop(stop)) for loop in loops]
                await process.decide(stop)
                for task in beside:
                    task.cancel()
        finally:
            jobs.shutdown(wait=False)
            await status.cleanup()
            await process.lease.release()


class EngineProcess:
    """The engine's loops, and what its health endpoint says of them."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._engine = installation.engine()
        self._engine.follow(installation.journal)
        self.lease = installation.lease(os.environ.get(SUPERVISED))
        self._rendering = RenderingProcess()
        self._performer = installation.performer(may_act=lambda: self.lease.held, renderer=self._rendering)
        self._watch = installation.watch()
        self._holds = False
        self._last_pass: datetime | None = None
        self._troubles: dict[str, str] = {}

    async def decide(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with self._waiting_out("deciding"):
                self._holds = await self.lease.hold()
                if self._holds:
                    await self._engine.fire_timers()
                    await self._engine.work_off()
                    await self._engine.tick()
                    await self._engine.work_off()
                    self._last_pass = self._installation.real_clock.now()
            await _pause(stop, ENGINE_PAUSE)

    async def perform(self, stop: asyncio.Event) -> None:
        """Runs beside deciding, so that a slow far end or a long report delays no verdict."""
        try:
            while not stop.is_set():
                if self._holds:
                    with self._waiting_out("performing"):
                        await self._performer.begin_due()
                await self._performer.idle(ENGINE_PAUSE)
        finally:
            await self._performer.stop()
            await self._rendering.close()

    async def watch(self, stop: asyncio.Event) -> None:
        """What people do in the ticket system comes to the cases; a system that is away is asked again later. In a dry
        run it is asked nothing: nothing leaves."""
        if self._installation.settings.tickets.dry_run:
            return
        while not stop.is_set():
            if self._holds:
                with self._waiting_out("watching tickets"):
                    await self._watch.look()
            await _pause(stop, self._installation.settings.tickets.look_seconds)

    async def read_mail(self, stop: asyncio.Event) -> None:
        """Carriers' notices of work, where the settings name a mailbox."""
        settings = self._installation.settings.mail.intake
        if settings is None:
            return
        from service.mail_intake import open_intake, take_in

        intake = open_intake(settings)
        while not stop.is_set():
            if self._holds:
                with self._waiting_out("reading mail"):
                    await take_in(self._installation, intake, settings)
            await _pause(stop, settings.every_seconds if self._holds else ENGINE_PAUSE)

    @contextmanager
    def _waiting_out(self, what: str) -> Iterator[None]:
        """What fails for a reason that we foresee is tried again at the next pass; said once, and by `health`."""
        try:
            yield
        except LineproofError as error:
            if self._troubles.get(what) != str(error):
                log.warning("engine_waits", what=what, why=str(error))
            self._troubles[what] = str(error)
        else:
            self._troubles.pop(what, None)

    async def _blind(self) -> list[str]:
        try:
            async with self._installation.database.reading() as connection:
                standing = await blindness(connection)
        except LineproofError as error:
            return [str(error)]
        return [f"blind since {standing.since:%Y-%m-%d %H:%M}Z, nothing is decided: {standing.why}"] if standing else []

    async def health(self) -> Mapping[str, object]:
        now = self._installation.real_clock.now()
        age = (now - self._last_pass).total_seconds() if self._last_pass else None
        late = self._holds and (age is None or age > 30)
        blind = await self._blind()
        why = "; ".join([*self._troubles.values(), *blind]) or ("the last pass is more than 30 s old" if late else "")
        return {"ok": not why, "holds_lease": self._holds, "seconds_since_pass": age, "why": why}


async def run_desk(path: Path | None, stop: asyncio.Event) -> None:
    """Serve the desk on loopback until stopped."""
    from service.desk.app import create_app

    async with opened(path) as installation:
        runner = web.AppRunner(create_app(installation), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, installation.settings.listen.desk).start()
        except OSError as error:
            raise _port_taken(installation.settings.listen.desk, error) from None
        log.info("desk_listens", url=f"http://{HOST}:{installation.settings.listen.desk}/")
        try:
            await stop.wait()
        finally:
            await runner.cleanup()


async def run_role(role: str, path: Path | None, stop: asyncio.Event) -> None:
    """Run collector, engine or desk until stopped."""
    runs = {"collector": run_collector, "engine": run_engine, "desk": run_desk}
    await runs[role](path, stop)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _status(port: int, health: Health) -> web.AppRunner:
    try:
        return await start_status_server(port, health)
    except OSError as error:
        raise _port_taken(port, error) from None


def _port_taken(port: int, error: OSError) -> ConfigurationError:
    why = os.strerror(error.errno or 0)
    return ConfigurationError(
        f"port {port} on {HOST} cannot be listened on ({why}); free it or choose another under `listen`"
    )
