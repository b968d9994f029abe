"""An SNMP agent for tests: it listens on a real UDP socket and speaks through pysnmp's codec, not through ours."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from collector.snmp.poller import SnmpPoller

Objects = dict[str, Any]
IF_ENTRY = "1.3.6.1.2.1.2.2.1"
IF_X_ENTRY = "1.3.6.1.2.1.31.1.1.1"


def key(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))


class FakeAgent(asyncio.DatagramProtocol):
    """Answers GET and GETBULK from `objects`; stays silent on another community, as v2c agents do.

    `answers` turns the encoded response into the datagrams really sent; `refuse` maps an OID to an error-status.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.community = b"public"
        self.requests: list[Any] = []
        self.answers: Callable[[bytes], Iterable[bytes]] = lambda data: [data]
        self.refuse: dict[str, int] = {}
        self.send_from: asyncio.DatagramTransport | None = None
        self.most_varbinds = 1000
        self.drop_first = 0
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, source: Any) -> None:
        message, _ = decoder.decode(data, asn1Spec=v2c.Message())
        if bytes(v2c.apiMessage.get_community(message)) != self.community:
            return
        request = v2c.apiMessage.get_pdu(message)
        self.requests.append(request)
        if self.drop_first:
            self.drop_first -= 1
            return
        reply = v2c.apiMessage.get_response(message)
        self._fill(v2c.apiMessage.get_pdu(reply), request)
        for datagram in self.answers(encoder.encode(reply)):
            (self.send_from or self.transport).sendto(datagram, source)

    def _fill(self, response: Any, request: Any) -> None:
        asked = [str(oid) for oid, _ in v2c.apiPDU.get_varbinds(request)]
        for position, oid in enumerate(asked, 1):
            if oid in self.refuse:
                v2c.apiPDU.set_error_status(response, self.refuse[oid])
                v2c.apiPDU.set_error_index(response, position)
                v2c.apiPDU.set_varbinds(response, v2c.apiPDU.get_varbinds(request))
                return
        if isinstance(request, v2c.GetBulkRequestPDU):
            answered = self._bulk(asked, int(v2c.apiBulkPDU.get_max_repetitions(request)))
        else:
            answered = [(oid, self.objects.get(oid, v2c.NoSuchInstance(""))) for oid in asked]
        if len(answered) > self.most_varbinds:
            v2c.apiPDU.set_error_status(response, 1)
            answered = []
        v2c.apiPDU.set_varbinds(response, answered)

    def _bulk(self, asked: list[str], repetitions: int) -> list[tuple[str, Any]]:
        ordered = sorted(self.objects, key=key)
        keys = [key(oid) for oid in ordered]
        cursors, rows = list(asked), []
        for _ in range(repetitions):
            for column, cursor in enumerate(cursors):
                place = bisect.bisect_right(keys, key(cursor))
                if place < len(ordered):
                    cursors[column] = ordered[place]
                    rows.append((ordered[place], self.objects[ordered[place]]))
                else:
                    rows.append((cursor, v2c.EndOfMibView("")))
        return rows


def interface(index: int, name: str, **values: int) -> Objects:
    """The IF-MIB row of a gigabit interface that is up; `values` override columns by their MIB name."""
    columns: dict[str, tuple[str, Any]] = {
        "ifDescr": (f"{IF_ENTRY}.2", v2c.OctetString(f"Port {index}")),
        "ifSpeed": (f"{IF_ENTRY}.5", v2c.Gauge32(values.get("ifSpeed", 1_000_000_000))),
        "ifOperStatus": (f"{IF_ENTRY}.8", v2c.Integer(values.get("ifOperStatus", 1))),
        "ifLastChange": (f"{IF_ENTRY}.9", v2c.TimeTicks(values.get("ifLastChange", 500))),
        "ifInOctets": (f"{IF_ENTRY}.10", v2c.Counter32(values.get("ifHCInOctets", 0) % 2**32)),
        "ifInDiscards": (f"{IF_ENTRY}.13", v2c.Counter32(values.get("ifInDiscards", 0))),
        "ifInErrors": (f"{IF_ENTRY}.14", v2c.Counter32(values.get("ifInErrors", 0))),
        "ifOutOctets": (f"{IF_ENTRY}.16", v2c.Counter32(values.get("ifHCOutOctets", 0) % 2**32)),
        "ifOutDiscards": (f"{IF_ENTRY}.19", v2c.Counter32(values.get("ifOutDiscards", 0))),
        "ifOutErrors": (f"{IF_ENTRY}.20", v2c.Counter32(values.get("ifOutErrors", 0))),
        "ifName": (f"{IF_X_ENTRY}.1", v2c.OctetString(name)),
        "ifHCInOctets": (f"{IF_X_ENTRY}.6", v2c.Counter64(values.get("ifHCInOctets", 0))),
        "ifHCOutOctets": (f"{IF_X_ENTRY}.10", v2c.Counter64(values.get("ifHCOutOctets", 0))),
        "ifHighSpeed": (f"{IF_X_ENTRY}.15", v2c.Gauge32(values.get("ifHighSpeed", 1000))),
        "ifAlias": (f"{IF_X_ENTRY}.18", v2c.OctetString(f"to carrier {index}")),
        "ifCounterDiscontinuityTime": (f"{IF_X_ENTRY}.19", v2c.TimeTicks(0)),
    }
    return {f"{oid}.{index}": value for oid, value in columns.values()}


@pytest.fixture
def if_row() -> Callable[..., Objects]:
    return interface


@pytest.fixture
def uptime() -> Callable[[float], Objects]:
    return lambda seconds: {"1.3.6.1.2.1.1.3.0": v2c.TimeTicks(round(seconds * 100))}


@pytest.fixture
async def start_agent() -> AsyncIterator[Callable[..., Awaitable[FakeAgent]]]:
    """`await start_agent(objects, address="127.0.0.1")`."""
    transports = []

    async def start(objects: Objects, address: str = "127.0.0.1") -> FakeAgent:
        loop = asyncio.get_running_loop()
        transport, agent = await loop.create_datagram_endpoint(lambda: FakeAgent(objects), local_addr=(address, 0))
        transports.append(transport)
        return agent

    yield start
    for transport in transports:
        transport.close()


@pytest.fixture
async def poller() -> AsyncIterator[SnmpPoller]:
    """For agents that answer: patient, so that a busy machine fails no test."""
    poller = SnmpPoller(timeout=2.0, retries=1)
    yield poller
    poller.close()


@pytest.fixture
async def impatient() -> AsyncIterator[SnmpPoller]:
    """For agents that do not answer: attempts of 0.06 s and 0.09 s."""
    poller = SnmpPoller(timeout=0.06, retries=1)
    yield poller
    poller.close()
