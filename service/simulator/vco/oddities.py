"""The oddities that are seen in VCO answers, to be switched on for single edges. Pure.

Sources: public code that had to cope with them (zero dates, null states, links that share a logicalId, links listed for
months after they were taken away), the vendor's own warning (enumerations may grow), and how HA pairs work.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

Json = dict[str, Any]
ZERO_DATE = "0000-00-00 00:00:00"
UNKNOWN_WORD = "HIBERNATING"
"""A word that stands in none of the vendor's enumerations."""


class Oddity(StrEnum):
    SHARED_LOGICAL_ID = "shared_logical_id"
    """All links of the edge have one logicalId: it is the address of the next hop."""
    STALE_LINK = "stale_link"
    """A link that was last active ten months ago is listed, DISCONNECTED and IN_SERVICE."""
    ZERO_DATES = "zero_dates"
    UNKNOWN_ENUM = "unknown_enum"
    NUMBERS_AS_TEXT = "numbers_as_text"
    NULL_STATES = "null_states"
    NO_LINKS = "no_links"
    """The edge has no links: one row, its link fields null."""
    FAILED_OVER = "failed_over"
    """The standby of an HA pair took over: the two serials have changed places."""
    STANDBY_LOST = "standby_lost"
    """CONNECTED and haState FAILED: the pair works and has lost its standby."""
    OFFLINE_PAIR = "offline_pair"
    """No contact with the pair for an hour; haState still shows what it was before."""


STATE_FIELDS = frozenset(
    {"edgeState", "linkState", "state", "effectiveState", "vpnState", "linkVpnState", "haState", "linkMode"}
)


def serials(known: Sequence[str], oddities: frozenset[Oddity]) -> tuple[str, str | None]:
    """Serial of the active and of the standby box; the second one is None without a pair."""
    first, second = known[0], known[1] if len(known) > 1 else None
    return (second, first) if second and Oddity.FAILED_OVER in oddities else (first, second)


def ha_states(paired: bool, oddities: frozenset[Oddity]) -> tuple[str, str]:
    """haState and haPreviousState."""
    if not paired:
        return "UNCONFIGURED", "UNCONFIGURED"
    if Oddity.STANDBY_LOST in oddities:
        return "FAILED", "READY"
    return "READY", "FAILED" if Oddity.FAILED_OVER in oddities else "PENDING_CONFIRMED"


def disfigured(value: Any, oddities: frozenset[Oddity]) -> Any:  # noqa: ANN401 - any JSON
    """An answer about an edge with its oddities of form; the value itself where there are none."""
    if not oddities & _OF_FORM:
        return value
    return _walked(value, oddities)


_OF_FORM = frozenset({Oddity.ZERO_DATES, Oddity.UNKNOWN_ENUM, Oddity.NUMBERS_AS_TEXT, Oddity.NULL_STATES})
_DATE_ENDINGS = ("Contact", "Active", "UpSince", "eventTime", "created", "modified")


def _walked(value: Any, oddities: frozenset[Oddity]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: _field(name, part, oddities) for name, part in value.items()}
    if isinstance(value, list):
        return [_walked(part, oddities) for part in value]
    if Oddity.NUMBERS_AS_TEXT in oddities and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _field(name: str, value: Any, oddities: frozenset[Oddity]) -> Any:  # noqa: ANN401 - any JSON
    if name in STATE_FIELDS and isinstance(value, str):
        if Oddity.NULL_STATES in oddities:
            return None
        if Oddity.UNKNOWN_ENUM in oddities:
            return UNKNOWN_WORD
    if Oddity.ZERO_DATES in oddities and isinstance(value, str) and name.endswith(_DATE_ENDINGS):
        return ZERO_DATE
    return _walked(value, oddities)
