"""A repair on the command line: a claim with its intake opens a ticket, and a carrier's word is noted on the case."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DONE, FAILED, USAGE, NOT_FOUND = 0, 1, 2, 3


@pytest.fixture(scope="module")
def repair(tmp_path_factory: pytest.TempPathFactory, build: Callable[[Path], Any], now: datetime) -> Any:
    """A house with a lossy line, and the case of a client who said all that a carrier asks but one thing."""
    house = build(tmp_path_factory.mktemp("repair") / "house")
    house.measure("store-114-wan1", now - timedelta(days=1), 1440, lossy_from=now - timedelta(minutes=40))
    said = house.lineproof(
        "triage", "114", "--since", "now", "--open-ticket", "--reported-by", "Robin Doe", "--contact",
        "Kim Lee +1 617 555 0142", "--contact-hours", "8 to 5", "--access", "07:00-22:00", "--dispatch-consent", "yes",
        "--charges-up-to", "250 USD", "--consent-by", "Dana", "--intrusive-tests", "22:00-06:00", "--power-checked",
        "--reference", "INC-55",
    )  # fmt: skip
    assert said.returncode == DONE, said.stderr
    assert "0142" not in said.stderr
    house.said = said.stdout
    return house


def test_the_ticket_has_what_was_said_and_the_command_what_was_not(repair: Any) -> None:
    assert re.search(r"  the carrier will ask: .*whether the equipment was rebooted", repair.said)
    assert "Robin Doe is not authorised" in repair.said
    ticket = repair.lineproof("ticket", "show", "T-1").stdout
    for fact in (
        "Contact on site: Kim Lee, +1 617 555 0142, 8 to 5",
        "The client pays a visit that finds the fault its own: yes, up to 250 USD",
        "Tests may interrupt the service: yes, 22:00-06:00",
        "- whether the equipment was rebooted",
    ):
        assert fact in ticket


def test_what_the_carrier_tells_is_noted_on_case_and_ticket(repair: Any) -> None:
    told = ("case", "carrier", "C-1", "--by", "Ana Ruiz", "--number", "778", "--carrier", "Example Fiber")
    done = repair.lineproof(*told, "--etr", "23:59")
    assert done.returncode == DONE, done.stderr
    assert re.search(
        r"carrier Example Fiber 778 on store-114-wan1: opened .* C[SD]T, repair expected by .* 23:59", done.stdout
    )
    shown = json.loads(repair.lineproof("case", "show", "C-1", "--json").stdout)["case"]
    assert [one["number"] for one in shown["carrier_tickets"]] == ["778"]
    assert (shown["intake"]["client_reference"], "rebooted" in shown["missing"]) == ("INC-55", True)
    assert "Example Fiber 778: repair is expected by" in repair.lineproof("ticket", "show", "T-1").stdout


def test_of_a_site_by_any_of_its_names_the_carrier_tells_of_an_outage(repair: Any) -> None:
    done = repair.lineproof("case", "carrier", "300", "--by", "Ana Ruiz", "--number", "PR-1", "--json")
    assert done.returncode == DONE, done.stderr
    case = json.loads(done.stdout)
    assert (case["site"], case["origins"], case["title"]) == (
        "store-300", ["carrier"], "Prairie tells of an outage: ticket PR-1",
    )  # fmt: skip


def test_what_the_client_answers_later_is_no_longer_asked(repair: Any) -> None:
    told = ("case", "intake", "C-1", "--by", "Ana Ruiz")
    done = repair.lineproof(
        *told, "--instructions", "ask for the key", "--contact", "Kim Lee +1 617 555 0143", "--json"
    )
    assert done.returncode == DONE, done.stderr
    assert json.loads(done.stdout)["intake"]["on_site_phone"] == "+1 617 555 0143"
    assert "0143" not in done.stderr
    assert "ask for the key" in repair.lineproof("ticket", "show", "T-1").stdout
    nothing = repair.lineproof(*told)
    assert (nothing.returncode, nothing.stdout) == (FAILED, "")
    assert "says something" in nothing.stderr
    assert repair.lineproof("case", "intake", "C-9", "--by", "Ana", "--rebooted").returncode == NOT_FOUND
    assert repair.lineproof(*told, "--dispatch-consent", "perhaps").returncode == USAGE


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("C-1", "--by", "Ana", "--number", " "), USAGE, "a carrier's ticket has a number"),
        (("C-1", "--by", " ", "--number", "1"), USAGE, "give the name of the person"),
        (("C-1", "--by", "Ana", "--number", "1", "--etr", "soon"), USAGE, "'soon' is not a time"),
        (("C-1", "--by", "Ana", "--number", "1", "--closed", "9999-01-01 00:00"), USAGE, "is in the future"),
        (("C-1", "--by", "Ana", "--number", "x" * 10_000), USAGE, "number is longer than 60 characters"),
        (("C-1", "--by", "Ana", "--number", "1", "--link", "elsewhere"), FAILED, "'elsewhere' is no line of store-114"),
        (("C-9", "--by", "Ana", "--number", "1"), NOT_FOUND, "there is no case C-9"),
        (("nowhere", "--by", "Ana", "--number", "1"), NOT_FOUND, "no site is known as 'nowhere'"),
        (("Pier", "--by", "Ana", "--number", "1"), USAGE, "depot-1"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_its_exit_code(
    repair: Any, options: tuple[str, ...], code: int, sentence: str
) -> None:
    said = repair.lineproof("case", "carrier", *options)
    assert (said.returncode, said.stdout) == (code, "")
    assert sentence in said.stderr
    assert "Traceback" not in said.stderr
