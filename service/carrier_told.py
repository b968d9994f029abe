"""What a person typed of a carrier's ticket, as the engine's input; desk and command line share it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from inventory.model import Site
from service.times import UsageError, parse_ahead, parse_moment
from triage.carrier_leg import LONGEST
from triage.cases import Case
from triage.inputs import CarrierTold

TEXTS = ("number", "carrier", "link", "repair_contact", "account", "reason_for_outage")
PAST = ("opened", "closed")
AHEAD = ("etr", "next_update")


def read_told(case: Case | None, site: Site | None, now: datetime, who: str, **typed: str) -> CarrierTold:
    """Without a case it is an outage at the site: its open case, or a new one. The keys of `typed` are TEXTS, PAST and
    AHEAD; times are of the site's clock, UTC where there is no one site.

    Raises UsageError for a time that cannot be read and a text without end; the engine refuses what does not fit.
    """
    zone = site.zone if site is not None else ZoneInfo("UTC")
    for name, text in typed.items():
        longest = LONGEST.get(name, 120)
        if len(text) > longest:
            raise UsageError(f"{name.replace('_', ' ')} is longer than {longest} characters; shorten it")
    if not typed.get("number", "").strip():
        raise UsageError("a carrier's ticket has a number; give it")
    now = now.astimezone(UTC)

    def past(name: str) -> datetime | None:
        return parse_moment(typed[name], zone, now) if typed.get(name, "").strip() else None

    def ahead(name: str) -> datetime | None:
        return parse_ahead(typed[name], zone, now) if typed.get(name, "").strip() else None

    return CarrierTold(
        case=case.id if case is not None else "",
        site=site.id if case is None and site is not None else "",
        who=named(who),
        number=typed["number"],
        carrier=typed.get("carrier", ""),
        link=typed.get("link", "").strip() or None,
        opened_at=past("opened"),
        closed_at=past("closed"),
        etr=ahead("etr"),
        next_update_at=ahead("next_update"),
        repair_contact=typed.get("repair_contact", ""),
        account=typed.get("account", ""),
        reason_for_outage=typed.get("reason_for_outage", ""),
    )


def named(who: str) -> str:
    """The person who writes something down. Raises UsageError for nobody."""
    if len(who) > LONGEST["who"]:
        raise UsageError(f"the name is longer than {LONGEST['who']} characters; shorten it")
    if not who.strip():
        raise UsageError("what was told is told by somebody; give the name of the person who writes it down")
    return who.strip()
