"""What clients claim, carriers tell and persons decide, from a scenario's bodies to the engine's inputs. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from triage.inputs import CarrierTold, Opening, PersonAct, PersonActed
from triage.intake import tidy
from triage.model import Claim, Intake
from triage.replay.bodies import CarrierBody, ClaimBody, Person


def claim_of(body: ClaimBody, now: datetime, moment: Callable[[str], datetime]) -> Claim:
    """`moment` reads the scenario's times."""
    return Claim(
        site=body.site,
        client=body.client,
        symptom=body.symptom,
        reported_at=now,
        reported_by=body.by,
        reporter_contact=body.reach,
        since=moment(body.since) if body.since else None,
        words=body.words,
        intake=tidy(Intake(**body.intake.model_dump())),
    )


def told_of(body: CarrierBody, case: str, moment: Callable[[str], datetime]) -> CarrierTold:
    def at(text: str | None) -> datetime | None:
        return moment(text) if text is not None else None

    return CarrierTold(
        case="" if body.outage else case,
        site=str(body.site) if body.outage else "",
        who=body.who,
        number=body.number,
        carrier=body.carrier,
        link=body.link,
        opened_at=at(body.opened),
        etr=at(body.etr),
        next_update_at=at(body.next_update),
        repair_contact=body.repair_contact,
        account=body.account,
        reason_for_outage=body.reason_for_outage,
        closed_at=at(body.closed),
    )


def acted_of(body: Person, target: str, moment: Callable[[str], datetime]) -> PersonActed:
    opening = None
    if body.does is PersonAct.OPEN:
        opening = Opening(
            severity=body.severity, link=body.link, ticket=body.ticket, existing_ticket=body.existing_ticket
        )
    return PersonActed(
        who=body.who,
        does=body.does,
        target=target,
        note=body.note,
        value=body.value,
        until=moment(body.until) if body.until is not None else None,
        opening=opening,
    )
