"""The engine: takes inputs from the inbox, judges, decides, and commits what follows in one transaction each.

Exactly one engine holds the lease. Memory follows commit: it may be killed at any line and started again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from collector.journal import Journal
from config.clock import Clock, epoch_ms
from config.database import Database
from config.errors import LineproofError
from inventory.model import Inventory
from triage import bulk, inbox, repository, sight, standing
from triage.ahead import Ahead, judged_ahead, judged_of, together
from triage.carried import told_apart, ways
from triage.carrier_leg import on_carrier_told
from triage.case_rules import case_rules
from triage.cases import Case, CaseStatus, Context, Decision, TimerKind
from triage.claim_rules import on_intake_told, on_reporter
from triage.decide_claims import on_claim
from triage.deciding import Deciding, Observer
from triage.due import RULES
from triage.evidence_folder import EvidenceFolder
from triage.inputs import (
    Answered,
    CarrierTold,
    ClaimReported,
    IntakeTold,
    PersonAct,
    PersonActed,
    Tick,
    TicketChanged,
    TimerDue,
)
from triage.judge import check_claim
from triage.judging import Judging
from triage.matters import Matter, carried_by_parent, judged_again, look, opening, set_aside, settled
from triage.metrics import TICK_SECONDS
from triage.openings import on_carrier_outage, on_opened
from triage.parent_life import TIMERS as PARENT_TIMERS
from triage.parent_life import Moment, on_parent_timer
from triage.peers import examine_peer, remembering
from triage.reasons import Reason
from triage.respond import on_answer, on_person
from triage.sweeping import Sweep
from triage.ticket_changes import on_ticket_changed
from triage.ticket_records import known_tickets
from triage.turns import Standing, sites_to_judge

log = structlog.get_logger()

SECOND_LOOKS_AT_ONCE = 1_000
"""So many sites that a carrier's case has left alone are looked at in one tick; the others in the next ones."""


