"""Reporting trouble: first a judgement that records nothing, then the claim into the engine's inbox."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from aiohttp import web

from inventory.model import Site
from service.claims import NOW, ReadClaim, read_claim
from service.desk.context import Form, form_of, installation, is_fragment, page, site_of
from service.desk.health import JUDGING
from service.desk.sites import read_site
from service.desk.views.reporting import (
    TEXTS,
    Report,
    ReportForm,
    asked_words,
    hidden_fields,
    intake_of,
    report_form,
)
from service.desk.views.verdicts import Verdict, verdict_view
from service.installation import Installation
from service.submitting import new_key
from service.times import UsageError
from triage import inbox, repository
from triage.cases import Case
from triage.inputs import ClaimReported
from triage.intake import QUESTION_WORDS, call_back, missing
from triage.ticket_wording import intake_text

routes = web.RouteTableDef()

KEY = re.compile(r"(claim|person|carrier):[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A judgement that nobody has recorded yet, and what recording it would do."""

    site: Site
    asked: str
    notes: tuple[str, ...]
    verdict: Verdict
    warning: str
    questions: tuple[str, ...]
    """What the carrier will ask and nobody has said."""
    ticket_title: str
    ticket_text: str
    case: Case | None
    seconds: float
    hidden: tuple[tuple[str, str], ...]
    key: str


@routes.post("/sites/{site}/words")
async def words(request: web.Request) -> web.Response:
    """What the client's words say, as the fields that they fill. Records nothing."""
    site = await site_of(request)
    return page(request, "_report_fields.html", await _form(request, site, _report(await form_of(request))))


@routes.post("/sites/{site}/judge")
async def judge(request: web.Request) -> web.Response:
    site = await site_of(request)
    report = _report(await form_of(request))
    try:
        judged = await _judged(installation(request), site, report)
    except UsageError as error:
        return await _refused(request, site, report, str(error))
    return page(request, "_judgement.html" if is_fragment(request) else "judgement.html", judged)


@routes.post("/sites/{site}/claims")
async def record(request: web.Request) -> web.Response:
    opened = installation(request)
    site = await site_of(request)
    form = await form_of(request)
    report = _report(form)
    try:
        read = await _read(opened, site, report)
    except UsageError as error:
        return await _refused(request, site, report, str(error))
    happened = ClaimReported(claim=read.claim, open_ticket=form.ticked("open_ticket"))
    seq = await inbox.enqueue(opened.database, key_of(form, "claim"), happened, opened.clock.now())
    raise web.HTTPSeeOther(f"/inputs/{seq}?site={site.id}")


def key_of(form: Form, kind: str) -> str:
    """The key that the form was given, so that sending it twice counts once."""
    key = form.text("key")
    return key if KEY.fullmatch(key) and key.startswith(kind) else new_key(kind)


def _report(form: Form) -> Report:
    return Report(
        **{name: form.text(name) for name in TEXTS},
    )


async def _form(request: web.Request, site: Site, report: Report, refusal: str = "") -> ReportForm:
    opened = installation(request)
    client = (await opened.inventory()).clients[site.client]
    return report_form(site, client, report, opened.clock.now(), refusal)


async def _read(opened: Installation, site: Site, report: Report) -> ReadClaim:
    """The claim that the form means, if it can be judged: what its words say stands in for what nobody typed, but not
    for what somebody cleared. Raises UsageError."""
    # To the second: the inbox keeps milliseconds, and no claim may begin after the moment that it is decided for.
    now = opened.clock.now().replace(microsecond=0)
    return read_claim(
        site,
        (await opened.judging()).policy,
        now,
        since=report.since or (NOW if report.read_since else ""),
        symptom=report.symptom,
        service=report.service if report.service or report.read_service else None,
        words=report.words,
        reported_by=report.reporter,
        reporter_contact=report.reporter_contact,
        intake=intake_of(report),
    )


async def _judged(opened: Installation, site: Site, report: Report) -> Judged:
    loop = asyncio.get_running_loop()
    began = loop.time()
    read = await _read(opened, site, report)
    claim = read.claim
    judging = await opened.judging()
    judgement = await judging.judge(site.id, claim, claim.reported_at)
    verdict = await asyncio.to_thread(verdict_view, judgement.pack, "not recorded", with_claim=False)
    seconds = loop.time() - began
    JUDGING.observe(seconds)
    words = judgement.judged()
    client = judging.inventory.clients[site.client]
    link = judging.inventory.links.get(judgement.verdict.link or "")
    async with opened.database.reading() as connection:
        case = await repository.open_case(connection, site.client, site.id)
    return Judged(
        site=site,
        asked=asked_words(claim, site),
        notes=(*read.notes, *(read.understood.doubts if read.understood else ())),
        verdict=verdict,
        warning=call_back(claim, site, client),
        questions=tuple(QUESTION_WORDS[one] for one in missing(claim, site, client, link)),
        ticket_title=words.title,
        ticket_text=f"{words.text}\n\n{intake_text(claim, site, client, link)}",
        case=case,
        seconds=seconds,
        hidden=hidden_fields(report, claim),
        key=new_key("claim"),
    )


async def _refused(request: web.Request, site: Site, report: Report, why: str) -> web.Response:
    """The form again with one sentence, nothing recorded."""
    form = await _form(request, site, report, why)
    if is_fragment(request):
        return page(request, "_refusal.html", form, status=422)
    return page(request, "site.html", await read_site(installation(request), site, form), status=422)
