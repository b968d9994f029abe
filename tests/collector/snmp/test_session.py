"""Dealings with an SNMPv3 agent, which is put together here from RFC 3414 with pysnmp's codec and the standard library.

User and password are those of RFC 3414, A.3.2, so that the key is known without deriving it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c
from pysnmp.proto.mpmod.rfc3412 import HeaderData, ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

from collector.snmp.agent import Agent, AuthProtocol, Community, PrivProtocol, User
from collector.snmp.ask import Ask, Outcome
from collector.snmp.message import decode_pdu, get_request
from collector.snmp.poller import SnmpPoller
from collector.snmp.refusals import Refusal, SecurityError
from collector.snmp.session import AGAIN, Refused, Session, Steps
from collector.snmp.strays import Stray
from collector.snmp.template import Template

PASSWORD = "maplesyrup"
KU = bytes.fromhex("9fb5cc0381497b3793528939ff788d5d79145211")
ENGINE_ID = bytes.fromhex("000000000000000000000002")
OTHER_ID = bytes.fromhex("000000000000000000000003")
USER = User(name="monitor", auth=AuthProtocol.SHA1, auth_password=PASSWORD)
UPTIME = "1.3.6.1.2.1.1.3.0"
UNSUPPORTED_LEVEL, NOT_IN_TIME, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST = 1, 2, 3, 4, 5
"""Of usmStats, RFC 3414."""
NO_DIGEST = bytes(12)
FOUR_OCTETS = b"\x02\x04"
"""The header of msgID, the first INTEGER of that many."""


@dataclass
class Engine:
    """An authoritative engine; `counted` are its reports by their number in usmStats, `vouches` whether that
    of its time is authenticated."""

    id: bytes = ENGINE_ID
    boots: int = 7
    time: int = 1000
    uptime: int = 4711
    user: bytes = b"monitor"
    counted: list[int] = field(default_factory=list)
    vouches: bool = True

    @property
    def key(self) -> bytes:
        """RFC 3414, A.2.2."""
        return hashlib.sha1(KU + self.id + KU).digest()

    def answer(self, request: bytes) -> bytes:
        message, _ = decoder.decode(request, asn1Spec=SNMPv3Message())
        security, _ = decoder.decode(bytes(message[2]), asn1Spec=UsmSecurityParameters())
        report = self._report(request, bytes(message[1][2])[0] & 1, security)
        pdu = message[3][0][2].getComponent()
        if report is None:
            found = [(oid, v2c.TimeTicks(self.uptime)) for oid, _ in v2c.apiPDU.get_varbinds(pdu)]
            return self.message(message, v2c.GetResponsePDU(), int(v2c.apiPDU.get_request_id(pdu)), found)
        self.counted.append(report)
        found = [(f"1.3.6.1.6.3.15.1.1.{report}.0", v2c.Counter32(len(self.counted)))]
        signed = report == NOT_IN_TIME and self.vouches
        return self.message(message, v2c.ReportPDU(), 0, found, signed=signed, reported=True)

    def _report(self, request: bytes, authenticated: int, security: Any) -> int | None:
        """RFC 3414, 3.2, steps 3 to 7."""
        if bytes(security[0]) != self.id:
            return UNKNOWN_ENGINE
        if bytes(security[3]) != self.user:
            return UNKNOWN_USER
        if not authenticated:
            return UNSUPPORTED_LEVEL
        digest = bytes(security[4])
        if self.digest(request.replace(digest, NO_DIGEST, 1)) != digest:
            return WRONG_DIGEST
        in_time = int(security[1]) == self.boots and abs(int(security[2]) - self.time) <= 150
        return None if in_time else NOT_IN_TIME

    def digest(self, octets: bytes) -> bytes:
        return hmac.digest(self.key, octets, "sha1")[:12]

    def message(
        self, request: Any, pdu: Any, number: int, varbinds: Any, *, signed: bool = True, reported: bool = False
    ) -> bytes:
        v2c.apiPDU.set_defaults(pdu)
        v2c.apiPDU.set_request_id(pdu, number)
        v2c.apiPDU.set_varbinds(pdu, varbinds)
        security = UsmSecurityParameters()
        fields = (self.id, self.boots, self.time, self.user if signed or not reported else b"", b"", b"")
        for at, value in enumerate((*fields[:4], NO_DIGEST if signed else b"", b"")):
            security[at] = value
        scoped = ScopedPDU()
        scoped[0], scoped[1] = self.id, b""
        scoped[2].setComponentByType(pdu.tagSet, pdu)
        head = HeaderData()
        head[0], head[1], head[2], head[3] = int(request[1][0]), 65507, bytes([1 if signed else 0]), 3
        whole = SNMPv3Message()
        whole[0], whole[2] = 3, encoder.encode(security)
        whole.setComponentByPosition(1, head)
        whole[3][0] = scoped
        octets = encoder.encode(whole)
        return octets.replace(b"\x04\x0c" + NO_DIGEST, b"\x04\x0c" + self.digest(octets), 1) if signed else octets


@dataclass
class Dealings:
    """One request of a session at a time; `now` is our clock."""

    engine: Engine = field(default_factory=Engine)
    session: Session = field(default_factory=lambda: Session(USER))
    now: float = 50.0
    number: int = 0x4000_0000

    def send(self, steps: Steps) -> bytes:
        return self.session.datagram(self.number, get_request([UPTIME]).encoded(self.number), steps, self.now)

    def opened(self, data: bytes, steps: Steps) -> Any:
        return self.session.opened(data, steps, self.now)

    def ask(self, at_most: int = 6) -> tuple[Any, int]:
        """What came in the end: a value, or how it was refused; and how many datagrams were sent."""
        self.number += 1
        steps = Steps()
        for sent in range(1, at_most + 1):
            opened = self.opened(self.engine.answer(self.send(steps)), steps)
            if isinstance(opened, bytes):
                return decode_pdu(opened, 0, len(opened)).varbinds[0].value, sent
            if opened is not AGAIN:
                return opened, sent
        raise AssertionError("it goes on for ever")


def test_an_agent_is_asked_who_it_is_and_what_time_it_has_and_then_no_more() -> None:
    dealings = Dealings()
    assert dealings.ask() == (4711, 3)
    assert dealings.engine.counted == [UNKNOWN_ENGINE, NOT_IN_TIME]
    assert [dealings.ask() for _ in range(3)] == [(4711, 1)] * 3


@pytest.mark.parametrize(("ours", "theirs"), [(149, 0), (0, 149), (10_000, 10_000), (10_000, 10_149)])
def test_clocks_may_differ_within_the_time_window(ours: int, theirs: int) -> None:
    dealings = Dealings()
    dealings.ask()
    dealings.now += ours
    dealings.engine.time += theirs
    assert dealings.ask() == (4711, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"time": 0},
        {"time": 100_000},
        {"boots": 8, "time": 3},
        {"boots": 1, "time": 3},  # its memory was wiped
        {"boots": 7, "time": 0},  # it does not count its boots
    ],
    ids=str,
)
def test_an_agent_whose_clock_jumped_is_asked_once_more_and_followed(change: dict[str, int]) -> None:
    dealings = Dealings()
    dealings.ask()
    dealings.engine = replace(dealings.engine, counted=[], **change)
    assert dealings.ask() == (4711, 2)
    assert dealings.engine.counted == [NOT_IN_TIME]
    dealings.engine.time += 60
    dealings.now += 60
    assert dealings.ask() == (4711, 1)


def test_another_engine_at_the_address_is_found_out() -> None:
    dealings = Dealings()
    dealings.ask()
    dealings.engine = Engine(id=OTHER_ID, boots=1, time=5)
    assert dealings.ask() == (4711, 4)  # to the old one, discovery, its time, and the answer
    assert dealings.ask() == (4711, 1)


class RestlessClock(Engine):
    def answer(self, request: bytes) -> bytes:
        self.boots += 1
        return super().answer(request)


class RestlessId(Engine):
    def answer(self, request: bytes) -> bytes:
        self.id = bytes(11) + bytes([self.id[-1] % 100 + 1])
        return super().answer(request)


@pytest.mark.parametrize(
    ("restless", "says", "datagrams"),
    [(RestlessClock, "refuses the time that it told us itself", 2), (RestlessId, "two agents", 3)],
    ids=["its time", "its engine id"],
)
def test_an_agent_that_goes_on_refusing_what_it_told_is_left(restless: type[Engine], says: str, datagrams: int) -> None:
    dealings = Dealings()
    dealings.ask()
    dealings.engine = restless()
    refused, sent = dealings.ask()
    assert (says in refused.detail, sent) == (True, datagrams)
    dealings.engine = Engine(boots=20)
    assert dealings.ask()[0] == 4711


@pytest.mark.parametrize(
    ("user", "says"),
    [
        (replace(USER, name="stranger"), "usmStatsUnknownUserNames"),
        (replace(USER, auth_password="something else"), "usmStatsWrongDigests"),
        (User(name="monitor"), "usmStatsUnsupportedSecLevels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_user_who_is_refused_is_told_why_without_a_second_try(user: User, says: str) -> None:
    dealings = Dealings(session=Session(user))
    refused, sent = dealings.ask()
    assert (says in refused.detail, sent) == (True, 2)


def test_a_time_that_nobody_vouches_for_is_not_believed() -> None:
    dealings = Dealings()
    dealings.ask()
    dealings.engine = Engine(boots=9, vouches=False)
    refused, sent = dealings.ask()
    assert (type(refused), sent) == (Refused, 1)
    dealings.engine = Engine(boots=7)
    assert dealings.ask() == (4711, 1)


def test_requests_that_begin_together_all_come_through() -> None:
    dealings = Dealings()
    waiting = [Steps() for _ in range(3)]
    for _ in range(2):
        answers = [dealings.engine.answer(dealings.send(each)) for each in waiting]
        assert all(dealings.opened(data, each) is AGAIN for data, each in zip(answers, waiting, strict=True))
    answers = [dealings.engine.answer(dealings.send(each)) for each in waiting]
    assert all(isinstance(dealings.opened(data, each), bytes) for data, each in zip(answers, waiting, strict=True))


def test_requests_in_flight_when_the_engine_changes_all_come_through() -> None:
    dealings = Dealings()
    dealings.ask()
    dealings.engine = Engine(id=OTHER_ID)
    waiting = [Steps() for _ in range(3)]
    for _ in range(4):
        answers = [dealings.engine.answer(dealings.send(each)) for each in waiting]
        opened = [dealings.opened(data, each) for data, each in zip(answers, waiting, strict=True)]
        assert not any(isinstance(each, Refused) for each in opened)
        waiting = [each for each, end in zip(waiting, opened, strict=True) if end is AGAIN]
    assert waiting == []


def test_what_must_not_be_believed_changes_nothing() -> None:
    dealings = Dealings()
    dealings.ask()
    steps = Steps()
    good = dealings.engine.answer(dealings.send(steps))
    changed = good.replace(b"\x43\x02\x12\x67", b"\x43\x02\x12\x68")
    assert changed != good
    with pytest.raises(SecurityError) as caught:
        dealings.opened(changed, steps)
    assert caught.value.refusal is Refusal.WRONG_DIGEST
    assert isinstance(dealings.opened(good, steps), bytes)


def test_no_salt_comes_twice() -> None:
    """RFC 3826, 3.1.4; two sessions begin at different places."""
    user = replace(USER, priv=PrivProtocol.AES128, priv_password=PASSWORD)
    salts = []
    for _ in range(2):
        dealings = Dealings(session=Session(user))
        steps = Steps()
        dealings.opened(dealings.engine.answer(dealings.send(steps)), steps)
        for _ in range(3):
            message, _ = decoder.decode(dealings.send(Steps()), asn1Spec=SNMPv3Message())
            security, _ = decoder.decode(bytes(message[2]), asn1Spec=UsmSecurityParameters())
            salts.append(bytes(security[5]))
    assert len(set(salts)) == 6
    assert {len(salt) for salt in salts} == {8}


class Listener(asyncio.DatagramProtocol):
    """The engine on a socket; `answers` turns a request and its answer into what is really sent."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.requests: list[bytes] = []
        self.answers: Callable[[bytes, bytes], Iterable[bytes]] = lambda _, answer: [answer]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, source: Any) -> None:
        self.requests.append(data)
        for datagram in self.answers(data, self.engine.answer(data)):
            self.transport.sendto(datagram, source)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    loop = asyncio.get_running_loop()
    transport, listener = await loop.create_datagram_endpoint(Listener, local_addr=("127.0.0.1", 0))
    yield listener
    transport.close()


