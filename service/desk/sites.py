"""The list of sites, and one site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from aiohttp import web

from collector.model import Fact, FactKind, Series, Source
from collector.store.answers import series_of
from collector.store.port import Selector
from collector.store.rows import rows_of
from config.clock import from_epoch_ms
from inventory.describe import OpenCase, site_sheet
from inventory.model import Link, Site
from service.desk.context import installation, is_fragment, page, site_of
from service.desk.overview import read_overview
from service.desk.views.figures import link_figures
from service.desk.views.home import case_lines
from service.desk.views.reporting import ReportForm, blank_report, report_form
from service.desk.views.seen import Seen, expected_sources
from service.desk.views.site_page import SitePage, decision_lines, device_notes
from service.desk.views.sites import Filter, site_list
from service.desk.views.states import site_line
from service.installation import Installation
from service.submitting import new_key
from triage import repository

routes = web.RouteTableDef()

REACH = timedelta(hours=24)
"""How old a figure may be and still be shown, with its age."""


@routes.get("/sites")
async def sites(request: web.Request) -> web.Response:
    query = request.query
    wanted = Filter(query.get("q", ""), query.get("client", ""), query.get("market", ""), query.get("state", ""))
    view = site_list((await read_overview(request.app)).lines(), wanted)
    return page(request, "_site_rows.html" if is_fragment(request) else "sites.html", view)


@routes.get("/sites/{site}")
async def site(request: web.Request) -> web.Response:
    found = await site_of(request)
    opened = installation(request)
    client = (await opened.inventory()).clients[found.client]
    form = report_form(found, client, blank_report(found), opened.clock.now())
    view = await read_site(opened, found, form)
    return page(request, "_site_lines.html" if is_fragment(request) else "site.html", view)


async def read_site(opened: Installation, found: Site, form: ReportForm) -> SitePage:
    """Everything on a site's page. Raises StoreError when measurements cannot be read."""
    judging = await opened.judging()
    inventory, cadences, now = judging.inventory, judging.cadences, opened.clock.now()
    links = [link for link in inventory.links_at(found.id) if link.is_wan]
    rows = await _newest_rows(opened, links)
    newest = {
        (link, source): from_epoch_ms(int(row.time[-1]) + int(row.seconds[-1]) * 1000)
        for link, by_source in rows.items()
        for source, row in by_source.items()
    }
    expected = {link.id: expected_sources(link, inventory) for link in links if link.watched}
    seen = Seen(inventory, cadences, expected, newest, now)
    facts = await _facts(opened, found, links)
    async with opened.database.reading() as connection:
        case = await repository.open_case(connection, found.client, found.id)
        decisions = await repository.decisions_of(connection, site=found.id, limit=40)
    order = judging.policy.sources
    sheet_cases = [OpenCase(case.id, case.status.value, case.title)] if case is not None else []
    sheet = site_sheet(inventory, found.id, sheet_cases, now)
    shown = [line.link for line in sheet.lines if line.link.is_wan]
    return SitePage(
        line=site_line(found, seen, case),
        sheet=sheet,
        case=case_lines([case], inventory)[0] if case is not None else None,
        links=tuple(
            link_figures(
                link, rows.get(link.id, {}), [fact for fact in facts if fact.subject == link.id], order, cadences, now
            )
            for link in shown
        ),
        devices=device_notes([fact for fact in facts if fact.subject in inventory.devices], now),
        decisions=decision_lines(decisions),
        form=form,
        key=new_key("person"),
        chart=case.link if case is not None and case.link else shown[0].id if shown else None,
    )


async def _newest_rows(opened: Installation, links: Sequence[Link]) -> Mapping[str, Mapping[Source, Series]]:
    rows: dict[str, dict[Source, Series]] = {}
    names = tuple(link.id for link in links)
    for source in opened.settings.cadences() if names else ():
        found = await opened.store.latest(Selector(names, source), opened.clock.now(), REACH)
        for row in series_of(rows_of([found])):
            rows.setdefault(row.link, {})[source] = row
    return rows


async def _facts(opened: Installation, found: Site, links: Sequence[Link]) -> Sequence[Fact]:
    inventory, now = await opened.inventory(), opened.clock.now()
    subjects = [device.id for device in inventory.devices_at(found.id)] + [link.id for link in links]
    kinds = (FactKind.LINK_STATE, FactKind.EDGE_STATE, FactKind.HA_STATE, FactKind.POLL_OUTCOME)
    return await opened.store.facts(subjects, now - REACH, now + timedelta(milliseconds=1), kinds)
