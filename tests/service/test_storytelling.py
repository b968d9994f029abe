"""The story of a case as people read it: an effect is one line, with what came of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.storytelling import in_words

TEN = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
"""Ten o'clock in Chicago."""
CHICAGO = ZoneInfo("America/Chicago")
KEY = "C-1:ticket"
AWAY = "tickets.example cannot be reached; check its address"


def row(minute: float, kind: str, reason: str, actor: str = "lineproof", **document: object) -> dict[str, Any]:
    at = (TEN + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    return {"at": at, "kind": kind, "reason": reason, "actor": actor, "document": document}


MEANT = row(0, "intent", "open_ticket", key=KEY, severity="major")


def tried(minute: float, attempt: int = 1) -> dict[str, Any]:
    return row(minute, "attempt", "open_ticket", key=KEY, attempt=attempt)


def came(minute: float, outcome: str, **document: object) -> dict[str, Any]:
    return row(minute, "outcome", outcome, key=KEY, effect="open_ticket", **document)


def words(*story: dict[str, Any]) -> list[str]:
    return [told.words for told in in_words(story, CHICAGO)]


@pytest.mark.parametrize(
    ("story", "told"),
    [
        ([], "not tried yet [C-1:ticket]"),
        ([tried(1)], "being tried since 10:01:00, attempt 1 [C-1:ticket]"),
        ([tried(1), came(2, "done", ticket="T-1")], "done 10:02:00, ticket T-1"),
        (
            [tried(1), came(2, "failed", text=AWAY)],
            f"not done yet after 1 attempt, the last 10:02:00: {AWAY} [C-1:ticket]",
        ),
        (
            [tried(1), came(2, "failed", text="a timeout"), tried(3, 2), came(4, "failed", text=AWAY), tried(5, 3)],
            f"being tried since 10:05:00, attempt 3; the last error: {AWAY} [C-1:ticket]",
        ),
        (
            [tried(1), came(2, "failed", text=AWAY), tried(3, 2), came(16 * 60, "done", ticket="T-1")],
            f"done 2026-03-04 02:00:00, ticket T-1, at attempt 2; the last error before: {AWAY}",
        ),
        (
            [tried(1), came(2, "failed", text="a timeout"), tried(3, 2), came(4, "dead", text="refused: 403")],
            "given up 10:04:00 after 2 attempts: refused: 403 [C-1:ticket]",
        ),
        ([came(2, "withheld", text="withheld: a dry run")], "withheld 10:02:00: a dry run"),
        ([came(2, "withheld", text="a dry run")], "withheld 10:02:00: a dry run"),
    ],
    ids=["meant", "tried", "done", "failed", "tried-again", "done-at-last", "dead", "withheld-before", "withheld"],
)
def test_an_effect_is_one_line_with_what_came_of_it(story: list[dict[str, Any]], told: str):
    assert words(MEANT, *story) == [f"opens a ticket (severity major): {told}"]


def test_what_a_person_decides_about_a_dead_effect_stands_on_its_own_and_counts_in_the_effect():
    dead = [MEANT, tried(1), came(2, "dead", text="refused: 403")]
    again = row(3, "input", "outbox_retry", "Kim Lee", key=KEY)
    assert words(*dead, again) == [
        "opens a ticket (severity major): to be tried again, says Kim Lee after 1 attempt; the last error: "
        "refused: 403 [C-1:ticket]",
        "has it tried again: key C-1:ticket",
    ]
    assert words(*dead, again, tried(4), came(5, "done", ticket="T-1"))[0].endswith("done 10:05:00, ticket T-1")
    gone = row(3, "input", "outbox_give_up", "Kim Lee", key=KEY)
    assert "left undone by Kim Lee after 1 attempt" in words(*dead, gone)[0]


def test_effects_stand_where_they_were_meant_whatever_was_done_first():
    note = row(1, "intent", "note_ticket", key="C-1:claim:1")
    noted = row(2, "outcome", "done", key="C-1:claim:1", effect="note_ticket")
    told = list(in_words([MEANT, note, noted, came(9, "done", ticket="T-1")], CHICAGO))
    assert [(one.words.split(":")[0], one.at.minute) for one in told] == [
        ("opens a ticket (severity major)", 0),
        ("adds a note (claim", 1),
    ]


def test_an_effect_of_before_the_trail_is_told_by_what_is_there():
    assert words(came(9, "done", ticket="T-1")) == ["opens a ticket: done 10:09:00, ticket T-1"]


def test_what_a_far_end_answered_is_told_once_and_a_status_when_it_changes():
    told = words(
        row(0, "decision", "trouble_held", status="open", detail=""),
        row(1, "decision", "far_end_answered", status="open", detail="open ticket T-1"),
        row(2, "decision", "trouble_changed", status="open", detail=""),
        row(3, "input", "resolve", "Sam", target="C-1", note="carrier fixed it"),
        row(3, "decision", "person_acted", status="resolved", detail=""),
        row(4, "decision", "far_end_gave_up", status="resolved", detail="refused: 403"),
    )
    assert told == [
        "decides [open]: the trouble held at the second look",
        "decides: the trouble has changed",
        "resolve: carrier fixed it",
        "decides [resolved]: a person decided",
        "decides: the far end did not take it; it was given up (refused: 403)",
    ]


def test_what_has_many_lines_is_told_in_one():
    meant = row(0, "intent", "apply_reroute", key="P-4:apply_reroute", proposal="P-4")
    done = row(1, "outcome", "done", key="P-4:apply_reroute", effect="apply_reroute", text="DRY RUN.\nConnect\n")
    assert words(meant, done) == ["carries the re-route out (proposal P-4): done 10:01:00, DRY RUN."]
    (note,) = words(row(0, "input", "note", "Sam", target="C-1", note="first\n  second"))
    assert note == "note: first second"
    (opened,) = words(row(0, "input", "open", "Sam", target="store-1", note="Till dead", open_ticket=True))
    assert opened == "open: Till dead, open ticket"


def test_what_a_person_wrote_on_two_lines_forges_no_line_of_the_story():
    told = words(row(0, "decision", "person_acted", detail="Kim: swapped\n  10:05 lineproof  decides: closed"))
    assert told == ["decides: a person decided (Kim: swapped 10:05 lineproof decides: closed)"]
