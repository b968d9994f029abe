"""Replies of a simulated VCO on their way out: errors in the vendor's shapes, big bodies in pieces, half bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from service.simulator.vco.sheets import encoded

PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


HTML_PAGE = Reply(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")


def json_reply(value: object) -> Reply:
    """200 with a JSON value, or with bytes that are JSON already."""
    return Reply(200, value if isinstance(value, bytes) else encoded(value))


def error_reply(status: int, code: int, message: str) -> Reply:
    """An error object of API v1."""
    return Reply(status, encoded({"error": {"code": code, "message": message}}))


def not_authorized(version: int) -> Reply:
    """No session, an expired one, or a wrong token. API v1 says so with HTTP 200 all the same: only the body and
    `Expires: 0` tell."""
    if version == 2:
        return version2_error(401, "UNAUTHORIZED", "the session has expired or the token is not valid")
    error = {"error": {"code": -32000, "message": "tokenError [expired session cookie]"}}
    return Reply(200, encoded(error), headers={"Expires": "0"})


def version2_error(status: int, code: str, message: str) -> Reply:
    body = {"code": code, "message": message, "developerMessage": message, "errors": []}
    return Reply(status, encoded(body))


async def send(
    request: web.Request, reply: Reply, envelope_id: bytes | None = None, *, half: bool = False
) -> web.StreamResponse:
    """Send a reply, in the envelope of JSON-RPC where the call came in one; `half` of it where the connection is to
    break."""
    body = reply.body if envelope_id is None else _enveloped(reply, envelope_id)
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_type = reply.content_type
    response.content_length = len(body)
    await response.prepare(request)
    view = memoryview(body)[: len(body) // 2] if half else memoryview(body)
    for first in range(0, len(view), PIECE):
        await response.write(view[first : first + PIECE])
    if half and request.transport is not None:
        request.transport.close()
    else:
        await response.write_eof()
    return response


def _enveloped(reply: Reply, envelope_id: bytes) -> bytes:
    """JSON-RPC 2.0: the answer under `result`, or the error object, and the caller's own id."""
    if reply.content_type != "application/json":
        return reply.body
    inside = reply.body[1:-1] if reply.body.startswith(b'{"error":') else b'"result":' + reply.body
    return b'{"jsonrpc":"2.0",' + inside + b',"id":' + envelope_id + b"}"
