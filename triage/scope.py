"""Is it this line alone, or its carrier? The onsets of other sites on the same network, against coincidence."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from triage.detection.event import MINUTE, Event
from triage.detection.link import Examined
from triage.model import Cause
from triage.policy import CarrierPolicy, Policy

SHARED = (Cause.LINK_DOWN, Cause.SITE_DOWN, Cause.LOSS, Cause.LATENCY, Cause.JITTER, Cause.INSTABILITY)
"""What a carrier's network can do to many lines at once. A client's own traffic is its own."""
HOUR = 60 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierPicture:
    """Of `peers` other sites on the same network that were measured, `struck` began to suffer at the same time.

    `nearby`: those of the site's own market are counted, not the carrier's everywhere.
    """

    peers: int
    struck: int
    shared: bool
    nearby: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual for a carrier: `onsets` of troubles in `hours` (hours times sites that were measured)."""

    onsets: int = 0
    hours: float = 0.0


NOTHING_KNOWN = Usual()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """One other site: whether its onset is the event's (`certain`: also without others), and its usual onsets."""

    certain: bool
    struck: bool
    certain_before: int
    before: int
    hours: float


def carrier_picture(
    event: Event,
    domain: str | None,
    peers: Sequence[Examined],
    start: int,
    now: int,
    policy: Policy,
    *,
    nearby: Collection[str] | None = None,
) -> CarrierPicture:
    """Whether other sites of the same carrier have onsets within minutes of the event's, more than by chance.

    Four questions at most, each at its part of the policy's significance (Bonferroni): the sites of the market
    (`nearby`; None: all are) or all of the carrier's; onsets that would count by themselves, or faint ones as well,
    which are commoner. Events were looked for in [start, now), epoch milliseconds.
    """
    near = int(policy.carrier.onset_minutes * MINUTE)
    by_site: dict[str, list[Examined]] = {}
    for examined in peers:
        if domain is not None and examined.link.fault_domain == domain and event.cause in SHARED:
            by_site.setdefault(examined.link.site, []).append(examined)
    seen = {name: _seen(event, lines, start, now, near) for name, lines in by_site.items()}
    sites = {name: site for name, site in seen.items() if site is not None}
    window = (min(now, event.onset + near) - max(start, event.onset - near)) / HOUR
    everywhere = list(sites.values())
    market = [site for name, site in sites.items() if nearby is None or name in nearby]
    areas = [market] if len(market) in (0, len(everywhere)) else [market, everywhere]
    asked = [(area, faint) for area in areas for faint in _kinds(area)]
    for area, faint in asked:
        struck = sum(site.struck if faint else site.certain for site in area)
        usual = Usual(
            onsets=sum(site.before if faint else site.certain_before for site in area),
            hours=sum(site.hours for site in area),
        )
        if is_shared(struck, len(area) * window, usual, policy.carrier, questions=len(asked)):
            return CarrierPicture(peers=len(area), struck=struck, shared=True, nearby=len(area) < len(everywhere))
    struck = sum(site.certain for site in everywhere)
    return CarrierPicture(peers=len(everywhere), struck=struck, shared=False)


def is_shared(struck: int, hours: float, usual: Usual, carrier: CarrierPolicy, *, questions: int = 1) -> bool:
    """Whether `struck` others with an onset in `hours` (hours times sites) are too many to be a coincidence."""
    if struck < carrier.minimum_sites:
        return False
    return coincidence(struck, hours, usual, carrier) * questions <= carrier.significance


def fewest_shared(sites: int, hours: float, usual: Usual, carrier: CarrierPolicy, *, questions: int = 1) -> int:
    """The fewest of `sites` others that are no coincidence; more than there are where none would be enough."""
    low, high = carrier.minimum_sites, sites + 1
    while low < high:
        middle = (low + high) // 2
        if is_shared(middle, hours, usual, carrier, questions=questions):
            high = middle
        else:
            low = middle + 1
    return low


def coincidence(struck: int, hours: float, usual: Usual, carrier: CarrierPolicy) -> float:
    """The probability of `struck` or more onsets in `hours` (hours times sites), at the carrier's usual rate.

    Onsets by chance are a Poisson process, whose rate is known only as well as the usual ones tell: a gamma
    distribution, which begins as one onset in the time in which the policy expects one. Their mixture is the negative
    binomial distribution (Greenwood and Yule, 1920). Sites struck are no more than onsets, so it errs towards chance.
    """
    known = usual.hours + 24.0 / carrier.usual_per_day
    return negative_binomial_tail(struck, usual.onsets + 1.0, hours / (known + hours))


def negative_binomial_tail(k: int, shape: float, p: float) -> float:
    """P(at least k) where P(i) = gamma(shape + i) / (i! gamma(shape)) * p^i * (1 - p)^shape."""
    if p <= 0.0:
        return 1.0 if k <= 0 else 0.0
    fewer = math.fsum(
        math.exp(
            math.lgamma(shape + i) - math.lgamma(i + 1) - math.lgamma(shape) + i * math.log(p) + shape * math.log1p(-p)
        )
        for i in range(k)
    )
    return max(0.0, 1.0 - fewer)


def _kinds(area: Sequence[_Site]) -> tuple[bool, ...]:
    """Without faint onsets, and with them where there are any."""
    return (False, True) if any(site.struck and not site.certain for site in area) else (False,)


def _seen(event: Event, lines: Sequence[Examined], start: int, now: int, near: int) -> _Site | None:
    """One other site as a trouble of that time has it for a neighbour; None where nothing tells how it was then. A
    carrier's trouble begins at the same time everywhere, so that many ask the same of a line."""

    def site() -> _Site | None:
        measured = any(_measured(event, line, now) for line in lines)
        return _site(event, lines, start, now, near) if measured else None

    if len(lines) > 1:
        return site()
    return lines[0].once(("neighbour", event.onset, event.until(now), start, now, near), site)


def _measured(event: Event, line: Examined, now: int) -> bool:
    """Whether anything tells how the line was while the event was there; silence then tells nothing."""
    until = event.until(now)
    return any(bool(((view.time + view.step > event.onset) & (view.time < until)).any()) for view in line.views) or any(
        other.overlap(event.onset, until, now) > 0 for other in line.events
    )


def _site(event: Event, lines: Sequence[Examined], start: int, now: int, near: int) -> _Site:
    like = [other for line in lines for other in line.events if other.cause in SHARED]
    until = event.until(now)
    hits = [o for o in like if abs(o.onset - event.onset) <= near and o.overlap(event.onset, until, now) > 0]
    before = [other for other in like if abs(other.onset - event.onset) > near]
    measured = max((len(view.time) * view.step for line in lines for view in line.views), default=0)
    window = min(now, event.onset + near) - max(start, event.onset - near)
    return _Site(
        certain=any(not other.doubtful for other in hits),
        struck=bool(hits),
        certain_before=_onsets([other.onset for other in before if not other.doubtful], near),
        before=_onsets([other.onset for other in before], near),
        hours=max(0, measured - window) / HOUR,
    )


def _onsets(times: Sequence[int], near: int) -> int:
    """How many times troubles began: what begins within `near` of another is one beginning."""
    ordered = sorted(times)
    return sum(1 for place, time in enumerate(ordered) if place == 0 or time - ordered[place - 1] > near)