@pytest.mark.rim
async def test_many_requests_at_once_to_an_agent_not_yet_known_are_all_answered(
    listener: Listener, poller: SnmpPoller
) -> None:
    agent = Agent("127.0.0.1", listener.port, USER)
    answers = await asyncio.gather(*(poller.get(agent, [UPTIME]) for _ in range(50)))
    assert {(answer.outcome, answer.varbinds[0].value) for answer in answers} == {(Outcome.OK, 4711)}
    assert len(listener.requests) <= 150
    assert poller.counts.retries == 0


@pytest.mark.rim
async def test_a_changed_answer_is_refused_and_the_good_one_still_taken(listener: Listener, poller: SnmpPoller) -> None:
    agent = Agent("127.0.0.1", listener.port, USER)
    await poller.get(agent, [UPTIME])
    listener.answers = lambda _, answer: [answer.replace(b"\x43\x02\x12\x67", b"\x43\x02\x12\x68"), answer, answer]
    answer = await poller.get(agent, [UPTIME])
    await poller.get(agent, [UPTIME])
    assert answer.varbinds[0].value == 4711
    assert (poller.strays.counts[Stray.REFUSED], poller.strays.counts[Stray.REPEATED]) == (2, 2)


@pytest.mark.rim
async def test_an_earlier_answer_that_is_sent_again_is_no_value(listener: Listener, impatient: SnmpPoller) -> None:
    agent = Agent("127.0.0.1", listener.port, USER)
    recorded: list[bytes] = []
    listener.answers = lambda _, answer: [*recorded, answer]
    assert (await impatient.get(agent, [UPTIME])).outcome is Outcome.OK
    listener.answers = lambda _, answer: recorded.append(answer) or [answer]  # type: ignore[func-returns-value]
    await impatient.get(agent, [UPTIME])
    listener.engine.uptime = 9999
    listener.answers = lambda _, answer: [*recorded, answer]
    assert (await impatient.get(agent, [UPTIME])).varbinds[0].value == 9999
    assert impatient.strays.counts[Stray.REPEATED] == 1