class Engine:
    """Works the inbox off. `judging` gives a Judging over the current inventory and policy.

    The sweep reads the store anew each minute, unless it is told to `follow` the journal.
    """

    def __init__(
        self,
        database: Database,
        judging: Callable[[], Awaitable[Judging]],
        evidence: EvidenceFolder,
        clock: Clock,
        *,
        observer: Observer | None = None,
        sweep: Sweep | None = None,
        tick_minutes: int = 1,
        controls: Sequence[str] = (),
        ticketing: str = "builtin",
        lag: timedelta = timedelta(0),
    ) -> None:
        """`tick_minutes`: how far apart ticks are, for whoever plays history and ticks less often than each minute.
        `controls`: the subjects of our control probes. `ticketing`: the name of the ticket system that is in use.
        `lag`: how long what was measured may take to us, by this clock."""
        self._database = database
        self._judging = judging
        self._deciding = Deciding(database, evidence, clock, ticketing=ticketing, observer=observer)
        self._clock = clock
        self._controls = tuple(controls)
        self._lag = lag
        self._sweep = sweep or Sweep(controls=self._controls, lag=lag)
        self._tick_minutes = tick_minutes
        self._ticketing = ticketing
        self._ticked = -1

    def follow(self, journal: Journal) -> None:
        """Let the sweep follow this journal in memory; for whoever runs for longer than a tick."""
        self._sweep = Sweep(journal, controls=self._controls, lag=self._lag)

    async def tick(self) -> None:
        """Enqueue this minute's sweep, once however often it is called; it names how far the journal was then."""
        now = self._clock.now()
        await self._sweep.keep_up(now)
        minute = epoch_ms(now) // 60_000
        if minute == self._ticked:
            return
        await inbox.enqueue(self._database, f"tick:{minute}", Tick(journal=await self._sweep.position()), now)
        self._ticked = minute

    async def fire_timers(self) -> int:
        """Turn due timers into inputs: row out, input in, in one transaction."""
        now = self._clock.now()
        async with self._database.writing() as connection:
            held_back = sight.HELD_BACK if await sight.blindness(connection) is not None else ()
            due = await repository.due_timers(connection, now, without=held_back)
            await bulk.clear_timers(connection, [(happened.case, happened.kind) for happened, _ in due])
            inputs = {f"timer:{one.case}:{one.kind}:{epoch_ms(due_at)}": one for one, due_at in due}
            await inbox.put_all(connection, inputs, now)
        return len(due)

    async def work_off(self) -> int:
        """Decide every waiting input; returns how many. Raises StoreError when measurements cannot be read."""
        done = 0
        examine = remembering(examine_peer)
        while True:
            async with self._database.reading() as connection:
                rows = await inbox.waiting(connection)
            if not rows:
                return done
            ahead = await judged_ahead(rows, self._database, self._judging, examine)
            for some in together(rows, ahead):
                if judged_of(some[0], ahead) is None:
                    await self._work_off_one(some[0])
                else:
                    await self._deciding.commit(list(_judged_again(some, ahead)), await self._judging())
                done += len(some)

    async def _work_off_one(self, row: inbox.Row) -> None:
        """Decide one input. One that cannot be decided is set aside with its reason, so that it blocks no other.

        Raises only what waiting can help (`retryable`): the input then stays first in its line.
        """
        judging = await self._judging()
        try:
            matters = await self._matters(row, judging)
        except LineproofError as error:
            if error.retryable:
                raise
            matters = [set_aside(row, str(error))]
        except Exception as error:  # a defect in a rule must not stop every other case: shown, counted, kept
            log.error("input_failed", input=row.seq, key=row.key, exc_info=error)
            matters = [set_aside(row, f"{type(error).__name__}: {error}")]
        await self._deciding.commit([(row, matters)], judging)

    async def _matters(self, row: inbox.Row, judging: Judging) -> list[Matter]:
        match row.input:
            case ClaimReported():
                return await self._on_claim(row.input, judging, row.now)
            case Tick():
                began = self._clock.monotonic()
                matters = await self._on_tick(row.input, judging, row.now)
                TICK_SECONDS.set(self._clock.monotonic() - began)
                return matters
            case TimerDue():
                return await self._on_timer(row.input, judging, row.now)
            case PersonActed() as acted if acted.does is PersonAct.OPEN:
                return [await self._on_opened(acted, judging, row.now)]
            case PersonActed():
                return await self._on_person(row.input)
            case TicketChanged() as changed:
                return await self._on_case(
                    changed.case, lambda case, context: on_ticket_changed(case, changed, context)
                )
            case CarrierTold() as told if told.site:
                rule = partial(on_carrier_outage, told=told)
                return [await opening(judging, told.site, row.now, rule, Reason.CARRIER_REFUSED)]
            case CarrierTold() as told:
                return await self._on_case(told.case, lambda case, context: on_carrier_told(case, told, context))
            case IntakeTold() as said:
                return await self._on_case(said.case, lambda case, context: on_intake_told(case, said, context))
            case Answered():
                return await self._on_answer(row.input)

    async def _on_claim(self, reported: ClaimReported, judging: Judging, now: datetime) -> list[Matter]:
        claim = reported.claim
        site = judging.inventory.sites.get(claim.site)
        refusal = check_claim(claim, judging.policy, now, site.zone if site is not None else UTC)
        why = refusal.message if refusal is not None else None
        if site is None or site.client != claim.client:
            why = f"{claim.client} has no site {claim.site}"
        if why is not None:
            refused = Decision(case=None, reason=Reason.CLAIM_REFUSED, detail=why)
            return [Matter(client=claim.client, site=claim.site, decide=lambda _case, _context: refused)]
        judgement = await judging.judge(claim.site, claim, now)
        judged = judgement.judged()
        return [
            Matter(
                client=claim.client,
                site=claim.site,
                decide=lambda case, context: on_claim(case, reported, judged, context),
                judgement=judgement,
            ),
            Matter(
                client=claim.client,
                site=claim.site,
                decide=lambda case, context: on_reporter(case, claim, context),
            ),
        ]

    async def _on_tick(self, tick: Tick, judging: Judging, now: datetime) -> list[Matter]:
        inventory = judging.inventory
        swept = await self._sweep.look(judging, now, tick.journal or None)
        if swept.blind and not swept.settled:
            return []
        async with self._database.reading() as connection:
            told = sight.followed(swept.blind, await sight.blindness(connection), now)
        of_us = [settled(told)] if told is not None else []
        if swept.blind:
            return of_us
        async with self._database.reading() as connection:
            cases = await standing.sites_standing(connection)
        with_parent = any(one.parent is not None for one in cases)
        struck = await self._sweep.struck(judging, now) if with_parent else frozenset[str]()
        carried, due = await self._second_looks(cases, struck, inventory)
        minute = epoch_ms(now) // 60_000
        sites = sites_to_judge(cases, swept.sites, struck, inventory.sites, minute, self._tick_minutes) | due.keys()
        known = {one.site for one in cases}
        looks = [
            look(site, judge, due.get(site)) async for site, judge in judging.judge_each(sorted(sites), now, known)
        ]
        looks += carried
        return of_us + sorted((matter for matter in looks if matter is not None), key=lambda matter: matter.site)

    async def _second_looks(
        self, cases: Sequence[Standing], struck: Collection[str], inventory: Inventory
    ) -> tuple[list[Matter], dict[str, TimerDue]]:
        """The children whose parent's second look stands for theirs, and by site the cases that need one of their own
        and that no timer will bring."""
        if not any(one.status is CaseStatus.SUSPECTED for one in cases):
            return [], {}
        async with self._database.reading() as connection:
            timed = await standing.with_timer(connection, TimerKind.QUARANTINE)
            carried, alone = told_apart(cases, timed, struck)
            choice = [one.case for one in carried if sum(link.is_wan for link in inventory.links_at(one.site)) > 1]
            way_of = ways(await standing.options_of(connection, choice))
        matters = [carried_by_parent(one, inventory, way_of.get(one.case)) for one in carried]
        due = {one.site: TimerDue(case=one.case, kind=TimerKind.QUARANTINE) for one in alone[:SECOND_LOOKS_AT_ONCE]}
        return matters, {site: timer for site, timer in due.items() if site in inventory.sites}

    async def _on_timer(self, due: TimerDue, judging: Judging, now: datetime) -> list[Matter]:
        async with self._database.reading() as connection:
            case = await repository.case_by_id(connection, due.case)
            children = await standing.children(connection, case.id) if case.is_parent else []
        if case.is_parent and due.kind in PARENT_TIMERS:
            carrier = judging.policy.carrier
            moment = Moment(
                now=now, rules=case_rules(judging.policy), others=carrier.minimum_sites, inventory=judging.inventory
            )
            return [settled(on_parent_timer(due.kind, case, children, moment), case)]
        if due.kind in RULES:
            return await self._on_case(case.id, RULES[due.kind])
        if case.site not in judging.inventory.sites:
            gone = Decision(case=None, reason=Reason.CASE_ENDED, detail=f"{case.site} is no longer in the inventory")
            return [settled(gone, case)]
        claim = case.claim if due.kind is TimerKind.REJUDGE else None
        return [judged_again(due, await judging.judge(case.site, claim, now))]

    async def _on_case(self, identity: str, rule: Callable[[Case, Context], Decision]) -> list[Matter]:
        """A rule that looks at one case alone, as it stands when the input is committed."""
        async with self._database.reading() as connection:
            case = await repository.case_by_id(connection, identity)
        return [
            Matter(
                client=case.client,
                site=case.site,
                decide=lambda current, context: rule(current or case, context),
                case=case.id,
            )
        ]

    async def _on_opened(self, acted: PersonActed, judging: Judging, now: datetime) -> Matter:
        named = acted.opening.existing_ticket if acted.opening is not None else ""
        async with self._database.reading() as connection:
            known = await known_tickets(connection, self._ticketing, [named] if named else [])
        rule = partial(on_opened, acted=acted, linked_to=known[0].case if known else None)
        return await opening(judging, acted.target, now, rule, Reason.PERSON_ACT_REFUSED)

    async def _on_person(self, acted: PersonActed) -> list[Matter]:
        async with self._database.reading() as connection:
            proposal = acted.target if acted.target.startswith("P-") else None
            case_id = (await repository.proposal_by_id(connection, acted.target)).case if proposal else acted.target
            case = await repository.case_by_id(connection, case_id)
        return [
            Matter(
                client=case.client,
                site=case.site,
                decide=lambda current, context: on_person(current, acted, context),
                case=case.id,
                proposal=proposal,
                other=acted.value if acted.does is PersonAct.MERGE else None,
            )
        ]

    async def _on_answer(self, answered: Answered) -> list[Matter]:
        async with self._database.reading() as connection:
            case = await repository.case_by_id(connection, answered.case)

        def decide(current: Case | None, context: Context) -> Decision:
            return on_answer(current or case, answered, context)

        return [Matter(client=case.client, site=case.site, decide=decide, case=case.id, proposal=answered.proposal)]


def _judged_again(rows: Sequence[inbox.Row], ahead: Ahead) -> Iterator[tuple[inbox.Row, list[Matter]]]:
    """The matters of timers that were judged ahead."""
    for row in rows:
        judgement = judged_of(row, ahead)
        if isinstance(row.input, TimerDue) and judgement is not None:
            yield row, [judged_again(row.input, judgement)]
