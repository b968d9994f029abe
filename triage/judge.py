"""The verdict on a claim, or on what the sweep nominated: a pure function of a picture, a policy and the time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from config.clock import epoch_ms, from_epoch_ms
from inventory.model import LinkRole
from triage import wording
from triage.announced import excluded_of, marked, worked_on
from triage.coverage import Covered, covered
from triage.darkness import switched_off, told_apart
from triage.detection import contact
from triage.detection.detectable import detectable
from triage.detection.event import MINUTE, Event
from triage.detection.link import TRAFFIC, Examined, examine
from triage.detection.moved_load import origin_of, rank
from triage.detection.traffic import unknown_capacity
from triage.formatting import since_time
from triage.hours import open_at
from triage.model import Cause, Claim, Direction, Finding, Picture, Scope, Verdict, VerdictKind
from triage.options import options_of, utilisation_in
from triage.peers import ExaminePeer, examine_peer
from triage.policy import ClaimPolicy, Policy, policy_hash
from triage.runner_up import runner_up
from triage.scope import SHARED, CarrierPicture, carrier_picture
from triage.severity import severity_of
from triage.standby import lost_standbys


class RefusalReason(StrEnum):
    IN_THE_FUTURE = "in_the_future"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True)
class ClaimRefusal:
    """Why a claim is asked back instead of judged: one sentence for whoever takes the call."""

    reason: RefusalReason
    message: str


def check_claim(claim: Claim, policy: Policy, now: datetime, zone: tzinfo = UTC) -> ClaimRefusal | None:
    """A claim about the future or older than the policy's limit is asked back; None when it can be judged.

    The sentence gives times in `zone`, the site's.
    """
    since = claim.since or claim.reported_at
    said = since_time(since, zone, now)
    if since > now:
        return ClaimRefusal(
            RefusalReason.IN_THE_FUTURE,
            f"the trouble at {claim.site} is said to begin at {said}, which is after now "
            f"({since_time(now, zone, now)}); ask again since when",
        )
    if now - since > timedelta(days=policy.claims.max_age_days):
        return ClaimRefusal(
            RefusalReason.TOO_OLD,
            f"the trouble at {claim.site} is said to begin at {said}, more than "
            f"{policy.claims.max_age_days:g} days ago; ask for a time within them",
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """Epoch milliseconds: events are looked for in [search, now); the claimed time is [since, until)."""

    search: int
    since: int
    until: int
    now: int
    margin: int
    """How far from the claimed time a fault may begin: what clients are off by, and samples are long."""

    def began_then(self, event: Event) -> bool:
        """Whether it began when the client says, as vaguely as clients do."""
        return abs(event.onset - self.since) <= self.margin

    def claimed(self, event: Event, claims: ClaimPolicy) -> bool:
        """Whether the event can be what was claimed: it began then, or is there now, or covers enough of the
        claimed time. A short fault at another time is not what the client speaks of."""
        there_now = self.now - event.until(self.now) < claims.recovered_after_minutes * MINUTE
        share = event.overlap(self.since, self.until, self.now) / max(1, self.until - self.since)
        return self.began_then(event) or there_now or share >= claims.covered_share


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Everything that has been looked at before a verdict is worded."""

    claim: Claim | None
    picture: Picture
    policy: Policy
    whole: Policy
    """With its overrides; `policy` is what of it holds for the site."""
    times: _Times
    examined: Sequence[Examined]
    main: Examined | None
    carrying: Collection[str]
    seen: Covered
    candidates: Sequence[Event]
    contacts: Sequence[Event]
    examine_peer: ExaminePeer
    worked_on: Collection[str]
    off: Sequence[tuple[int, int]]
    """When, around the claimed time, the site was switched off, as it was closed."""


def judge(
    claim: Claim | None, picture: Picture, policy: Policy, now: datetime, examine: ExaminePeer = examine_peer
) -> Verdict:
    """What was measured, held against what is claimed; `claim` None asks whether anything is wrong now.

    Never raises for what the data lack: what cannot be known is `inconclusive` and says why. `examine` looks at a peer.
    """
    look = _look(claim, picture, policy, now, examine)
    return marked(_answer(look), picture, from_epoch_ms(look.times.since), now)


