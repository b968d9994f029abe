"""One installation, opened: the composition that every process, command and page starts from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import func, select

from collector.control import control_subject
from collector.journal import Journal
from collector.store.opening import open_store
from collector.store.port import MeasurementStore
from config.clock import Clock, SystemClock
from config.database import Database
from config.errors import ConfigurationError
from inventory.model import Inventory
from inventory.repository import inventory_digest, load_inventory
from inventory.tables import link
from service.mailing import open_mailer
from service.migrations import is_current
from service.settings import Settings, read_settings
from service.ticketing import opened_tickets
from triage.baselines.folder import BaselineFolder
from triage.engine import Engine
from triage.evidence import EvidenceRenderer
from triage.evidence_folder import EvidenceFolder
from triage.judging import Judging
from triage.lease import Lease
from triage.mail.port import Mailer
from triage.performer import Performer
from triage.policy import Policy
from triage.policy_files import load_policy
from triage.reach import Pace
from triage.ticket_watch import TicketWatch
from triage.tickets.paced import PacedTickets
from triage.tickets.port import TicketSystem
from triage.troubles import read_from

log = structlog.get_logger()

LAG = timedelta(seconds=3)
"""From a measurement to the engine's eyes (real time): a group commit, a pass of the engine, and as much to spare."""
INVENTORY_AGE = timedelta(seconds=5)
"""How old the inventory and policy in memory may be before they are looked at again (real time)."""

AT_ONCE = 8
"""Effects that one far end is asked for at the same time, of as many cases."""

CONFIG_NAMES = ("lineproof.yaml", "config/lineproof.yaml", "/etc/lineproof/lineproof.yaml")


def find_settings(path: Path | None) -> Path:
    """The named settings file, or the first that lies at a usual place. Raises ConfigurationError."""
    if path is not None:
        return path
    for name in CONFIG_NAMES:
        if Path(name).is_file():
            return Path(name)
    raise ConfigurationError(
        f"no settings file: name one with -c FILE, or put one at {CONFIG_NAMES[0]} (`lineproof init DIR` makes one)"
    )


@dataclass(slots=True, eq=False, kw_only=True)
class Installation:
    path: Path
    settings: Settings
    clock: Clock
    database: Database
    journal: Journal
    store: MeasurementStore
    evidence: EvidenceFolder
    baselines: BaselineFolder
    tickets: TicketSystem
    mailer: Mailer | None = None
    real_clock: Clock = field(default_factory=SystemClock)
    _inventory: Inventory | None = None
    _policy: Policy | None = None
    _read_at: datetime | None = None
    _digest: str = ""
    _policy_fault: str = ""
    _pace: Pace | None = None

    async def inventory(self) -> Inventory:
        """The inventory, at most a few seconds old; the same object while nothing has changed."""
        await self._refresh()
        assert self._inventory is not None  # noqa: S101 - set by the refresh
        return self._inventory

    async def judging(self) -> Judging:
        """A Judging over the current inventory and policy."""
        await self._refresh()
        assert self._inventory is not None  # noqa: S101 - set by the refresh
        assert self._policy is not None  # noqa: S101 - set by the refresh
        return Judging(
            self.store,
            self._inventory,
            self.settings.cadences(),
            self._policy,
            baselines=self.baselines,
            troubles=read_from(self.database),
        )

    async def _refresh(self) -> None:
        now = self.real_clock.now()
        if self._read_at is not None and now - self._read_at < INVENTORY_AGE:
            return
        async with self.database.reading() as connection:
            digest = await inventory_digest(connection)
            if digest != self._digest:
                self._inventory, self._digest = await load_inventory(connection), digest
        self._refresh_policy()
        self._read_at = now

    def _refresh_policy(self) -> None:
        """Take over a changed policy file; while it is faulty, go on with the last one that was not."""
        try:
            policy = load_policy(self.settings.policy)
        except ConfigurationError as error:
            if self._policy is None:
                raise
            if str(error) != self._policy_fault:
                log.error("policy_file_refused", why=str(error), faults=[str(fault) for fault in error.faults])
            self._policy_fault = str(error)
            return
        self._policy_fault = ""
        if self._policy is None or policy.hash != self._policy.hash:
            self._policy = policy

    @property
    def lag(self) -> timedelta:
        """How long what is measured may take to the engine, by the installation's clock."""
        return LAG * (self.settings.clock.factor if self.settings.clock is not None else 1.0)

    def engine(self) -> Engine:
        controls = [control_subject(target) for target in self.settings.control_probes]
        return Engine(
            self.database,
            self.judging,
            self.evidence,
            self.clock,
            ticketing=self.tickets.name,
            controls=controls,
            lag=self.lag,
        )

    def lease(self, holder: str | None = None) -> Lease:
        return Lease(self.database, self.real_clock, holder=holder)

    def performer(
        self, *, may_act: Callable[[], bool] = lambda: True, renderer: EvidenceRenderer | None = None
    ) -> Performer:
        """Without a `renderer` of its own evidence is rendered in this process."""
        from reports.evidence import ReportRenderer
        from triage.actuator.dryrun import DryRun

        pace = self._paced()
        return Performer(
            self.database,
            self.clock,
            PacedTickets(self.tickets, pace),
            renderer or ReportRenderer(),
            DryRun(),
            self.evidence,
            self.inventory,
            withhold=self.settings.withheld(),
            pace=pace,
            at_once=AT_ONCE,
            may_act=may_act,
            mailer=self.mailer,
        )

    def watch(self) -> TicketWatch:
        """Who looks at what people did in the ticket system; its calls count as the performer's do."""
        return TicketWatch(self.database, self.clock, PacedTickets(self.tickets, self._paced()), self.inventory)

    def _paced(self) -> Pace:
        if self._pace is None:
            self._pace = Pace(self.clock, self.settings.tickets.calls_per_minute)
        return self._pace


@asynccontextmanager
async def opened(path: Path | None, *, read_only: bool = False) -> AsyncIterator[Installation]:
    """Open an installation by its settings file; `read_only`: records and journal refuse every write.

    Raises ConfigurationError when its database needs `db upgrade`.
    """
    found = find_settings(path)
    settings = read_settings(found)
    if not read_only:
        settings.data.mkdir(parents=True, exist_ok=True)
    clock = settings.make_clock()
    database = Database(settings.records or settings.data / "records.db", read_only=read_only)
    store: MeasurementStore | None = None
    try:
        await is_current(database)
        async with database.reading() as connection:
            links = await connection.scalar(select(func.count()).select_from(link))
        journal, store = open_store(settings.store, settings.data, links or 0, read_only=read_only)
        mailer = open_mailer(settings.mail)
        async with opened_tickets(settings.tickets, database, clock, mailer) as tickets:
            yield Installation(
                path=found,
                settings=settings,
                clock=clock,
                database=database,
                journal=journal,
                store=store,
                evidence=EvidenceFolder(settings.data / "evidence"),
                baselines=BaselineFolder(settings.data / "baselines"),
                tickets=tickets,
                mailer=mailer,
            )
    finally:
        if store is not None:
            await store.close()
        await database.close()
