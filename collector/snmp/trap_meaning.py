"""What a notification says about a device and its links. Pure.

A notification is never a state: it may be lost, repeated or late. So it becomes an event, in the words that an
orchestrator has for the same (`EDGE_INTERFACE_DOWN` says that a port is down, as there; that the line behind a port
is dead or alive, no trap in this table says).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from collector.snmp.ber import Value
from collector.snmp.interfaces import interface_text
from inventory.model import Link

SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
SNMP_TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
TRAP_ADDRESS = "1.3.6.1.6.3.18.1.3.0"
"""snmpTrapAddress: who sent a trap that a proxy forwards (RFC 3584, 3.1 (4) and 4.1.2.3)."""
TRAP_COMMUNITY = "1.3.6.1.6.3.18.1.4.0"
TRAP_ENTERPRISE = "1.3.6.1.6.3.1.1.4.3.0"

YOUNG_SECONDS = 600
"""A sysUpTime below this in a coldStart or warmStart says that it started again; agents send them when they are up."""
MOST_VALUES = 10
LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class Notification:
    """`name` is snmpTrapOID (for v1 as RFC 3584, 3.1, makes it), `uptime` sysUpTime in 1/100 s, None when not told."""

    name: str
    uptime: int | None
    values: tuple[tuple[str, Value], ...]


class TrapEvent(StrEnum):
    """The values of event facts that come from traps."""

    EDGE_INTERFACE_DOWN = "EDGE_INTERFACE_DOWN"
    EDGE_INTERFACE_UP = "EDGE_INTERFACE_UP"
    EDGE_INTERFACE_CHANGED = "EDGE_INTERFACE_CHANGED"
    """The port's state changed, but the trap does not say to which, or to one that is neither up nor down."""
    EDGE_REBOOTING = "EDGE_REBOOTING"
    COLD_START = "COLD_START"
    """The agent started, its configuration may have changed; not always the whole device."""
    WARM_START = "WARM_START"
    HA_READY = "HA_READY"
    HA_FAILED = "HA_FAILED"
    HA_GOING_ACTIVE = "HA_GOING_ACTIVE"
    BGP_UP = "BGP_UP"
    BGP_DOWN = "BGP_DOWN"
    VPN_TUNNEL_UP = "VPN_TUNNEL_UP"
    VPN_TUNNEL_DOWN = "VPN_TUNNEL_DOWN"
    PROBE_FAILED = "PROBE_FAILED"
    """The device's own probe (IP SLA, RPM) got no answer."""
    PROBE_ANSWERED = "PROBE_ANSWERED"
    PROBE_OVER_LIMIT = "PROBE_OVER_LIMIT"
    PROBE_WITHIN_LIMIT = "PROBE_WITHIN_LIMIT"
    AUTHENTICATION_FAILURE = "AUTHENTICATION_FAILURE"
    """Somebody asked the device over SNMP with a credential that it does not know."""
    UNKNOWN_TRAP = "UNKNOWN_TRAP"


NO_NEWS_OF_LINES = frozenset({TrapEvent.AUTHENTICATION_FAILURE, TrapEvent.UNKNOWN_TRAP})
"""Events that are no reason to poll the device at once."""

_IF_ENTRY, _IF_X_ENTRY = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
_IF_INDEX, _IF_DESCR, _IF_OPER_STATUS = f"{_IF_ENTRY}.1", f"{_IF_ENTRY}.2", f"{_IF_ENTRY}.8"
_IF_NAME, _IF_ALIAS = f"{_IF_X_ENTRY}.1", f"{_IF_X_ENTRY}.18"
_BGP_PEER_STATE = "1.3.6.1.2.1.15.3.1.2"
_BGP_PEER_COLUMNS = ("1.3.6.1.2.1.15.3.1.2", "1.3.6.1.2.1.15.3.1.7", "1.3.6.1.2.1.15.3.1.14")
_RTT_REACT_VAR, _RTT_REACT_OCCURRED = "1.3.6.1.4.1.9.9.42.1.2.19.1.2", "1.3.6.1.4.1.9.9.42.1.2.19.1.10"
_RTT_CONNECTION_LOST, _RTT_TIMEOUT = "1.3.6.1.4.1.9.9.42.1.2.9.1.5", "1.3.6.1.4.1.9.9.42.1.2.9.1.6"
_RTT_OVER_THRESHOLD = "1.3.6.1.4.1.9.9.42.1.2.9.1.7"
_VIPTELA_IF_NAME, _VIPTELA_IF_STATE = "1.3.6.1.4.1.41916.100.1.73", "1.3.6.1.4.1.41916.100.1.74"
_VIPTELA_BFD_STATE = "1.3.6.1.4.1.41916.100.1.13"
_INTERFACE_NAMES = (_IF_NAME, _IF_DESCR, _VIPTELA_IF_NAME)

