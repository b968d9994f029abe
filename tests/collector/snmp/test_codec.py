"""Our codec against hand-written octets and against pyasn1/pysnmp's independent one."""

from __future__ import annotations

import pytest
from pyasn1.codec.ber import decoder
from pysnmp.proto.api import v2c

from collector.snmp import ber
from collector.snmp.agent import Agent, AuthProtocol, Community, User
from collector.snmp.ber import DecodeError, Missing
from collector.snmp.message import ErrorStatus, PduType, bulk_request, community_head, decode_response, get_request

RESPONSE = bytes.fromhex(
    "3082003b"  # a SEQUENCE with a long-form length, as net-snmp writes it: 59 octets
    "020101"  # version 2c
    "04067075626c6963"  # public
    "a22e"  # Response
    "020440000001" "020100" "020100"  # request id, error-status, error-index
    "3020"
    "301006082b06010201010300430403ffffff"  # sysUpTime.0 = TimeTicks 0x03ffffff
    "300c06082b060102010105008100"  # sysName.0 = noSuchInstance
)  # fmt: skip


def sent(community: bytes, pdu: bytes) -> bytes:
    return community_head(community, len(pdu)) + pdu


def test_a_response_written_by_hand_is_read_octet_for_octet() -> None:
    response = decode_response(RESPONSE)
    assert (response.request_id, response.error_status, response.error_index) == (0x4000_0001, 0, 0)
    first, second = response.varbinds
    assert (first.oid, first.tag, first.value) == ("1.3.6.1.2.1.1.3.0", ber.TIME_TICKS, 0x03FF_FFFF)
    assert (second.oid, second.value) == ("1.3.6.1.2.1.1.5.0", Missing.NO_SUCH_INSTANCE)


def test_a_get_request_is_understood_by_an_independent_codec() -> None:
    datagram = sent(b"s3cret", get_request(["1.3.6.1.2.1.1.3.0", "2.999.16777217.4294967295"]).encoded(0x7ABC_DEF0))
    message, rest = decoder.decode(datagram, asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(message)
    assert rest == b""
    assert bytes(v2c.apiMessage.get_community(message)) == b"s3cret"
    assert isinstance(pdu, v2c.GetRequestPDU)
    assert int(v2c.apiPDU.get_request_id(pdu)) == 0x7ABC_DEF0
    names = [str(oid) for oid, _ in v2c.apiPDU.get_varbinds(pdu)]
    assert names == ["1.3.6.1.2.1.1.3.0", "2.999.16777217.4294967295"]


def test_a_getnext_request_has_its_own_type() -> None:
    datagram = sent(b"public", get_request(["1.3.6.1"], PduType.GET_NEXT).encoded(0x4000_0000))
    message, _ = decoder.decode(datagram, asn1Spec=v2c.Message())
    assert isinstance(v2c.apiMessage.get_pdu(message), v2c.GetNextRequestPDU)


def test_a_getbulk_request_names_its_repetitions() -> None:
    datagram = sent(b"public", bulk_request(["1.3.6.1.2.1.2.2.1.2"], 300).encoded(0x4000_0000))
    message, _ = decoder.decode(datagram, asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(message)
    assert isinstance(pdu, v2c.GetBulkRequestPDU)
    assert int(v2c.apiBulkPDU.get_non_repeaters(pdu)) == 0
    assert int(v2c.apiBulkPDU.get_max_repetitions(pdu)) == 300


@pytest.mark.parametrize(
    ("tag", "octets", "value"),
    [
        (ber.INTEGER, "80", -128),
        (ber.INTEGER, "7fffffff", 2**31 - 1),
        (ber.INTEGER, "000000007f", 127),  # padded, as some agents send it
        (ber.COUNTER32, "00ffffffff", 2**32 - 1),
        (ber.COUNTER32, "ffffffff", 2**32 - 1),  # the leading zero left out
        (ber.GAUGE32, "00", 0),
        (ber.COUNTER64, "00ffffffffffffffff", 2**64 - 1),
        (ber.COUNTER64, "ffffffffffffffff", 2**64 - 1),
        (ber.COUNTER64, "0000000000000000000001", 1),
        (ber.IP_ADDRESS, "c0000201", "192.0.2.1"),
        (ber.OBJECT_IDENTIFIER, "2b06", "1.3.6"),
        (ber.OBJECT_IDENTIFIER, "8837", "2.999"),
        (ber.OCTET_STRING, "ff00", b"\xff\x00"),
        (ber.OPAQUE, "9f7804", b"\x9f\x78\x04"),
        (ber.NULL, "", None),
        (0x80, "", Missing.NO_SUCH_OBJECT),
        (0x82, "", Missing.END_OF_MIB_VIEW),
    ],
)
def test_every_smi_type_is_read(tag: int, octets: str, value: ber.Value) -> None:
    assert ber.decode_value(tag, bytes.fromhex(octets)) == value


@pytest.mark.parametrize(
    ("tag", "octets"),
    [
        (ber.INTEGER, ""),
        (ber.INTEGER, "0080000000"),  # 2^31: 33 bits
        (ber.COUNTER32, ""),
        (ber.COUNTER32, "0100000000"),
        (ber.COUNTER64, "010000000000000000"),
        (ber.IP_ADDRESS, "c00002"),
        (ber.NULL, "00"),
        (0x81, "00"),
        (0x99, "00"),
        (ber.OBJECT_IDENTIFIER, ""),
        (ber.OBJECT_IDENTIFIER, "2b86"),  # ends within a sub-identifier
        (ber.OBJECT_IDENTIFIER, "2b8006"),  # padded sub-identifier
        (ber.OBJECT_IDENTIFIER, "2b9080808000"),  # 2^32
        (ber.OBJECT_IDENTIFIER, "2b" + "01" * 127),  # 129 sub-identifiers
    ],
)
def test_octets_that_cannot_be_of_their_type_are_refused(tag: int, octets: str) -> None:
    with pytest.raises(DecodeError):
        ber.decode_value(tag, bytes.fromhex(octets))


@pytest.mark.parametrize("damage", ["trailing", "version", "community", "request", "inner_length", "third_part"])
def test_damage_that_the_protocol_shows_is_refused(damage: str) -> None:
    data = bytearray(RESPONSE)
    match damage:
        case "trailing":
            data += b"\x00"
        case "version":
            data[6] = 0
        case "community":
            data[7] = 0x02
        case "request":
            data[15] = 0xA0
        case "inner_length":
            data[16] += 1
        case "third_part":
            data[44] -= 1
    with pytest.raises(DecodeError):
        decode_response(bytes(data))


@pytest.mark.parametrize("text", ["", "1", "1.3.x", "3.1", "1.40", "1.3.-1", "1.3.4294967296", "1.3" + ".1" * 127])
def test_text_that_is_no_object_identifier_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"identifier|invalid literal"):
        ber.encode_oid(text)


def test_an_agent_never_shows_its_secrets() -> None:
    user = User(name="u", auth=AuthProtocol.SHA1, auth_password="s3cret-a", priv_password="s3cret-p")
    shown = repr(Agent("192.0.2.1", 161, Community(b"s3cret"))) + repr(Agent("192.0.2.1", 161, user))
    assert "s3cret" not in shown


def test_error_status_numbers_are_those_of_rfc_3416() -> None:
    assert (ErrorStatus.TOO_BIG, ErrorStatus.GEN_ERR, ErrorStatus.AUTHORIZATION_ERROR) == (1, 5, 16)