def _answer(look: _Look) -> Verdict:
    chosen = _chosen(look)
    doubtful = sorted((event for event in look.candidates if event.doubtful), key=lambda e: -e.weight)
    asked = [chosen] if chosen is not None else doubtful
    peers = _peers(look) if any(event.cause in SHARED for event in asked) else []
    for event in asked:
        # Too small or too common to count by itself, it counts when others of the carrier have it at the same time.
        carrier = _carrier(look, event, peers)
        if event is chosen or carrier.shared:
            return _found(look, event, carrier)
    return _nothing_found(look)


def _look(claim: Claim | None, picture: Picture, policy: Policy, now: datetime, examine_peer: ExaminePeer) -> _Look:
    whole, policy = policy, policy.of(None, picture.client.id, picture.site.id)
    times = _times(claim, policy, now)
    excluded = excluded_of(picture, now)
    off = switched_off(picture.site, picture.links, picture.device_facts, policy, times.now)
    examined = [examine(measured, times.search, times.now, whole, [*excluded, *off]) for measured in picture.links]
    wan = [each for each in examined if each.link.is_wan]
    lan = [each for each in examined if not each.link.is_wan]
    carrying = [each for each in wan if carries_traffic(each, policy, times.since, times.until)] or wan
    main = _leading(carrying)
    contacts = contact.events(picture, wan, times.search, times.now, policy)
    behind = _behind_the_wan(carrying, lan, wan, times, policy)
    own = [event for each in carrying for event in each.events]
    ids = {each.link.id for each in carrying}
    if claim is None:
        own += lost_standbys(wan, ids, picture.links)
    seen = [*own, *behind, *contacts]
    told = [event for event in seen if claim is None or not contact.unfelt(event)]
    if claim is not None and not open_at(picture.site, claim.reported_at):
        off = []  # Whoever calls while it is closed is there all the same.
    look = _Look(
        claim=claim,
        picture=picture,
        policy=policy,
        whole=whole,
        times=times,
        examined=examined,
        main=main,
        carrying=ids,
        seen=covered(main, picture.cadences, times.since, times.until, times.now, policy, off),
        candidates=told,
        contacts=contacts,
        examine_peer=examine_peer,
        worked_on=worked_on(picture, now),
        off=[period for period in off if period[1] > times.since and period[0] < times.until],
    )
    if off:
        told, _ = told_apart(told, off, picture, policy, times.now, lambda event: _strangers_struck(look, event))
    return replace(look, candidates=[event for event in told if times.claimed(event, policy.claims)])


def judged_from(claim: Claim | None, policy: Policy, now: datetime) -> int:
    """Where the judged window begins, in epoch milliseconds: what is ordinary is learnt from what was before. `policy`
    is what holds for the site."""
    return _times(claim, policy, now).search


def _times(claim: Claim | None, policy: Policy, now: datetime) -> _Times:
    end = epoch_ms(now)
    slack = int(policy.claims.onset_slack_minutes * MINUTE)
    recent = int(policy.claims.recovered_after_minutes * MINUTE)
    if claim is None:
        search = end - int(policy.windows.sweep_minutes * MINUTE)
        return _Times(search=search, since=end - recent, until=end, now=end, margin=slack)
    # "This morning" is vaguer than "about ten"; a picture reaches back as far as the sweep's window allows.
    vague = min(claim.vague_minutes, policy.windows.sweep_minutes)
    margin = int(max(policy.claims.search_margin_minutes, vague) * MINUTE)
    since = epoch_ms(claim.since or claim.reported_at)
    until = min(end, max(epoch_ms(claim.reported_at), since))
    search = since - margin - int(policy.windows.lookback_minutes * MINUTE)
    return _Times(search=search, since=since, until=until, now=end, margin=margin + slack)


def carries_traffic(each: Examined, policy: Policy, since: int, until: int) -> bool:
    """Whether a client could feel this link in [since, until): the site's first one, or another that was in use over
    that time or at its end.

    A standby line that only keeps itself alive carries nothing, so its faults confirm nothing.
    """
    if each.link.role is LinkRole.PRIMARY:
        return True
    recent = until - int(policy.options.recent_minutes * MINUTE)
    used = [*utilisation_in(each, policy, min(since, recent), until), *utilisation_in(each, policy, recent, until)]
    return max((value for value in used if value is not None), default=0.0) >= policy.claims.carrying_pct