VALUE_NAMES: Mapping[str, str] = {
    TRAP_ADDRESS: "snmpTrapAddress",
    _IF_INDEX: "ifIndex",
    _IF_DESCR: "ifDescr",
    f"{_IF_ENTRY}.3": "ifType",
    f"{_IF_ENTRY}.7": "ifAdminStatus",
    _IF_OPER_STATUS: "ifOperStatus",
    f"{_IF_ENTRY}.9": "ifLastChange",
    _IF_NAME: "ifName",
    _IF_ALIAS: "ifAlias",
    _BGP_PEER_STATE: "bgpPeerState",
    "1.3.6.1.2.1.15.3.1.7": "bgpPeerRemoteAddr",
    "1.3.6.1.2.1.15.3.1.14": "bgpPeerLastError",
    "1.3.6.1.4.1.9.9.187.1.2.1.1.7": "cbgpPeerLastErrorTxt",
    "1.3.6.1.4.1.9.9.187.1.2.1.1.8": "cbgpPeerPrevState",
    "1.3.6.1.4.1.9.2.2.1.1.20": "locIfReason",
    "1.3.6.1.4.1.9.9.42.1.2.1.1.3": "rttMonCtrlAdminTag",
    "1.3.6.1.4.1.9.9.42.1.2.1.1.12": "rttMonCtrlAdminLongTag",
    _RTT_CONNECTION_LOST: "rttMonCtrlOperConnectionLostOccurred",
    _RTT_TIMEOUT: "rttMonCtrlOperTimeoutOccurred",
    _RTT_OVER_THRESHOLD: "rttMonCtrlOperOverThresholdOccurred",
    _RTT_REACT_VAR: "rttMonReactVar",
    "1.3.6.1.4.1.9.9.42.1.2.19.1.9": "rttMonReactValue",
    _RTT_REACT_OCCURRED: "rttMonReactOccurred",
    _VIPTELA_IF_NAME: "viptelaVpnIfName",
    _VIPTELA_IF_STATE: "viptelaVpnNewState",
    _VIPTELA_BFD_STATE: "viptelaBfdNewState",
}
"""Objects that are told by their name; a table's column without its index."""

Reading = Callable[[Notification], TrapEvent]


def _always(event: TrapEvent) -> Reading:
    return lambda _: event


def _by(
    column: str,
    meanings: Mapping[int, TrapEvent],
    otherwise: TrapEvent,
    untold: TrapEvent = TrapEvent.UNKNOWN_TRAP,
) -> Reading:
    """The event that the first value of `column` means; `untold` when the notification has no such number."""

    def read(notification: Notification) -> TrapEvent:
        value = first(notification, column)
        return meanings.get(value, otherwise) if isinstance(value, int) else untold

    return read


def _rtt_reaction(notification: Notification) -> TrapEvent:
    """rttMonNotification: rttMonReactVar timeout(7) and connectionLoss(8) say that no answer came, the others are
    limits of what was measured (CISCO-RTTMON-TC-MIB). rttMonReactOccurred is a TruthValue: true(1), false(2)."""
    silent = first(notification, _RTT_REACT_VAR) in (7, 8)
    match first(notification, _RTT_REACT_OCCURRED):
        case 1:
            return TrapEvent.PROBE_FAILED if silent else TrapEvent.PROBE_OVER_LIMIT
        case 2:
            return TrapEvent.PROBE_ANSWERED if silent else TrapEvent.PROBE_WITHIN_LIMIT
    return TrapEvent.UNKNOWN_TRAP


