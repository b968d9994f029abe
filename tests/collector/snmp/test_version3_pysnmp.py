"""An agent made of pysnmp, which derives keys, signs and encrypts by itself, asked in SNMPv3 by ours."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.engine import Engine
from collector.snmp.message import decode_pdu, get_request
from collector.snmp.refusals import Report
from collector.snmp.version3 import Opened, Wrapping, discovered, discovery_request, message_id

pytestmark = pytest.mark.rim

AUTH = {
    AuthProtocol.MD5: config.USM_AUTH_HMAC96_MD5,
    AuthProtocol.SHA1: config.USM_AUTH_HMAC96_SHA,
    AuthProtocol.SHA224: config.USM_AUTH_HMAC128_SHA224,
    AuthProtocol.SHA256: config.USM_AUTH_HMAC192_SHA256,
    AuthProtocol.SHA512: config.USM_AUTH_HMAC384_SHA512,
}
PRIV = {
    PrivProtocol.DES: config.USM_PRIV_CBC56_DES,
    PrivProtocol.AES128: config.USM_PRIV_CFB128_AES,
    PrivProtocol.AES192: config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    PrivProtocol.AES256: config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    PrivProtocol.AES192_REEDER: config.USM_PRIV_CFB192_AES,
    PrivProtocol.AES256_REEDER: config.USM_PRIV_CFB256_AES,
}
AUTH_PASSWORD, PRIV_PASSWORD = "authentication-1", "privacy-password-2"
SYS_NAME = "1.3.6.1.2.1.1.5.0"
LEVELS = [
    (None, None),
    (AuthProtocol.SHA256, None),
    (AuthProtocol.MD5, PrivProtocol.DES),
    (AuthProtocol.SHA1, PrivProtocol.AES128),
    (AuthProtocol.SHA224, PrivProtocol.AES192),
    (AuthProtocol.MD5, PrivProtocol.AES192_REEDER),
    (AuthProtocol.SHA1, PrivProtocol.AES256),
    (AuthProtocol.SHA1, PrivProtocol.AES256_REEDER),
    (AuthProtocol.SHA512, PrivProtocol.AES256),
]


@pytest.fixture
async def agent() -> AsyncIterator[Any]:
    """`agent(user)` lets the user in and says at which port."""
    snmp = engine.SnmpEngine()
    transport = udp.UdpTransport().open_server_mode(("127.0.0.1", 0))
    config.add_transport(snmp, udp.DOMAIN_NAME, transport)
    cmdrsp.GetCommandResponder(snmp, context.SnmpContext(snmp))

    def let_in(user: User) -> int:
        level = "authPriv" if user.priv else "authNoPriv" if user.auth else "noAuthNoPriv"
        config.add_v3_user(
            snmp,
            user.name,
            AUTH[user.auth] if user.auth else config.USM_AUTH_NONE,
            user.auth_password or None,
            PRIV[user.priv] if user.priv else config.USM_PRIV_NONE,
            user.priv_password or None,
        )
        config.add_vacm_user(snmp, 3, user.name, level, (1, 3, 6))
        return int(transport.transport.get_extra_info("sockname")[1])

    await asyncio.sleep(0)
    yield let_in
    snmp.close_dispatcher()


def conversation(port: int, user: User) -> list[Opened]:
    """Discovery, the report of the time, an answer, and one more."""
    opened = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(10)
        sock.send(discovery_request(0x4000_0001))
        known: Engine = discovered(sock.recv(65535))
        wrapping = Wrapping(user, known.id)
        for number in range(0x4000_0002, 0x4000_0005):
            pdu = get_request([SYS_NAME]).encoded(number)
            sock.send(wrapping.request(known, time.monotonic(), number, pdu, secrets.randbits(64)))
            data = sock.recv(65535)
            assert message_id(data) == number
            opened.append(wrapping.open(data, known, time.monotonic()))
            known = opened[-1].engine
    return opened


@pytest.mark.parametrize(("auth", "priv"), LEVELS)
async def test_pysnmp_and_we_understand_each_other(auth: AuthProtocol | None, priv: PrivProtocol | None, agent: Any):
    user = User(
        name="monitor",
        auth=auth,
        auth_password=AUTH_PASSWORD if auth else "",
        priv=priv,
        priv_password=PRIV_PASSWORD if priv else "",
    )
    first, *others = await asyncio.to_thread(conversation, agent(user), user)
    if auth:
        assert (first.report, first.authenticated) == (Report.NOT_IN_TIME_WINDOWS, True)
    for opened in others:
        (value,) = decode_pdu(opened.pdu, 0, len(opened.pdu)).varbinds
        assert (value.oid, opened.authenticated) == (SYS_NAME, auth is not None)
        assert isinstance(value.value, bytes)
