"""The desk's pages: found by any name, honest about what is not known, closed to foreign pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

pytestmark = pytest.mark.rim

PAGES = (
    "/",
    "/sites",
    "/sites/store-114",
    "/sites/clinic-1",
    "/cases",
    "/cases?all=1",
    "/tickets",
    "/search?q=nothing",
)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_no_inline_script_or_style_and_a_policy_that_forbids_them(desk: Any, path: str) -> None:
    response = await desk.client.get(path)
    text = await response.text()
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://(?!127\.0\.0\.1)", text)


async def test_another_host_name_is_refused_so_that_no_foreign_name_can_point_here(desk: Any) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "192.0.2.7:8080", "[::1", ""):
        status, text = await desk.get("/", Host=host)
        assert status == 421
        assert "store-114" not in text
    for host in ("127.0.0.1:9", "localhost", "[::1]:8080"):
        assert (await desk.get("/", Host=host))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "OWN"},
    ],
)
async def test_a_post_that_is_not_from_our_own_page_changes_nothing(desk: Any, headers: dict[str, str]) -> None:
    own = f"http://127.0.0.1:{desk.client.port}"
    sent = {name: value.replace("OWN", own) for name, value in headers.items()}
    response = await desk.client.post("/sites/store-114/claims", data={"symptom": "slow"}, headers=sent)
    assert response.status == 403
    async with desk.installation.database.reading() as connection:
        from triage import inbox

        assert await inbox.waiting(connection) == []


async def test_an_old_browser_that_only_tells_its_origin_may_post(desk: Any) -> None:
    own = {"Origin": f"http://127.0.0.1:{desk.client.port}"}
    response = await desk.client.post("/sites/store-114/judge", data={"symptom": "slow"}, headers=own)
    assert response.status == 200


@pytest.mark.parametrize("name", ["store-114", "MF/114//", "fgl1140001", "Pier <4>"])
async def test_any_name_of_a_site_leads_to_it(desk: Any, name: str) -> None:
    response = await desk.client.get("/search", params={"q": name}, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == "/sites/store-114"


async def test_a_name_of_two_sites_lists_both_and_chooses_none(desk: Any) -> None:
    status, text = await desk.get("/search?q=114")
    assert status == 200
    assert 'href="/sites/store-114"' in text
    assert 'href="/sites/clinic-1"' in text


async def test_a_name_of_nothing_says_so(desk: Any) -> None:
    status, text = await desk.get("/search?q=nowhere")
    assert status == 404
    assert "No site is known as “nowhere”" in text


async def test_typing_lists_what_is_meant_without_leaving_the_page(desk: Any) -> None:
    status, text = await desk.get("/search?q=pier", **{"HX-Request": "true"})
    assert status == 200
    assert "Pier &lt;4&gt;" in text
    assert "<html" not in text


async def test_a_site_without_data_is_unknown_and_one_that_nobody_watches_is_not_watched(desk: Any) -> None:
    for state, there, absent in (
        ("ok", "store-114", "clinic-1"),
        ("unknown", "clinic-1", "store-114"),
        ("unknown", "store-207", "depot-9"),
        ("not_watched", "depot-9", "clinic-1"),
    ):
        _, text = await desk.get(f"/sites?state={state}", **{"HX-Request": "true"})
        assert f"/sites/{there}" in text
        assert f"/sites/{absent}" not in text


async def test_what_was_not_measured_says_so_and_is_never_zero(desk: Any) -> None:
    _, text = await desk.get("/sites/clinic-1", **{"HX-Request": "true"})
    assert text.count("not measured") == 5
    assert "not known" in text
    assert not re.search(r"\b0 (ms|%|bit/s)", text)


async def test_a_figure_names_its_source_and_its_age(desk: Any) -> None:
    _, text = await desk.get("/sites/store-114", **{"HX-Request": "true"})
    assert "15 %" in text
    assert "8 Mbit/s of 100 Mbit/s" in text
    assert "Probe, 0 s ago" in text


async def test_an_old_figure_is_shown_as_stale(desk: Any) -> None:
    from datetime import timedelta

    desk.clock.move_to(desk.clock.now() + timedelta(minutes=30))
    _, text = await desk.get("/sites/store-114", **{"HX-Request": "true"})
    assert "Probe, 30 min ago, stale" in text
    assert "port up, long ago" in text


async def test_names_from_the_inventory_are_text_and_never_markup(desk: Any) -> None:
    for path in ("/sites", "/sites/store-114", "/"):
        _, text = await desk.get(path)
        assert "<4>" not in text
        assert "Acme <Stores>" not in text


async def test_a_page_of_what_does_not_exist_is_one_sentence(desk: Any) -> None:
    for path, words in (
        ("/sites/nowhere", "There is no site &#39;nowhere&#39;"),
        ("/cases/C-99", "There is no case C-99"),
        ("/cases/12", "is not an id like C-12"),
        ("/tickets/T-9", "There is no ticket T-9"),
        ("/tickets/T-99999999999999999999", "is not an id like T-12"),
        ("/api/links/none/charts", "There is no link &#39;none&#39;"),
        ("/inputs/99999999999999999999", "Not Found"),
        ("/nope", "Not Found"),
    ):
        status, text = await desk.get(path)
        assert status == 404
        assert words in text


async def test_charts_tell_gaps_apart_from_zero_and_name_the_zone(desk: Any) -> None:
    response = await desk.client.get("/api/links/store-114-wan1/charts")
    charts = await response.json()
    assert charts["zone"] == "America/Chicago"
    assert charts["end"] - charts["start"] == 24 * 3600
    loss = next(panel for panel in charts["panels"] if panel["title"] == "Packet loss")
    [curve] = loss["curves"]
    assert curve["label"] == "packet loss (Probe)"
    assert (curve["values"][0], curve["values"][-1], len(curve["values"])) == (0.0, 15.0, 1440)
    empty = await (await desk.client.get("/api/links/clinic-1-wan1/charts")).json()
    assert [panel["curves"] for panel in empty["panels"]] == [[], [], [], []]


async def test_health_says_what_is_stale_and_why(desk: Any) -> None:
    response = await desk.client.get("/health")
    health = await response.json()
    assert (response.status, health["status"]) == (503, "degraded")
    snmp = next(one for one in health["sources"] if one["source"] == "snmp")
    assert (snmp["links"], snmp["fresh"]) == (3, 2)
    assert any("store-207-rtr" in why and "check community and ACL" in why for why in health["why"])
    assert any(why == "Probe: nothing in the last 15 min of 1 line: clinic-1-wan1" for why in health["why"])
    assert any(why.startswith("collector: no answer from 127.0.0.1:") for why in health["why"])
    assert any(why.startswith("engine: no answer from 127.0.0.1:") for why in health["why"])
    assert health["outbox"] == {"pending": 0, "trying": 0, "dead": 0, "given_up": []}
    assert health["store"]["ok"]


async def test_the_first_page_says_when_our_own_processes_do_not_run(desk: Any) -> None:
    _, text = await desk.get("/")
    assert "Collector: no answer from 127.0.0.1:" in text
    assert "Engine: no answer from 127.0.0.1:" in text


async def test_what_runs_elsewhere_on_a_port_of_ours_is_not_taken_for_ours(desk: Any, installation: Any) -> None:
    async def foreign(_request: web.Request) -> web.Response:
        return web.Response(text="<h1>It works</h1>", content_type="text/html")

    async def ours(_request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "holds_lease": True})

    listen = installation.settings.listen
    async with serving(listen.collector, foreign), serving(listen.engine, ours):
        told = (await (await desk.client.get("/health")).json())["processes"]
    assert "is not one of our processes" in told["collector"]["why"]
    assert told["engine"] == {"why": "", "ok": True, "holds_lease": True}


def serving(port: int, handler: Any) -> TestServer:
    """Something that answers /health on a port; to be entered."""
    app = web.Application()
    app.router.add_get("/health", handler)
    return TestServer(app, port=port)


async def test_metrics_count_what_health_says(desk: Any) -> None:
    _, text = await desk.get("/metrics")
    assert 'lineproof_source_links{source="snmp",state="stale"} 1.0' in text
    assert 'lineproof_source_links{source="probe",state="fresh"} 2.0' in text
    _, again = await desk.get("/metrics")
    assert 'lineproof_desk_requests_total{method="GET",route="/metrics",status="200"}' in again


async def test_a_form_that_is_too_large_is_refused(desk: Any) -> None:
    status, text = await desk.post("/sites/store-114/judge", words="x" * 100_000)
    assert status == 413
    assert "store-114-wan1" not in text
