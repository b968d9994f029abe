"""The performer against a far end that fails in any way, with restarts between: one ticket a case, notes in order."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

sys.path.append(str(Path(__file__).parents[1] / "triage"))

from outbox_world import World, away

from config.errors import Blame
from triage.repository import OutboxStatus
from triage.tickets.port import TicketError

pytestmark = [pytest.mark.slow, pytest.mark.rim]


def error_of(what: str) -> TicketError | None:
    return {
        "ok": None,
        "away": away(),
        "busy": TicketError("busy", retryable=True, blame=Blame.VENDOR, retry_after=30.0),
        "garbage": TicketError("no JSON", retryable=True, blame=Blame.VENDOR),
    }[what]


FAULTS = st.lists(st.sampled_from(["ok", "away", "busy", "garbage"]), max_size=4)


class Outbox(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="outbox-"))
        self.world = World(self.folder, alone=True)
        self.meant: dict[int, list[str]] = {1: [], 2: [], 3: []}
        self.do(self.world.database.create_all())
        for number in self.meant:
            self.do(self.world.case(number))

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        self.loop.run_until_complete(work)

    @rule(case=st.sampled_from([1, 2, 3]))
    def something_is_meant(self, case: int) -> None:
        name = f"note-{len(self.meant[case])}" if self.meant[case] else "ticket"
        self.meant[case].append(name)
        self.do(self.world.mean(case, name))

    @rule(before=FAULTS, after=FAULTS)
    def the_far_end_will_fail(self, before: list[str], after: list[str]) -> None:
        self.world.far.before += [error_of(what) for what in before]
        self.world.far.after += [error_of(what) for what in after]

    @rule(seconds=st.sampled_from([0, 1, 7, 60, 700]))
    def time_passes(self, seconds: int) -> None:
        self.do(self.world.later(seconds=seconds))

    @rule()
    def the_process_dies_with_a_row_and_another_takes_over(self) -> None:
        """Whatever is first in line had been marked, and nobody knows whether it was done."""
        self.do(self._dies())

    async def _dies(self) -> None:
        self.world.performer = self.world.new_performer()
        async with self.world.database.writing() as connection:
            await connection.exec_driver_sql(
                "UPDATE triage_outbox SET status = 'trying', next_at = 0 WHERE number ="
                " (SELECT min(number) FROM triage_outbox WHERE status = 'pending')"
            )

    @invariant()
    def nothing_is_doubled_and_nothing_overtakes(self) -> None:
        far = self.world.far
        assert len(set(far.tickets.values())) == len(far.tickets)
        for ticket, key in far.tickets.items():
            case = int(key.removeprefix("C-").removesuffix(":ticket"))
            said = [note.partition(":")[2] for where, note in far.notes if where == ticket]
            assert said == self.meant[case][1 : 1 + len(said)]

    def teardown(self) -> None:
        self.world.far.before.clear()
        self.world.far.after.clear()
        self.do(self._finish())
        self.loop.close()
        shutil.rmtree(self.folder)

    async def _finish(self) -> None:
        for _ in range(8):
            await self.world.later(minutes=11)
        rows = await self.world.rows()
        assert {row.status for row in rows} <= {OutboxStatus.DONE}, [row.last_error for row in rows]
        assert len(self.world.far.tickets) == sum(bool(names) for names in self.meant.values())
        assert len(self.world.far.notes) == sum(len(names[1:]) for names in self.meant.values())
        assert self.world.clock.now() - rows[0].created_at >= timedelta(minutes=88) if rows else True
        await self.world.database.close()


TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(
    max_examples=6, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
