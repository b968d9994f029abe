"""How large a poll is on the wire, before the device was ever asked: the requests as they will be, the answers at
their largest. Pure.

Assumed, because only discovery tells: an agent with 64-bit counters, ifIndexes of three octets, a community of 16
characters or a user whose messages are authenticated and encrypted, and for a cellular line four radio values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from collector.snmp.gauges import CELLULAR, Gauge
from collector.snmp.interfaces import COLUMNS, Column
from collector.snmp.lane import LaneRow, Part, plan, steady_columns
from collector.snmp.message import community_head
from collector.snmp.poller import IPV4_AND_UDP, IPV6_AND_UDP
from inventory.model import Link

VERSION_3_MORE = 123
"""Octets that a v3 message has beside its PDU more than a v2c message with a community of 16 characters: 19 of
msgGlobalData, 86 of USM parameters (engine id of 17 octets, user of 16, HMAC-SHA-256's 24), 36 of the encrypted scoped
PDU's headers, names and padding, less 18 of the community (RFC 3412, RFC 3414, RFC 7860)."""
INDEX = 20_000
COMMUNITY = bytes(16)
RADIO_COLUMNS = tuple(f"1.3.6.1.4.1.9.9.661.1.3.4.1.1.{column}" for column in (1, 2, 3, 4))
"""As long as CISCO-WAN-3G-MIB's; which ones an agent has, its profile says."""
ANSWER_HEADERS = 6
"""Octets that an answer's lengths may take more than the request's."""
HIGH_SPEED = 1_000


@dataclass(frozen=True, slots=True)
class PollSize:
    """`datagrams` requests, and as many answers; octets of each way with IP and UDP headers."""

    datagrams: int
    request_octets: int
    answer_octets: int

    @property
    def octets(self) -> int:
        return self.request_octets + self.answer_octets


def poll_size(links: Sequence[Link], *, version3: bool, ipv6: bool) -> PollSize:
    """One poll of a device with these links, while nothing has to be repeated."""
    interfaces = tuple(len((link.interface or "").encode()) for link in links)
    return _poll_size(interfaces, sum(link.access in CELLULAR for link in links), version3, ipv6)


@lru_cache(maxsize=4096)
def _poll_size(names: tuple[int, ...], cellular: int, version3: bool, ipv6: bool) -> PollSize:
    columns = steady_columns(
        dict.fromkeys(Column, 0) | {Column.IF_HIGH_SPEED: HIGH_SPEED, Column.IF_SPEED: HIGH_SPEED * 1_000_000}
    )
    rows = [
        LaneRow(place=place, index=INDEX + place, columns=columns, name_column=Column.IF_NAME, name=bytes(name))
        for place, name in enumerate(names)
    ]
    gauges = [
        (place, Gauge(field="rssi_dbm", oid=f"{column}.{INDEX + place}", name="", unit="dBm"))
        for place in range(cellular)
        for column in RADIO_COLUMNS
    ]
    parts = plan(rows, gauges)
    around = (IPV6_AND_UDP if ipv6 else IPV4_AND_UDP) + (VERSION_3_MORE if version3 else 0)
    requests = sum(_request_octets(part) + around for part in parts)
    values = sum(_value_octets(part) for part in parts)
    return PollSize(len(parts), requests, requests + values + ANSWER_HEADERS * len(parts))


def _request_octets(part: Part) -> int:
    request = part.template.request
    pdu = len(request.head) + 4 + len(request.tail)
    return len(community_head(COMMUNITY, pdu)) + pdu


def _value_octets(part: Part) -> int:
    """What the answer's values take more than the request's NULLs (two octets each)."""
    template = part.template
    fixed = sum(len(text) for text in template.fixed.values())
    return fixed + sum(_largest(oid) - 2 for at, oid in enumerate(template.oids) if at not in template.fixed)


def _largest(oid: str) -> int:
    """A value with tag and length at its largest: Counter64 and other 32-bit types with a leading zero (X.690, 8.3)."""
    column = oid.rpartition(".")[0]
    if column in (COLUMNS[Column.IF_HC_IN_OCTETS].oid, COLUMNS[Column.IF_HC_OUT_OCTETS].oid):
        return 11
    return 3 if column == COLUMNS[Column.IF_OPER_STATUS].oid else 7
