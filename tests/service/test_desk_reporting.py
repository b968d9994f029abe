"""Reporting trouble at the desk: judged first, recorded only when asked to, decided by the engine alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from triage import tables

pytestmark = pytest.mark.rim

SINCE = "12:30"  # in Chicago, six hours behind: 18:30Z, when the loss begins


async def record(desk: Any, **fields: str) -> str:
    """Record a claim and let the engine work; returns the case."""
    status, where = await desk.post("/sites/store-114/claims", **({"symptom": "slow", "since": SINCE} | fields))
    assert status == 303
    await desk.work()
    status, _ = await desk.get(where)
    assert status == 303
    response = await desk.client.get(where, allow_redirects=False)
    return str(response.headers["Location"]).removeprefix("/cases/")


async def test_the_first_answer_is_a_judgement_that_records_nothing(desk: Any, rows: Callable[..., Any]) -> None:
    status, text = await desk.post("/sites/store-114/judge", symptom="slow", since=SINCE, reported_by="Dana Reyes")
    assert status == 200
    assert "Confirmed: packet loss on store-114-wan1 (Meridian)" in text
    assert "12:30 CST" in text
    assert "<svg" in text
    assert "store-114-lte" in text
    assert [await rows(table) for table in (tables.inbox, tables.case, tables.audit, tables.ticket)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"since": "2026-03-03 13:00"}, "is in the future: it is 2026-03-03 12:52 in America/Chicago now"),
        ({"since": "half past"}, "is not a time; write HH:MM"),
        ({"since": "2026-01-03 13:00"}, "more than 7 days ago"),
        ({"symptom": "sluggish"}, "&#39;sluggish&#39; is no symptom"),
        ({"words": "x" * 2001}, "Words is longer than 2000 characters"),
    ],
)
async def test_what_cannot_be_meant_is_one_sentence_on_the_form(
    desk: Any, rows: Callable[..., Any], fields: dict[str, str], sentence: str
) -> None:
    for action in ("judge", "claims"):
        status, text = await desk.post(f"/sites/store-114/{action}", **({"symptom": "slow"} | fields))
        assert status == 422
        assert sentence in text
        assert "Nothing was recorded" in text
    assert await rows(tables.inbox) == 0


async def test_what_was_typed_stays_in_the_form_when_something_is_refused(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/judge", symptom="voice", since="soon", words="calls <b>break</b>")
    assert 'value="voice" checked' in text
    assert 'value="soon"' in text
    assert "calls &lt;b&gt;break&lt;/b&gt;" in text


async def test_a_claim_about_an_unknown_site_is_refused(desk: Any, rows: Callable[..., Any]) -> None:
    status, text = await desk.post("/sites/nowhere/claims", symptom="slow")
    assert status == 404
    assert "There is no site &#39;nowhere&#39;" in text
    assert await rows(tables.inbox) == 0


async def test_recording_enqueues_and_the_engine_decides(desk: Any) -> None:
    status, where = await desk.post("/sites/store-114/claims", symptom="slow", since=SINCE, open_ticket="yes")
    assert (status, where) == (303, "/inputs/1?site=store-114")
    status, text = await desk.get(where)
    assert status == 200
    assert "the engine decides" in text
    await desk.work()
    response = await desk.client.get(where, headers={"HX-Request": "true"})
    assert response.headers["HX-Redirect"] == "/cases/C-1"
    _, case = await desk.get("/cases/C-1")
    assert "the client&#39;s report was confirmed" in case
    assert "/tickets/T-1" in case


async def test_a_claim_about_now_is_decided_and_not_taken_for_the_future(desk: Any) -> None:
    desk.clock.move_to(desk.clock.now() + timedelta(microseconds=999_600))
    assert await record(desk, since="") == "C-1"


async def test_sending_the_form_twice_counts_once(desk: Any, rows: Callable[..., Any]) -> None:
    key = "claim:0123456789abcdef"
    first = await desk.post("/sites/store-114/claims", symptom="slow", since=SINCE, key=key)
    assert await desk.post("/sites/store-114/claims", symptom="slow", since=SINCE, key=key) == first
    assert await rows(tables.inbox) == 1


async def test_a_foreign_key_cannot_swallow_a_claim(desk: Any, rows: Callable[..., Any]) -> None:
    await desk.post("/sites/store-114/claims", symptom="slow", key="tick:29541888")
    await desk.post("/sites/store-114/claims", symptom="slow", key="tick:29541888")
    assert await rows(tables.inbox) == 2


async def test_no_ticket_without_the_tick(desk: Any, rows: Callable[..., Any]) -> None:
    await record(desk)
    assert await rows(tables.ticket) == 0


async def test_a_second_report_joins_the_open_case(desk: Any, rows: Callable[..., Any]) -> None:
    assert await record(desk) == "C-1"
    _, text = await desk.post("/sites/store-114/judge", symptom="slow", since=SINCE)
    assert 'It joins the open case <a href="/cases/C-1">' in text
    assert await record(desk) == "C-1"
    assert await rows(tables.case) == 1


async def test_who_may_not_report_is_flagged_before_anything_is_recorded(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/judge", symptom="slow", reported_by="Front desk")
    assert "Front desk is not authorised: call back a listed contact (Dana Reyes)" in text
    _, text = await desk.post("/sites/store-114/judge", symptom="slow", reported_by="Dana Reyes")
    assert "not authorised" not in text


async def test_a_site_in_trouble_is_shown_as_such_everywhere(desk: Any) -> None:
    await record(desk, words="<i>slow</i>")
    for path in ("/", "/sites?state=trouble", "/sites/store-114"):
        _, text = await desk.get(path)
        assert "C-1" in text
        assert "trouble" in text
    _, case = await desk.get("/cases/C-1")
    assert "&lt;i&gt;slow&lt;/i&gt;" in case


async def test_a_decision_needs_a_name(desk: Any, rows: Callable[..., Any]) -> None:
    await record(desk)
    before = await rows(tables.inbox)
    status, text = await desk.post("/cases/C-1/act", who=" ", does="acknowledge")
    assert status == 422
    assert "A decision needs the name of the person" in text
    assert await rows(tables.inbox) == before


async def test_a_person_takes_a_case_and_ends_it(desk: Any) -> None:
    await record(desk)
    await desk.post("/cases/C-1/act", who="Ana Ruiz", does="acknowledge")
    await desk.work()
    _, text = await desk.get("/cases")
    assert "Ana Ruiz" in text
    await desk.post("/cases/C-1/act", who="Ana Ruiz", does="resolve", note="carrier replaced the splice")
    await desk.work()
    _, text = await desk.get("/cases/C-1")
    assert "resolved" in text
    assert "carrier replaced the splice" in text
    assert "Take this case" not in text


async def test_a_person_holds_moves_and_takes_up_a_case_again(desk: Any) -> None:
    await record(desk)
    for act in (
        {"does": "hold", "why": "client"},
        {"does": "move", "queue": "field"},
        {"does": "assign", "owner": "Bo"},
    ):
        await desk.post("/cases/C-1/act", who="Ana Ruiz", **act)
    await desk.work()
    _, text = await desk.get("/cases/C-1")
    for shown in ("waits for the client, says Ana Ruiz", "queue field", "Bo"):
        assert shown in text
    await desk.post("/cases/C-1/act", who="Ana Ruiz", does="close")
    await desk.work()
    _, text = await desk.get("/cases/C-1")
    assert 'value="reopen"' in text
    assert 'value="hold"' not in text
    await desk.post("/cases/C-1/act", who="Ana Ruiz", does="reopen")
    await desk.work()
    _, text = await desk.get("/cases/C-1")
    assert "re-opened" in text
    status, text = await desk.post("/cases/C-1/act", who="Ana Ruiz", does="hold", why="the moon")
    assert status == 422
    assert "a case waits for one of statistics, client, access, carrier, maintenance" in text.lower()


async def test_a_proposal_shows_its_commands_and_only_what_can_be_done_next(desk: Any) -> None:
    await record(desk)
    _, text = await desk.get("/cases/C-1")
    assert "ip route 0.0.0.0/0 192.0.2.1 eth0 250" in text
    assert acts(text) == ["approve", "refuse"]
    for does, then in (("approve", ["apply"]), ("apply", ["revert"]), ("revert", [])):
        await desk.post("/proposals/P-1/act", who="Ana Ruiz", does=does)
        await desk.work()
        _, text = await desk.get("/cases/C-1")
        assert acts(text) == then
    assert "decided by Ana Ruiz" in text
    assert [text.count(f"{act}: P-1") for act in ("approve", "apply", "revert")] == [1, 1, 1]
    assert "DRY RUN, nothing was sent" in text


async def test_a_decision_that_does_not_fit_says_why(desk: Any) -> None:
    await record(desk)
    _, where = await desk.post("/proposals/P-1/act", who="Ana Ruiz", does="revert")
    await desk.work()
    status, text = await desk.get(where)
    assert status == 200
    assert "proposal P-1 is proposed" in text
    assert '<a href="/cases/C-1">Back</a>' in text


async def test_an_act_that_belongs_elsewhere_is_refused(desk: Any) -> None:
    await record(desk)
    for path, does in (("/cases/C-1/act", "approve"), ("/proposals/P-1/act", "resolve"), ("/cases/C-1/act", "")):
        status, _ = await desk.post(path, who="Ana", does=does)
        assert status == 422
    assert (await desk.post("/proposals/P-9/act", who="Ana", does="approve"))[0] == 404


async def test_evidence_is_served_so_that_it_can_do_nothing(desk: Any) -> None:
    await record(desk, open_ticket="yes", words="<script>alert(1)</script>")
    _, page = await desk.get("/tickets/T-1")
    names = re.findall(r'href="(/tickets/T-1/files/[^"]+)"', page)
    assert sorted(name.rsplit(".")[-1] for name in names) == ["html", "json", "pdf"]
    for name in names:
        response = await desk.client.get(name)
        assert response.status == 200
        assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        shown = name.endswith(".html")
        assert response.headers["Content-Disposition"].startswith("inline" if shown else "attachment")
        kind = {"html": "text/html", "json": "application/json", "pdf": "application/pdf"}[name.rsplit(".")[-1]]
        assert response.content_type == kind
        if shown:
            assert "<script" not in await response.text()


def acts(text: str) -> list[str]:
    """What can be done about the case's proposal."""
    proposals = text[text.index('class="panel proposal"') :]
    return re.findall(r'name="does" value="(\w+)"', proposals)
