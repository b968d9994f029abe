"""What every handler of the desk shares: the installation, how a page is rendered, how a form is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import aiohttp
import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup

from config.clock import rfc3339
from config.errors import NotFoundError
from inventory.model import Site
from reports.formatting import duration, local_time
from service.desk.views.alerts import Alert
from service.desk.views.words import ACTS, PENDING, SYMBOLS, SYMPTOMS, cause_words
from service.installation import Installation

INSTALLATION = web.AppKey("installation", Installation)
NEIGHBOURS = web.AppKey("neighbours", aiohttp.ClientSession)
"""For the other processes' own /health, on loopback."""

ALERTS = web.RequestKey("alerts", tuple[Alert, ...])
"""Of a request: what stands on top of its page."""

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
_IDENTITY = re.compile(r"[CPT]-[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Form:
    """The text fields of a submitted form; absent ones are empty."""

    fields: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        return next((value.strip() for key, value in self.fields if key == name), "")

    def ticked(self, name: str) -> bool:
        return any(key == name for key, _ in self.fields)


def installation(request: web.Request) -> Installation:
    return request.app[INSTALLATION]


def is_fragment(request: web.Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


async def form_of(request: web.Request) -> Form:
    posted = await request.post()
    return Form(tuple((name, value) for name, value in posted.items() if isinstance(value, str)))


async def site_of(request: web.Request) -> Site:
    """The site that the path names by its id. Raises NotFoundError."""
    inventory = await installation(request).inventory()
    ident = request.match_info["site"]
    if ident not in inventory.sites:
        raise NotFoundError(f"there is no site {ident!r}; search for it by any of its names")
    return inventory.sites[ident]


def identity_of(request: web.Request, letter: str) -> str:
    """The case, ticket or proposal that the path names. Raises NotFoundError."""
    ident = request.match_info["id"]
    if not _IDENTITY.fullmatch(ident) or not ident.startswith(letter):
        raise NotFoundError(f"{ident!r} is not an id like {letter}-12")
    return ident


def page(request: web.Request, template: str, view: object, *, status: int = 200) -> web.Response:
    """A page, or a fragment of one, around a view model."""
    alerts = request.get(ALERTS, ())
    context = {"view": view, "alerts": alerts, "now": installation(request).clock.now(), "path": request.path}
    response = aiohttp_jinja2.render_template(template, request, context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def set_up_templates(app: web.Application) -> None:
    app[aiohttp_jinja2.APP_KEY] = _templates()


@cache
def _templates() -> jinja2.Environment:
    """Compiled at the start, once a process, so that the first caller of the day does not wait for it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A figure's SVG comes from reports/, which escapes every word it is given.
    environment.filters |= {
        "drawn": Markup,
        "rfc3339": rfc3339,
        "local": local_time,
        "duration": duration,
        "cause": cause_words,
    }
    environment.globals |= {"SYMBOLS": SYMBOLS, "SYMPTOMS": SYMPTOMS, "ACTS": ACTS, "PENDING": PENDING, "ago": _ago}
    for name in environment.list_templates(extensions=["html"]):
        environment.get_template(name)
    return environment


def _ago(moment: datetime, now: datetime) -> str:
    return f"{duration(max(0.0, (now - moment).total_seconds()))} ago"
