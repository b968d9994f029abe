"""Decides matters by what the records know, and commits what follows: the one transaction of the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from collector.snmp.wishes import wish
from config.clock import Clock
from config.database import Database
from triage import carrier_evidence, inbox, repository
from triage.audit import Entry, append
from triage.carrier_leg import watched
from triage.case_rules import case_rules
from triage.cases import Context, Decision
from triage.claim_rules import with_intake
from triage.closer_look import closer_looks
from triage.evidence_folder import EvidenceFolder
from triage.follow_up import followed_up
from triage.grouping import regrouped
from triage.inputs import Tick
from triage.judging import Judging
from triage.known import Known, at_once
from triage.matters import Asked, Decided, Matter, in_maintenance, line, settled
from triage.metrics import DECISIONS
from triage.numbering import Numbers, numbers
from triage.openings import learnt_tickets
from triage.policy import policy_hash
from triage.reasons import QUIET, Reason
from triage.ticket_records import keep_ticket
from triage.writing import heard, write

log = structlog.get_logger()

Observer = Callable[[inbox.Row, str, Decision], None]


class Deciding:
    """`ticketing`: the name of the ticket system that is in use. `observer` is told of each decision once it stands."""

    def __init__(
        self,
        database: Database,
        evidence: EvidenceFolder,
        clock: Clock,
        *,
        ticketing: str,
        observer: Observer | None = None,
    ) -> None:
        self._database = database
        self._evidence = evidence
        self._clock = clock
        self._ticketing = ticketing
        self._observer = observer
        self._policies: set[str] = set()

    async def commit(self, asked: Sequence[tuple[inbox.Row, Sequence[Matter]]], judging: Judging) -> None:
        """These inputs consumed, and all that follows: cases, verdicts, timers, proposals, outbox and audit rows.

        An input that has been consumed meanwhile is passed over. Several inputs are decided one after the other, as if
        each had a transaction of its own; none of them may be a tick, after which carriers' troubles are looked for.
        """
        digest = policy_hash(judging.policy)
        decided: list[Decided] = []
        told: list[Entry] = []
        async with self._database.writing() as connection:
            ours = await inbox.consume(connection, [row.seq for row, _ in asked], self._clock.now())
            asked = [(row, matters) for row, matters in asked if row.seq in ours]
            if not asked:
                return
            newest = asked[-1][0]
            if digest not in self._policies:
                await repository.keep_policy(connection, digest, judging.policy.document, newest.now)
            counted = await numbers(connection)
            for some in at_once([Asked(row, matter) for row, matters in asked for matter in matters]):
                decided += await self._decided(connection, some, judging, digest, counted, told)
            for row, _ in asked:
                by_it = [one.decision for one in decided if one.row is row]
                for ticket, case, key in learnt_tickets(row.input, by_it):
                    await keep_ticket(connection, self._ticketing, ticket, case, key, row.now)
            of_inputs = [entry for row, _ in asked for entry in heard(row, decided)]
            if isinstance(newest.input, Tick) or any(one.is_of_parent for one in decided):
                decided += await self._regrouped(connection, newest, judging, digest, counted, told)
            await append(connection, [*of_inputs, *told])
        self._policies.add(digest)
        for one in decided:
            self._tell(one)

    async def _decided(
        self,
        connection: AsyncConnection,
        asked: Sequence[Asked],
        judging: Judging,
        digest: str,
        counted: Numbers,
        told: list[Entry],
    ) -> list[Decided]:
        """Matters of different sites, decided and written. Adds to `told` what the audit trail has to tell of it."""
        known = await Known.of(connection, [one.matter for one in asked])
        decided = []
        for one in asked:
            decision = self._decide(known, one, judging, counted)
            documented = await self._documented(connection, decision, judging, one.row.now)
            decided.append(Decided(one.row, one.matter, documented))
        # Before the commit that names them; content addressed, so a second time changes nothing.
        self._evidence.put_all(
            [one.matter.judgement.pack for one in decided if one.decision.judged is not None and one.matter.judgement]
        )
        told += await write(connection, decided, digest, counted)
        for now in sorted({one.row.now for one in decided}):
            mine = [one.decision for one in decided if one.row.now == now]
            wanted = [looked for decision in mine for looked in closer_looks(decision, judging.inventory)]
            if wanted:
                await wish(connection, wanted, now)
        return decided

    def _decide(self, known: Known, asked: Asked, judging: Judging, counted: Numbers) -> Decision:
        matter, now, inventory = asked.matter, asked.row.now, judging.inventory
        case, proposals = known.case(matter), known.proposals(matter)
        named = [one for one in proposals if matter.proposal in (None, one.id)]
        site = inventory.sites.get(matter.site)
        about = line(inventory, matter, case)
        rules = case_rules(judging.policy.of(about, matter.client, matter.site))
        context = Context(
            now=now,
            input=asked.row.seq,
            rules=rules,
            zone=site.zone if site is not None else UTC,
            new_case_id=counted.case,
            new_proposal_id=counted.proposal,
            proposal=named[0] if named else None,
            in_maintenance=in_maintenance(inventory, matter, now),
            ended=known.ended(matter, now, rules.reopen),
            other=known.other(matter),
            site=site,
            link=about,
            client=inventory.clients.get(matter.client),
            links=inventory.links_at(matter.site),
            devices=inventory.devices_at(matter.site),
        )
        try:
            decision = watched(followed_up(with_intake(matter.decide(case, context), context), context), context)
        except Exception as error:  # a defect in a rule must not stop every other case: shown, counted, kept
            log.error("input_failed", input=asked.row.seq, key=asked.row.key, site=matter.site, exc_info=error)
            why = f"{asked.row.key}: {type(error).__name__}: {error}"
            return Decision(case=None, reason=Reason.INPUT_FAILED, detail=why)
        counted.took(decision)
        return decision

    async def _documented(
        self, connection: AsyncConnection, decision: Decision, judging: Judging, now: datetime
    ) -> Decision:
        documented, pack = await carrier_evidence.documented(
            connection, decision, judging.inventory, judging.policy, now
        )
        if pack is not None:
            self._evidence.put(pack)
        return documented

    async def _regrouped(
        self,
        connection: AsyncConnection,
        row: inbox.Row,
        judging: Judging,
        digest: str,
        counted: Numbers,
        told: list[Entry],
    ) -> list[Decided]:
        """Parents and children after what has just been decided, within the same transaction."""
        rules, carrier = case_rules(judging.policy), judging.policy.carrier
        decisions = await regrouped(connection, judging.inventory, carrier, rules, row.now)
        first = [one for one in decisions if not carrier_evidence.is_told(one, row.now)]
        decided = [Decided(row, settled(one), one) for one in first]
        told += await write(connection, decided, digest, counted)
        # The evidence of a carrier's trouble is of its children as they have just been written.
        with_evidence = [one for one in decisions if carrier_evidence.is_told(one, row.now)]
        later = [await self._documented(connection, one, judging, row.now) for one in with_evidence]
        documented = [Decided(row, settled(one), one) for one in later]
        told += await write(connection, documented, digest, counted)
        return [*decided, *documented]

    def _tell(self, decided: Decided) -> None:
        """After the commit: the log, and whoever watches."""
        row, site, decision = decided.row, decided.matter.site, decided.decision
        case = decision.case.id if decision.case else None
        DECISIONS.labels(decision.reason.value).inc()
        if decision.reason not in QUIET:
            log.info("decided", input=row.seq, site=site, reason=decision.reason.value, case=case)
        if decision.reason is Reason.OWN_BLINDNESS:
            log.error("blind", why=decision.detail, instead="nothing of the sites is decided until we see again")
        if self._observer is not None:
            self._observer(row, site, decision)
