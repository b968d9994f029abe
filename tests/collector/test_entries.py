"""How an entry looks as bytes: what comes back is what went in, or it is said to be damaged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from collector.entries import DamagedEntryError, decode, encode
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.port import StoreError

MOMENT = datetime(2026, 3, 3, 9, 0, 0, 123456, tzinfo=UTC)
FACT = Fact(MOMENT, "röuter\n1", FactKind.EVENT, 'LINK "DEAD"', Source.ORCHESTRATOR, MOMENT + timedelta(seconds=1), "x")


def batch(*values: float) -> SampleBatch:
    n = len(values)
    time = np.arange(n, dtype=np.int64) * 60_000
    links = [f"wan{i % 2}" for i in range(n)]
    return SampleBatch(Source.SNMP, links, time, np.full(n, 60, np.int32), time + 5, {"rtt_ms": np.array(values)})


@pytest.mark.parametrize("damage", [b"", b"XPJ2" + bytes(20), b"LPJ2\xff\xff\x00\x00[]"])
def test_bytes_that_are_no_entry_are_said_so(damage: bytes) -> None:
    with pytest.raises(DamagedEntryError, match="a journal entry is damaged"):
        decode(damage)


def test_an_entry_of_another_version_is_not_taken_for_a_damaged_one() -> None:
    with pytest.raises(StoreError, match="read it with the version that wrote it") as told:
        decode(b"LPJ9" + bytes(20))
    assert not isinstance(told.value, DamagedEntryError)


@pytest.mark.parametrize("place", range(0, 250, 7))
def test_any_flipped_bit_of_an_entry_is_noticed(place: int) -> None:
    """A CRC-32 finds every error of a single bit, and every burst of up to 32 (Peterson and Brown, 1961)."""
    data = bytearray(encode([batch(1, 2, 3)], [FACT]))
    data[place % len(data)] ^= 1 << place % 8
    with pytest.raises(StoreError, match="a journal entry is"):
        decode(bytes(data))


def test_an_entry_cut_short_is_said_so() -> None:
    with pytest.raises(DamagedEntryError, match="damaged"):
        decode(encode([batch(1, 2, 3)], [])[:-9])


@pytest.mark.parametrize("names", [["a"], ["a", "b", "a"], ["röuter 1/ä", "x" * 300, ""], ["b", "a", "b", ""]])
def test_names_of_links_come_back_whatever_their_length(names: list[str]) -> None:
    n = len(names)
    times = np.arange(n, dtype=np.int64)
    first = SampleBatch(Source.SNMP, names, times, np.ones(n, np.int32), times, {"rtt_ms": times * 0.5})
    (one, two), _ = decode(encode([first, first], []))
    assert (list(one.links), list(two.links)) == (names, names)
    assert [two.links[i] for i in range(n)] == names
    assert list(two.links[1:]) == names[1:]
    (again,), _ = decode(encode([two], []))
    assert list(again.links) == names
    np.testing.assert_array_equal(again.fields["rtt_ms"], times * 0.5)


def test_a_name_that_could_not_be_told_from_two_is_refused() -> None:
    one = np.zeros(1, np.int64)
    with pytest.raises(StoreError, match="NUL"):
        encode([SampleBatch(Source.SNMP, ["a\0b"], one, np.ones(1, np.int32), one, {})], [])


def test_half_a_character_in_a_fact_is_no_reason_to_refuse_an_entry() -> None:
    """JSON from elsewhere may hold a lone surrogate (RFC 8259, section 8.2), which UTF-8 cannot."""
    _, (fact,) = decode(encode([], [replace(FACT, detail="edge \ud800 1")]))
    assert fact == replace(FACT, detail="edge ? 1")
