"""What will go wrong in one story, where and when, and which clients will phone: drawn from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from service.simulator.casting import COMPANIES
from service.simulator.faults import Call, Fault, FaultKind, Hit, Plan
from service.simulator.fleet import Fleet, Premises

MINUTE = 60.0
STORY_MINUTES = 92.0
TAIL_MINUTES = 12.0
"""What lasts to the end outlives the story by this, so that nothing recovers while it is being told."""
CARRIER_SITES = 4


@dataclass(frozen=True, slots=True)
class Complaint:
    symptom: str
    words: str


COMPLAINTS = {
    FaultKind.LINE_DOWN: Complaint("down", "The main line seems dead, everything crawls over the backup."),
    FaultKind.LOSS: Complaint("slow", "Pages hang half way and the card terminal has to be tried twice."),
    FaultKind.LATENCY: Complaint("slow", "Everything takes ages, the till waits seconds for each answer."),
    FaultKind.SATURATION: Complaint("slow", "Nothing loads any more, it is unbearably slow."),
    FaultKind.FLAPPING: Complaint("drops", "The connection drops every few minutes and comes back."),
}
NOTHING_WRONG = Complaint("slow", "Internet feels slow today.")


class _Casting:
    """Hands out sites for faults, no site twice."""

    def __init__(self, rng: Random, fleet: Fleet) -> None:
        self.free = [each for each in fleet.premises if each.watched]
        rng.shuffle(self.free)

    def take(self, *, carrier: str | None = None, edge: bool | None = None, avoid: str | None = None) -> Premises:
        for each in self.free:
            primary = each.links[0].carrier
            if carrier in (None, primary) and edge in (None, each.has_edge) and primary != avoid:
                self.free.remove(each)
                return each
        raise ValueError("the fleet has no site left for this fault")


def draw_plan(seed: int, fleet: Fleet, start: float, round_number: int = 0) -> Plan:
    """The story of a seed from `start` (epoch seconds) on. Later rounds draw other sites and times."""
    rng = Random(f"{seed}/plan/{round_number}")
    casting = _Casting(rng, fleet)
    carriers = list(dict.fromkeys(str(each.links[0].carrier) for each in fleet.premises))
    rng.shuffle(carriers)
    wide, second, third, fourth = carriers
    over = start + STORY_MINUTES * MINUTE
    end = over + TAIL_MINUTES * MINUTE

    def minutes(low: float, high: float) -> float:
        return start + rng.uniform(low, high) * MINUTE

    outage = _carrier_fault(rng, casting, wide, minutes(30, 36), end)
    down = casting.take(carrier=second, edge=True)
    lossy = casting.take(carrier=third)
    saturated = casting.take(carrier=fourth)
    flapping = casting.take(carrier=third, edge=True)
    early = casting.take(carrier=second, edge=True)
    recovered = casting.take(carrier=fourth)
    unmanaged = casting.take(edge=True, avoid=wide)
    fine = casting.take(avoid=wide)
    faults = (
        _single("down", FaultKind.LINE_DOWN, down, minutes(24, 34), end),
        _single("lossy", FaultKind.LOSS, lossy, minutes(20, 30), end, rng.uniform(11, 18)),
        _single("saturated", FaultKind.SATURATION, saturated, minutes(20, 30), end, rng.uniform(1.15, 1.5)),
        _flapping(rng, flapping, minutes(18, 26), end),
        outage,
        _single("unmanaged", FaultKind.MANAGEMENT_LOST, unmanaged, minutes(26, 36), end),
        _single("recovered", FaultKind.LOSS, recovered, minutes(13, 14), minutes(32, 33), rng.uniform(14, 20)),
        _single("early", FaultKind.LOSS, early, minutes(62, 66), end, rng.uniform(14, 20)),
    )
    complainants = (
        (down, "down", (14.0, 20.0)),
        (lossy, "lossy", (36.0, 42.0)),
        (saturated, "saturated", (38.0, 44.0)),
        (flapping, "flapping", (44.0, 50.0)),
        (_by_id(fleet, outage.hits[0].site), outage.id, (30.0, 34.0)),
        (_by_id(fleet, outage.hits[1].site), outage.id, (34.0, 40.0)),
        # Late enough to be over for 20 minutes by five-minute statistics too, and before the case is resolved.
        (recovered, "recovered", (46.0, 47.5)),
        (early, "early", (5.0, 6.0)),
    )
    by_id = {fault.id: fault for fault in faults}
    calls = [_call(rng, each, by_id[name], delay) for each, name, delay in complainants]
    calls.append(_groundless(rng, fine, minutes(62, 70)))
    return Plan(start=start, over=over, faults=faults, calls=tuple(sorted(calls, key=lambda call: call.at)))


def draw_rounds(seed: int, fleet: Fleet, start: float, rounds: int) -> Plan:
    """Several stories one after the other, each with faults of its own; `over` is the end of the first."""
    length = (STORY_MINUTES + TAIL_MINUTES) * MINUTE
    plans = [draw_plan(seed, fleet, start + turn * length, turn) for turn in range(rounds)]
    return Plan(
        start=start,
        over=plans[0].over,
        faults=tuple(fault for plan in plans for fault in plan.faults),
        calls=tuple(call for plan in plans for call in plan.calls),
    )


def _by_id(fleet: Fleet, site: str) -> Premises:
    return next(each for each in fleet.premises if each.site.id == site)


def _single(name: str, kind: FaultKind, place: Premises, start: float, end: float, strength: float = 0.0) -> Fault:
    hit = Hit(kind=kind, site=place.site.id, link=place.links[0].id, start=start, end=end, strength=strength)
    return Fault(id=name, kind=kind, hits=(hit,))


def _flapping(rng: Random, place: Premises, start: float, end: float) -> Fault:
    hit = Hit(
        kind=FaultKind.FLAPPING,
        site=place.site.id,
        link=place.links[0].id,
        start=start,
        end=end,
        period=rng.uniform(190, 250),
        down_seconds=rng.uniform(70, 95),
    )
    return Fault(id="flapping", kind=FaultKind.FLAPPING, hits=(hit,))


def _carrier_fault(rng: Random, casting: _Casting, carrier: str, start: float, end: float) -> Fault:
    """The carrier's home market is hit: at least four sites, each within three minutes of the first."""
    kind = rng.choice((FaultKind.LOSS, FaultKind.LATENCY))
    strength = rng.uniform(12, 18) if kind is FaultKind.LOSS else rng.uniform(130, 190)
    home = _home_market(casting.free, carrier)
    places = [each for each in casting.free if each.links[0].carrier == carrier and each.site.market == home]
    if len(places) < CARRIER_SITES:
        raise ValueError(f"{carrier} has {len(places)} sites in its home market, {CARRIER_SITES} are needed")
    hits = []
    for each in places:
        casting.free.remove(each)
        hits.append(
            Hit(
                kind=kind,
                site=each.site.id,
                link=each.links[0].id,
                start=start + rng.uniform(0, 3) * MINUTE,
                end=end,
                strength=strength * rng.uniform(0.9, 1.1),
            )
        )
    return Fault(id="carrier", kind=kind, hits=tuple(hits), carrier=carrier)


