"""One line's trouble or its carrier's: how many others, where, and against which coincidences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from collector.model import Series, Source
from inventory.model import Inventory, Link, Site
from triage.detection.event import MINUTE, Event
from triage.detection.link import Examined
from triage.detection.view import View
from triage.model import Cause, Direction
from triage.policy import CarrierPolicy
from triage.policy_files import load_policy
from triage.reading import PEER_LINKS, peers_of
from triage.scope import CarrierPicture, Usual, carrier_picture, coincidence, is_shared, negative_binomial_tail

POLICY = load_policy()
CARRIER = CarrierPolicy(minimum_sites=2, onset_minutes=20, usual_per_day=0.33, significance=0.005)
NOW = 1_000 * 240 * MINUTE
START = NOW - 240 * MINUTE
EVENT = Event(
    link="own", source=Source.PROBE, metric="loss_pct", cause=Cause.LOSS, direction=Direction.BOTH,
    onset=NOW - 60 * MINUTE, end=None, value=20.0, baseline=0.0, threshold=2.0, rule="", statistic="mean",
    bad_samples=12, weight=10.0,
)  # fmt: skip


def began(minutes: float, **changes: object) -> Event:
    """Like the event, so many minutes after it."""
    return replace(EVENT, onset=EVENT.onset + int(minutes * MINUTE), **changes)  # type: ignore[arg-type]


def peer(site: str, *events: Event, until: int = NOW, link: str = "", carrier: str = "Example Fiber") -> Examined:
    """A line of another site, measured each five minutes for four hours."""
    time = np.arange(START, until, 5 * MINUTE, dtype=np.int64)
    series = Series(link or site, Source.PROBE, time, np.full(len(time), 300, np.int32), time, {})
    line = Link(id=link or site, site=site, carrier=carrier)
    return Examined(line, [View(series, START, NOW, POLICY.windows)], events)


def well(count: int, name: str = "well") -> list[Examined]:
    return [peer(f"{name}-{number}") for number in range(count)]


def picture(peers: Sequence[Examined], event: Event = EVENT, **about: object) -> CarrierPicture:
    policy = POLICY.model_copy(update={"carrier": CARRIER})
    return carrier_picture(event, "Example Fiber", peers, START, NOW, policy, **about)  # type: ignore[arg-type]


def test_the_negative_binomial_tail_by_hand():
    # Shape 2, p = 1/2: P(0) = 1/4, P(1) = 2 * 1/2 * 1/4 = 1/4.
    assert negative_binomial_tail(0, 2.0, 0.5) == 1.0
    assert negative_binomial_tail(1, 2.0, 0.5) == pytest.approx(0.75)
    assert negative_binomial_tail(2, 2.0, 0.5) == pytest.approx(0.5)
    assert negative_binomial_tail(3, 1.0, 0.0) == 0.0


def test_a_coincidence_before_any_history_is_geometric():
    # One onset in 24 / 0.33 = 72.73 hours is expected; in 2 more hours p = 2 / 74.73, and two or more p squared.
    assert coincidence(2, 2.0, Usual(), CARRIER) == pytest.approx((2 / (24 / 0.33 + 2)) ** 2)


def test_the_rarest_coincidence_that_is_still_one():
    # p squared = 0.005 where p = h / (72.727 + h) = 0.070711, that is at h = 5.534 hours.
    assert is_shared(2, 5.53, Usual(), CARRIER)
    assert not is_shared(2, 5.54, Usual(), CARRIER)


def test_two_of_three_are_the_carriers_and_two_of_forty_are_not():
    struck = [peer("a", began(-3)), peer("b", began(5))]
    assert picture([*struck, *well(1)]) == CarrierPicture(peers=3, struck=2, shared=True)
    assert picture([*struck, *well(38)]) == CarrierPicture(peers=40, struck=2, shared=False)


def test_the_same_neighbours_are_asked_anew_for_another_trouble():
    """What many ask of one neighbour is worked out once for each trouble: by its onset, and by how long it lasted."""
    peers = [peer("a", began(-3)), peer("b", began(5)), *well(1)]
    assert picture(peers).struck == 2
    assert picture(peers, began(40)).struck == 0
    assert picture(peers, began(-10, end=EVENT.onset - 5 * MINUTE)).struck == 0
    assert picture(peers).struck == 2


@pytest.mark.parametrize(("peers", "shared"), [(11, True), (14, False)])
def test_how_many_must_be_well_for_two_to_be_a_coincidence(peers: int, shared: bool):
    # 11: h = 7.33 beside 72.73 + 36.67, p = .0628, p squared = .0039. 14: h = 9.33 beside 72.73 + 46.67, .0725, .0053.
    assert picture([peer("a", began(-3)), peer("b", began(5)), *well(peers - 2)]).shared is shared


def test_two_of_three_of_the_market_are_the_markets_though_the_country_is_well():
    struck = [peer("a", began(-3)), peer("b", began(5))]
    told = picture([*struck, *well(1, "near"), *well(37)], nearby={"a", "b", "near-0"})
    assert told == CarrierPicture(peers=3, struck=2, shared=True, nearby=True)


def test_a_third_of_a_national_sample_is_the_carriers_though_its_market_is_well():
    # As in real outages, where 30 of 97 sites are down at once.
    struck = [peer(f"s-{number}", began(number)) for number in range(12)]
    told = picture([*struck, *well(26), *well(2, "near")], nearby={"near-0", "near-1"})
    assert told == CarrierPicture(peers=40, struck=12, shared=True)


def test_one_other_site_is_never_enough():
    assert not picture([peer("a", began(0))]).shared


def test_what_is_usual_for_a_carrier_excuses_it():
    # Three sites with two earlier onsets each: 6 in 10 hours beside the prior's 1 in 72.73. Two of the three within
    # the 40 minutes: p = 2 / 84.73, P(0) = (1 - p)^7 = .846, P(1) = 7 p P(0) = .140, so 1.4 % by chance.
    earlier = (began(-150), began(-100))
    struck = [peer("a", began(0), *earlier), peer("b", began(2), *earlier), peer("c", *earlier)]
    assert not picture(struck).shared


@pytest.mark.parametrize(("apart", "shared"), [(20, True), (21, False), (-20, True), (-21, False)])
def test_onsets_of_one_trouble_lie_within_minutes(apart: float, shared: bool):
    assert picture([peer("a", began(apart)), peer("b", began(apart)), *well(1)]).shared is shared


def test_only_who_was_measured_then_counts():
    over = began(-100, end=EVENT.onset - 90 * MINUTE)
    silent = [peer(f"silent-{number}", over, until=EVENT.onset - 5 * MINUTE) for number in range(37)]
    struck = [peer("a", began(-3)), peer("b", began(5))]
    assert picture([*struck, *silent]) == CarrierPicture(peers=2, struck=2, shared=True)


def test_a_peers_own_trouble_does_not_count():
    full = [peer("a", began(0, cause=Cause.SATURATION)), peer("b", began(0, cause=Cause.LAN)), peer("c", began(0))]
    assert not picture(full).shared


def test_a_line_of_another_carrier_does_not_count():
    assert not picture([peer("a", began(0), carrier="Other"), peer("b", began(0), carrier="Other"), *well(1)]).shared


def test_two_lines_of_one_site_are_one_site():
    lines = [peer("a", began(0), link="a-1"), peer("a", began(0), link="a-2"), *well(1)]
    assert picture(lines) == CarrierPicture(peers=2, struck=1, shared=False)


def test_faint_onsets_count_where_they_are_many():
    faint = [peer(f"s-{number}", began(number, weak=True)) for number in range(3)]
    assert picture([*faint, *well(1)]) == CarrierPicture(peers=4, struck=3, shared=True)


def test_faint_onsets_that_are_common_do_not():
    earlier = [began(minutes, weak=True) for minutes in (-170, -140, -110, -80, -50)]
    faint = [peer(f"s-{number}", began(number, weak=True), *earlier) for number in range(3)]
    assert not picture([*faint, peer("s-3", *earlier)]).shared


def test_a_clients_own_traffic_is_no_carriers_trouble():
    struck = [peer("a", began(0)), peer("b", began(0)), *well(1)]
    assert not picture(struck, event=replace(EVENT, cause=Cause.SATURATION)).shared


def fleet(markets: dict[str, int], lines: int = 1) -> Inventory:
    names = [(f"{market}-{n}", market) for market, count in markets.items() for n in range(count)]
    sites = [Site(id=name, client="c", market=market) for name, market in names]
    return Inventory.of(
        sites=sites,
        links=[
            Link(id=f"{site.id}/{carrier}/{n}", site=site.id, carrier=carrier)
            for site in sites
            for carrier in ("Fiber", "Cell")
            for n in range(lines)
        ],
    )


def test_peers_are_the_markets_own_first_and_one_line_a_site_and_carrier():
    inventory = fleet({"east": 5, "west": 500}, lines=2)
    peers = peers_of(inventory, "east-0", [link for link in inventory.links_at("east-0") if link.carrier == "Fiber"])
    assert len(peers) == PEER_LINKS
    assert {link.site for link in peers[:4]} == {"east-1", "east-2", "east-3", "east-4"}
    assert len({link.site for link in peers}) == PEER_LINKS


def test_each_carrier_of_a_site_has_its_share_of_the_peers():
    inventory = fleet({"west": 500})
    peers = peers_of(inventory, "west-0", inventory.links_at("west-0"))
    assert sum(link.carrier == "Cell" for link in peers) == sum(link.carrier == "Fiber" for link in peers) == 20


def test_the_rest_of_a_carrier_leans_to_no_end_of_the_alphabet():
    # Of 500 names in order, a fair sample of 40 has about 20 among the first half: 3 standard deviations are 9.5.
    inventory = fleet({"west": 500, "east": 1})
    order = sorted(inventory.sites)
    peers = peers_of(inventory, "east-0", [link for link in inventory.links_at("east-0") if link.carrier == "Fiber"])
    assert 10 <= sum(order.index(link.site) < 250 for link in peers) <= 30
