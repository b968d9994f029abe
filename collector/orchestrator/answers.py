"""What every vendor's answers have in common: JSON that may be none, and the errors that say so. Pure."""

from __future__ import annotations

import json

import msgspec

from collector.orchestrator.port import OrchestratorError
from config.errors import Blame

NOT_JSON = object()
"""The value of a body that is no JSON."""


def json_value(body: bytes) -> object:
    """The value of a JSON body, also of one that is not of the strict kind (NaN, half a surrogate pair, a broken letter
    in a name): that must not cost the whole answer. NOT_JSON where it is none."""
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        return NOT_JSON
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return NOT_JSON


def not_json(call: str, body: bytes, expected: str) -> OrchestratorError:
    """The error for a body that is no JSON. `call` begins its sentence ("HOST answered METHOD"); `expected` is what
    `url` should lead to."""
    if body.lstrip()[:1] == b"<":
        what = f"an HTML page instead of JSON; check that `url` is {expected} and no proxy or log-in page"
    elif not body.strip():
        what = "an empty body; asking again later"
    else:
        what = f"{len(body)} bytes that are no JSON, perhaps half an answer; asking again later"
    return OrchestratorError(f"{call} with {what}", retryable=True, blame=Blame.VENDOR)


def misshapen(host: str, method: str, expected: str) -> OrchestratorError:
    """The error for JSON of another shape than `expected`, such as "a list"."""
    return OrchestratorError(
        f"{host} answered {method} with JSON that is not {expected}; asking again later",
        retryable=True,
        blame=Blame.VENDOR,
    )


def own_fault(call: str, said: str) -> OrchestratorError:
    """The error for a host in trouble; `said` is the status and what the host says of it."""
    return OrchestratorError(
        f"{call} with {said}, a fault of its own; asking again later", retryable=True, blame=Blame.VENDOR
    )


def in_a_circle(host: str, method: str) -> OrchestratorError:
    """The error for pages that never end."""
    return OrchestratorError(
        f"{host} pages {method} in a circle; asking again later", retryable=True, blame=Blame.VENDOR
    )


def nothing_listed(call: str, known: str, check: str) -> OrchestratorError:
    """The error for an empty list where the inventory has `known` ("7 edges"): a fault, and no statement."""
    return OrchestratorError(
        f"{call} with an empty list, though the inventory has {known} there; nothing is concluded from it, "
        f"check {check}",
        retryable=True,
        blame=Blame.VENDOR,
    )
