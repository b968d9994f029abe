"""What goes out of a socket and what is taken from it, in C as in Python. Answers are written by pysnmp's codec."""

from __future__ import annotations

import errno
import importlib.util
import shutil
import socket
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from collector.snmp import wire
from collector.snmp.agent import Agent, Community, User
from collector.snmp.ask import Ask
from collector.snmp.session import Session
from collector.snmp.template import Template

pytestmark = pytest.mark.rim

try:
    from collector.snmp import _wire
except ImportError:
    _wire = None
PYTHON = SimpleNamespace(send=wire.pure_send, receive=wire.pure_receive)
WAYS = {"Python": PYTHON} if _wire is None else {"Python": PYTHON, "C": _wire}
FAMILIES = {"IPv4": (socket.AF_INET, "127.0.0.1"), "IPv6": (socket.AF_INET6, "::1")}

UPTIME = "1.3.6.1.2.1.1.3.0"
TEMPLATE = Template([UPTIME])
FIRST_ID = 0x4000_0001


class Lab:
    """Our socket `ours`, and agents' sockets, on one address family."""

    def __init__(self, way: Any, family: str) -> None:
        self.send, self.receive = way.send, way.receive
        self.family, self.address = FAMILIES[family]
        self.ours = self.bound()
        self.agent = self.bound()
        self.asks = 0

    def bound(self) -> socket.socket:
        sock = socket.socket(self.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((self.address, 0))
        return sock

    def ask(self, question: Any = TEMPLATE, agent: socket.socket | None = None) -> Ask:
        """One that waits for its answer."""
        asked = Agent(self.address, 161, Community(b"public"))
        ask = Ask(asked, question, lambda ask, result: None)
        ask.target = (agent or self.agent).getsockname()
        ask.request_id = FIRST_ID + self.asks
        self.asks += 1
        return ask

    def answer(self, data: bytes, agent: socket.socket | None = None) -> None:
        (agent or self.agent).sendto(data, self.ours.getsockname())


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def lab(request: pytest.FixtureRequest, family: str) -> Iterator[Lab]:
    made = Lab(WAYS[request.param], family)
    yield made
    made.ours.close()
    made.agent.close()


def response(request_id: int, ticks: int = 7, community: str = "public") -> bytes:
    pdu = v2c.ResponsePDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, request_id)
    v2c.apiPDU.set_varbinds(pdu, [(UPTIME, v2c.TimeTicks(ticks))])
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, community)
    v2c.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