def _home_market(premises: Sequence[Premises], carrier: str) -> str:
    markets = [each.site.market for each in premises if each.links[0].carrier == carrier]
    return max(sorted(set(markets)), key=markets.count)


def _call(rng: Random, place: Premises, fault: Fault, delay_minutes: tuple[float, float]) -> Call:
    """A client phones some minutes after the onset and names a time that is about right, to five minutes."""
    onset = next(hit.start for hit in fault.hits if hit.site == place.site.id)
    at = onset + rng.uniform(*delay_minutes) * MINUTE
    vague = min(6.0, (at - onset) / MINUTE / 4)
    since = _rounded(onset + rng.uniform(-vague, vague) * MINUTE)
    return _complaint(rng, place, COMPLAINTS[fault.kind], at, min(since, at - MINUTE), fault.id)


def _groundless(rng: Random, place: Premises, at: float) -> Call:
    since = _rounded(at - rng.uniform(35, 50) * MINUTE)
    return _complaint(rng, place, NOTHING_WRONG, at, since, None)


def _complaint(rng: Random, place: Premises, complaint: Complaint, at: float, since: float, about: str | None) -> Call:
    company = next(company for company in COMPANIES if company.id == place.site.client)
    callers = [name for name, _, may_report in company.people if may_report]
    return Call(
        id=f"call-{place.site.id}-{int(at)}",
        at=at,
        client=place.site.client,
        site=place.site.id,
        symptom=complaint.symptom,
        since=since,
        by=rng.choice(callers),
        words=complaint.words,
        about=about,
    )


def _rounded(moment: float) -> float:
    """People name the time to five minutes."""
    return round(moment / (5 * MINUTE)) * 5 * MINUTE
