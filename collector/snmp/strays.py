"""Datagrams that answered nothing: counted by reason, and remembered to explain a request that got no answer."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from collector.addresses import SocketAddress
from collector.snmp.ber import Damage, DecodeError
from collector.snmp.message import FIRST_REQUEST_ID, LAST_REQUEST_ID

MOST_REMEMBERED = 1024
RECENT_IDS = 2**20
"""Request ids count upwards: one this far behind the newest was ours, any other is invented."""


class Stray(StrEnum):
    """Why a datagram was not taken."""

    TRUNCATED = "truncated"
    """The message says that it is longer than the datagram."""
    OVERSIZED = "oversized"
    """Octets follow the message."""
    MALFORMED = "malformed"
    REFUSED = "refused"
    """Well-formed, but not to be believed: wrong digest, user, level, engine or time (RFC 3414)."""
    FOREIGN = "foreign"
    """Right request id, another source address: spoofed, or a device that answers from another of its addresses."""
    LATE = "late"
    """The answer to a request that had been given up."""
    REPEATED = "repeated"
    """One more answer to a request that had its answer."""
    UNASKED = "unasked"
    """A request id that was never ours."""


DAMAGED = (Stray.TRUNCATED, Stray.OVERSIZED, Stray.MALFORMED, Stray.REFUSED)


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    stray: Stray
    detail: str


class Strays:
    """Bounded, whatever arrives."""

    def __init__(self) -> None:
        self.counts: Counter[Stray] = Counter()
        self._seen: OrderedDict[tuple[str, int], _Seen] = OrderedDict()
        self._given_up: OrderedDict[int, None] = OrderedDict()

    def undecodable(self, source: SocketAddress, error: DecodeError) -> None:
        self._remember(source, _DAMAGE[error.damage], f"a garbled datagram: {error}; check the agent")

    def refused(self, source: SocketAddress, detail: str) -> None:
        self._remember(source, Stray.REFUSED, detail)

    def foreign(self, asked: SocketAddress, source: SocketAddress) -> None:
        self._remember(asked, Stray.FOREIGN, f"an answer to our request, but sent by {source[0]} port {source[1]}")

    def unasked(self, source: SocketAddress, request_id: int, newest: int) -> None:
        """An answer whose request id nobody waits for; `newest` is the id given out last."""
        behind = (newest - request_id) % (LAST_REQUEST_ID - FIRST_REQUEST_ID + 1)
        if request_id in self._given_up:
            self._remember(source, Stray.LATE, "an answer that came after the request was given up; allow it more time")
        elif FIRST_REQUEST_ID <= request_id <= LAST_REQUEST_ID and behind < RECENT_IDS:
            self._remember(source, Stray.REPEATED, "a second answer to one request; check the path for duplication")
        else:
            self._remember(source, Stray.UNASKED, "an answer with a request id that is not waited for")

    def gave_up(self, request_id: int) -> None:
        self._given_up[request_id] = None
        if len(self._given_up) > MOST_REMEMBERED:
            self._given_up.popitem(last=False)

    def instead_of(self, address: SocketAddress, since: float) -> tuple[Stray, str] | None:
        """What came from this address, or for it, since that moment (monotonic seconds) in place of an answer."""
        seen = self._seen.pop(address[:2], None)
        return None if seen is None or seen.at < since else (seen.stray, seen.detail)

    def _remember(self, address: SocketAddress, stray: Stray, detail: str) -> None:
        self.counts[stray] += 1
        self._seen[address[:2]] = _Seen(time.monotonic(), stray, detail)
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)


_DAMAGE = {Damage.TRUNCATED: Stray.TRUNCATED, Damage.OVERSIZED: Stray.OVERSIZED, Damage.MALFORMED: Stray.MALFORMED}