def received(sock: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(sock.recv(65_535))
        except BlockingIOError:
            return found


def waiting(*asks: Ask) -> dict[int, Ask]:
    return {ask.request_id: ask for ask in asks}


def test_the_c_way_is_built_where_it_can_be() -> None:
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    if shutil.which("cc") and header.exists():
        assert importlib.util.find_spec("collector.snmp._wire"), "install the package again: pip install --no-deps -e ."


def test_each_ask_goes_to_its_agent_with_its_request_id(lab: Lab) -> None:
    other = lab.bound()
    asks = [lab.ask(agent=(lab.agent, other)[number % 2]) for number in range(150)]
    assert lab.send(lab.ours, asks) == 150
    for agent, parity in ((lab.agent, 0), (other, 1)):
        messages = [decoder.decode(data, asn1Spec=v2c.Message())[0] for data in received(agent)]
        assert [int(v2c.apiPDU.get_request_id(v2c.apiMessage.get_pdu(message))) for message in messages] == [
            FIRST_ID + number for number in range(parity, 150, 2)
        ]
        assert {bytes(v2c.apiMessage.get_community(message)) for message in messages} == {b"public"}
    other.close()


def test_no_ask_is_sent_when_there_is_none(lab: Lab) -> None:
    assert lab.send(lab.ours, []) == 0


@pytest.mark.parametrize("octets", [65_536, 200_000])
def test_asks_before_one_that_cannot_be_sent_are_counted(lab: Lab, octets: int) -> None:
    good, large, last = lab.ask(), lab.ask(), lab.ask()
    large.tail = bytes(octets)
    assert lab.send(lab.ours, [good, large, last]) == 1
    assert received(lab.agent) == [good.head + good.request_id.to_bytes(4) + good.tail]
    with pytest.raises(OSError, match="too long") as raised:
        lab.send(lab.ours, [large, last])
    assert raised.value.errno == errno.EMSGSIZE
    assert received(lab.agent) == []


def test_large_asks_go_out_together(lab: Lab) -> None:
    asks = [lab.ask() for _ in range(20)]
    for ask in asks:
        ask.tail = bytes(30_000)
    assert lab.send(lab.ours, asks) == 20
    assert [len(data) for data in received(lab.agent)] == [len(asks[0].head) + 30_004] * 20


def test_an_answer_is_taken_once(lab: Lab) -> None:
    ask = lab.ask()
    pending = waiting(ask)
    data = response(ask.request_id)
    lab.answer(data)
    lab.answer(data)
    assert lab.receive(lab.ours, pending) == ([(ask, [7], len(data))], [(data, lab.agent.getsockname())])
    assert pending == {}


def test_the_next_answers_of_an_ask_are_its_own(lab: Lab) -> None:
    ask = lab.ask()
    for ticks in (7, 8, 9, 2**31, 127, 128):
        ask.request_id += 1
        lab.answer(response(ask.request_id, ticks))
        [(whose, values, _)], odd = lab.receive(lab.ours, waiting(ask))
        assert (whose, values, odd) == (ask, [ticks], [])


def test_nothing_is_taken_where_nothing_came(lab: Lab) -> None:
    assert lab.receive(lab.ours, waiting(lab.ask())) == ([], [])


@pytest.mark.parametrize("warm", [False, True])
def test_what_another_address_sends_is_not_taken(lab: Lab, warm: bool) -> None:
    ask, other = lab.ask(), lab.bound()
    if warm:
        lab.answer(response(ask.request_id))
        lab.receive(lab.ours, waiting(ask))
    pending = waiting(ask)
    lab.answer(response(ask.request_id), other)
    assert lab.receive(lab.ours, pending) == ([], [(response(ask.request_id), other.getsockname())])
    assert pending == waiting(ask)
    other.close()


@pytest.mark.parametrize("warm", [False, True])
def test_a_v2c_answer_to_a_request_of_snmpv3_is_not_taken(lab: Lab, warm: bool) -> None:
    ask = lab.ask()
    if warm:
        lab.answer(response(ask.request_id))
        lab.receive(lab.ours, waiting(ask))
    ask.session = Session(User(name="watcher"))
    lab.answer(response(ask.request_id))
    answered, odd = lab.receive(lab.ours, waiting(ask))
    assert (answered, len(odd)) == ([], 1)


def test_what_is_not_waited_for_or_no_answer_is_handed_on_as_it_came(lab: Lab) -> None:
    ask, untemplated = lab.ask(), lab.ask(TEMPLATE.request)
    unplaced = lab.ask()
    unplaced.target = None
    odd = [
        response(FIRST_ID + 1000),
        response(untemplated.request_id),
        response(unplaced.request_id),
        response(ask.request_id)[:-1],
        b"",
        b"\x30",
        b"\x02\x04",
        bytes(65_507 if lab.family == socket.AF_INET else 65_487),
    ]
    for data in odd:
        lab.answer(data)
    pending = waiting(ask, untemplated, unplaced)
    assert lab.receive(lab.ours, pending) == ([], [(data, lab.agent.getsockname()) for data in odd])
    assert len(pending) == 3


def test_any_community_that_answers_is_read(lab: Lab) -> None:
    # 02 04 in a community is not yet the request id; long ones need lengths in the long form.
    for community in ("", "\x02\x04\x40\x00\x00\x01", "x" * 100, "x" * 127, "x" * 128, "x" * 300):
        ask = lab.ask()
        for _ in range(2):
            lab.answer(response(ask.request_id, community=community))
            [(whose, values, _)], odd = lab.receive(lab.ours, waiting(ask))
            assert (whose, values, odd) == (ask, [7], [])


def test_a_message_of_another_version_or_shape_is_handed_on(lab: Lab) -> None:
    ask = lab.ask()
    good = response(ask.request_id)
    odd = [good.replace(b"\x02\x01\x01\x04\x06", other) for other in (
        b"\x02\x01\x00\x04\x06", b"\x02\x01\x03\x04\x06", b"\x41\x01\x01\x04\x06", b"\x02\x01\x01\x44\x06",
    )]  # fmt: skip
    odd += [good.replace(b"\xa2", b"\xa8", 1), good + b"\x00"]
    # The indefinite form of a length, which SNMP does not use (RFC 3417, section 8).
    odd.append(response(ask.request_id, community="").replace(b"\x04\x00", b"\x04\x80", 1))
    odd.append(b"\x30\x85\x00\x00\x00\x00" + good[1:])
    for data in odd:
        lab.answer(data)
    answered, found = lab.receive(lab.ours, waiting(ask))
    assert (answered, [data for data, _ in found]) == ([], odd)


def test_a_datagram_without_a_source_is_nobodys_answer(lab: Lab) -> None:
    ask = lab.ask()
    lab.answer(response(ask.request_id))
    assert len(lab.receive(lab.ours, waiting(ask))[0]) == 1
    ours, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with ours, other:
        other.send(response(ask.request_id))
        assert lab.receive(ours, waiting(ask)) == ([], [(response(ask.request_id), None)])


def test_at_most_256_datagrams_are_taken_at_a_time_in_their_order(lab: Lab) -> None:
    asks = [lab.ask() for _ in range(300)]
    pending = waiting(*asks)
    for ask in asks:
        lab.answer(response(ask.request_id))
    first, _ = lab.receive(lab.ours, pending)
    second, _ = lab.receive(lab.ours, pending)
    assert [ask for ask, _, _ in first] == asks[:256]
    assert [ask for ask, _, _ in second] == asks[256:]
    assert pending == {}


def test_a_closed_socket_raises(lab: Lab) -> None:
    lab.ours.close()
    with pytest.raises(OSError, match="descriptor"):
        lab.send(lab.ours, [lab.ask()])
    with pytest.raises(OSError, match="descriptor"):
        lab.receive(lab.ours, {})
