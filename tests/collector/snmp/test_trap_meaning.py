"""What a notification means. Numbers and enumerations are those of the MIB documents."""

from __future__ import annotations

import pytest

from collector.snmp.ber import Value
from collector.snmp.trap_meaning import Notification, TrapEvent, detail_of, event_of, link_of, started_again
from inventory.model import Link

LINK_DOWN, LINK_UP = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4"
COLD_START, WARM_START = "1.3.6.1.6.3.1.1.5.1", "1.3.6.1.6.3.1.1.5.2"
IF_INDEX, IF_DESCR, IF_ADMIN, IF_OPER = (f"1.3.6.1.2.1.2.2.1.{column}.3" for column in (1, 2, 7, 8))
IF_NAME, IF_ALIAS = "1.3.6.1.2.1.31.1.1.1.1.3", "1.3.6.1.2.1.31.1.1.1.18.3"
BGP_STATE = "1.3.6.1.2.1.15.3.1.2.192.0.2.129"
RTT = "1.3.6.1.4.1.9.9.42"


def said(name: str, *values: tuple[str, Value], uptime: int | None = 4711) -> Notification:
    return Notification(name, uptime, values)


def links() -> list[Link]:
    return [
        Link(id="dia", site="s", device="rtr", interface="GE1", next_hop="192.0.2.129"),
        Link(id="cable", site="s", device="rtr", interface="ge2"),
        Link(id="lte", site="s", device="rtr", interface="ifIndex:3"),
        Link(id="dsl", site="s", device="rtr", interface="ifAlias:to carrier X"),
    ]


@pytest.mark.parametrize(
    ("name", "event"),
    [
        (COLD_START, "COLD_START"),
        (WARM_START, "WARM_START"),
        (LINK_DOWN, "EDGE_INTERFACE_DOWN"),
        (LINK_UP, "EDGE_INTERFACE_UP"),
        ("1.3.6.1.6.3.1.1.5.5", "AUTHENTICATION_FAILURE"),
        ("1.3.6.1.2.1.15.0.1", "BGP_UP"),
        ("1.3.6.1.2.1.15.0.2", "BGP_DOWN"),
        ("1.3.6.1.2.1.15.7.1", "BGP_UP"),
        ("1.3.6.1.2.1.15.7.2", "BGP_DOWN"),
        ("1.3.6.1.4.1.9.9.187.0.2", "BGP_DOWN"),
        ("1.3.6.1.4.1.2636.5.1.1.1.0.1", "BGP_UP"),
        ("1.3.6.1.4.1.2636.5.1.1.1.0.2", "BGP_DOWN"),
        ("1.3.6.1.2.1.80.0.1", "PROBE_FAILED"),
        ("1.3.6.1.2.1.80.0.2", "PROBE_FAILED"),
        ("1.3.6.1.4.1.2636.4.9.0.1", "PROBE_OVER_LIMIT"),
        ("1.3.6.1.4.1.12356.101.2.0.301", "VPN_TUNNEL_UP"),
        ("1.3.6.1.4.1.12356.101.2.0.302", "VPN_TUNNEL_DOWN"),
        ("1.3.6.1.4.1.12356.101.2.0.401", "HA_GOING_ACTIVE"),
        ("1.3.6.1.4.1.12356.101.2.0.403", "HA_FAILED"),
        ("1.3.6.1.4.1.12356.101.2.0.404", "HA_FAILED"),
        ("1.3.6.1.4.1.12356.101.2.0.405", "HA_READY"),
        ("1.3.6.1.4.1.41916.100.2.2", "EDGE_REBOOTING"),
        ("1.3.6.1.4.1.14988.1.1.9.0.2", "UNKNOWN_TRAP"),
    ],
)
def test_a_notification_is_known_by_its_name(name: str, event: str) -> None:
    assert event_of(said(name)).value == event


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (1, "EDGE_INTERFACE_UP"),
        (3, "EDGE_INTERFACE_DOWN"),  # testing
        (7, "EDGE_INTERFACE_DOWN"),  # lowerLayerDown
        (5, "EDGE_INTERFACE_CHANGED"),  # dormant
        (4, "EDGE_INTERFACE_CHANGED"),  # unknown
        (2, "EDGE_INTERFACE_CHANGED"),  # a linkUp that says down contradicts itself
    ],
)
def test_a_link_up_says_up_only_when_the_port_came_to_that_state(status: int, event: str) -> None:
    assert event_of(said(LINK_UP, (IF_INDEX, 3), (IF_ADMIN, 1), (IF_OPER, status))).value == event


