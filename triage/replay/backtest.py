"""Runs policies over stored history: the real engine, timers and quarantine on a record of its own for each policy,
under one simulated clock. Nothing reaches a far end; nothing of the installation is written.

Sites are swept every few minutes of history, at whole multiples of them; timers, claims and people's decisions happen
at their own minute and second. So a case may be opened up to one such step later than it was, never earlier, and its
onset and end, which come from the samples, are the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from collector.model import Cadence, Source
from collector.store.port import MeasurementStore
from config.clock import ManualClock
from config.database import Database
from inventory.model import Inventory
from triage import inbox, repository
from triage.actuator.dryrun import DryRun
from triage.baselines.folder import BaselineFolder
from triage.baselines.nightly import is_due, learn_fleet
from triage.cases import Decision
from triage.engine import Engine
from triage.evidence_folder import EvidenceFolder
from triage.inputs import PersonAct, PersonActed
from triage.judging import Judging
from triage.performer import Performer
from triage.policy import Policy
from triage.replay.arrivals import Arrivals, HistoryFollower
from triage.replay.as_then import Noting, Period, SweepOf, known_troubles, only_of
from triage.replay.farends import PackOnly
from triage.replay.history import AsOf, History
from triage.replay.outcome import Ledger, Outcomes, Word, word_of
from triage.replay.recorded import Recorded
from triage.sweep import hot_minutes
from triage.tickets.builtin import BuiltinTickets
from triage.troubles import TroublesOf, read_from


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Installed:
    """What was there to be judged: measurements, inventory with its maintenance, and what each source promises.

    `troubles` are those that were known, so that what is ordinary is not learnt from them.
    """

    store: MeasurementStore
    inventory: Inventory
    cadences: Mapping[Source, Cadence]
    troubles: TroublesOf | None = None


class Backtest:
    """Both policies, side by side over the same history."""

    def __init__(self, runs: Sequence[Run], period: Period) -> None:
        self._runs = runs
        self._period = period

    async def play(self, told: Callable[[datetime], None]) -> Sequence[Outcomes]:
        """What each policy made of the period; `told` hears of each step. Raises StoreError."""
        period = self._period
        inputs = [one for one in period.inputs if period.has(one.site)]
        moment = _first_step(period)
        while moment < period.until:
            due = [one for one in inputs if one.at <= moment]
            inputs = inputs[len(due) :]
            for run in self._runs:
                await run.advance(moment, due)
            told(moment)
            moment += period.every
        for run in self._runs:
            await run.advance(period.until, inputs)
        return [run.outcomes(period.until) for run in self._runs]

    async def word_at(self, place: int, site: str, moment: datetime) -> Word:
        """What the policy at this place says of a site at a moment of the period: why it opens no case there."""
        return await self._runs[place].word_at(site, moment)


@asynccontextmanager
async def backtest(installed: Installed, policies: Sequence[Policy], period: Period) -> AsyncIterator[Backtest]:
    """A back-test of these policies, with temporary records that are gone afterwards whatever happens."""
    history = History(installed.store, installed.cadences)
    arrivals = Arrivals(history, max(hot_minutes(policy) for policy in policies))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="lineproof-backtest-")))
        runs: list[Run] = []
        learnt: dict[str, BaselineFolder] = {}
        for place, policy in enumerate(policies):
            learns = policy.taught_by not in learnt
            known = learnt.setdefault(policy.taught_by, BaselineFolder(folder / f"baselines-{place}"))
            run = Run(installed, policy, period, (history, arrivals, known), folder / str(place), learns=learns)
            stack.push_async_callback(run.close)
            await run.begin()
            runs.append(run)
        yield Backtest(runs, period)


class Run:
    """One policy's engine over the history."""

    def __init__(
        self,
        installed: Installed,
        policy: Policy,
        period: Period,
        known: tuple[History, Arrivals, BaselineFolder],
        folder: Path,
        *,
        learns: bool,
    ) -> None:
        """`learns`: it keeps the baselines; the first policy does for all that learn alike, so that these are judged
        by the same pictures."""
        self._history, arrivals, baselines = known
        folder.mkdir()
        self._learns = learns
        self._period = period
        self._clock = ManualClock(period.start)
        self._database = Database(folder / "records.db", throwaway=True)
        evidence = EvidenceFolder(folder / "evidence")
        self._troubles = known_troubles(installed.troubles, read_from(self._database), period.start)
        self._judging = Noting(
            AsOf(self._history, self._clock), installed.inventory, installed.cadences, policy,
            baselines=baselines, troubles=self._troubles,
        )  # fmt: skip
        self._learnt = only_of(installed.inventory, period)
        self._ledger = Ledger()
        self._sweep = SweepOf(period, HistoryFollower(arrivals))
        self._engine = Engine(
            self._database, self._judged_by, evidence, self._clock, observer=self._decided,
            sweep=self._sweep, tick_minutes=period.every // timedelta(minutes=1),
        )  # fmt: skip
        tickets = BuiltinTickets(self._database, self._clock)
        self._performer = Performer(
            self._database, self._clock, tickets, PackOnly(), DryRun(), evidence, self._inventory
        )

    async def _judged_by(self) -> Judging:
        return self._judging

    async def _inventory(self) -> Inventory:
        return self._judging.inventory

    async def begin(self) -> None:
        await self._database.create_all()

    async def close(self) -> None:
        await self._database.close()

    async def word_at(self, site: str, moment: datetime) -> Word:
        judging = copy(self._judging)
        judging.store = AsOf(self._history, ManualClock(moment))
        return word_of((await judging.judge(site, None, moment)).verdict)

    async def advance(self, moment: datetime, inputs: Sequence[Recorded]) -> None:
        """Go on to `moment`: first what is due before it, in its order, then the sweep."""
        waiting = list(inputs)
        while (at := await self._next(moment, waiting)) is not None:
            self._clock.move_to(max(at, self._clock.now()))
            while waiting and waiting[0].at <= at:
                await self._put(waiting.pop(0))
            await self._engine.fire_timers()
            await self._settle()
        self._clock.move_to(moment)
        await self._learn(moment)
        if moment < self._period.until and await self._deserves_tick(moment):
            await self._engine.tick()
            await self._settle()

    async def _learn(self, now: datetime) -> None:
        """What is ordinary, each night as the installation's own calendar has it, and once at the beginning."""
        judging = self._judging
        folder = judging.baselines
        if self._learns and folder is not None and is_due(folder.newest(), judging.policy, now):
            # Two weeks of the whole fleet are read a few lines at a time, and need not be kept.
            store = AsOf(History(self._history.store, judging.cadences, most_rows=0), self._clock)
            await learn_fleet(store, self._learnt, judging.policy, folder, now, self._troubles)

    async def _deserves_tick(self, moment: datetime) -> bool:
        """Whether there is anything to decide: where no case stands and nothing was nominated, there is not."""
        if self._ledger.standing:
            return True
        swept = await self._sweep.look(self._judging, moment)
        return bool(swept.blind or swept.sites)

    async def _next(self, moment: datetime, waiting: Sequence[Recorded]) -> datetime | None:
        """When the next input or timer is due, if that is by `moment`. Only cases that stand have timers."""
        due: list[datetime] = []
        if self._ledger.standing:
            async with self._database.reading() as connection:
                due = [at for _, at in await repository.due_timers(connection, moment)]
        return min([*due, *(one.at for one in waiting[:1])], default=None)

    async def _settle(self) -> None:
        while await self._engine.work_off() + await self._performer.perform_due():
            continue

    async def _put(self, recorded: Recorded) -> None:
        """As it was taken down; what a person decided is about the case, or the re-route, that stands here now."""
        happened = recorded.input
        if isinstance(happened, PersonActed) and happened.does is not PersonAct.OPEN:
            target = self._ledger.open_case(recorded.site) or "C-0"
            if recorded.proposal:
                async with self._database.reading() as connection:
                    proposals = await repository.proposals_of(connection, target)
                target = proposals[0].id if proposals else "P-0"
            happened = replace(happened, target=target)
        await inbox.enqueue(self._database, recorded.key, happened, self._clock.now())

    def _decided(self, row: inbox.Row, site: str, decision: Decision) -> None:
        self._ledger.decided(row, site, decision, self._judging.seen(site, row.now))

    def outcomes(self, until: datetime) -> Outcomes:
        return self._ledger.outcomes(until)


def _first_step(period: Period) -> datetime:
    """The first whole multiple of `every` since 1970 that is not before the start."""
    left = (period.start - datetime.fromtimestamp(0, period.start.tzinfo)) % period.every
    return period.start + (period.every - left if left else timedelta())