def _leading(links: Sequence[Examined]) -> Examined | None:
    return min(links, key=lambda each: rank(each.link), default=None)


def _behind_the_wan(
    carrying: Sequence[Examined], lan: Sequence[Examined], wan: Sequence[Examined], times: _Times, policy: Policy
) -> list[Event]:
    """The LAN port is down, or the traffic of a healthy line is gone: to a lesser line (failover), or altogether.
    Traffic that went back to a better line is where it belongs."""
    dead = [replace(event, cause=Cause.LAN) for each in lan for event in each.events if event.cause is Cause.LINK_DOWN]
    gone = []
    for each in carrying:
        for event in each.traffic_gone:
            to = contact.moved(event, each, wan, times.now, policy)
            if to is None:
                gone.append(event)
            elif rank(each.link) <= rank(to.link):
                gone.append(contact.failed_over(event, to.link.id))
    return [*dead, *gone]


def _chosen(look: _Look) -> Event | None:
    """The event that answers the claim, not one that another explains: one that began around the claimed time, or
    without a claim is there still; then one that no announced work covers, so that none is hidden by it; the worst."""
    asked = look.times.began_then if look.claim is not None else (lambda event: event.end is None)
    return max(
        (event for event in look.candidates if not event.doubtful and _origin(look, event) is None),
        key=lambda event: (asked(event), event.link not in look.worked_on, event.weight),
        default=None,
    )


def _origin(look: _Look, event: Event) -> Event | None:
    certain = [other for other in look.candidates if not other.doubtful]
    return origin_of(event, certain, [each.link for each in look.examined], look.times.now)


def _own(look: _Look, event: Event) -> Examined | None:
    """The WAN link that the event is on, or for one behind it the site's first."""
    own = next((each for each in look.examined if each.link.id == event.link), None)
    return own if own is not None and own.link.is_wan else look.main


def _peers(look: _Look) -> list[Examined]:
    times = look.times
    return [look.examine_peer(peer, times.search, times.now, look.whole) for peer in look.picture.peers]


def _strangers_struck(look: _Look, event: Event) -> bool:
    """Whether sites of other clients of the carrier were struck too: a client's own may all close at the same time."""
    times = look.times
    others = [peer for peer in look.picture.peers if peer.client != look.picture.client.id]
    peers = [look.examine_peer(peer, times.search, times.now, look.whole) for peer in others]
    return _carrier(look, event, peers).shared


def _carrier(look: _Look, event: Event, peers: Sequence[Examined]) -> CarrierPicture:
    own = _own(look, event)
    domain = own.link.fault_domain if own else None
    nearby = {peer.link.site for peer in look.picture.peers if peer.market == look.picture.site.market}
    return carrier_picture(event, domain, peers, look.times.search, look.times.now, look.policy, nearby=nearby)


def _found(look: _Look, chosen: Event, carrier: CarrierPicture) -> Verdict:
    times, policy = look.times, look.policy
    own = _own(look, chosen)
    over = times.now - chosen.until(times.now) >= policy.claims.recovered_after_minutes * MINUTE
    together = [
        event for event in look.candidates if event is chosen or (_overlap(event, chosen, times.now) and not event.weak)
    ]
    together.sort(key=lambda event: (event is not chosen, -event.weight))
    scope, cause = _scope_and_cause(look, chosen, carrier)
    outage = chosen.cause in (Cause.LINK_DOWN, Cause.SITE_DOWN) and not over
    idle = own is not None and chosen.cause is Cause.LINK_DOWN and own.link.id not in look.carrying
    options = options_of(look.examined, own.link, policy, times.now, outage=outage) if own and not idle else ()
    kind = VerdictKind.RECOVERED if over else VerdictKind.CONFIRMED
    lines = sum(each.link.is_wan for each in look.examined)
    explains = [event for event in together if _origin(look, event) is chosen]
    blank = _blank(look)
    return replace(
        blank,
        verdict=kind,
        cause=cause,
        scope=scope,
        severity=severity_of(chosen, own, times.now, policy, idle=idle),
        habitual=chosen.habitual,
        onset=from_epoch_ms(chosen.onset),
        end=None if chosen.end is None else from_epoch_ms(chosen.end),
        link=chosen.link,
        direction=chosen.direction,
        findings=tuple(event.finding() for event in together),
        side_findings=_side(look, together),
        runner_up=runner_up(chosen, together, own, lines, policy, times.now, explains=explains),
        secondary_fit=blank.secondary_fit if idle else any(option.fit for option in options) if options else None,
        options=options,
        reason=wording.found(kind, chosen, cause, carrier, _here(look)),
    )


