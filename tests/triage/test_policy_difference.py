"""Two policies' outcomes against each other: what is the same case, what differs, and the sums."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from triage.model import Cause, Scope, Severity, VerdictKind
from triage.policy import merged
from triage.policy_files import load_policy
from triage.replay.difference import Kind, compare, policy_changes, summary
from triage.replay.outcome import CaseOutcome, ClaimOutcome, Outcomes, Word

DAY = datetime(2026, 3, 3, tzinfo=UTC)
UNTIL = DAY + timedelta(hours=12)


def at(text: str) -> datetime:
    hour, minute = text.split(":")
    return DAY + timedelta(hours=int(hour), minutes=int(minute))


def case(identity: str, onset: str, ended: str | None, site: str = "store-1", **changes: object) -> CaseOutcome:
    values: dict[str, object] = {
        "id": identity, "client": "acme", "site": site, "link": f"{site}-wan1", "cause": Cause.LOSS,
        "scope": Scope.LINK, "severity": Severity.MAJOR, "onset": at(onset), "end": at(ended) if ended else None,
        "opened_at": at(onset) + timedelta(minutes=5), "ended_at": at(ended) if ended else None, "held": True,
        "ticket": True, "reopened": 0, "word": None,
    }  # fmt: skip
    return CaseOutcome(**(values | changes))  # type: ignore[arg-type]


def outcomes(*cases: CaseOutcome, claims: tuple[ClaimOutcome, ...] = ()) -> Outcomes:
    return Outcomes(cases, claims, UNTIL)


def test_cases_of_a_site_that_overlap_are_one_case_whatever_their_numbers():
    compared = compare(outcomes(case("C-1", "08:00", "09:00")), outcomes(case("C-9", "08:00", "09:00")))
    assert (compared.cases, compared.alike) == ([], 1)


def test_cases_that_touch_are_one_and_those_a_minute_apart_are_two():
    """The earlier one ends at 09:00; the other begins at 09:00, or at 09:01."""
    touching = compare(outcomes(case("C-1", "08:00", "09:00")), outcomes(case("C-1", "09:00", "10:00")))
    assert [one.kind for one in touching.cases] == [Kind.MOVES]
    apart = compare(outcomes(case("C-1", "08:00", "09:00")), outcomes(case("C-1", "09:01", "10:00")))
    assert [one.kind for one in apart.cases] == [Kind.VANISHES, Kind.APPEARS]


def test_cases_of_two_sites_are_never_the_same():
    compared = compare(outcomes(case("C-1", "08:00", "09:00")), outcomes(case("C-1", "08:00", "09:00", "store-2")))
    assert [(one.kind, one.case.site) for one in compared.cases] == [
        (Kind.VANISHES, "store-1"), (Kind.APPEARS, "store-2"),
    ]  # fmt: skip


def test_of_two_that_overlap_the_one_that_overlaps_longer_is_the_same_case():
    """Old 08:00 to 10:00; new 08:00 to 08:30 (30 minutes of it) and 08:45 to 10:00 (75)."""
    compared = compare(
        outcomes(case("C-1", "08:00", "10:00")),
        outcomes(case("C-1", "08:00", "08:30"), case("C-2", "08:45", "10:00")),
    )
    moved, appeared = sorted(compared.cases, key=lambda one: one.kind)[::-1]
    assert (moved.kind, moved.new and moved.new.id) == (Kind.MOVES, "C-2")
    assert (appeared.kind, appeared.case.id) == (Kind.APPEARS, "C-1")


def test_a_case_that_still_stands_overlaps_until_the_end_of_the_period():
    compared = compare(outcomes(case("C-1", "08:00", None)), outcomes(case("C-1", "11:00", None)))
    assert [one.fields for one in compared.cases] == [("onset", "opened_at")]


def test_what_differs_is_named_and_more_than_time_is_a_change():
    old = case("C-1", "08:00", "09:00")
    new = case("C-1", "08:10", "09:00", severity=Severity.MINOR, ticket=False, reopened=1)
    (one,) = compare(outcomes(old), outcomes(new)).cases
    assert (one.kind, one.fields) == (Kind.CHANGES, ("onset", "opened_at", "severity", "ticket", "reopened"))


def test_a_suspicion_that_did_not_hold_is_no_case():
    suspicion = case("C-1", "08:00", "08:10", held=False, ticket=False)
    compared = compare(outcomes(suspicion), outcomes(case("C-1", "08:00", "09:00")))
    assert [one.kind for one in compared.cases] == [Kind.APPEARS]
    summed = summary(outcomes(suspicion), DAY)
    assert (summed.cases, summed.suspicions, summed.tickets, summed.minutes) == (0, 1, 0, 0)


def test_minutes_count_a_site_once_at_a_time_and_only_within_the_period():
    """store-1: 08:00 to 09:00 and 08:30 to 09:30, 90 minutes. store-2 from 11:50 on, 10 minutes to noon. store-3 began
    the evening before and ended at 00:20. A claim that found nothing adds none, a carrier's own case neither."""
    early = replace(case("C-4", "00:00", "00:20", "store-3"), onset=DAY - timedelta(hours=3))
    nothing = case("C-5", "05:00", None, "store-4", cause=Cause.NONE)
    carrier = case("C-6", "06:00", "07:00", "carrier:x@y", client="")
    cases = (
        early, nothing, carrier, case("C-1", "08:00", "09:00"), case("C-2", "08:30", "09:30"),
        case("C-3", "11:50", None, "store-2"),
    )  # fmt: skip
    assert summary(outcomes(*cases), DAY).minutes == 90 + 10 + 20


def test_the_most_frequent_cause_comes_first_and_of_equal_ones_by_name():
    cases = (
        case("C-1", "01:00", "02:00", cause=Cause.LOSS), case("C-2", "03:00", "04:00", cause=Cause.JITTER),
        case("C-3", "05:00", "06:00", cause=Cause.LATENCY), case("C-4", "07:00", "08:00", cause=Cause.LATENCY),
    )  # fmt: skip
    assert list(summary(outcomes(*cases), DAY).by_cause) == ["latency", "jitter", "loss"]


def test_a_claim_that_is_refused_under_one_policy_is_answered_otherwise():
    word = Word(verdict=VerdictKind.CONFIRMED, cause=Cause.LOSS, reason="", finding=None)
    refused = ClaimOutcome(key="k", client="acme", site="store-1", reported_at=DAY, first=None, word=None, refused="x")
    answered = replace(refused, first=word, word=word, refused="")
    (one,) = compare(outcomes(claims=(refused,)), outcomes(claims=(answered,))).claims
    assert (one.old.verdict, one.new.verdict) == ("refused", "confirmed")
    assert compare(outcomes(claims=(answered,)), outcomes(claims=(answered,))).claims == []
    jitter = replace(answered, word=replace(word, cause=Cause.JITTER))
    assert len(compare(outcomes(claims=(answered,)), outcomes(claims=(jitter,))).claims) == 1


def test_policies_differ_by_key_and_overrides_by_their_names():
    shipped = load_policy()
    one = {"name": "lab", "where": {"site": ["store-1"]}, "change": {"loss": {"minimum_pct": 9.0}}}
    other = merged(shipped, {"bad_samples": 3, "overrides": [one]})
    assert policy_changes(shipped, shipped) == []
    changes = {key: (old, new) for key, old, new in policy_changes(shipped, other)}
    assert changes["bad_samples"] == (2, 3)
    assert changes["overrides.lab.change.loss.minimum_pct"] == (None, 9.0)
    assert all(key == "bad_samples" or key.startswith("overrides.lab.") for key in changes)
