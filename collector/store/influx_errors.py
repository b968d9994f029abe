"""What an answer of InfluxDB that is no success means, and what to do next. Pure."""

from __future__ import annotations

import json
import re

from collector.store.port import BusyError, RefusedError, StoreError


class MissingBucketError(StoreError):
    """The server is there and lacks our bucket, database or retention policy."""


class RejectedLinesError(RefusedError):
    """A request whose lines, or their number, the server does not take. `dropped`: how many it says it left out."""

    def __init__(self, message: str, dropped: int | None) -> None:
        super().__init__(message)
        self.dropped = dropped


def said(body: object) -> str:
    """InfluxDB's own words of an error, short."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "no reason given")
    try:
        document = json.loads(text)
        text = str(document.get("message") or document.get("error") or text)
    except (ValueError, AttributeError):
        text = " ".join(text.split())
    return text if len(text) <= 200 else text[:197] + "..."


def refusal(
    where: str, bucket: str, status: int, words: str, retry_after: str | None = None, *, lines: bool = True
) -> StoreError:
    """The error of an HTTP answer to `lines`, or else to a question; `where` names the server, `words` what it `said`.

    InfluxDB 1.x answers 500 where only the retention policy is missing. 429 and 503 may carry Retry-After
    (RFC 9110, section 10.2.3; InfluxDB sends seconds).
    """
    answer = f"{where} answered {status}"
    if status in (401, 403):
        return StoreError(f"{answer}: the token may not use {bucket}; check `influx.token` and its rights")
    if status == 404 or "retention policy not found" in words:
        return MissingBucketError(
            f"{answer} ({words}); create the bucket or database {bucket}, or correct `influx.bucket`"
        )
    if status in (400, 413, 422) and lines:
        return RejectedLinesError(
            f"{answer} and refused rows ({words}); correct them or the bucket's field types and retention",
            _dropped(words),
        )
    if status == 429 or status >= 500 or status == 0:
        message = f"{answer} ({words}); it is overloaded or failing, the same is tried again"
        seconds = _seconds(retry_after)
        return StoreError(message, retryable=True) if seconds is None else BusyError(message, seconds)
    return StoreError(f"{answer} ({words}); check that the url is an InfluxDB 1.8, 2 or 3")


def _dropped(words: str) -> int | None:
    """How many points a partial write left out, by its own words; lines that it could not read are not counted."""
    found = re.search(r"dropped=(\d+)", words)
    return int(found.group(1)) if found and "unable to parse" not in words else None


def _seconds(retry_after: str | None) -> float | None:
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