def test_a_link_down_tells_the_state_that_the_port_leaves_so_up_is_no_contradiction() -> None:
    assert event_of(said(LINK_DOWN, (IF_INDEX, 3), (IF_OPER, 1))) is TrapEvent.EDGE_INTERFACE_DOWN


@pytest.mark.parametrize(
    ("name", "values", "event"),
    [
        ("2.0.1", (("1.2.9.1.5.11", 1),), "PROBE_FAILED"),
        ("2.0.1", (("1.2.9.1.5.11", 2),), "PROBE_ANSWERED"),
        ("2.0.2", (("1.2.9.1.6.11", 1),), "PROBE_FAILED"),
        ("2.0.2", (("1.2.9.1.6.11", 2),), "PROBE_ANSWERED"),
        ("2.0.2", (), "UNKNOWN_TRAP"),
        ("2.0.3", (("1.2.9.1.7.11", 1),), "PROBE_OVER_LIMIT"),
        ("2.0.3", (("1.2.9.1.7.11", 2),), "PROBE_WITHIN_LIMIT"),
        ("2.0.5", (("1.2.19.1.2.11.1", 7), ("1.2.19.1.10.11.1", 1)), "PROBE_FAILED"),
        ("2.0.5", (("1.2.19.1.2.11.1", 7), ("1.2.19.1.10.11.1", 2)), "PROBE_ANSWERED"),
        ("2.0.8", (("1.2.19.1.2.11.1", 8), ("1.2.19.1.10.11.1", 1)), "PROBE_FAILED"),
        ("2.0.8", (("1.2.19.1.2.11.1", 1), ("1.2.19.1.10.11.1", 1)), "PROBE_OVER_LIMIT"),
        ("2.0.8", (("1.2.19.1.2.11.1", 1), ("1.2.19.1.10.11.1", 2)), "PROBE_WITHIN_LIMIT"),
        ("2.0.8", (("1.2.19.1.2.11.1", 7),), "UNKNOWN_TRAP"),
    ],
)
def test_an_ip_sla_trap_means_what_its_truth_value_says(
    name: str, values: tuple[tuple[str, int], ...], event: str
) -> None:
    assert event_of(said(f"{RTT}.{name}", *((f"{RTT}.{oid}", value) for oid, value in values))).value == event


@pytest.mark.parametrize(("state", "event"), [(6, "BGP_UP"), (1, "BGP_DOWN"), (5, "BGP_DOWN")])
def test_a_cisco_bgp_change_is_up_only_when_established(state: int, event: str) -> None:
    assert event_of(said("1.3.6.1.4.1.9.9.187.0.1", (BGP_STATE, state))).value == event


@pytest.mark.parametrize(
    ("name", "column", "up", "down"),
    [
        ("55", "74", "EDGE_INTERFACE_UP", "EDGE_INTERFACE_DOWN"),
        ("4", "13", "VPN_TUNNEL_UP", "VPN_TUNNEL_DOWN"),
    ],
)
def test_viptelas_oper_state_is_zero_for_up(name: str, column: str, up: str, down: str) -> None:
    trap, state = f"1.3.6.1.4.1.41916.100.2.{name}", f"1.3.6.1.4.1.41916.100.1.{column}.0"
    assert event_of(said(trap, (state, 0))).value == up
    assert event_of(said(trap, (state, 1))).value == down
    assert event_of(said(trap)).value == "UNKNOWN_TRAP"


