"""The fleet that responder.c plays: its addresses, its objects and what they say. Needs nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

FIRST = 0x010001
"""Low 24 bits of the first device's address, 127.1.0.1."""
UPTIME = 12_345_600
OCTETS = 2**40
SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
IF_ENTRY, IF_X_ENTRY = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
WAN_OIDS = (
    SYS_UPTIME,
    *(
        f"{column}.{row}"
        for row in (1, 2)
        for column in (f"{IF_X_ENTRY}.6", f"{IF_X_ENTRY}.10", f"{IF_ENTRY}.14", f"{IF_ENTRY}.13", f"{IF_ENTRY}.8")
    ),
)
"""The 11 objects: sysUpTime, and of two interfaces 64-bit octets in and out, errors, discards, state."""
TABLE_COLUMNS = (
    f"{IF_X_ENTRY}.1", f"{IF_ENTRY}.2", f"{IF_ENTRY}.8", f"{IF_X_ENTRY}.6", f"{IF_X_ENTRY}.10", f"{IF_X_ENTRY}.15",
    f"{IF_ENTRY}.14", f"{IF_ENTRY}.13",
)  # fmt: skip
"""What is needed of an interface table: names, state, octets, speed, errors, discards."""
INTERFACES = 20
SNMPD_OIDS = (
    "1.3.6.1.2.1.1.8.0", "1.3.6.1.2.1.2.1.0", f"{IF_ENTRY}.3.1", f"{IF_ENTRY}.4.1", f"{IF_ENTRY}.8.1", SYS_UPTIME,
    f"{IF_X_ENTRY}.6.1", f"{IF_X_ENTRY}.7.1", f"{IF_X_ENTRY}.9.1", f"{IF_X_ENTRY}.10.1", f"{IF_X_ENTRY}.11.1",
)  # fmt: skip
"""What is asked of net-snmp's snmpd, whose interface 1 is loopback: 11 objects, the first five constant."""
AUTH_PASSWORD, PRIV_PASSWORD, USER, COMMUNITY = "bench-auth-1234", "bench-priv-1234", "bench", "public"


def address(number: int) -> str:
    low = FIRST + number
    return f"127.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"


def is_dead(number: int, every: int) -> bool:
    """Whether the responder with `-d every` leaves this device silent."""
    return every > 0 and (FIRST + number) % every == 0


def octets_a_tick(number: int, column: int, row: int) -> int:
    """By how many octets an ifXTable counter grows in a hundredth of a second."""
    return (FIRST + number) % 1000 + 1000 * row + column


def counter(number: int, column: int, row: int, elapsed: int) -> int:
    """An ifXTable counter `elapsed` hundredths of a second after the responder's start."""
    return OCTETS + (FIRST + number) * 1000 + column * 100 + row + elapsed * octets_a_tick(number, column, row)


def expected(number: int, uptime: int) -> list[int]:
    """What `WAN_OIDS` must say at that sysUpTime (hundredths of a second)."""
    low = FIRST + number
    elapsed = uptime - UPTIME - low
    values = [uptime]
    for row in (1, 2):
        values += [counter(number, column, row, elapsed) for column in (6, 10)]
        values += [140 + row, 130 + row, 1]
    return values


def is_wrong(number: int, values: Sequence[object]) -> bool:
    """Whether these are not what the device answers to `WAN_OIDS`: another's, of another moment, or invented."""
    uptime = values[0] if values else None
    if not isinstance(uptime, int) or not 0 <= uptime - UPTIME - FIRST - number < 360_000:
        return True
    return list(values) != expected(number, uptime)


def length(size: int) -> bytes:
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets), *octets))


def element(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + length(len(content)) + content


def oid_element(oid: str) -> bytes:
    first, second, *rest = map(int, oid.split("."))
    octets = bytearray()
    for part in (first * 40 + second, *rest):
        octets += bytes(0x80 | part >> shift & 0x7F for shift in (28, 21, 14, 7) if part >> shift) + bytes(
            (part & 0x7F,)
        )
    return element(6, bytes(octets))


def request(oids: Sequence[str], pdu: int = 0xA0, repetitions: int = 0) -> tuple[bytes, int]:
    """A v2c request, and where its four octets of request id are."""
    names = b"".join(element(0x30, oid_element(oid) + b"\x05\x00") for oid in oids)
    numbers = b"\x02\x04\x40\x00\x00\x00\x02\x01\x00" + element(2, bytes((repetitions,)))
    body = b"\x02\x01\x01" + element(4, COMMUNITY.encode()) + element(pdu, numbers + element(0x30, names))
    whole = element(0x30, body)
    return whole, whole.index(b"\x02\x04\x40\x00\x00\x00") + 2


def is_wrong_table(number: int, cells: Mapping[str, object]) -> bool:
    """Whether these are not the `TABLE_COLUMNS` of all interfaces: OID to value, text as str or bytes."""
    longest = 360_000
    if len(cells) != INTERFACES * len(TABLE_COLUMNS):
        return True
    for row in range(1, INTERFACES + 1):
        name, description, *numbers = (cells.get(f"{column}.{row}") for column in TABLE_COLUMNS)
        state, octets_in, octets_out, speed, errors, discards = (
            value if isinstance(value, int) else -1 for value in numbers
        )
        if (text(name), text(description)) != (f"Gi0/{row}", f"GigabitEthernet0/{row}"):
            return True
        if (state, speed, errors, discards) != (1, 1000, 140 + row, 130 + row):
            return True
        for column, octets in ((6, octets_in), (10, octets_out)):
            start, a_tick = counter(number, column, row, 0), octets_a_tick(number, column, row)
            if not start <= octets <= start + longest * a_tick or (octets - start) % a_tick:
                return True
    return False


def text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value
