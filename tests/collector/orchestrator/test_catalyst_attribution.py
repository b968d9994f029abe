"""Whose loss it is: the local line's, the far end's, or the way's between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.orchestrator.catalyst.attribution import Attribution, Tunnels, attributed, lower_median

Row = tuple[str, str, float]


class Fleet:
    """Tunnels by words: an end is `site/colour`; a row is (local, remote, loss in percent)."""

    def __init__(self, rows: Sequence[Row], rtt: float = 40.0) -> None:
        names = sorted({end for local, remote, _ in rows for end in (local, remote)})
        sites = sorted({name.partition("/")[0] for name in names})
        self.rows = list(rows)
        self.number = {name: i for i, name in enumerate(names)}
        self.tunnels = Tunnels(
            local=np.array([self.number[local] for local, _, _ in rows], dtype=np.int64),
            remote=np.array([self.number[remote] for _, remote, _ in rows], dtype=np.int64),
            site=np.array([sites.index(name.partition("/")[0]) for name in names], dtype=np.int64),
            loss_pct=np.array([loss for _, _, loss in rows], dtype=np.float64),
            rtt_ms=np.full(len(rows), rtt),
            jitter_ms=np.full(len(rows), 2.0),
        )
        self.found: Attribution = attributed(self.tunnels)

    def loss(self, end: str) -> float:
        return float(self.found.loss_pct[self.number[end]])

    def rtt(self, end: str) -> float:
        return float(self.found.rtt_ms[self.number[end]])

    def told_apart(self, end: str) -> bool:
        return bool(self.found.told_apart[self.number[end]])

    def tunnel(self, local: str, remote: str) -> int:
        return next(i for i, row in enumerate(self.rows) if row[:2] == (local, remote))


def star(losses: dict[tuple[str, str], float], branches: int = 5, hubs: int = 1) -> Fleet:
    """Branches `b1..` and hubs `h1..` of one colour; `losses` of (branch, hub), else none; seen from both ends."""
    pairs = [(f"b{i}", f"h{j}") for i in range(1, branches + 1) for j in range(1, hubs + 1)]
    rows = [(f"{b}/mpls", f"{h}/mpls", losses.get((b, h), 0.0)) for b, h in pairs]
    return Fleet([*rows, *((far, near, loss) for near, far, loss in rows)])


def test_loss_that_only_one_site_sees_at_the_hub_is_its_own_lines():
    fleet = star({("b1", "h1"): 5.0})
    assert fleet.loss("b1/mpls") == 5.0
    assert fleet.told_apart("b1/mpls")
    assert [fleet.loss(end) for end in ("b2/mpls", "b5/mpls", "h1/mpls")] == [0.0, 0.0, 0.0]
    assert not fleet.found.blamed.any()


def test_loss_that_every_site_sees_at_the_hub_is_the_hubs_and_no_loss_of_the_branches():
    fleet = star({(f"b{i}", "h1"): 20.0 for i in range(1, 6)})
    for branch in range(1, 6):
        assert np.isnan(fleet.loss(f"b{branch}/mpls"))
        assert np.isnan(fleet.rtt(f"b{branch}/mpls"))
        assert fleet.found.blamed[fleet.tunnel(f"b{branch}/mpls", "h1/mpls")]
    assert fleet.loss("h1/mpls") == 20.0
    assert fleet.told_apart("h1/mpls")
    at = fleet.tunnel("b1/mpls", "h1/mpls")
    assert (fleet.found.seen_pct[at], fleet.found.seen_by[at], fleet.found.agreeing[at]) == (20.0, 4, 4)


def test_with_a_second_hub_a_bad_hub_costs_the_branches_no_figure():
    fleet = star({(f"b{i}", "h1"): 20.0 for i in range(1, 6)}, hubs=2)
    assert fleet.loss("b1/mpls") == 0.0
    assert fleet.rtt("b1/mpls") == 40.0
    assert fleet.loss("h1/mpls") == 20.0
    assert fleet.loss("h2/mpls") == 0.0


def test_a_branch_that_loses_much_more_than_others_see_at_the_hub_keeps_what_the_hub_does_not_explain():
    losses = {(f"b{i}", "h1"): 2.0 for i in range(2, 6)} | {("b1", "h1"): 30.0}
    fleet = star(losses)
    # Of 100 echoes 98 survive the hub; 70 arrive; so the branch's line lets 70/98 through.
    assert fleet.loss("b1/mpls") == pytest.approx(100 * (1 - 70 / 98))
    assert fleet.told_apart("b1/mpls")


@pytest.mark.parametrize(("loss", "blamed"), [(4.0, True), (4.1, False)])
def test_twice_what_others_see_is_still_the_far_ends(loss: float, blamed: bool):
    fleet = star({(f"b{i}", "h1"): 2.0 for i in range(2, 6)} | {("b1", "h1"): loss})
    assert fleet.found.blamed[fleet.tunnel("b1/mpls", "h1/mpls")] == blamed


def test_loss_towards_one_of_two_hubs_that_others_reach_well_is_the_ways_between():
    fleet = star({("b1", "h1"): 30.0}, hubs=2)
    assert fleet.loss("b1/mpls") == 0.0
    assert fleet.loss("h1/mpls") == 0.0
    assert fleet.found.stray[fleet.tunnel("b1/mpls", "h1/mpls")]
    assert fleet.found.stray.sum() == 2


def test_a_way_that_lets_nothing_through_is_down_and_does_not_stray():
    fleet = star({("b1", "h1"): 100.0}, hubs=2)
    assert fleet.loss("b1/mpls") == 0.0
    assert not fleet.found.stray.any()


def test_one_remote_and_nobody_to_compare_with_is_not_told_apart():
    fleet = Fleet([("b1/mpls", "h1/mpls", 5.0)])
    assert fleet.loss("b1/mpls") == 5.0
    assert not fleet.told_apart("b1/mpls")


@pytest.mark.parametrize(("loss", "told"), [(0.99, True), (1.0, False)])
def test_one_per_cent_is_the_least_loss_that_is_to_be_told_apart(loss: float, told: bool):
    assert Fleet([("b1/mpls", "h1/mpls", loss)]).told_apart("b1/mpls") == told


@pytest.mark.parametrize(("seen", "blamed", "agreeing"), [(0.99, False, 0), (1.0, True, 4)])
def test_one_per_cent_at_the_others_is_the_least_that_blames_the_far_end(seen: float, blamed: bool, agreeing: int):
    fleet = star({(f"b{i}", "h1"): seen for i in range(2, 6)} | {("b1", "h1"): 1.5})
    at = fleet.tunnel("b1/mpls", "h1/mpls")
    assert (fleet.found.blamed[at], fleet.found.agreeing[at]) == (blamed, agreeing)


@pytest.mark.parametrize(("loss", "agreeing"), [(0.99, 0), (1.0, 0)])
def test_ones_own_loss_is_none_of_those_who_agree(loss: float, agreeing: int):
    fleet = star({("b1", "h1"): loss})
    assert fleet.found.agreeing[fleet.tunnel("b1/mpls", "h1/mpls")] == agreeing
    assert fleet.found.agreeing[fleet.tunnel("b2/mpls", "h1/mpls")] == (loss >= 1.0)


@pytest.mark.parametrize(("seen", "cleared"), [(0.99, True), (1.0, False)])
def test_less_than_one_per_cent_at_another_clears_the_far_end(seen: float, cleared: bool):
    fleet = Fleet([("b1/mpls", "h1/mpls", 5.0), ("b2/mpls", "h1/mpls", seen)])
    assert fleet.told_apart("b1/mpls") == cleared


@pytest.mark.parametrize(
    ("own", "others", "seen"),
    [
        (5.0, (9.0, 20.0), 9.0),
        (9.0, (5.0, 20.0), 5.0),
        (20.0, (5.0, 9.0), 5.0),
        (5.0, (1.0, 9.0, 20.0), 9.0),
        (15.0, (1.0, 9.0, 20.0), 9.0),
        (9.5, (1.0, 2.0, 9.0, 20.0), 2.0),
    ],
)
def test_what_others_see_is_their_lower_median_without_ones_own(own: float, others: tuple[float, ...], seen: float):
    rows = [(f"b{i}/mpls", "h1/mpls", loss) for i, loss in enumerate((own, *others))]
    fleet = Fleet(rows)
    assert fleet.found.seen_pct[0] == seen
    assert fleet.found.seen_by[0] == len(others)


def test_a_site_with_one_tunnel_and_no_loss_has_nothing_to_tell_apart():
    fleet = Fleet([("b1/mpls", "h1/mpls", 0.9)])
    assert fleet.loss("b1/mpls") == 0.9
    assert fleet.told_apart("b1/mpls")


def test_one_other_site_that_sees_loss_blames_nobody_yet():
    fleet = Fleet([("b1/mpls", "h1/mpls", 5.0), ("b2/mpls", "h1/mpls", 5.0)])
    assert fleet.loss("b1/mpls") == 5.0
    assert not fleet.told_apart("b1/mpls")
    assert not fleet.found.blamed.any()


def test_one_other_site_that_reaches_the_hub_well_clears_it():
    fleet = Fleet([("b1/mpls", "h1/mpls", 5.0), ("b2/mpls", "h1/mpls", 0.0)])
    assert fleet.told_apart("b1/mpls")


def test_the_sites_other_line_to_the_same_far_end_clears_it():
    fleet = Fleet([("b1/lte", "h1/biz-internet", 8.0), ("b1/dsl", "h1/biz-internet", 0.0)])
    assert fleet.loss("b1/lte") == 8.0
    assert fleet.told_apart("b1/lte")
    assert fleet.loss("b1/dsl") == 0.0


@pytest.mark.parametrize(("remotes", "told"), [(2, False), (3, True)])
def test_loss_towards_three_sites_is_the_local_lines_though_nobody_else_can_tell(remotes: int, told: bool):
    fleet = Fleet([("b1/mpls", f"h{i}/mpls", 6.0) for i in range(remotes)])
    assert fleet.loss("b1/mpls") == 6.0
    assert fleet.told_apart("b1/mpls") == told


def test_a_site_counts_once_however_many_lines_it_has():
    rows = [("b1/mpls", "h1/mpls", 9.0), *((f"b2/c{i}", "h1/mpls", 9.0) for i in range(4))]
    fleet = Fleet(rows)
    assert fleet.found.seen_by[0] == 1
    assert not fleet.found.blamed.any()


def test_a_witness_with_a_good_line_to_the_far_end_speaks_for_it():
    rows = [("b1/mpls", "h1/mpls", 9.0)]
    rows += [(f"b{i}/{colour}", "h1/mpls", loss) for i in (2, 3) for colour, loss in (("mpls", 9.0), ("lte", 0.0))]
    fleet = Fleet(rows)
    assert fleet.loss("b1/mpls") == 9.0
    assert fleet.told_apart("b1/mpls")


def test_what_was_not_measured_stays_so():
    fleet = Fleet([("b1/mpls", "h1/mpls", float("nan")), ("b2/mpls", "h1/mpls", 0.0)])
    assert np.isnan(fleet.loss("b1/mpls"))
    assert fleet.rtt("b1/mpls") == 40.0


def test_no_tunnels_give_no_figures():
    empty = np.empty(0, dtype=np.int64)
    nothing = np.empty(0)
    found = attributed(
        Tunnels(local=empty, remote=empty, site=empty, loss_pct=nothing, rtt_ms=nothing, jitter_ms=nothing)
    )
    assert len(found.loss_pct) == 0


def test_the_lower_median_takes_the_lower_of_two_middles():
    groups, medians = lower_median(np.array([1, 1, 1, 1, 7, 7, 9]), np.array([4.0, 1, 3, 2, 8, 5, np.nan]))
    assert groups.tolist() == [1, 7]
    assert medians.tolist() == [2.0, 5.0]


branches = st.integers(min_value=3, max_value=12)
hubs = st.integers(min_value=1, max_value=4)
losses = st.floats(min_value=2.0, max_value=100.0)


@given(branches, hubs, losses, st.data())
def test_whichever_branch_line_is_bad_it_alone_is(count: int, far: int, loss: float, data: st.DataObject):
    bad = data.draw(st.integers(1, count))
    fleet = star({(f"b{bad}", f"h{j}"): loss for j in range(1, far + 1)}, branches=count, hubs=far)
    lossy = {end for end in fleet.number if fleet.loss(end) >= 1.0}
    assert lossy == {f"b{bad}/mpls"}
    assert fleet.loss(f"b{bad}/mpls") == loss
    assert fleet.told_apart(f"b{bad}/mpls")


@given(branches, hubs, losses, st.data())
def test_whichever_hub_line_is_bad_no_branch_is_charged_for_it(count: int, far: int, loss: float, data: st.DataObject):
    bad = data.draw(st.integers(1, far))
    fleet = star({(f"b{i}", f"h{bad}"): loss for i in range(1, count + 1)}, branches=count, hubs=far)
    assert not any(fleet.loss(f"b{i}/mpls") > 0 for i in range(1, count + 1))
    assert fleet.loss(f"h{bad}/mpls") == loss


ends = st.sampled_from([f"s{i}/{colour}" for i in range(6) for colour in ("mpls", "lte")])
rows = st.lists(
    st.tuples(ends, ends, st.one_of(st.just(float("nan")), st.sampled_from([0.0, 0.5, 1.0, 3.0, 20.0, 100.0]))),
    max_size=60,
    unique_by=lambda row: row[:2],
)


@given(rows)
def test_a_line_is_never_said_to_lose_more_than_its_worst_tunnel(found: list[Row]):
    fleet = Fleet(found)
    for end in fleet.number:
        own = [loss for local, _, loss in found if local == end and not np.isnan(loss)]
        loss = fleet.loss(end)
        assert np.isnan(loss) or 0.0 <= loss <= max(own)
        assert own or np.isnan(loss)


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_tunnels_means_nothing(found: list[Row], random: object):
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Fleet(found), Fleet(shuffled)
    np.testing.assert_array_equal(one.found.loss_pct, other.found.loss_pct)
    np.testing.assert_array_equal(one.found.told_apart, other.found.told_apart)


@given(rows)
def test_a_tunnel_is_blamed_on_its_far_end_or_strays_but_not_both(found: list[Row]):
    fleet = Fleet(found)
    assert not (fleet.found.blamed & fleet.found.stray).any()
    assert not (fleet.found.blamed & ~(fleet.tunnels.loss_pct >= 1.0)).any()
