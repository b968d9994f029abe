"""An SNMP engine and its clock, as one keeps it who asks it (RFC 3411, 3.1.1; RFC 3414, 2.2 and 2.3). Pure."""

from __future__ import annotations

from typing import NamedTuple

TIME_WINDOW_SECONDS = 150
LAST_CLOCK = 2**31 - 1
"""Of snmpEngineBoots and snmpEngineTime; an engine whose boots have come to it is lost (RFC 3414, 2.2.2)."""
SHORTEST_ENGINE_ID, LONGEST_ENGINE_ID = 5, 32
"""Octets (RFC 3411, SnmpEngineID)."""


class Engine(NamedTuple):
    """An authoritative engine and its clock; `heard_at` is our monotonic time of that clock, None before the first.

    `time` is the latest that an authenticated message carried (latestReceivedEngineTime, RFC 3414, 2.3).
    """

    id: bytes
    boots: int = 0
    time: int = 0
    heard_at: float | None = None

    def clock(self, monotonic: float) -> tuple[int, int]:
        """(snmpEngineBoots, snmpEngineTime) by our notion; (0, 0) makes the agent report them (RFC 3414, 4)."""
        if self.heard_at is None:
            return 0, 0
        return self.boots, min(self.time + int(monotonic - self.heard_at), LAST_CLOCK)

    def heard(self, boots: int, time: int, monotonic: float) -> Engine | None:
        """The engine after an authenticated message with this clock, None if that is not in the time window.

        RFC 3414, 3.2, step 7 b).
        """
        if boots == LAST_CLOCK:
            return None
        if self.heard_at is None or boots > self.boots or (boots == self.boots and time > self.time):
            return Engine(self.id, boots, time, monotonic)
        now = self.clock(monotonic)[1]
        return self if boots == self.boots and time >= now - TIME_WINDOW_SECONDS else None
