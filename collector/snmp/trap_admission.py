"""Who is listened to at all, and how much: what is cheap enough to be done for every datagram of a storm."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from collector.snmp.polled import obliged, obliged_links
from config.errors import Blame, LineproofError
from inventory.model import Device, Inventory, Link

BURST_SECONDS = 10.0
"""How many seconds' worth a source may send at once: a device that starts tells of all its ports."""
DUPLICATE_SECONDS = 150.0
"""How long a notification is remembered. Senders repeat an inform within seconds; RFC 3414's time window lets what was
recorded be sent again for 150 s."""
SAY_AGAIN_SECONDS = 60.0
MOST_SAID = 30
"""Lines a minute about what was refused, from however many sources."""


class TrapError(LineproofError):
    """Traps cannot be received; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True, blame=Blame.OURS)


class TrapOutcome(StrEnum):
    """What became of a datagram."""

    TAKEN = "taken"
    DUPLICATE = "duplicate"
    UNKNOWN_SOURCE = "unknown_source"
    """No watched device has the address that it came from."""
    AMBIGUOUS_SOURCE = "ambiguous_source"
    """Several devices have it."""
    SOURCE_RATE = "source_rate"
    OVERALL_RATE = "overall_rate"
    RECEIVE_BUFFER = "receive_buffer"
    """The kernel had no room for it; nobody has seen it."""
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NO_NOTIFICATION = "no_notification"
    COMMUNITY = "community"
    USER = "user"
    DIGEST = "digest"
    LEVEL = "level"
    TIME_WINDOW = "time_window"
    DECRYPTION = "decryption"
    ENGINE = "engine"
    SYNCHRONISED = "synchronised"
    """A sender of informs asked for our engine's id or time, as the protocol has it."""


CORRECTIONS: Mapping[TrapOutcome, str] = {
    TrapOutcome.UNKNOWN_SOURCE: "no watched device of the inventory has this management address; "
    "add it, or name the sender under traps.forwarders",
    TrapOutcome.AMBIGUOUS_SOURCE: "several devices of the inventory have this management address; correct it",
    TrapOutcome.SOURCE_RATE: "it sends more than traps.per_source allows; the rest is dropped",
    TrapOutcome.OVERALL_RATE: "more arrives than traps.overall allows; the rest is dropped",
    TrapOutcome.TOO_LARGE: "a datagram larger than any notification",
    TrapOutcome.MALFORMED: "no SNMP message; check what sends to this port",
    TrapOutcome.NO_NOTIFICATION: "an SNMP message that is neither trap nor inform; check what sends to this port",
    TrapOutcome.COMMUNITY: "its community is not among traps.communities; correct it there or at the device",
    TrapOutcome.USER: "its user is not among traps.users; add it, or correct it at the device",
    TrapOutcome.DIGEST: "its digest is wrong; correct the user's auth protocol and password",
    TrapOutcome.LEVEL: "it has less or more security than its user has here; make both levels the same",
    TrapOutcome.TIME_WINDOW: "too old by its sender's own clock: sent again by somebody, or the device does not "
    "count its engine boots",
    TrapOutcome.DECRYPTION: "it cannot be decrypted; correct the user's priv protocol and password",
    TrapOutcome.ENGINE: "it names an engine id that cannot be",
}


class Bucket:
    """A token bucket: `rate` datagrams a second, and BURST_SECONDS' worth at once."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, rate: float, monotonic: float) -> None:
        self._at = monotonic
        self._tokens = max(1.0, rate * BURST_SECONDS)

    def take(self, rate: float, monotonic: float) -> bool:
        tokens = min(self._tokens + (monotonic - self._at) * rate, max(1.0, rate * BURST_SECONDS))
        self._at = monotonic
        self._tokens = tokens - 1.0 if tokens >= 1.0 else tokens
        return tokens >= 1.0


@dataclass(frozen=True, slots=True)
class Sender:
    """A device that may tell us something, and the links that it may speak of."""

    device: str
    links: tuple[Link, ...]


class Senders:
    """Devices by the addresses that they send from.

    A management address that is a host name is known once `resolved` has been told its addresses.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._literal: dict[str, list[Device]] = {}
        self._named: dict[str, list[Device]] = {}
        self._links: dict[str, tuple[Link, ...]] = {}
        for device in inventory.devices.values():
            if device.management_address and obliged(device):
                literal = canonical(device.management_address)
                known = self._named if literal is None else self._literal
                known.setdefault(literal or device.management_address, []).append(device)
                self._links[device.id] = obliged_links(inventory, device)
        self._by_address = self._one_each(self._literal)

    @property
    def names(self) -> tuple[str, ...]:
        """Host names to be resolved."""
        return tuple(self._named)

    def resolved(self, addresses: Mapping[str, Iterable[str]]) -> None:
        """What the host names mean now; a name that is left out means nothing any more."""
        found = {address: list(devices) for address, devices in self._literal.items()}
        for name, of_name in addresses.items():
            for address in {canonical(each) or each for each in of_name}:
                found.setdefault(address, []).extend(self._named.get(name, ()))
        self._by_address = self._one_each(found)

    def at(self, address: str) -> Sender | TrapOutcome:
        """The one device at an address as a socket gives it, or why there is none."""
        return self._by_address.get(address, TrapOutcome.UNKNOWN_SOURCE)

    def _one_each(self, found: Mapping[str, Sequence[Device]]) -> dict[str, Sender | TrapOutcome]:
        return {
            address: Sender(devices[0].id, self._links[devices[0].id])
            if len(devices) == 1
            else TrapOutcome.AMBIGUOUS_SOURCE
            for address, devices in found.items()
        }


def canonical(address: str) -> str | None:
    """A literal address as sockets show it; None for a host name."""
    try:
        return str(ip_address(address.partition("%")[0]))
    except ValueError:
        return None


class Recently:
    """Whether something was there before within `seconds`; what is older is forgotten, and the oldest beyond `most`."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._seen: OrderedDict[Hashable, float] = OrderedDict()

    def again(self, key: Hashable, monotonic: float) -> bool:
        seen = self._seen
        while seen and next(iter(seen.values())) <= monotonic - self._seconds:
            seen.popitem(last=False)
        if key in seen:
            return True
        seen[key] = monotonic
        if len(seen) > self._most:
            seen.popitem(last=False)
        return False

    def full(self, monotonic: float) -> bool:
        """Whether as many as are remembered came within `seconds`."""
        seen = self._seen
        return len(seen) >= self._most and next(iter(seen.values())) > monotonic - self._seconds


class Complaints:
    """When to say that something was refused: once a minute for each source, and not more than MOST_SAID lines."""

    def __init__(self) -> None:
        self._said = Recently(SAY_AGAIN_SECONDS, MOST_SAID)

    def due(self, source: str, monotonic: float) -> bool:
        return not self._said.full(monotonic) and not self._said.again(source, monotonic)
