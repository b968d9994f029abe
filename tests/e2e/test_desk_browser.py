"""The desk's story, clicked through in a real browser: a client phones, the desk looks, records, and has a ticket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import unused_port
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from collector.model import SampleBatch, Source
from config.clock import epoch_ms
from config.database import Database
from inventory.repository import import_file
from service.desk.app import create_app
from service.installation import Installation, opened
from service.migrations import upgrade
from service.settings import HOST
from service.starting import init_folder

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium"),
]


async def measure(installation: Installation) -> None:
    """Three days of the example store's first line: every minute well, the last three quarters of an hour not."""
    now = epoch_ms(installation.clock.now())
    time = np.arange(now // 60_000 - 3 * 1440, now // 60_000, dtype=np.int64) * 60_000
    lossy = time >= now - 45 * 60_000
    fields = {
        "rtt_ms": np.full(len(time), 9.0),
        "jitter_ms": np.full(len(time), 0.8),
        "loss_pct": np.where(lossy, 15.0, 0.0),
        "sent": np.full(len(time), 20.0),
    }
    seconds = np.full(len(time), 60, dtype=np.int32)
    links = ["store-114-wan1"] * len(time)
    await installation.store.write(SampleBatch(Source.PROBE, links, time, seconds, time + 60_000, fields))


async def run_engine(installation: Installation) -> None:
    engine, performer = installation.engine(), installation.performer()
    while True:
        await engine.fire_timers()
        await engine.work_off()
        await performer.perform_due()
        await asyncio.sleep(0.1)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a desk with an engine, on the example inventory that `lineproof init` writes."""
    folder = tmp_path / "installation"
    init_folder(folder)
    settings = folder / "lineproof.yaml"
    closed = f"collector: {unused_port()}", f"engine: {unused_port()}"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("collector: 8081", closed[0]).replace("engine: 8082", closed[1]), encoding="utf-8")
    (folder / "var").mkdir()
    database = Database(folder / "var" / "records.db")
    await upgrade(database)
    await import_file(database, folder / "inventory.yaml", dry_run=False)
    await database.close()
    async with opened(settings) as installation:
        await measure(installation)
        runner = web.AppRunner(create_app(installation))
        await runner.setup()
        port = unused_port()
        await web.TCPSite(runner, HOST, port).start()
        engine = asyncio.create_task(run_engine(installation))
        try:
            yield f"http://{HOST}:{port}"
        finally:
            engine.cancel()
            await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page with cookies of its own, which fails the test on any script error and anything that the policy blocks."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    tab = await context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
    yield tab
    await context.close()
    assert wrong == []


async def shot(page: Page, folder: Path, name: str) -> None:
    """A picture to look at: pytest keeps the newest temporary folders."""
    await page.screenshot(path=folder / f"{name}.png", full_page=True)


async def test_from_the_call_to_the_ticket(desk: str, page: Page, tmp_path: Path) -> None:
    await page.goto(desk)
    await page.keyboard.press("/")
    await page.keyboard.type("BOS-PIER4")
    await expect(page.locator("#hits")).to_contain_text("Harbor Coffee Pier 4")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/sites/store-114")

    await expect(page.locator("#charts canvas").first).to_be_visible()
    await expect(page.locator("#line-figures")).to_contain_text("not measured")
    await expect(page.locator("#line-figures")).to_contain_text("15 %")
    await shot(page, tmp_path, "site")

    await page.click("#report summary")
    await page.fill("input[name=since]", "2031-01-01 10:00")
    await page.click("#judge")
    await expect(page.locator("#judgement")).to_contain_text("is in the future")
    await expect(page.locator("#judgement")).to_contain_text("Nothing was recorded")

    await page.fill("input[name=since]", "")
    await page.fill("textarea[name=words]", "the tills <b>hang</b>")
    await page.select_option("select[name=reported_by]", "Marcus Bell")
    await page.click("#judge")
    await expect(page.locator(".judgement .verdict")).to_contain_text("Confirmed: packet loss on store-114-wan1")
    await expect(page.locator(".judgement svg").first).to_be_visible()
    assert "No case is open" in await (await page.request.get(f"{desk}/cases")).text()
    await shot(page, tmp_path, "judgement")

    await page.click("button:has-text('Record and open ticket')")
    await page.wait_for_url("**/cases/C-1")
    await expect(page.locator("h1")).to_contain_text("packet loss on store-114-wan1")
    await expect(page.locator("main")).to_contain_text("the tills <b>hang</b>")
    await expect(page.locator("#case-state")).to_contain_text("T-1", timeout=20_000)
    await expect(page.locator("#case-state")).to_contain_text("PDF", timeout=30_000)
    await shot(page, tmp_path, "case")

    await page.click("#case-state a:has-text('T-1')")
    await page.wait_for_url("**/tickets/T-1")
    await expect(page.locator("main")).to_contain_text("evidence-C-1.pdf")
    await shot(page, tmp_path, "ticket")
    await page.goto(f"{desk}/tickets/T-1/files/evidence-C-1.html")
    await expect(page.locator("body")).to_contain_text("packet loss")
    assert await page.evaluate("window.origin") == "null", "the evidence has no origin of its own to act from"


async def test_what_a_carrier_asks_is_kept_while_the_words_change_and_its_answer_is_noted(
    desk: str, page: Page, tmp_path: Path
) -> None:
    await page.goto(f"{desk}/sites/store-114")
    await page.click("#report > summary")
    await page.click(".intake summary")
    await page.fill("input[name=on_site_phone]", "+1 617 555 0142")
    await page.fill("input[name=on_site_contact]", "Kim <b>Lee</b>")
    await page.select_option("select[name=dispatch_consent]", "yes")
    await page.fill("textarea[name=words]", "internet very slow for 40 minutes")
    await expect(page.locator("#heard")).to_contain_text("from “for 40 minutes”")
    await page.fill("input[name=other_reporter]", "Robin Doe")
    await expect(page.locator("input[name=on_site_phone]")).to_have_value("+1 617 555 0142")
    await expect(page.locator("select[name=dispatch_consent]")).to_have_value("yes")
    await page.locator("#report").screenshot(path=tmp_path / "intake.png")
    await page.set_viewport_size({"width": 390, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.locator("#report").screenshot(path=tmp_path / "intake-narrow.png")
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.click("#judge")
    await expect(page.locator(".judgement")).to_contain_text("Robin Doe is not authorised: call back a listed contact")
    await page.click("button:has-text('Record and open ticket')")
    await page.wait_for_url("**/cases/C-1")
    await expect(page.locator(".repair")).to_contain_text("Kim <b>Lee</b>, +1 617 555 0142")
    await page.click("#carrier-told-C-1 > summary")
    await page.fill("#carrier-told-C-1 input[name=who]", "Ana Ruiz")
    await page.fill("#carrier-told-C-1 input[name=number]", "<i>778</i>")
    await page.fill("#carrier-told-C-1 input[name=etr]", "23:59")
    await asyncio.sleep(3.5)
    await expect(page.locator("#carrier-told-C-1 input[name=etr]")).to_have_value("23:59")
    await shot(page, tmp_path, "repair-form")
    await page.click("button:has-text('Note it')")
    await page.wait_for_url("**/cases/C-1")
    await expect(page.locator(".repair article h3")).to_contain_text("<i>778</i>", timeout=15_000)
    await expect(page.locator("#case-state .strip")).to_contain_text("wait for word of")
    await shot(page, tmp_path, "repair")
    await page.set_viewport_size({"width": 390, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await shot(page, tmp_path, "repair-narrow")


async def test_a_person_takes_the_case_by_name(desk: str, page: Page) -> None:
    await page.goto(f"{desk}/sites/store-114")
    await page.click("#report summary")
    await page.click("#judge")
    await page.uncheck("input[name=open_ticket]")
    await page.click("button:has-text('Record and open ticket')")
    await page.wait_for_url("**/cases/C-1")
    await page.click("button[value=acknowledge]")
    assert page.url.endswith("/cases/C-1"), "without a name nothing is sent"
    await page.fill(".act input[name=who]", "Ana Ruiz")
    await page.click("button[value=acknowledge]")
    await expect(page.locator("#case-state .strip")).to_contain_text("Ana Ruiz", timeout=15_000)
    await expect(page.locator(".act input[name=who]").first).to_have_value("Ana Ruiz")

    await page.goto(f"{desk}/cases")
    for owner, shown in (("-", "None of 1 cases fits."), ("Ana Ruiz", "1 of 1.")):
        await page.select_option("#case-filter select[name=owner]", owner)
        await expect(page.locator("#case-rows")).to_contain_text(shown)


async def test_the_button_of_every_form_of_a_site_can_be_read(desk: str, page: Page) -> None:
    await page.goto(f"{desk}/sites/store-114")
    for form in ("report", "open-case"):
        button = page.locator(f"#{form} > summary")
        ink, paper = [
            await button.evaluate("(one, name) => getComputedStyle(one)[name]", name)
            for name in ("color", "backgroundColor")
        ]
        assert ink != paper, form


@pytest.mark.parametrize("width", [1280, 390])
async def test_no_page_is_wider_than_its_window(desk: str, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", "/sites", "/sites/store-114", "/sites/clinic-chi-1", "/cases", "/tickets", "/search?q=harbor"):
        await page.goto(f"{desk}{path}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_story_works_without_script(desk: str, browser: Browser, tmp_path: Path) -> None:
    context = await browser.new_context(java_script_enabled=False)
    plain = await context.new_page()
    await plain.goto(f"{desk}/search?q=BOS-PIER4")
    await plain.click("#report summary")
    await plain.click("#judge")
    await expect(plain.locator(".verdict")).to_contain_text("Confirmed: packet loss")
    await plain.click("button:has-text('Record and open ticket')")
    await plain.wait_for_url("**/cases/C-1", timeout=20_000)
    await shot(plain, tmp_path, "without-script")
    await context.close()


async def test_a_site_that_was_never_measured_is_unknown_and_not_well(desk: str, page: Page) -> None:
    await page.goto(f"{desk}/sites/store-207")
    await expect(page.locator("h1")).to_contain_text("unknown")
    await expect(page.locator("#line-figures")).not_to_contain_text("0 %")


async def test_what_is_typed_before_the_page_is_ready_is_searched_too(desk: str, page: Page) -> None:
    async def later(route: Route) -> None:
        await asyncio.sleep(0.5)
        await route.continue_()

    await page.route("**/htmx.min.js", later)
    await page.goto(desk, wait_until="commit")
    await page.locator("#q").fill("harbor")
    await expect(page.locator("#hits a")).to_have_count(2)


async def test_the_keyboard_alone_finds_a_site(desk: str, page: Page) -> None:
    """Words are put in as one input, so that no answer to the beginning of a word comes after what is done next."""
    await page.goto(desk)
    await page.keyboard.press("/")
    await page.keyboard.insert_text("harbor")
    await expect(page.locator("#hits a")).to_have_count(2)
    await page.keyboard.press("Escape")
    await expect(page.locator("#hits a")).to_have_count(0)
    await page.keyboard.insert_text(" coffee elm")
    await expect(page.locator("#hits a")).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/sites/store-207")


async def test_the_form_follows_the_words_until_a_person_corrects_it(desk: str, page: Page, tmp_path: Path) -> None:
    await page.goto(f"{desk}/sites/store-114")
    await page.click("#report summary")
    words, since = page.locator("textarea[name=words]"), page.locator("#since")
    await expect(words).to_be_focused()
    await words.fill("internet very slow for 40 minutes, phones cut out")
    await expect(page.locator("#symptom-slow")).to_be_checked()
    await expect(page.locator("#service")).to_have_value("internet, phones")
    await expect(since).to_have_value(re.compile(r"20..-..-.. ..:.."))
    await expect(page.locator("#heard")).to_contain_text("from “for 40 minutes”")
    await page.locator("#report").screenshot(path=tmp_path / "words.png")

    await page.click("#symptom-drops")
    await since.fill("00:01")
    await words.fill("internet completely down for 20 minutes, Wi-Fi as well")
    await expect(page.locator("#heard")).to_contain_text("from “for 20 minutes”")
    await expect(page.locator("#heard")).to_contain_text("wired devices")
    await expect(page.locator("#heard-symptom")).to_contain_text("the words say: down, from “completely down”")
    await expect(since).to_have_value("00:01")
    await expect(page.locator("#symptom-drops")).to_be_checked()
    await expect(page.locator("#service")).to_have_value("internet, Wi-Fi")
    await page.set_viewport_size({"width": 390, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.locator("#report").screenshot(path=tmp_path / "words-narrow.png")

    await since.fill("")
    await page.click("#judge")
    await expect(page.locator("#judgement")).to_contain_text("now is taken, the words say")
    await expect(page.locator(".judgement .verdict")).to_contain_text("Confirmed: packet loss on store-114-wan1")
    await shot(page, tmp_path, "words-judged")


async def test_an_answer_that_comes_late_does_not_undo_what_is_being_typed(desk: str, page: Page) -> None:
    async def later(route: Route) -> None:
        await asyncio.sleep(0.5)
        await route.continue_()

    await page.goto(f"{desk}/sites/store-114")
    await page.route("**/words", later)
    await page.click("#report summary")
    async with page.expect_request("**/words"):
        await page.fill("textarea[name=words]", "slow for 40 minutes")
    await page.fill("#since", "00:01")
    await asyncio.sleep(0.8)
    await expect(page.locator("#since")).to_have_value("00:01")
