"""The report form fills itself from the client's words, says which, and never overwrites what a person typed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.desk.views.reporting import Report, filled, typed_time
from triage import tables
from triage.claim_words.understood import Understood
from triage.model import Symptom

SAID = "internet very slow since about 12:30, phones cut out"


def fields(text: str) -> dict[str, str]:
    """The values of the form's text fields, and of the chosen symptom."""
    values = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', text)}
    chosen = re.search(r'name="symptom" value="(\w+)" checked', text)
    return values | {"symptom": chosen[1] if chosen else ""}


@pytest.mark.rim
async def test_the_words_fill_the_form_and_say_from_which_of_them(desk: Any, rows: Callable[..., Any]) -> None:
    status, text = await desk.post("/sites/store-114/words", words=SAID)
    assert status == 200
    found = fields(text)
    assert (found["symptom"], found["since"], found["service"]) == ("slow", "2026-03-03 12:30", "internet, phones")
    assert "slow, from “slow”; also voice, from “phones cut out”" in text
    assert "2026-03-03 12:30 CST, give or take 30 min, from “since about 12:30”" in text
    assert await rows(tables.inbox) == 0


@pytest.mark.rim
async def test_what_a_person_typed_is_never_overwritten(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/words", words=SAID, since="12:10", symptom="drops", service="")
    found = fields(text)
    assert (found["symptom"], found["since"], found["service"]) == ("drops", "12:10", "internet, phones")
    assert "2026-03-03 12:30 CST" in text, "what the words say still stands beside it"


@pytest.mark.rim
async def test_a_field_that_the_words_filled_follows_them_and_one_that_was_cleared_stays_empty(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/words", words=SAID)
    _, text = await desk.post("/sites/store-114/words", **(fields(text) | {"words": "internet down since 12:40"}))
    found = fields(text)
    assert (found["symptom"], found["since"], found["service"]) == ("down", "2026-03-03 12:40", "internet")
    _, text = await desk.post("/sites/store-114/words", **(found | {"words": SAID, "since": ""}))
    assert fields(text)["since"] == ""
    _, text = await desk.post("/sites/store-114/words", **(fields(text) | {"words": "hm"}))
    assert (fields(text)["symptom"], fields(text)["since"]) == ("", "")
    assert "the words do not say what is wrong" in text


@pytest.mark.rim
async def test_what_the_words_say_counts_without_script_too(desk: Any) -> None:
    status, text = await desk.post("/sites/store-114/judge", words=SAID)
    assert status == 200
    assert "Judged for: slow (internet, phones), since 2026-03-03 12:30 CST" in text
    assert "Confirmed: packet loss on store-114-wan1" in text


@pytest.mark.rim
async def test_a_cleared_time_means_now_whatever_the_words_say(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/judge", words=SAID, since="", read_since="2026-03-03 12:30")
    assert "Judged for: slow (internet, phones), now" in text
    assert "now is taken, the words say 2026-03-03 12:30 CST" in text
    assert fields(text)["since"] == "now", "recording it means now as well"


@pytest.mark.rim
async def test_what_nobody_said_is_said_to_be_taken(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/judge", words="it is bad again")
    assert "the words do not say what is wrong; slow is taken" in text
    assert "the words do not say since when; now is taken" in text


@pytest.mark.rim
async def test_ticket_and_evidence_say_it_as_it_was_understood_and_in_the_clients_words(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/judge", words=SAID)
    await desk.post("/sites/store-114/claims", **(fields(text) | {"open_ticket": "yes"}))
    await desk.work()
    _, ticket = await desk.get("/tickets/T-1")
    assert "The client reports: slow (internet, phones), since 2026-03-03 12:30 CST, give or take 30 minutes." in ticket
    assert f"In the client&#39;s words: {SAID}" in ticket
    _, case = await desk.get("/cases/C-1")
    assert "internet, phones" in case
    assert SAID in case


@pytest.mark.rim
async def test_words_cannot_act_on_the_page(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/words", words="slow since <b>9:30</b> the program called <script>")
    assert "<b>9:30" not in text
    assert "<script" not in text


def test_a_time_is_filled_in_so_that_it_means_the_same_when_it_is_read() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert typed_time(datetime(2026, 3, 3, 8, 30, tzinfo=UTC), berlin) == "2026-03-03 09:30"
    # 02:30 is there twice when the clocks go back.
    assert typed_time(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), berlin) == "2026-10-25T00:30:00Z"


def test_a_reading_that_says_less_takes_back_only_its_own() -> None:
    typed = Report(symptom="voice", read_symptom="slow", since="x", read_since="x")
    after = filled(typed, Understood(symptom=Symptom.DOWN), ZoneInfo("UTC"))
    assert (after.symptom, after.read_symptom) == ("voice", "slow")
    assert (after.since, after.read_since) == ("", "")
