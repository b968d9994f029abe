"""A repair desk: takes calls down as the command line and the desk do, and puts re-routes before a named person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.installation import Installation
from service.simulator.truth import PhoneCall
from service.submitting import new_key, settled_proposal, submit, wait_for_ticket
from triage import repository
from triage.actuator.plan import ActuatorKind
from triage.cases import Proposal
from triage.effects import plan_of
from triage.inputs import ClaimReported, PersonAct, PersonActed
from triage.model import Claim, Symptom, VerdictKind

WHO = "demo repair desk"
TICKETED = (VerdictKind.CONFIRMED, VerdictKind.RECOVERED)
"""What the desk asks a ticket for; what is not measured yet the machine goes on looking for by itself."""


async def take(installation: Installation, call: PhoneCall) -> Mapping[str, Any]:
    """Look first (nothing is recorded), then record the claim; the verdict as the engine recorded it."""
    claim = Claim(
        site=call.site,
        client=call.client,
        symptom=Symptom(call.symptom),
        since=call.since,
        reported_at=call.at,
        reported_by=call.by,
        words=call.words,
    )
    judging = await installation.judging()
    look = await judging.judge(claim.site, claim, installation.clock.now())
    verdict = await _record(installation, claim, open_ticket=look.verdict.verdict in TICKETED)
    if verdict["verdict"] in TICKETED and look.verdict.verdict not in TICKETED:
        # What was missing came in between looking and recording.
        verdict = await _record(installation, claim, open_ticket=True)
    return verdict


async def _record(installation: Installation, claim: Claim, *, open_ticket: bool) -> Mapping[str, Any]:
    happened = ClaimReported(claim=claim, open_ticket=open_ticket)
    decisions = await submit(installation, new_key("claim"), happened)
    case = next((one.case for one in decisions if one.case is not None), None)
    if case is None:
        return {"verdict": "refused", "cause": "none", "detail": "; ".join(one.detail for one in decisions)}
    if open_ticket:
        await wait_for_ticket(installation, case)
    made_at = decisions[0].made_at
    async with installation.database.reading() as connection:
        verdicts = await repository.verdicts_of(connection, case)
    return next((one.document for one in reversed(verdicts) if one.made_at >= made_at), verdicts[0].document)


async def reroute(installation: Installation, *, by_hand: bool) -> Proposal | None:
    """Approve and apply (dry run) the newest proposal for a router that netmiko would reach, if there is one; any
    open proposal when steps for a person will do (`by_hand`)."""
    inventory = await installation.inventory()
    async with installation.database.reading() as connection:
        cases = await repository.cases(connection, only_open=True)
        proposed = [each for case in cases for each in await repository.proposals_of(connection, case.id)]
    kinds = {each.id: plan_of(each, inventory).kind for each in proposed}
    chosen = next((each for each in proposed if by_hand or kinds[each.id] is ActuatorKind.NETMIKO), None)
    if chosen is None:
        return None
    for act in (PersonAct.APPROVE, PersonAct.APPLY):
        await submit(installation, new_key("person"), PersonActed(who=WHO, does=act, target=chosen.id))
    return await settled_proposal(installation, chosen.id)
