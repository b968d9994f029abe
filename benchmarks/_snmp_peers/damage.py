"""Good SNMP responses, and ways to damage them. Knows nothing of Lineproof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from _snmp_peers.fleet import element, length, oid_element
from _snmp_peers.judge import (
    COUNTER32,
    COUNTER64,
    EXCEPTIONS,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NULL,
    OID,
    STRING,
    TICKS,
    Response,
    content,
)

TAGS = (
    INTEGER, STRING, NULL, OID, IP_ADDRESS, COUNTER32, GAUGE32, TICKS, 0x44, 0x45, COUNTER64, 0x47, 0x30, 0xA2,
    *EXCEPTIONS,
)  # fmt: skip
LIES = (
    b"\x80", b"\x81", b"\x84\x7f\xff\xff\xff", b"\x84\xff\xff\xff\xff", b"\x88" + b"\xff" * 8, b"\xff", b"\x82\x00\x00",
)  # fmt: skip


def content_of(oid: str) -> bytes:
    return oid_element(oid)[2:]


def unsigned(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def responses(random: Random) -> list[tuple[tuple[str, ...], Response]]:
    """The names asked and a good answer: from one object to a whole router, lengths short or of two octets."""
    entry, x_entry = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
    kinds = {
        f"{x_entry}.1": (STRING, lambda: f"Gi0/{random.randrange(99)}".encode()),
        f"{x_entry}.6": (COUNTER64, lambda: unsigned(random.getrandbits(random.choice((8, 40, 63, 64))))),
        f"{x_entry}.10": (COUNTER64, lambda: unsigned(random.getrandbits(40))),
        f"{entry}.14": (COUNTER32, lambda: unsigned(random.getrandbits(random.choice((7, 16, 32))))),
        f"{entry}.8": (INTEGER, lambda: bytes((random.choice((1, 2, 5, 7)),))),
        f"{x_entry}.15": (GAUGE32, lambda: unsigned(random.choice((10, 1000, 10_000)))),
        "1.3.6.1.4.1.9.9.661.1.3.4.1.1.1": (
            INTEGER,
            lambda: (-random.randrange(50, 120)).to_bytes(1, "big", signed=True),
        ),
    }
    found = []
    for rows in ((), (1,), (2, 3), (5, 10_101, 436_207_616), tuple(range(1, 9))):
        names = ["1.3.6.1.2.1.1.3.0", *(f"{column}.{row}" for row in rows for column in kinds)]
        for _ in range(3):
            bindings = tuple(
                (content_of(oid), *((TICKS, unsigned(random.getrandbits(32))) if at == 0 else made(kinds, oid)))
                for at, oid in enumerate(names)
            )
            found.append((tuple(names), Response(bindings, long_forms=random.random() < 0.4)))
    return found


def made(kinds: dict[str, tuple[int, Callable[[], bytes]]], oid: str) -> tuple[int, bytes]:
    tag, content = kinds[oid.rsplit(".", 1)[0]]
    return tag, content()


Damage = Callable[[Random, Response], bytes]
Octets = Callable[[Random, bytes], bytes]


def bits_flipped(random: Random, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


def octets_changed(random: Random, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(random.choice((1, 1, 2, 4))):
        data[random.randrange(len(data))] = random.choice((0, 1, 0x30, 0x7F, 0x80, 0x82, 0xFF, random.randrange(256)))
    return bytes(data)


def truncated(random: Random, good: bytes) -> bytes:
    at = random.randrange(len(good))
    return random.choice((good[:at], good[at:]))


def length_lies(random: Random, good: bytes) -> bytes:
    """One length is not what follows it."""
    at = random.choice([place for place, _ in headers(good)])
    said = bytes(((good[at] + random.choice((-2, -1, 1, 2, 100))) & 0xFF,))
    return good[:at] + random.choice((said, said, random.choice(LIES))) + good[at + 1 :]


def lengths_shifted(random: Random, good: bytes) -> bytes:
    """Some lengths of names, values and pairs are one more or one less."""
    data = bytearray(good)
    places = [place for place, depth in headers(bytes(data)) if depth >= 3]
    for at in random.sample(places, min(random.choice((1, 2, 3)), len(places))):
        data[at] = (data[at] + random.choice((-1, 1))) & 0x7F
    return bytes(data)


def spliced(random: Random, good: bytes) -> bytes:
    start, stop = sorted(random.choices(range(len(good)), k=2))
    at = random.randrange(len(good))
    return good[:at] + good[start:stop] + good[at + random.choice((0, stop - start)) :]


def repeated(random: Random, good: Response) -> bytes:
    at = random.randrange(len(good.bindings))
    twice = (*good.bindings[: at + 1], *good.bindings[at:])
    return replace(good, bindings=twice[: len(twice) - random.randrange(2)]).octets()


def left_out(random: Random, good: Response) -> bytes:
    at = random.randrange(len(good.bindings))
    return replace(good, bindings=good.bindings[:at] + good.bindings[at + 1 :]).octets()


def reordered(random: Random, good: Response) -> bytes:
    return replace(good, bindings=tuple(random.sample(good.bindings, len(good.bindings)))).octets()


def names_exchanged(random: Random, good: Response) -> bytes:
    """Every pair a name that was asked, but one of them twice or of another row."""
    bindings = list(good.bindings)
    at, other = random.randrange(len(bindings)), random.choice(good.names)
    name = random.choice(
        (other, bindings[at][0][:-1] + b"\x7f", b"\x80" + bindings[at][0], b"", bindings[at][0] + b"\x81")
    )
    bindings[at] = (name, *bindings[at][1:])
    return replace(good, bindings=tuple(bindings)).octets()


def another_type(random: Random, good: Response) -> bytes:
    bindings = list(good.bindings)
    at = random.randrange(len(bindings))
    name, _, content = bindings[at]
    bindings[at] = (name, random.choice(TAGS), random.choice((content, content, b"")))
    return replace(good, bindings=tuple(bindings)).octets()


def value_too_long(random: Random, good: Response) -> bytes:
    bindings = list(good.bindings)
    at = random.randrange(len(bindings))
    name, tag, content = bindings[at]
    content = random.choice((b"\x00", b"\x01", b"\xff", b"\x00" * 9, b"\xff" * 200)) + content.rjust(8, b"\x01")
    bindings[at] = (name, tag, content)
    return replace(good, bindings=tuple(bindings)).octets()


def value_octets(random: Random, good: Response) -> bytes:
    """What nobody can see: other octets in a value, its length kept."""
    bindings = list(good.bindings)
    at = random.randrange(len(bindings))
    name, tag, content = bindings[at]
    bindings[at] = (name, tag, random.randbytes(len(content)))
    return replace(good, bindings=tuple(bindings)).octets()


def other_header(random: Random, good: Response) -> bytes:
    """Another request id, version, PDU type, error-status or community, all lengths right."""
    return random.choice(
        (
            replace(good, request_id=random.choice((good.request_id ^ 1 << random.randrange(30), 0, 2**31 + 5))),
            replace(good, request_id=good.request_id + random.choice((-1, 1, 2))),
            replace(good, version=random.choice((b"\x00", b"\x03", b"\x02", b"\x01\x01", b"", b"\x81"))),
            replace(good, pdu=random.choice((0xA0, 0xA1, 0xA3, 0xA5, 0xA6, 0xA7, 0xA8, 0x30, 0x82))),
            replace(good, status=random.randrange(1, 256), index=random.randrange(256)),
            replace(good, community=random.choice((b"", b"private", b"x" * 300, b"publi\x00"))),
        )
    ).octets()


def indefinite(random: Random, good: Response) -> bytes:
    """A pair, or the whole message, of indefinite length (forbidden in SNMP: RFC 3417, section 8)."""
    if random.random() < 0.5:
        return b"\x30\x80" + good.octets()[2:] + b"\x00\x00"
    chosen = random.randrange(len(good.bindings))
    sizes = iter(range(len(good.bindings)))
    return good.octets(lambda size: b"\x80" if next(sizes) == chosen else length(size))


def padded_lengths(random: Random, good: Response) -> bytes:
    """Lengths in more octets than they need: allowed, and read as what they say."""
    more = random.choice((1, 2, 4))
    return good.octets(lambda size: bytes((0x80 | more,)) + size.to_bytes(max(more, 2), "big")[-more:])


def nested(random: Random, good: Response) -> bytes:
    """Sequences in sequences, deep."""
    data, depth = good.octets(), random.choice((10, 1000, 20_000))
    if random.random() < 0.5:
        return b"\x30\x80" * depth
    name, _, _ = good.bindings[0]
    inner = b"\x30\x00"
    for _ in range(min(depth, 1000)):
        inner = element(0x30, inner)
    return random.choice(
        (replace(good, bindings=((name, 0x30, inner), *good.bindings[1:])).octets(), inner, data + inner)
    )


def with_more_behind(random: Random, good: bytes) -> bytes:
    return good + random.choice((b"\x00", random.randbytes(random.randrange(1, 40)), good))


def noise(random: Random, good: bytes) -> bytes:
    head = good[: random.choice((0, 2, 20))]
    return head + random.randbytes(random.choice((0, 1, 5, 60, 1400, 9000)))


def undamaged(random: Random, good: Response) -> bytes:
    del random
    return good.octets()


def named(each: Damage | Octets) -> str:
    return each.__name__.replace("_", " ")


TO_OCTETS: dict[str, Octets] = {
    named(each): each
    for each in (
        bits_flipped, octets_changed, truncated, length_lies, lengths_shifted, spliced, with_more_behind, noise,
    )
}  # fmt: skip
TO_PARTS: dict[str, Damage] = {
    named(each): each
    for each in (
        repeated, left_out, reordered, names_exchanged, another_type, value_too_long, value_octets, other_header,
        indefinite, padded_lengths, nested, undamaged,
    )
}  # fmt: skip
MUST_PASS = (named(reordered), named(padded_lengths), named(undamaged))
"""What an agent may do."""


def headers(data: bytes) -> list[tuple[int, int]]:
    """Where the first octet of each length is in well-formed octets, and how deep that element lies."""
    found: list[tuple[int, int]] = []

    def enter(at: int, end: int, depth: int) -> None:
        while at < end:
            tag = data[at]
            start, stop = content(data, at, end)
            found.append((at + 1, depth))
            if tag & 0x20:
                enter(start, stop, depth + 1)
            at = stop

    enter(0, len(data), 0)
    return found