# RFC 2863: a linkUp carries the state that the port has come to, a linkDown the one that it is leaving.
_LINK_UP = _by(
    _IF_OPER_STATUS,
    {1: TrapEvent.EDGE_INTERFACE_UP, 3: TrapEvent.EDGE_INTERFACE_DOWN, 7: TrapEvent.EDGE_INTERFACE_DOWN},
    TrapEvent.EDGE_INTERFACE_CHANGED,
    untold=TrapEvent.EDGE_INTERFACE_UP,
)
_ANSWERED = {1: TrapEvent.PROBE_FAILED, 2: TrapEvent.PROBE_ANSWERED}
_WITHIN_LIMIT = {1: TrapEvent.PROBE_OVER_LIMIT, 2: TrapEvent.PROBE_WITHIN_LIMIT}
_BGP_STATE = _by(_BGP_PEER_STATE, {6: TrapEvent.BGP_UP}, TrapEvent.BGP_DOWN)
_VIPTELA_INTERFACE = _by(
    _VIPTELA_IF_STATE,
    {0: TrapEvent.EDGE_INTERFACE_UP, 1: TrapEvent.EDGE_INTERFACE_DOWN},
    TrapEvent.EDGE_INTERFACE_CHANGED,
)
_VIPTELA_BFD = _by(
    _VIPTELA_BFD_STATE, {0: TrapEvent.VPN_TUNNEL_UP, 1: TrapEvent.VPN_TUNNEL_DOWN}, TrapEvent.UNKNOWN_TRAP
)