def _nothing_found(look: _Look) -> Verdict:
    habitual = [event for event in look.candidates if event.habitual and not event.weak]
    measured = look.seen.share >= look.policy.claims.minimum_coverage
    blank = replace(
        _blank(look), findings=tuple(event.finding() for event in habitual), side_findings=_side(look, habitual)
    )
    if not measured or look.seen.may_hide:
        return replace(
            blank,
            verdict=VerdictKind.INCONCLUSIVE,
            cause=Cause.NO_DATA,
            rejudge_at=look.seen.rejudge_at,
            reason=wording.not_measured(look.seen, _here(look), measured=measured),
        )
    reason = wording.ordinary(blank.detectable, habitual)
    closed = [wording.switched_off(begin, end, _here(look)) for begin, end in look.off]
    unknown = [wording.capacity_unknown(directions)] if (directions := _unknown_capacity(look)) else []
    return replace(blank, habitual=bool(habitual), reason="; ".join([reason, *unknown, *closed]))


def _unknown_capacity(look: _Look) -> list[Direction]:
    view = look.main.view(look.policy.sources.traffic, *TRAFFIC) if look.main else None
    if look.main is None or view is None:
        return []
    return unknown_capacity(view, look.main.link, view.inside(look.times.since, look.times.until))


def _blank(look: _Look) -> Verdict:
    """What every verdict says, whatever was found."""
    main, times, policy = look.main, look.times, look.policy
    options = options_of(look.examined, main.link, policy, times.now) if main else ()
    return Verdict(
        verdict=VerdictKind.NOT_SUBSTANTIATED,
        cause=Cause.NONE,
        scope=Scope.LINK,
        severity=None,
        onset=None,
        end=None,
        site=look.picture.site.id,
        client=look.picture.client.id,
        link=main.link.id if main else None,
        direction=Direction.UNKNOWN,
        habitual=False,
        coverage=look.seen.coverage,
        rejudge_at=None,
        findings=(),
        side_findings=(),
        runner_up=None,
        detectable=detectable(main, policy, times.since, times.until) if main else {},
        secondary_fit=any(option.fit for option in options) if options else None,
        options=options,
        policy=policy_hash(look.whole),
        baseline=look.picture.baseline,
        reason="",
    )


def _scope_and_cause(look: _Look, chosen: Event, carrier: CarrierPicture) -> tuple[Scope, Cause]:
    if carrier.shared:
        return Scope.CARRIER, chosen.cause
    wan = [each for each in look.examined if each.link.is_wan]
    if chosen.cause is Cause.SITE_DOWN or (
        chosen.cause is Cause.LINK_DOWN and len(wan) > 1 and all(_down(each, chosen, look.times.now) for each in wan)
    ):
        return Scope.SITE, Cause.SITE_DOWN
    return (Scope.SITE if chosen.cause in (Cause.LAN, Cause.DEVICE) else Scope.LINK), chosen.cause


def _down(each: Examined, chosen: Event, now: int) -> bool:
    together = (event for event in each.events if event.cause is Cause.LINK_DOWN and _overlap(event, chosen, now))
    return any(event.end is None or chosen.end is not None for event in together)  # while that lasts, down still


def _overlap(event: Event, chosen: Event, now: int) -> bool:
    return event.overlap(chosen.onset, chosen.until(now), now) > 0


def _side(look: _Look, taken: Sequence[Event]) -> tuple[Finding, ...]:
    """Everything else that was seen: at another time, on a line that carries nothing, or about the devices."""
    known = {(event.link, event.metric, event.onset) for event in taken}
    seen = [event for each in look.examined for event in each.events] + list(look.contacts)
    return tuple(
        event.finding() for event in seen if not event.weak and (event.link, event.metric, event.onset) not in known
    )


def _here(look: _Look) -> wording.Here:
    return wording.Here(zone=look.picture.site.zone, now=from_epoch_ms(look.times.now))
