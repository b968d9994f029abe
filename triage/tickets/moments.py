"""Times as ticket systems write them."""

from __future__ import annotations

from datetime import UTC, datetime

_AMERICAN = "%m/%d/%Y %I:%M:%S %p"


def moment_of(text: str | None) -> datetime | None:
    """The aware UTC datetime of an ISO 8601 or RFC 3339 text, or of one like `9/25/2020 6:31:54 AM`.

    One without a zone is UTC. None for what is no time.
    """
    if not text:
        return None
    for read in (datetime.fromisoformat, _american):
        try:
            moment = read(text.strip())
        except ValueError:
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def _american(text: str) -> datetime:
    return datetime.strptime(text, _AMERICAN)  # noqa: DTZ007 - such a text has no zone