TRAPS: Mapping[str, tuple[str, Reading]] = {
    # SNMPv2-MIB (RFC 3418) and IF-MIB (RFC 2863). MikroTik, VeloCloud edges and Peplink have these and no own ones
    # for their lines: MIKROTIK-MIB, VELOCLOUD-EDGE-MIB and Peplink's WAN define no notification about a link.
    "1.3.6.1.6.3.1.1.5.1": ("coldStart", _always(TrapEvent.COLD_START)),
    "1.3.6.1.6.3.1.1.5.2": ("warmStart", _always(TrapEvent.WARM_START)),
    "1.3.6.1.6.3.1.1.5.3": ("linkDown", _always(TrapEvent.EDGE_INTERFACE_DOWN)),
    "1.3.6.1.6.3.1.1.5.4": ("linkUp", _LINK_UP),
    "1.3.6.1.6.3.1.1.5.5": ("authenticationFailure", _always(TrapEvent.AUTHENTICATION_FAILURE)),
    # BGP4-MIB: RFC 4273, and RFC 1657 (.7) which it replaced.
    "1.3.6.1.2.1.15.0.1": ("bgpEstablishedNotification", _always(TrapEvent.BGP_UP)),
    "1.3.6.1.2.1.15.0.2": ("bgpBackwardTransNotification", _always(TrapEvent.BGP_DOWN)),
    "1.3.6.1.2.1.15.7.1": ("bgpEstablished", _always(TrapEvent.BGP_UP)),
    "1.3.6.1.2.1.15.7.2": ("bgpBackwardTransition", _always(TrapEvent.BGP_DOWN)),
    "1.3.6.1.4.1.9.9.187.0.1": ("cbgpFsmStateChange", _BGP_STATE),
    "1.3.6.1.4.1.9.9.187.0.2": ("cbgpBackwardTransition", _always(TrapEvent.BGP_DOWN)),
    "1.3.6.1.4.1.2636.5.1.1.1.0.1": ("jnxBgpM2Established", _always(TrapEvent.BGP_UP)),
    "1.3.6.1.4.1.2636.5.1.1.1.0.2": ("jnxBgpM2BackwardTransition", _always(TrapEvent.BGP_DOWN)),
    # CISCO-RTTMON-MIB (IP SLA).
    "1.3.6.1.4.1.9.9.42.2.0.1": (
        "rttMonConnectionChangeNotification",
        _by(_RTT_CONNECTION_LOST, _ANSWERED, TrapEvent.UNKNOWN_TRAP),
    ),
    "1.3.6.1.4.1.9.9.42.2.0.2": (
        "rttMonTimeoutNotification",
        _by(_RTT_TIMEOUT, _ANSWERED, TrapEvent.UNKNOWN_TRAP),
    ),
    "1.3.6.1.4.1.9.9.42.2.0.3": (
        "rttMonThresholdNotification",
        _by(_RTT_OVER_THRESHOLD, _WITHIN_LIMIT, TrapEvent.UNKNOWN_TRAP),
    ),
    "1.3.6.1.4.1.9.9.42.2.0.5": ("rttMonNotification", _rtt_reaction),
    "1.3.6.1.4.1.9.9.42.2.0.8": ("rttMonNotificationV2", _rtt_reaction),
    # DISMAN-PING-MIB (RFC 4560) and JUNIPER-PING-MIB (RPM).
    "1.3.6.1.2.1.80.0.1": ("pingProbeFailed", _always(TrapEvent.PROBE_FAILED)),
    "1.3.6.1.2.1.80.0.2": ("pingTestFailed", _always(TrapEvent.PROBE_FAILED)),
    "1.3.6.1.4.1.2636.4.9.0.1": ("jnxPingRttThresholdExceeded", _always(TrapEvent.PROBE_OVER_LIMIT)),
    # FORTINET-FORTIGATE-MIB; of ports FortiOS tells with linkDown and linkUp.
    "1.3.6.1.4.1.12356.101.2.0.301": ("fgTrapVpnTunUp", _always(TrapEvent.VPN_TUNNEL_UP)),
    "1.3.6.1.4.1.12356.101.2.0.302": ("fgTrapVpnTunDown", _always(TrapEvent.VPN_TUNNEL_DOWN)),
    "1.3.6.1.4.1.12356.101.2.0.401": ("fgTrapHaSwitch", _always(TrapEvent.HA_GOING_ACTIVE)),
    "1.3.6.1.4.1.12356.101.2.0.403": ("fgTrapHaHBFail", _always(TrapEvent.HA_FAILED)),
    "1.3.6.1.4.1.12356.101.2.0.404": ("fgTrapHaMemberDown", _always(TrapEvent.HA_FAILED)),
    "1.3.6.1.4.1.12356.101.2.0.405": ("fgTrapHaMemberUp", _always(TrapEvent.HA_READY)),
    # VIPTELA-TRAPS: OperState is up(0), down(1).
    "1.3.6.1.4.1.41916.100.2.2": ("viptelaActionsSystemRebootIssued", _always(TrapEvent.EDGE_REBOOTING)),
    "1.3.6.1.4.1.41916.100.2.4": ("viptelaBfdBfdStateChange", _VIPTELA_BFD),
    "1.3.6.1.4.1.41916.100.2.55": ("viptelaVpnInterfaceStateChange", _VIPTELA_INTERFACE),
}


def first(notification: Notification, column: str) -> Value:
    """The first value of an object or of a table's column; None when there is none."""
    return next((value for oid, value in notification.values if _of(column, oid)), None)


def _of(column: str, oid: str) -> bool:
    return oid == column or oid.startswith(column + ".")


def event_of(notification: Notification) -> TrapEvent:
    known = TRAPS.get(notification.name)
    return known[1](notification) if known else TrapEvent.UNKNOWN_TRAP


def started_again(notification: Notification) -> float | None:
    """Seconds since sysUpTime started again, where a coldStart or warmStart says so and sysUpTime bears it out.

    RFC 3418: an agent sends them when it initialises itself, not only when its device did; sysUpTime restarts with it.
    """
    if event_of(notification) not in (TrapEvent.COLD_START, TrapEvent.WARM_START) or notification.uptime is None:
        return None
    seconds = notification.uptime / 100
    return seconds if seconds < YOUNG_SECONDS else None


