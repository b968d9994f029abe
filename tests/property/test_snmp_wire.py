"""Whatever datagrams come, C and Python take the same ones and the same values, and the full decoder reads them too."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.snmp import wire
from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Ask
from collector.snmp.ber import DecodeError
from collector.snmp.message import decode_response
from collector.snmp.template import FastValue, Template

pytestmark = pytest.mark.rim

try:
    from collector.snmp import _wire
except ImportError:
    WAYS: dict[str, Callable[..., Any]] = {"Python": wire.pure_receive}
else:
    WAYS = {"Python": wire.pure_receive, "C": _wire.receive}

FIRST_ID = 0x4000_0001
NAMES = {
    "1.3.6.1.2.1.1.3.0": "06082b06010201010300",
    "1.3.6.1.2.1.31.1.1.1.6.300": "060c2b060102011f01010106822c",
    "1.3.6.1.2.1.2.2.1.8.2": "060a2b060102010202010802",
    "1.3.6.1.2.1.31.1.1.1.1.2": "060b2b060102011f0101010102",
    "1.3.6.1.2.1.2.2.1.14.2": "060a2b060102010202010e02",
}
OIDS, ENCODED = tuple(NAMES), [bytes.fromhex(name) for name in NAMES.values()]
TEMPLATES = (Template(OIDS), Template(OIDS[:3], tags={2: 0x02}), Template(OIDS[3:], {0: b"ge2"}), Template(OIDS[:1]))
ASKED = (OIDS, OIDS[:3], OIDS[3:], OIDS[:1])
Taken = list[tuple[int, list[FastValue], int]]


def element(tag: int, content: bytes, octets: int = 0) -> bytes:
    """With the length in that many octets; 0: as few as possible."""
    size = len(content)
    if not octets and size < 0x80:
        return bytes((tag, size)) + content
    octets = max(octets, (size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | octets)) + size.to_bytes(octets) + content


NUMBERS = (0x41, 0x42, 0x43, 0x46)
numbers = st.integers(0, 2**32 - 1)
tame = st.one_of(
    st.tuples(st.sampled_from(NUMBERS), st.binary(min_size=1, max_size=4)),
    st.tuples(st.just(0x46), st.binary(min_size=1, max_size=8)),
    st.tuples(st.just(0x02), st.binary(min_size=1, max_size=4)),
    st.tuples(st.just(0x04), st.binary(max_size=90)),
)
wild = st.one_of(
    st.tuples(st.sampled_from([*NUMBERS, 0x02]), st.binary(max_size=10)),
    st.tuples(st.sampled_from(NUMBERS), st.binary(min_size=3, max_size=9).map(lambda octets: b"\0" + octets)),
    st.tuples(st.just(0x04), st.binary(max_size=300)),
    st.tuples(st.sampled_from([0x05, 0x80, 0x81, 0x82]), st.just(b"")),
    st.tuples(st.integers(0, 255), st.binary(max_size=5)),
)
ASPECTS = ("a value", "order", "lengths", "identity", "status", "index", "pdu", "version", "community", "list", "tail")
octets = st.binary(min_size=1, max_size=5)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """What an agent answers to one of the asks, with something unusual about it or not."""
    unusual = draw(st.sets(st.sampled_from(ASPECTS), max_size=2))
    lengths = st.sampled_from([0, 0, 0, 0, 0, 1, 2, 4, 5]) if "lengths" in unusual else st.just(0)
    which = draw(st.integers(0, 7))
    values = {oid: draw(tame) for oid in ASKED[which % 4]}
    values |= {OIDS[2]: (0x02, draw(octets)[:4]), OIDS[3]: (0x04, b"ge2")}
    if "a value" in unusual:
        values[draw(st.sampled_from(ASKED[which % 4]))] = draw(wild)
    asked = draw(st.permutations(ASKED[which % 4])) if "order" in unusual else ASKED[which % 4]
    pairs = [
        element(0x30, bytes.fromhex(NAMES[oid]) + element(*values[oid], draw(lengths)), draw(lengths)) for oid in asked
    ]
    if "list" in unusual:
        pairs = pairs[: draw(st.integers(0, len(pairs)))] + draw(st.sampled_from([[], pairs[:1], [b"\x30\0"], [b"\0"]]))
    identity = draw(octets) if "identity" in unusual else (FIRST_ID + which).to_bytes(4)
    status, index = (draw(octets) if aspect in unusual else b"\0" for aspect in ("status", "index"))
    head = element(2, identity) + element(2, status) + element(2, index)
    tag = draw(st.sampled_from([0xA0, 0xA5, 0xA8, 0x30])) if "pdu" in unusual else 0xA2
    tails = [draw(st.sampled_from([b"", b"\x05\x00", b"\x00"])) if "tail" in unusual else b"" for _ in range(2)]
    pdu = element(tag, head + element(0x30, b"".join(pairs), draw(lengths)) + tails[0], draw(lengths)) + tails[1]
    version = (
        draw(st.sampled_from([b"\0", b"\0\1", b"\0\0\0\0\0\1", b"\3", b"", b"\1"])) if "version" in unusual else b"\1"
    )
    community = draw(st.binary(max_size=300)) if "community" in unusual else b"public"
    text = draw(st.sampled_from([0x44, 0x02])) if "version" in unusual else 0x04
    return element(0x30, element(2, version) + element(text, community, draw(lengths)) + pdu, draw(lengths))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(answers()))
    for _ in range(draw(st.integers(1, 3))):
        if not data:
            break
        place = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["change", "cut", "put in", "leave out"])):
            case "change":
                data[place] = draw(st.integers(0, 255))
            case "cut":
                del data[place:]
            case "put in":
                data[place:place] = draw(st.binary(max_size=3))
            case _:
                del data[place : place + draw(st.integers(1, 3))]
    return bytes(data)


datagrams = st.lists(st.one_of(answers(), answers(), damaged(), st.binary(max_size=300)), min_size=1, max_size=4)


@contextlib.contextmanager
def opened() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent,
    ):
        ours.bind(("127.0.0.1", 0))
        agent.bind(("127.0.0.1", 0))
        yield ours, agent


def taken(receive: Callable[..., Any], rounds: list[list[bytes]]) -> list[tuple[Taken, list[bytes]]]:
    """What becomes of the datagrams of each round; all asks wait again at the beginning of one."""
    found = []
    with opened() as (ours, agent):
        asks = []
        for number in range(8):
            ask = Ask(Agent("127.0.0.1", 161, Community(b"public")), TEMPLATES[number % 4], lambda ask, result: None)
            ask.target, ask.request_id = agent.getsockname(), FIRST_ID + number
            asks.append(ask)
        for sent in rounds:
            pending = {ask.request_id: ask for ask in asks}
            for data in sent:
                agent.sendto(data, ours.getsockname())
            answered, odd = receive(ours, pending)
            assert {source for _, source in odd} <= {agent.getsockname()}
            assert pending == {ask.request_id: ask for ask in asks if ask not in [ask for ask, _, _ in answered]}
            found.append(
                ([(ask.request_id, values, size) for ask, values, size in answered], [data for data, _ in odd])
            )
    return found


@settings(deadline=None)
@given(st.lists(datagrams, min_size=1, max_size=2))
def test_c_and_python_take_the_same_and_no_other_values_than_the_full_decoder(rounds: list[list[bytes]]) -> None:
    ways = [taken(receive, rounds) for receive in WAYS.values()]
    assert all(way == ways[0] for way in ways)
    for (answered, odd), sent in zip(ways[0], rounds, strict=True):
        assert len(answered) + len(odd) == len(sent)
        assert [data for data in sent if data in odd] == odd or len(set(sent)) < len(sent)
        readable = [decoded(data) for data in sent]
        for request_id, values, size in answered:
            names = ASKED[(request_id - FIRST_ID) % 4]
            assert (size, request_id, list(zip(names, values, strict=True))) in readable


def decoded(data: bytes) -> tuple[int, int, list[tuple[str, Any]]] | None:
    """Octets, request id, names and values of a response without error, by the full decoder."""
    try:
        read = decode_response(data)
    except DecodeError:
        return None
    if read.error_status:
        return None
    return len(data), read.request_id, [(varbind.oid, varbind.value) for varbind in read.varbinds]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NUMBERS), numbers), min_size=5, max_size=5))
def test_numbers_as_agents_write_them_are_always_taken(values: list[tuple[int, int]]) -> None:
    pairs = b"".join(
        element(0x30, name + element(tag, value.to_bytes(value.bit_length() // 8 + 1)))
        for name, (tag, value) in zip(ENCODED, values, strict=True)
    )
    head = element(2, FIRST_ID.to_bytes(4)) + element(2, b"\0") + element(2, b"\0")
    data = element(0x30, element(2, b"\1") + element(4, b"public") + element(0xA2, head + element(0x30, pairs)))
    for receive in WAYS.values():
        for answered, odd in taken(receive, [[data], [data]]):
            assert (answered, odd) == ([(FIRST_ID, [value for _, value in values], len(data))], [])
