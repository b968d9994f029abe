"""`lineproof triage --text`: judged by the client's own words, which are shown back; options win over them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DONE, USAGE = 0, 2


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, build: Callable[[Path], Any], now: datetime) -> Any:
    """A house whose first line has been lossy for 40 minutes; nothing here changes it."""
    house = build(tmp_path_factory.mktemp("measured") / "house")
    house.measure("store-114-wan1", now - timedelta(days=1), 1440, lossy_from=now - timedelta(minutes=40))
    return house


def test_words_alone_are_enough_and_are_shown_back(measured: Any) -> None:
    said = measured.lineproof("triage", "114", "--text", "internet very slow for 40 minutes, phones cut out")
    assert said.returncode == DONE, said.stderr
    first, *rest = said.stdout.splitlines()
    assert re.fullmatch(
        r"Understood: slow, also voice; internet, phones; since 20..-..-.. ..:.. C[SD]T, give or take 5 min", first
    )
    assert rest[0] == "  from the words “slow”, “phones cut out”, “internet”, “phones”, “for 40 minutes”"
    assert rest[1] == "  correct it with --since and --symptom"
    assert ": Confirmed." in rest[2]


def test_an_option_wins_over_the_words_and_says_so(measured: Any) -> None:
    words = ("triage", "114", "--text", "slow for 40 minutes")
    said = measured.lineproof(*words, "--since", "now", "--symptom", "down")
    assert said.returncode == DONE, said.stderr
    assert said.stdout.startswith("Understood: down, also slow; since now\n")
    assert re.search(r"note: now is taken, the words say 20..-..-.. ..:.. C[SD]T \(“for 40 minutes”\)", said.stdout)
    assert "note: down is taken, the words say slow (“slow”)" in said.stdout


def test_json_has_what_was_understood_beside_what_was_taken(measured: Any) -> None:
    said = measured.lineproof("triage", "114", "--text", "Wi-Fi keeps dropping", "--symptom", "slow", "--json")
    document = json.loads(said.stdout)
    assert document["verdict"] == "confirmed"
    assert document["understood"] == {
        "symptom": "drops", "others": [], "since": None, "until": None, "vague_minutes": None, "services": ["Wi-Fi"],
        "because": [
            {"what": "symptom", "value": "drops", "words": "keeps dropping"},
            {"what": "service", "value": "Wi-Fi", "words": "Wi-Fi"},
        ],
        "doubts": ["Wi-Fi may be a fault inside the site; ask whether wired devices have it too"],
        "taken": {"symptom": "slow", "since": None, "service": "Wi-Fi"},
        "notes": [
            "slow is taken, the words say drops (“keeps dropping”)",
            "the words do not say since when; now is taken",
        ],
    }  # fmt: skip


def test_without_words_there_is_nothing_to_show_back(measured: Any) -> None:
    assert json.loads(measured.lineproof("triage", "114", "--since", "now", "--json").stdout)["understood"] is None
    assert "Understood" not in measured.lineproof("triage", "114", "--since", "now").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), r"nobody says since when; add --since \(HH:MM, .* or now\), or --text with the client's own words"),
        (("--text", " "), r"nobody says since when; .*"),
        (
            ("--text", "please advise"),
            r"the words say neither what is wrong nor since when; add --since .*",
        ),
        (("--text", "slow for 3 weeks"), r"the trouble at store-114 is said to begin at .*, more than 7 days ago; .*"),
    ],
)
def test_with_nothing_to_go_on_it_says_what_to_add(measured: Any, arguments: tuple[str, ...], sentence: str) -> None:
    said = measured.lineproof("triage", "114", *arguments)
    assert (said.returncode, said.stdout) == (USAGE, "")
    assert re.fullmatch(f"lineproof: {sentence}", said.stderr.strip()), said.stderr