def interface_index(notification: Notification) -> int | None:
    """The one ifIndex that a notification speaks of: told as a value, else as the index of IF-MIB columns."""
    told = {value for oid, value in notification.values if _of(_IF_INDEX, oid) and isinstance(value, int)}
    indexes = told or set(_instances(notification))
    return indexes.pop() if len(indexes) == 1 else None


def _instances(notification: Notification) -> Iterator[int]:
    for oid, _ in notification.values:
        if oid.startswith((_IF_ENTRY + ".", _IF_X_ENTRY + ".")):
            yield int(oid.rpartition(".")[2])


def link_of(
    notification: Notification, links: Sequence[Link], link_at: Callable[[int], str | None] = lambda _: None
) -> str | None:
    """Which of a device's links a notification is about: by its interface's name, else by its ifIndex, else by the BGP
    peer that is the link's next hop. None when nothing tells it, or when it could be one of several.

    `link_at` says which link is at an ifIndex, as far as polls have found that out.
    """
    found = _named(notification, links) or _indexed(notification, links, link_at)
    if not found:
        peer = _bgp_peer(notification)
        found = {link.id for link in links if peer is not None and link.next_hop == peer}
    return found.pop() if len(found) == 1 else None


def _indexed(notification: Notification, links: Sequence[Link], link_at: Callable[[int], str | None]) -> set[str]:
    index = interface_index(notification)
    if index is None:
        return set()
    polled = link_at(index)
    return {link.id for link in links if link.interface == f"ifIndex:{index}" or link.id == polled}


def _named(notification: Notification, links: Sequence[Link]) -> set[str]:
    """Links of an interface name in the notification; an exact match is preferred to one that differs in case."""
    names = {
        ("ifAlias:" if _of(_IF_ALIAS, oid) else "") + interface_text(value)
        for oid, value in notification.values
        if isinstance(value, bytes) and any(_of(column, oid) for column in (*_INTERFACE_NAMES, _IF_ALIAS))
    }
    found: set[str] = set()
    for name in names:
        exact = {link.id for link in links if link.interface == name}
        found |= exact or {link.id for link in links if (link.interface or "").casefold() == name.casefold()}
    return found


def _bgp_peer(notification: Notification) -> str | None:
    """bgpPeerTable is indexed by the peer's IPv4 address (RFC 4273)."""
    for oid, _ in notification.values:
        for column in _BGP_PEER_COLUMNS:
            instance = oid.removeprefix(column + ".")
            if instance != oid and instance.count(".") == 3:
                return instance
    return None


def detail_of(notification: Notification, hidden: Collection[bytes] = ()) -> str:
    """The trap's name and its values for a person: never its community, nor a value that is one of `hidden`."""
    known = TRAPS.get(notification.name)
    name = f"{known[0]} ({notification.name})" if known else f"trap {notification.name}"
    left_out = (SYS_UPTIME, SNMP_TRAP_OID, TRAP_COMMUNITY, TRAP_ENTERPRISE)
    values = [(oid, value) for oid, value in notification.values if oid not in left_out]
    told = [f"{_value_name(oid)} {_text(value, hidden)}" for oid, value in values[:MOST_VALUES]]
    if len(values) > MOST_VALUES:
        told.append(f"and {len(values) - MOST_VALUES} more values")
    if notification.uptime is not None:
        told.append(f"sysUpTime {notification.uptime / 100:.0f} s")
    return f"{name}: {', '.join(told)}" if told else name


def _value_name(oid: str) -> str:
    column = next((column for column in VALUE_NAMES if _of(column, oid)), None)
    return VALUE_NAMES[column] if column else oid


def _text(value: Value, hidden: Collection[bytes]) -> str:
    if isinstance(value, bytes):
        if value in hidden:
            return "(hidden)"
        text = interface_text(value)
        value = text if text.isprintable() and "\ufffd" not in text else "0x" + value.hex()
    text = "no value" if value is None else str(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
