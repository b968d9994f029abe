"""What a named person does to a case on the command line, and what its ticket shows of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DONE, FAILED, USAGE, NOT_FOUND = 0, 1, 2, 3


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, build: Callable[[Path], Any], now: datetime) -> Any:
    house = build(tmp_path_factory.mktemp("acts") / "house")
    house.measure("store-114-wan1", now - timedelta(days=1), 1440, lossy_from=now - timedelta(minutes=40))
    said = house.lineproof("triage", "114", "--since", "now", "--open-ticket")
    assert said.returncode == DONE, said.stderr
    return house


def test_a_name_cannot_speak_to_the_terminal_of_whoever_reads_it(house: Any) -> None:
    done = house.lineproof("case", "note", "C-1", "a\x1b[2Jb\x07", "--by", "Kim\x1b[31m\nLee")
    assert done.returncode == DONE, done.stderr
    for shown in (("case", "show", "C-1"), ("ticket", "show", "T-1")):
        told = house.lineproof(*shown).stdout
        assert "a[2Jb" in told
        assert not any(sign in told for sign in ("\x1b", "\x07"))
    assert "Kim[31m Lee" in house.lineproof("case", "show", "C-1").stdout


def test_a_case_is_taken_held_closed_and_taken_up_again(house: Any) -> None:
    by = ("--by", "Ana Ruiz")
    for words, shown in (
        (("assign", "C-1", "Bo"), "C-1 is open"),
        (
            ("hold", "C-1", "access", "--until", "23:59", "--note", "shop is closed"),
            "C-1 is pending, next: wait for: access",
        ),
        (("close", "C-1"), "C-1 is closed"),
        (("reopen", "C-1", "--note", "still bad"), "C-1 is open"),
    ):
        done = house.lineproof("case", *words, *by)
        assert (done.returncode, done.stdout.startswith(shown)) == (DONE, True), (done.stdout, done.stderr)
    case = json.loads(house.lineproof("case", "note", "C-1", "splicing", *by, "--json").stdout)
    assert (case["owner"], case["reopened"], case["decided_by"], case["clock_stopped_seconds"] >= 0) == (
        "Bo", 1, "Ana Ruiz", True,
    )  # fmt: skip
    ticket = json.loads(house.lineproof("ticket", "show", "T-1", "--json").stdout)
    assert (ticket["status"], ticket["owner"]) == ("inProgress", "Bo")
    notes = [note["text"] for note in ticket["notes"]]
    assert [text for text in notes if "Ana Ruiz" in text][-3:] == [
        "Ana Ruiz: close", "Ana Ruiz: still bad", "Ana Ruiz: splicing",
    ]  # fmt: skip


def test_a_case_is_opened_of_a_site_by_any_of_its_names(house: Any) -> None:
    done = house.lineproof("case", "open", "207", "--by", "Ana Ruiz", "--title", "slow tills", "--json")
    assert done.returncode == DONE, done.stderr
    assert [json.loads(done.stdout)[key] for key in ("site", "title", "status")] == ["store-207", "slow tills", "open"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("reopen", "C-1"), FAILED, "reopen needs one that is resolved, closed"),
        (("hold", "C-1", "the-moon"), USAGE, "a case waits for one of statistics, client, access"),
        (("hold", "C-1", "client", "--until", "1999-01-01 00:00"), USAGE, "is past at store-114; say until when"),
        (("assign", "C-1", " "), USAGE, "say who is to have the case"),
        (("note", "C-1", "\x1b"), USAGE, "a note says something"),
        (("merge", "C-1", "C-9"), FAILED, "C-9 is no open case of a carrier's trouble"),
        (("close", "C-9"), NOT_FOUND, "there is no case C-9"),
        (("open", "nowhere", "--title", "slow"), NOT_FOUND, "no site is known as 'nowhere'"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(
    house: Any, words: tuple[str, ...], code: int, sentence: str
) -> None:
    done = house.lineproof("case", *words, "--by", "Ana Ruiz")
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
