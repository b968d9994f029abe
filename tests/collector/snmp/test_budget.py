"""A metered line never carries more of our own than its budget, whatever crashes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from collector.settings import MeteredSettings
from collector.snmp.budget import Admission, Ledger, Page, budget_octets, most_octets, read_page, write_page
from collector.store.port import StoreError
from inventory.model import Link

DAY = 86_400.0
BUDGET = 30_000_000
"""A million octets for each day of November."""
POLL = 9_000


def at(day: float, month: int = 11) -> float:
    """Midnight (UTC) that begins the first of the month, and so many days."""
    return datetime(2026, month, 1, tzinfo=UTC).timestamp() + day * DAY


def ready(now: float, page: Page | None = None, budget: int = BUDGET) -> Ledger:
    """A ledger of one line whose first page is on disk."""
    ledger = Ledger({"lte": budget}, page or Page("2026-11", {"lte": 0}))
    keep(ledger, now)
    return ledger


def keep(ledger: Ledger, now: float) -> Page | None:
    page = ledger.page(now)
    if page is not None:
        ledger.written(page)
    return page


def spend(ledger: Ledger, octets: int, now: float, *, extra: bool = False) -> Admission:
    """Reserve, with whatever writing that takes."""
    admission = ledger.reserve(["lte"], octets, now, extra=extra)
    if admission is Admission.UNWRITTEN:
        keep(ledger, now + 61)
        admission = ledger.reserve(["lte"], octets, now, extra=extra)
    return admission


def test_what_is_reserved_is_spent_and_settled_to_what_it_really_took() -> None:
    ledger = ready(at(10))
    assert ledger.reserve(["lte"], POLL, at(10)) is Admission.GRANTED
    assert ledger.spent("lte") == POLL
    ledger.settle(["lte"], POLL, 700, at(10), at(10) + 2)
    assert ledger.spent("lte") == 700


def test_what_needs_no_metered_line_is_always_granted() -> None:
    assert Ledger({}, None).reserve([], POLL, at(10)) is Admission.GRANTED


def test_the_budget_is_granted_to_the_last_octet_and_not_one_more() -> None:
    ledger = ready(at(29.9))
    assert spend(ledger, BUDGET - 1, at(29.9)) is Admission.GRANTED
    assert ledger.reserve(["lte"], 2, at(29.9)) is Admission.EXHAUSTED
    assert spend(ledger, 1, at(29.9)) is Admission.GRANTED
    assert ledger.refused[Admission.EXHAUSTED] == 1


def test_spending_may_be_a_day_ahead_of_the_month_and_then_waits() -> None:
    ledger = ready(at(4))
    assert spend(ledger, 5_000_000, at(4)) is Admission.GRANTED
    assert spend(ledger, POLL, at(4)) is Admission.AHEAD
    assert spend(ledger, POLL, at(4) + POLL / 1_000_000 * DAY + 1) is Admission.GRANTED


def test_extra_turns_may_only_take_what_the_month_so_far_has_left_over() -> None:
    ledger = ready(at(4))
    assert spend(ledger, 3_995_000, at(4)) is Admission.GRANTED
    assert spend(ledger, POLL, at(4), extra=True) is Admission.AHEAD
    assert spend(ledger, 5_000, at(4), extra=True) is Admission.GRANTED
    assert spend(ledger, POLL, at(4)) is Admission.GRANTED


def test_all_lines_that_may_carry_a_poll_must_have_room_and_none_is_charged_otherwise() -> None:
    ledger = Ledger({"lte": BUDGET, "5g": 1_000}, Page("2026-11", {"lte": 0, "5g": 0}))
    keep(ledger, at(10))
    assert ledger.reserve(["lte", "5g"], POLL, at(10)) is Admission.EXHAUSTED
    assert (ledger.spent("lte"), ledger.spent("5g")) == (0, 0)


def test_a_new_month_begins_at_midnight_utc_with_the_whole_budget() -> None:
    ledger = ready(at(29.9))
    assert spend(ledger, BUDGET, at(29.9)) is Admission.GRANTED
    assert ledger.reserve(["lte"], POLL, at(30) - 1) is Admission.EXHAUSTED
    assert ledger.reserve(["lte"], POLL, at(30)) is Admission.UNWRITTEN
    assert keep(ledger, at(30)) is not None
    assert ledger.reserve(["lte"], POLL, at(30)) is Admission.GRANTED
    assert ledger.spent("lte") == POLL
    ledger.settle(["lte"], POLL, 700, at(30), at(30) + 1)
    assert ledger.spent("lte") == 700


def test_a_poll_over_midnight_counts_to_the_month_in_which_it_began() -> None:
    ledger = ready(at(29.9))
    ledger.reserve(["lte"], POLL, at(30) - 1)
    ledger.settle(["lte"], POLL, 700, at(30) - 1, at(30) + 1)
    assert ledger.spent("lte") == 0


def test_nothing_is_granted_that_would_be_forgotten_in_a_crash() -> None:
    ledger = Ledger({"lte": BUDGET}, Page("2026-11", {"lte": 0}))
    assert ledger.reserve(["lte"], POLL, at(10)) is Admission.UNWRITTEN
    page = ledger.page(at(10))
    assert page is not None
    assert ledger.reserve(["lte"], POLL, at(10)) is Admission.UNWRITTEN
    ledger.written(page)
    granted = 0
    while ledger.reserve(["lte"], POLL, at(10)) is Admission.GRANTED:
        granted += POLL
    assert POLL <= granted <= page.octets["lte"]


def test_a_crash_makes_the_budget_smaller_and_never_larger() -> None:
    ledger = Ledger({"lte": BUDGET}, Page("2026-11", {"lte": 0}))
    page = keep(ledger, at(10))
    assert page is not None
    ledger.reserve(["lte"], POLL, at(10))
    again = Ledger({"lte": BUDGET}, page)
    again.page(at(10))
    # A two-hundredth of the budget is put on disk ahead.
    assert again.spent("lte") == page.octets["lte"] == BUDGET // 200


def test_closing_costs_nothing_and_grants_nothing_more() -> None:
    ledger = ready(at(10))
    ledger.reserve(["lte"], POLL, at(10))
    last = ledger.closing_page(at(10))
    assert last == Page("2026-11", {"lte": POLL})
    assert ledger.reserve(["lte"], POLL, at(10)) is Admission.UNWRITTEN


def test_a_page_is_written_when_it_runs_low_and_once_a_minute_at_most() -> None:
    ledger = ready(at(10))
    assert ledger.page(at(10) + 61) is None
    ahead = BUDGET // 200
    ledger.reserve(["lte"], ahead // 2 + 1, at(10) + 30)
    assert ledger.page(at(10) + 59) is None
    assert ledger.page(at(10) + 60) is not None
    assert ledger.page(at(10) + 61) is None


def test_a_reservation_larger_than_what_is_put_ahead_is_granted_with_the_next_page() -> None:
    ledger = ready(at(29), budget=100_000)
    assert ledger.reserve(["lte"], 9_000, at(29)) is Admission.UNWRITTEN
    assert keep(ledger, at(29) + 60) is not None
    assert ledger.reserve(["lte"], 9_000, at(29) + 60) is Admission.GRANTED


@pytest.mark.parametrize("page", [None, Page("2026-11", {"another": 5})], ids=["no page", "a page without the line"])
def test_a_line_of_which_nothing_is_known_has_spent_its_share_of_the_month(page: Page | None) -> None:
    ledger = Ledger({"lte": BUDGET}, page)
    ledger.page(at(12))
    assert ledger.spent("lte") == 12_000_000


def test_last_month_s_page_means_that_nothing_was_spent_yet() -> None:
    ledger = Ledger({"lte": BUDGET}, Page("2026-10", {"lte": BUDGET}))
    assert ledger.reserve(["lte"], POLL, at(12)) is Admission.UNWRITTEN
    assert ledger.spent("lte") == 0


def test_a_clock_that_is_set_back_over_the_turn_of_the_month_forgets_nothing() -> None:
    ledger = ready(at(0))
    ledger.reserve(["lte"], POLL, at(0) + 60)
    ledger.reserve(["lte"], POLL, at(0) - 60)
    ledger.reserve(["lte"], POLL, at(0) + 60)
    assert ledger.spent("lte") == 3 * POLL


def test_a_clock_that_is_set_back_by_days_is_taken_at_the_worst() -> None:
    ledger = ready(at(0))
    ledger.reserve(["lte"], POLL, at(0))
    ledger.page(at(30 - 4, month=10) + DAY)  # the 28th of October: 27 of its 31 days are over
    assert ledger.spent("lte") == POLL + int(BUDGET * (27 / 31 + 1 / 30))


def test_it_is_said_which_line_is_spent_and_what_helps() -> None:
    ledger = ready(at(29.9))
    spend(ledger, BUDGET, at(29.9))
    assert ledger.problems(at(29.9)) == []
    ledger.reserve(["lte"], POLL, at(29.9))
    ledger.reserve(["lte"], POLL, at(29.9))
    assert ledger.problems(at(29.9) + 60) == [
        "metered line lte: 2 turns left out this month, with 30.0 of its 30.0 MB spent; "
        "raise metered.budget_mb, or poll and probe less often"
    ]
    assert ledger.problems(at(29.9) + 3601) == []


def test_refused_extra_turns_are_counted_and_no_problem() -> None:
    ledger = ready(at(4))
    spend(ledger, 4_000_000, at(4))
    assert ledger.reserve(["lte"], POLL, at(4), extra=True) is Admission.AHEAD
    assert ledger.refused[Admission.AHEAD] == 1
    assert ledger.problems(at(4)) == []


def test_a_line_that_is_no_longer_metered_keeps_its_count_for_the_month() -> None:
    ledger = Ledger({}, Page("2026-11", {"lte": 5_000_000}))
    assert ledger.closing_page(at(10)) == Page("2026-11", {"lte": 5_000_000})


def test_the_most_that_a_poll_can_take_is_full_packets_both_ways_at_every_attempt() -> None:
    assert most_octets(datagrams=2, attempts=3) == 2 * 3 * (1500 + 1500)


def test_the_budget_is_the_smaller_of_the_megabytes_and_the_share_of_the_cap() -> None:
    settings = MeteredSettings(budget_mb=250, cap_percent=5)
    assert budget_octets(Link(id="l", site="s", metered=True), settings) == 250_000_000
    assert budget_octets(Link(id="l", site="s", metered=True, cap_bytes=50 * 10**9), settings) == 250_000_000
    assert budget_octets(Link(id="l", site="s", metered=True, cap_bytes=10**9), settings) == 50_000_000


@pytest.mark.rim
def test_a_page_is_read_as_it_was_written(tmp_path: Path) -> None:
    page = Page("2026-11", {"lte": 123, "5g": 0})
    write_page(tmp_path / "metered.json", page)
    assert read_page(tmp_path / "metered.json") == page
    assert [path.name for path in tmp_path.iterdir()] == ["metered.json"]


@pytest.mark.rim
def test_no_page_is_none(tmp_path: Path) -> None:
    assert read_page(tmp_path / "metered.json") is None


@pytest.mark.rim
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"x"', b'{"format": 9, "month": "2026-11", "octets": {}}', b'{"format": 1, "month": "2026-11"}',
     b'{"format": 1, "month": "2026-11", "octets": {"lte": "many"}}', b'{"format": 1, "month": "2026-11", "octets": 3}',
     b"\xff\xfe"],
)  # fmt: skip
def test_a_damaged_page_is_told_and_left_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metered.json"
    path.write_bytes(content)
    with structlog.testing.capture_logs() as logged:
        assert read_page(path) is None
    assert [(entry["event"], entry["path"]) for entry in logged] == [("metered_page_unusable", str(path))]


@pytest.mark.rim
def test_a_page_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="free disk space or check the folder's rights"):
        write_page(tmp_path / "absent" / "metered.json", Page("2026-11", {}))
