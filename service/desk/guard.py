"""What keeps the desk to this machine's own pages: host check, same-origin posts, response headers.

There are no users and passwords yet, so a page of another origin must neither read nor write here: DNS rebinding is
stopped by the Host header (RFC 9110, 7.2), cross-site requests by Sec-Fetch-Site (W3C Fetch Metadata) or Origin
(RFC 6454).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def is_own_host(host: str) -> bool:
    """Whether a Host header names this machine's loopback, at any port."""
    try:
        return "@" not in host and urlsplit(f"//{host}").hostname in OWN_NAMES
    except ValueError:
        return False


def is_same_origin(site: str | None, origin: str | None, own: str) -> bool:
    """Whether a request comes from one of our own pages; a client that says nothing about it is refused."""
    if site is not None:
        return site == "same-origin"
    return origin is not None and origin == own


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    if not is_own_host(request.host):
        raise web.HTTPMisdirectedRequest(text=f"this desk answers on {', '.join(sorted(OWN_NAMES))} only")
    if request.method not in SAFE_METHODS:
        own = f"{request.scheme}://{request.host}"
        if not is_same_origin(request.headers.get("Sec-Fetch-Site"), request.headers.get(hdrs.ORIGIN), own):
            raise web.HTTPForbidden(text="only the desk's own pages may change something; use its form")
    return await handler(request)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`; a handler that needs another policy has set its own."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