@pytest.mark.parametrize(
    ("values", "link"),
    [
        (((IF_NAME, b"GE1"),), "dia"),
        (((IF_DESCR, b"GE1\0"),), "dia"),
        (((IF_NAME, b"ge1"),), "dia"),
        (((IF_NAME, b"GE2"),), "cable"),
        ((("1.3.6.1.2.1.31.1.1.1.1.9", b"GE10"),), None),
        (((IF_INDEX, 3),), "lte"),
        (((IF_OPER, 2), (IF_ADMIN, 1)), "lte"),
        (((IF_INDEX, 3), (IF_NAME, b"GE1")), "dia"),
        (((IF_ALIAS, b"to carrier X"),), "dsl"),
        (((IF_NAME, b"GE1"), ("1.3.6.1.2.1.31.1.1.1.1.4", b"GE2")), None),
        (((IF_INDEX, 3), ("1.3.6.1.2.1.2.2.1.1.4", 4)), None),
        (((BGP_STATE, 1),), "dia"),
        ((("1.3.6.1.2.1.15.3.1.2.192.0.2.1", 1),), None),
        ((("1.3.6.1.4.1.41916.100.1.73.0", b"GE1"),), "dia"),
        (((IF_NAME, 7),), "lte"),
        ((("1.3.6.1.4.1.99999.1.192.0.2.129", 1),), None),
        ((), None),
    ],
)
def test_a_link_is_known_by_the_name_the_index_or_the_next_hop(
    values: tuple[tuple[str, Value], ...], link: str | None
) -> None:
    assert link_of(said(LINK_DOWN, *values), links()) == link


def test_an_index_means_the_link_that_polls_found_there_if_it_is_one_of_this_device() -> None:
    trap = said(LINK_DOWN, ("1.3.6.1.2.1.2.2.1.1.9", 9))
    assert link_of(trap, links(), {9: "cable"}.get) == "cable"
    assert link_of(trap, links(), {9: "another device's"}.get) is None
    assert link_of(said(LINK_DOWN, ("1.3.6.1.2.1.2.2.1.1.9", 9), (IF_NAME, b"GE1")), links(), {9: "cable"}.get) == "dia"


@pytest.mark.parametrize(
    ("name", "uptime", "seconds"),
    [
        (COLD_START, 4711, 47.11),
        (WARM_START, 59_999, 599.99),
        (COLD_START, 60_000, None),
        (COLD_START, None, None),
        (LINK_UP, 4711, None),
    ],
)
def test_a_reboot_is_believed_when_sys_up_time_says_so_too(
    name: str, uptime: int | None, seconds: float | None
) -> None:
    assert started_again(said(name, uptime=uptime)) == seconds


def test_the_detail_names_the_trap_and_its_values() -> None:
    trap = said(LINK_DOWN, (IF_INDEX, 3), (IF_NAME, b"GE1"), (IF_ADMIN, 2), ("1.3.6.1.4.1.99999.1", b"\xff\x00\x01"))
    assert detail_of(trap) == (
        "linkDown (1.3.6.1.6.3.1.1.5.3): ifIndex 3, ifName GE1, ifAdminStatus 2, "
        "1.3.6.1.4.1.99999.1 0xff0001, sysUpTime 47 s"
    )


def test_the_detail_never_shows_a_community() -> None:
    trap = said(
        "1.3.6.1.6.3.1.1.5.5", ("1.3.6.1.6.3.18.1.4.0", b"s3cret"), ("1.3.6.1.4.1.99999.2.0", b"s3cret"), uptime=None
    )
    assert detail_of(trap, {b"s3cret"}) == (
        "authenticationFailure (1.3.6.1.6.3.1.1.5.5): 1.3.6.1.4.1.99999.2.0 (hidden)"
    )


def test_a_detail_is_bounded_and_printable_whatever_a_device_puts_into_it() -> None:
    trap = said("1.3.6.1.4.1.99999.0.1", *((f"1.3.6.1.4.1.99999.{n}.0", b"x\n" * 2000) for n in range(200)))
    detail = detail_of(trap)
    assert len(detail) < 2000
    assert detail.isprintable()
    assert "and 190 more values" in detail
    ten = detail_of(said("1.3.6.1.4.1.99999.0.1", *((f"1.3.6.1.4.1.99999.{n}.0", n) for n in range(10))))
    assert "more values" not in ten