@pytest.mark.rim
async def test_an_answer_in_snmpv3_to_a_question_in_v2c_is_refused(listener: Listener, impatient: SnmpPoller) -> None:
    listener.datagram_received = lambda data, source: listener.transport.sendto(  # type: ignore[method-assign]
        _version3_answer_to(data), source
    )
    answer = await impatient.get(Agent("127.0.0.1", listener.port, Community(b"public")), [UPTIME])
    assert answer.varbinds == ()
    assert "SNMPv3 message in answer to a request of SNMPv2c" in answer.detail
    assert impatient.strays.counts[Stray.REFUSED] == 2


def _version3_answer_to(request: bytes) -> bytes:
    message, _ = decoder.decode(request, asn1Spec=v2c.Message())
    number = int(v2c.apiPDU.get_request_id(v2c.apiMessage.get_pdu(message)))
    return Engine().message([None, [number]], v2c.GetResponsePDU(), number, [(UPTIME, v2c.TimeTicks(1))])


@pytest.mark.rim
@pytest.mark.parametrize("known", [False, True], ids=["never seen", "of a well known form"])
async def test_an_answer_in_snmpv2c_to_a_question_in_snmpv3_is_refused(
    listener: Listener, impatient: SnmpPoller, known: bool
) -> None:
    """Its msgID and request id are in clear; the digest is what it lacks."""
    got: asyncio.Queue[Any] = asyncio.Queue()
    agent = Agent("127.0.0.1", listener.port, USER)
    ask = Ask(agent, Template([UPTIME]), lambda _, result: got.put_nowait(result))
    await impatient.place(ask)
    if known:
        impatient.start(ask)
        assert await asyncio.wait_for(got.get(), 5) == [4711]
    listener.answers = lambda request, _: [
        plain_answer(int.from_bytes(request[request.index(FOUR_OCTETS) + 2 :][:4], "big"))
    ]
    impatient.start(ask)
    result = await asyncio.wait_for(got.get(), 5)
    assert (result.outcome, result.varbinds) == (Outcome.GARBLED, ())
    assert "an SNMPv2c message in answer to a request of SNMPv3" in result.detail


def plain_answer(number: int) -> bytes:
    pdu = v2c.GetResponsePDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, number)
    v2c.apiPDU.set_varbinds(pdu, [(UPTIME, v2c.TimeTicks(1))])
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_pdu(message, pdu)
    return encoder.encode(message)
