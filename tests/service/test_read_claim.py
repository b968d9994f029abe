"""From what was typed to a claim: what no form may carry further is left out before anything is read in it."""

from __future__ import annotations

from datetime import UTC, datetime

from inventory.model import Site
from service.claims import read_claim
from triage.policy_files import load_policy

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def test_controls_and_what_turns_the_writing_direction_are_no_words_and_lines_stay() -> None:
    said = "  very slow\x00 since 11:30\x07\r\n\u202edrowssap“Ü”\ud800 \n"
    read = read_claim(Site(id="store-114", client="acme"), load_policy(), NOON, words=said)
    assert read.claim.words == "very slow since 11:30\ndrowssap“Ü”"
    assert read.claim.since == datetime(2026, 3, 3, 11, 30, tzinfo=UTC)


def test_words_of_blanks_alone_are_none() -> None:
    read = read_claim(Site(id="store-114", client="acme"), load_policy(), NOON, words=" \n\x00 ")
    assert (read.claim.words, read.understood) == ("", None)
