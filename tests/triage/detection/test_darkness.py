"""Statements about a site that goes dark while it is closed. It is open from eleven to 23:00 UTC; now is noon."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from collector.model import Fact, FactKind, Source
from inventory.model import LinkRole, OpeningHours, Site
from triage.judge import judge
from triage.model import Cause, Measured, Scope, VerdictKind
from triage.recompute import recompute

NAN = float("nan")


def shop(opens: str = "11:00", closes: str = "23:00", **changes: object) -> Site:
    hours = tuple(
        OpeningHours(weekday=day, opens=time.fromisoformat(opens), closes=time.fromisoformat(closes))
        for day in range(7)
    )
    return Site(id="store-1", client="acme", business_hours=hours, **changes)  # type: ignore[arg-type]


def dark(since: int, until: int = 0) -> dict[str, list[float]]:
    """A box without power from so many minutes before noon until so many: probes lost, nothing else measured."""
    gone, back = (since - until) // 5, until // 5
    silent = {name: [NAN] * gone + [value] * back for name, value in ALIVE.items()}
    return silent | {"loss_pct": [100.0] * gone + [0.0] * back}


ALIVE = {"rtt_ms": 20.0, "jitter_ms": 2.0, "rx_bps": 10e6, "oper_up": 1.0, "flaps": 0.0}


@pytest.fixture
def verdict(claim, picture, series, link, policy, now):
    """On a claim since half past ten, of a site with one line that was dark for a while."""

    since_half_past_ten = claim(90)

    def look(last, site=None, asked=since_half_past_ten, others=(), **changes):
        seen = picture(Measured(link(), [series(last=last)], client="acme"), *others, site=site or shop(), **changes)
        return judge(asked, seen, policy, now)

    return look


def test_a_box_that_is_switched_off_while_the_site_is_closed_is_no_outage(verdict):
    # Dark from ten until ten minutes to eleven.
    off = verdict(dark(120, 70))
    assert off.verdict is VerdictKind.NOT_SUBSTANTIATED
    assert off.reason.endswith(
        "nothing came from the site from 10:00 UTC until 10:50 UTC, while it was closed: "
        "its equipment is taken to have been switched off"
    )
    assert [finding.cause for finding in off.side_findings] == [Cause.LINK_DOWN]
    always_open = verdict(dark(120, 70), site=Site(id="store-1", client="acme"))
    assert (always_open.verdict, always_open.cause) == (VerdictKind.RECOVERED, Cause.LINK_DOWN)


def test_one_that_is_still_dark_at_the_opening_is_an_outage_from_then_on(verdict, series, now):
    late = verdict(dark(120))
    assert (late.verdict, late.cause) == (VerdictKind.CONFIRMED, Cause.LINK_DOWN)
    assert late.onset == now - timedelta(minutes=60)
    (finding,) = late.findings
    assert recompute(finding, series(last=dark(120))) == finding.value == 100.0


@pytest.mark.parametrize(("back", "kind"), [(55, VerdictKind.NOT_SUBSTANTIATED), (50, VerdictKind.RECOVERED)])
def test_people_have_a_slots_time_to_switch_it_on(verdict, back, kind):
    # Back at five past eleven, or at ten past.
    assert verdict(dark(120, back)).verdict is kind


@pytest.mark.parametrize(("since", "kind"), [(120, VerdictKind.NOT_SUBSTANTIATED), (125, VerdictKind.RECOVERED)])
def test_an_outage_that_began_while_it_was_open_is_one_also_after_closing(verdict, since, kind):
    # Closed from five past ten to eleven: dark five minutes before, or ten.
    assert verdict(dark(since, 70), site=shop("11:00", "10:05")).verdict is kind


def test_on_a_holiday_nobody_opens(verdict):
    assert verdict(dark(120)).verdict is VerdictKind.CONFIRMED
    holiday = shop(holidays=(date(2026, 3, 3),))
    assert verdict(dark(120), site=holiday).verdict is VerdictKind.CONFIRMED  # Whoever calls is there.
    assert verdict(dark(120), site=holiday, asked=None).verdict is VerdictKind.NOT_SUBSTANTIATED


def test_the_machine_itself_opens_nothing_for_a_closed_site(verdict):
    closed = shop("13:00", "23:00")
    assert verdict(dark(30), site=closed, asked=None).verdict is VerdictKind.NOT_SUBSTANTIATED
    assert verdict(dark(30), asked=None).verdict is VerdictKind.CONFIRMED


def test_whoever_calls_while_it_is_closed_is_there(verdict, claim):
    closed = shop("13:00", "23:00")
    assert verdict(dark(60), site=closed, asked=claim(60)).verdict is VerdictKind.CONFIRMED


def test_one_line_down_while_another_lives_is_a_fault_at_any_hour(verdict, series, link):
    closed = shop("13:00", "23:00")
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [series("wan2")], client="acme")
    assert verdict(dark(30), site=closed, asked=None, others=[second]).cause is Cause.LINK_DOWN
    both = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [series("wan2", last=dark(30))], client="acme")
    assert verdict(dark(30), site=closed, asked=None, others=[both]).verdict is VerdictKind.NOT_SUBSTANTIATED


def test_a_device_that_answers_is_not_switched_off(verdict, series, link):
    # Its counters stand still, but it tells them.
    closed = shop("13:00", "23:00")
    polled = series("lan", fields={"oper_up": 1.0, "rx_bps": 0.0}, source=Source.SNMP)
    lan = Measured(link("lan", LinkRole.LAN), [polled], client="acme")
    assert verdict(dark(30), site=closed, asked=None, others=[lan]).cause is Cause.LINK_DOWN


@pytest.mark.parametrize(
    ("state", "kind"), [("connected", VerdictKind.CONFIRMED), ("offline", VerdictKind.NOT_SUBSTANTIATED)]
)
def test_an_edge_in_contact_with_its_orchestrator_is_not_switched_off(verdict, now, state, kind):
    said = [
        Fact(now - timedelta(minutes=60), "cpe-1", FactKind.EDGE_STATE, "connected", Source.ORCHESTRATOR, now),
        Fact(now - timedelta(minutes=29), "cpe-1", FactKind.EDGE_STATE, state, Source.ORCHESTRATOR, now),
    ]
    closed = shop("13:00", "23:00")
    assert verdict(dark(30), site=closed, asked=None, device_facts=said).verdict is kind


@pytest.mark.parametrize(("client", "scope"), [("acme", None), ("zebra", Scope.CARRIER)])
def test_other_clients_sites_struck_at_the_same_time_make_it_the_carriers(verdict, series, link, client, scope):
    # A client's own shops all close at the same time; strangers' do not.
    peers = [
        Measured(link(f"p{n}", site=f"site-{n}"), [series(f"p{n}", last=dark(30))], client=client) for n in range(5)
    ]
    told = verdict(dark(30), site=shop("13:00", "23:00"), asked=None, peers=peers)
    assert told.verdict is (VerdictKind.CONFIRMED if scope else VerdictKind.NOT_SUBSTANTIATED)
    assert scope is None or told.scope is scope


def test_silence_while_it_is_closed_lacks_nothing(claim, picture, series, link, policy, now):
    # Nothing at all from half past ten to eleven; the claim is since half past ten.
    quiet = Measured(link(), [series(missing=range(-18, -12))], client="acme")
    seen = judge(claim(90), picture(quiet, site=shop()), policy, now)
    assert (seen.coverage.present, seen.coverage.expected) == (12, 12)
    assert seen.verdict is VerdictKind.NOT_SUBSTANTIATED
    open_all_day = judge(claim(90), picture(quiet), policy, now)
    assert (open_all_day.coverage.present, open_all_day.coverage.expected) == (12, 18)


def test_a_claim_about_nothing_but_closed_hours_is_answered(claim, picture, series, link, policy, now):
    # Since half past ten until eleven, when it opened; silent all the while.
    quiet = Measured(link(), [series(missing=range(-18, -12))], client="acme")
    asked = claim(90, reported_at=now - timedelta(minutes=60))
    seen = judge(asked, picture(quiet, site=shop()), policy, now)
    assert (seen.verdict, seen.coverage.expected) == (VerdictKind.NOT_SUBSTANTIATED, 0)
    assert seen.reason.endswith("switched off")


def test_a_darkness_at_another_time_than_claimed_is_not_spoken_of(verdict, claim):
    assert "switched off" not in verdict(dark(120, 70), asked=claim(50)).reason


def test_an_orchestrators_zeros_are_no_sign_of_life(verdict, series, link):
    closed = shop("13:00", "23:00")
    zeros = series("wan2", fields={"rx_bps": 0.0, "tx_bps": 0.0}, source=Source.ORCHESTRATOR)
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [zeros], client="acme")
    assert verdict(dark(30), site=closed, asked=None, others=[second]).verdict is VerdictKind.NOT_SUBSTANTIATED
    busy = series("wan2", fields={"rx_bps": 1e6, "tx_bps": 0.0}, source=Source.ORCHESTRATOR)
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [busy], client="acme")
    assert verdict(dark(30), site=closed, asked=None, others=[second]).cause is Cause.LINK_DOWN


def test_only_the_closed_part_of_a_silence_lacks_nothing(claim, picture, series, link, policy, now):
    # Silent from half past ten to half past eleven: the half hour after the opening is missing.
    quiet = Measured(link(), [series(missing=range(-18, -6))], client="acme")
    seen = judge(claim(90), picture(quiet, site=shop()), policy, now)
    assert (seen.coverage.present, seen.coverage.expected) == (6, 12)


def test_nights_without_power_teach_no_line_that_losing_everything_is_ordinary(verdict, now):
    # Switched off from 23:00 to eleven on both days before, and today until noon.
    night, day = 12 * 12, 12 * 12
    awake = {name: [value] * day for name, value in ALIVE.items()} | {"loss_pct": [0.0] * day}
    asleep = {name: [NAN] * night for name in ALIVE} | {"loss_pct": [100.0] * night}
    rows = {name: (asleep[name] + awake[name]) * 2 + asleep[name] + asleep[name][:12] for name in awake}
    told = verdict(rows)
    assert (told.verdict, told.cause, told.onset) == (
        VerdictKind.CONFIRMED, Cause.LINK_DOWN, now - timedelta(minutes=60),
    )  # fmt: skip


def test_the_hours_are_of_the_sites_zone(verdict):
    # Eleven in New York is 16:00 UTC.
    assert verdict(dark(30), site=shop(timezone="America/New_York"), asked=None).verdict is (
        VerdictKind.NOT_SUBSTANTIATED
    )
