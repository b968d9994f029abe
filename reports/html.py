"""A report as one HTML file: no script, nothing from outside, and a policy inside that forbids both."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.formatting import plain
from reports.model import Report

TEMPLATES = Path(__file__).parent / "templates"


def html_page(report: Report) -> str:
    """The same report always gives the same text."""
    css = _stylesheet()
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            css=Markup(css),  # noqa: S704 our own file
            policy=content_security_policy(),
        )
    )


def content_security_policy() -> str:
    """What a page needs: its own style sheet, named by its hash (CSP level 3)."""
    digest = base64.b64encode(hashlib.sha256(_stylesheet().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'"


@cache
def _stylesheet() -> str:
    return (TEMPLATES / "report.css").read_text(encoding="utf-8").strip()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, finalize=_showable
    )
    # A figure's SVG comes from reports/chart.py and reports/strip.py, which escape every word they are given.
    environment.filters["drawn"] = Markup
    return environment


def _showable(value: object) -> object:
    """Words without what a page cannot show; markup of our own stays as it is."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
