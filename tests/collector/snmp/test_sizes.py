"""The octets of a poll, by hand from X.690, RFC 3416 and RFC 768."""

from __future__ import annotations

import pytest

from collector.snmp.sizes import PollSize, poll_size
from inventory.model import Access, Link


def line(interface: str = "GE1", access: Access = Access.DIA) -> Link:
    return Link(id="line", site="s", device="d", interface=interface, access=access)


def test_the_octets_of_a_poll_of_one_link() -> None:
    # A binding is SEQUENCE (2), OID header (2), OID, NULL (2). sysUpTime.0 has 8 octets: 14 in all.
    # Six columns of ifEntry: 9 octets and 3 of the index, 18 each. Five of ifXEntry: 10 and 3, 19 each.
    bindings = 14 + 6 * 18 + 5 * 19
    # Lengths above 127 take a second octet, above 255 a third. PDU: header, id (6), two zeros (3 each), list's header.
    pdu = 3 + 6 + 3 + 3 + 3 + bindings
    # Message: header, version (3), a community of 16 characters (18); then IPv4 and UDP.
    request = 4 + 3 + 18 + pdu + 20 + 8
    assert request == 288
    # In place of NULL: sysUpTime and seven 32-bit values of at most 7, ifOperStatus 3, two Counter64 of at most 11,
    # "GE1" 5. The lengths of list, PDU and message may take two octets more each.
    values = 8 * (7 - 2) + (3 - 2) + 2 * (11 - 2) + (5 - 2)
    assert poll_size([line()], version3=False, ipv6=False) == PollSize(1, request, request + values + 6)


def test_a_device_without_links_is_asked_for_sys_up_time_alone() -> None:
    # Bindings 14; PDU 2+6+3+3+2+14 = 30; message 2+3+18+30 = 53; with headers 81. TimeTicks: 5 more than NULL.
    assert poll_size([], version3=False, ipv6=False) == PollSize(1, 81, 81 + 5 + 6)


@pytest.mark.parametrize(("version3", "ipv6", "more"), [(False, True, 20), (True, False, 123), (True, True, 143)])
def test_version_3_and_ipv6_take_more_of_each_datagram(version3: bool, ipv6: bool, more: int) -> None:
    plain, larger = (poll_size([line()] * 12, version3=v3, ipv6=v6) for v3, v6 in ((False, False), (version3, ipv6)))
    assert plain.datagrams > 1
    assert larger.datagrams == plain.datagrams
    assert larger.request_octets == plain.request_octets + more * plain.datagrams
    assert larger.octets == plain.octets + 2 * more * plain.datagrams


def test_a_cellular_line_is_asked_for_four_radio_values() -> None:
    # 1.3.6.1.4.1.9.9.661.1.3.4.1.1.N.I: 18 octets with 661 in two and I in three; a binding of 24; values of at most 7.
    wired = poll_size([line()], version3=False, ipv6=False)
    radio = poll_size([line(access=Access.LTE)], version3=False, ipv6=False)
    longer_length_of_the_list = 1 + 1  # 313 octets of bindings instead of 217, and the PDU's length likewise
    assert radio.request_octets - wired.request_octets == 4 * 24 + longer_length_of_the_list
    assert radio.answer_octets - wired.answer_octets == 4 * (24 + 7 - 2) + longer_length_of_the_list


def test_the_name_by_which_a_row_is_known_comes_back_in_full() -> None:
    short, long = (poll_size([line(name)], version3=False, ipv6=False) for name in ("GE1", "GigabitEthernet0/0/0"))
    assert long.request_octets == short.request_octets
    assert long.answer_octets == short.answer_octets + 17
