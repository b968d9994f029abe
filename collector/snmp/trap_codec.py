"""The notifications themselves, decoded by pysnmp (RFC 1157, RFC 3416, RFC 3584); authentic ones only come here.

Importing pysnmp takes a tenth of a second, so this module is imported only where traps are received. Its engine
(`SnmpEngine`) is not used: it acknowledges an inform before anybody has seen it, takes each trap's own clock for the
sender's before it compares the two (so that nothing recorded and sent again is ever too old), knows a sender's engine
only when it is configured, and keeps state of each refused message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ
from pysnmp.error import PySnmpError
from pysnmp.proto.api import v1, v2c
from pysnmp.proto.proxy import rfc2576

from collector.snmp.ber import DecodeError, Value
from collector.snmp.trap_meaning import SNMP_TRAP_OID, SYS_UPTIME, Notification

Asn1 = Any
"""pyasn1's objects have no static types."""

_DAMAGE = (PyAsn1Error, PySnmpError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What pysnmp and pyasn1 raise on octets that are no PDU; found by damaging PDUs at random."""


class Kind(Enum):
    TRAP = "trap"
    INFORM = "inform"


_TRAP_V1 = 0xA4
_SPECIFICATIONS = {
    _TRAP_V1: (Kind.TRAP, v1.TrapPDU()),
    0xA6: (Kind.INFORM, v2c.InformRequestPDU()),
    0xA7: (Kind.TRAP, v2c.SNMPv2TrapPDU()),
}


@dataclass(frozen=True, slots=True)
class Pdu:
    """A v1 trap has no request id, it is 0 here. `asn1` is pysnmp's own object, for the response."""

    kind: Kind
    request_id: int
    notification: Notification
    asn1: Asn1 = field(repr=False, compare=False)


def read_pdu(octets: bytes) -> Pdu | None:
    """None when it is something else than a notification. Raises DecodeError, and nothing else."""
    kind, specification = _SPECIFICATIONS.get(octets[0] if octets else 0, (None, None))
    if kind is None:
        return None
    try:
        pdu, rest = decoder.decode(octets, asn1Spec=specification)
        if rest:
            raise DecodeError("octets follow the PDU")
        if octets[0] == _TRAP_V1:
            # A place for the community is part of what pysnmp makes of a v1 trap; it is left empty.
            return Pdu(kind, 0, _notification(v2c.apiPDU.get_varbinds(rfc2576.v1_to_v2(pdu))), pdu)
        return Pdu(kind, int(v2c.apiPDU.get_request_id(pdu)), _notification(v2c.apiPDU.get_varbinds(pdu)), pdu)
    except _DAMAGE as error:
        raise DecodeError(f"the PDU is none ({type(error).__name__})") from None


def response(inform: Pdu) -> bytes:
    """The acknowledgement: a Response PDU with the inform's id and values (RFC 3416, section 4.2.7)."""
    answer = v2c.apiPDU.get_response(inform.asn1)
    v2c.apiPDU.set_varbinds(answer, v2c.apiPDU.get_varbinds(inform.asn1))
    return bytes(encoder.encode(answer))


def _notification(varbinds: Iterable[tuple[Asn1, Asn1]]) -> Notification:
    """RFC 3416, section 4.2.6: sysUpTime comes first and snmpTrapOID second; some agents leave sysUpTime out."""
    values = tuple((str(oid), _value(value)) for oid, value in varbinds)
    name = next((value for oid, value in values[:2] if oid == SNMP_TRAP_OID), None)
    if not isinstance(name, str):
        raise DecodeError("a notification does not say which it is (snmpTrapOID)")
    uptime = next((value for oid, value in values[:2] if oid == SYS_UPTIME), None)
    return Notification(name, uptime if isinstance(uptime, int) else None, values)


def _value(value: Asn1) -> Value:
    if value.tagSet == v2c.IpAddress.tagSet:
        return ".".join(map(str, bytes(value)))
    if isinstance(value, univ.Null):
        return None
    if isinstance(value, univ.OctetString):
        return bytes(value)
    if isinstance(value, univ.Integer):
        return int(value)
    return str(value) if isinstance(value, univ.ObjectIdentifier) else None
