"""What became of an input: a page that waits for the engine and then leads to the case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from service.desk.context import installation, is_fragment, page
from service.desk.views.words import reason_words
from triage import inbox, repository
from triage.reasons import Reason
from triage.repository import StoredDecision

routes = web.RouteTableDef()

_CASE = re.compile(r"C-[0-9]{1,15}")
_NOT_TAKEN = frozenset({Reason.CLAIM_REFUSED, Reason.PERSON_ACT_REFUSED, Reason.CARRIER_REFUSED, Reason.INPUT_FAILED})


@dataclass(frozen=True, slots=True)
class Waiting:
    """`back` is the page that the input came from. `refusal` says why it was not taken."""

    seq: int
    url: str
    back: str
    refusal: str = ""


@routes.get("/inputs/{seq:[0-9]{1,15}}")
async def state(request: web.Request) -> web.Response:
    seq = int(request.match_info["seq"])
    database = installation(request).database
    case, site = request.query.get("case", ""), request.query.get("site", "")
    back = f"/cases/{case}" if _CASE.fullmatch(case) else f"/sites/{quote(site, safe='')}" if site else "/"
    if not await inbox.consumed(database, seq):
        return _answer(request, Waiting(seq, request.path_qs, back))
    async with database.reading() as connection:
        decisions = await repository.decisions_on(connection, seq)
    refused = next((one for one in decisions if one.reason in _NOT_TAKEN), None)
    if refused is not None:
        return _answer(
            request, Waiting(seq, request.path_qs, back, f"{reason_words(refused.reason)}: {refused.detail}")
        )
    return _lead_to(request, _case_of(decisions) or back)


def _case_of(decisions: list[StoredDecision]) -> str | None:
    return next((f"/cases/{one.case}" for one in decisions if one.case), None)


def _answer(request: web.Request, view: Waiting) -> web.Response:
    return page(request, "_waiting.html" if is_fragment(request) else "waiting.html", view)


def _lead_to(request: web.Request, url: str) -> web.Response:
    if is_fragment(request):
        return web.Response(headers={"HX-Redirect": url})
    raise web.HTTPSeeOther(url)
