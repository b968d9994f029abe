"""Times as a scenario file writes them: RFC 3339, or an offset from the scenario's start."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

OFFSET = re.compile(r"([+-])(\d{1,4}):(\d{2}):(\d{2})")


def moment_of(text: str, start: datetime) -> datetime:
    """Aware UTC of an RFC 3339 time or of +HH:MM:SS after `start` (- before it). Raises ValueError."""
    offset = OFFSET.fullmatch(text.strip())
    if offset is None:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("a time with its zone")
        return moment.astimezone(UTC)
    hours, minutes, seconds = (int(part) for part in offset.groups()[1:])
    apart = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return start.astimezone(UTC) + (apart if offset[1] == "+" else -apart)
