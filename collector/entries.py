"""How one journal entry looks as bytes: a checksum, a JSON head, then the columns as they lie in memory.

Measured against Arrow IPC by polars on 1 to 200 rows of 9 fields: 6 to 10 times cheaper to write and read, and the
pollers' process need not import polars. Entries are short-lived; the open format is that of the parts.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import overload

import numpy as np
import structlog
from numpy.typing import NDArray

from collector.model import Fact, FactKind, FloatArray, SampleBatch, Source
from collector.store.port import StoreError

log = structlog.get_logger()

_HEAD = struct.Struct("<4sII")
"""Magic, CRC-32 of all that follows, length of the JSON head."""
_FAMILY, _MAGIC = b"LPJ", b"LPJ2"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_YEAR_3000_MS = 32_503_680_000_000


def epoch_us(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware datetime; exact, so that a fact comes back as it went in."""
    return (moment - _EPOCH) // _MICROSECOND


def from_epoch_us(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def finite(values: FloatArray) -> FloatArray:
    """Infinities as NaN: an infinite reading is no measurement."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values


class DamagedEntryError(StoreError):
    """The bytes of an entry are not those that were written."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedLinks(Sequence[str]):
    """The links of n rows as numbers: row i is of `names[codes[i]]`, and no name stands twice.

    What a SampleBatch read from the journal has for `links`, so that nobody need look at the rows one by one.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> CodedLinks: ...
    def __getitem__(self, index: int | slice) -> str | CodedLinks:
        if isinstance(index, slice):
            return CodedLinks(self.names, self.codes[index])
        return self.names[int(self.codes[index])]

    def __iter__(self) -> Iterator[str]:
        return map(self.names.__getitem__, self.codes.tolist())


def coded(links: Sequence[str]) -> CodedLinks:
    """Names as numbers, counted in the order in which they first stand."""
    if isinstance(links, CodedLinks):
        return links
    codes = dict.fromkeys(links)
    if len(codes) == len(links):
        return CodedLinks(tuple(codes), np.arange(len(links), dtype=np.int32))
    numbers = dict(zip(codes, range(len(codes)), strict=True))
    return CodedLinks(tuple(codes), np.fromiter(map(numbers.__getitem__, links), np.int32, len(links)))


def encode(batches: Sequence[SampleBatch], facts: Sequence[Fact]) -> bytes:
    """One entry as bytes. Fields that nothing in a batch measured are left out.

    Raises StoreError when a time is no time: before 1970 or after 2999.
    """
    heads: list[object] = []
    columns: list[NDArray[np.generic] | bytes] = []
    for batch in batches:
        check_times(batch)
        links = coded(batch.links)
        names = _joined(links.names)
        fields = {name: finite(values) for name, values in batch.fields.items() if not np.isnan(values).all()}
        _report_infinities(batch, fields)
        heads.append([batch.source, len(batch), len(names), list(fields)])
        columns += [np.ascontiguousarray(batch.time, "<i8"), np.ascontiguousarray(batch.received_at, "<i8")]
        columns += fields.values()
        columns += [np.ascontiguousarray(batch.seconds, "<i4"), np.ascontiguousarray(links.codes, "<i4")]
        columns += [names, _filling(len(names))]
    said = [[epoch_us(f.time), f.subject, f.kind, f.value, f.source, epoch_us(f.received_at), f.detail] for f in facts]
    # Half a surrogate pair, which JSON from elsewhere may bring, is no character: one fact must not block the journal.
    head = json.dumps([heads, said], ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    head += _filling(_HEAD.size + len(head), b" ")
    parts = [head, *(column.data if isinstance(column, np.ndarray) else column for column in columns)]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return b"".join((_HEAD.pack(_MAGIC, checksum, len(head)), *parts))


def _joined(names: Sequence[str]) -> bytes:
    text = "\0".join(names)
    if text.count("\0") != max(len(names) - 1, 0):
        raise StoreError("the name of a link contains a NUL character; no inventory has such a name")
    return text.encode()


def _filling(length: int, byte: bytes = b"\0") -> bytes:
    """What follows `length` bytes, so that the columns after it lie at multiples of eight."""
    return byte * (-length % 8)


def check_times(batch: SampleBatch) -> None:
    for column in (batch.time, batch.received_at):
        wrong = (column < 0) | (column >= _YEAR_3000_MS)
        if wrong.any():
            link = batch.links[int(np.flatnonzero(wrong)[0])]
            raise StoreError(
                f"a sample of {link} from {batch.source} has the time {column[wrong][0]} ms, which is not within "
                "1970 to 2999; times are milliseconds since 1970"
            )


def _report_infinities(batch: SampleBatch, kept: dict[str, FloatArray]) -> None:
    changed = [name for name, values in kept.items() if values is not batch.fields[name]]
    dropped = sum(int(np.isinf(batch.fields[name]).sum()) for name in changed)
    if dropped:
        log.warning("infinite_values_not_stored", source=str(batch.source), values=dropped)


def decode(data: bytes) -> tuple[tuple[SampleBatch, ...], tuple[Fact, ...]]:
    """What `encode` was given. Raises DamagedEntryError, and StoreError when another version wrote it."""
    try:
        magic, checksum, length = _HEAD.unpack_from(data)
        if magic != _MAGIC and magic.startswith(_FAMILY):
            raise StoreError("a journal entry is of an unknown version; read it with the version that wrote it")
        if magic != _MAGIC or zlib.crc32(memoryview(data)[_HEAD.size :]) != checksum:
            raise DamagedEntryError("a journal entry is damaged: it does not match its checksum; check the disk")
        heads, said = json.loads(data[_HEAD.size : _HEAD.size + length])
        return tuple(_batches(data, heads, _HEAD.size + length)), tuple(_fact(row) for row in said)
    except (struct.error, ValueError, TypeError, KeyError) as error:
        raise DamagedEntryError(f"a journal entry is damaged ({error}); check the disk") from error


def without_samples(data: bytes) -> tuple[bytes, int]:
    """An entry with its facts alone, and how many samples went. A damaged one, of which nothing is left, counts as
    one."""
    try:
        batches, facts = decode(data)
    except DamagedEntryError:
        return encode([], []), 1
    return encode([], facts), sum(map(len, batches))


def _batches(data: bytes, heads: Sequence[Sequence[object]], offset: int) -> Iterator[SampleBatch]:
    for source, n, text, fields in heads:
        assert isinstance(n, int) and isinstance(text, int) and isinstance(fields, list)  # noqa: S101, PT018
        wide = np.frombuffer(data, "<i8", (2 + len(fields)) * n, offset).reshape(2 + len(fields), n)
        narrow = np.frombuffer(data, "<i4", 2 * n, offset + wide.nbytes).reshape(2, n)
        offset += wide.nbytes + narrow.nbytes
        names = data[offset : offset + text].decode().split("\0")
        offset += text + -text % 8
        yield SampleBatch(
            source=Source(str(source)),
            links=CodedLinks(tuple(names), narrow[1]),
            time=wide[0],
            seconds=narrow[0],
            received_at=wide[1],
            fields={name: wide[2 + i].view("<f8") for i, name in enumerate(fields)},
        )


def _fact(row: Sequence[object]) -> Fact:
    time, subject, kind, value, source, received_at, detail = row
    return Fact(
        time=from_epoch_us(int(str(time))),
        subject=str(subject),
        kind=FactKind(str(kind)),
        value=str(value),
        source=Source(str(source)),
        received_at=from_epoch_us(int(str(received_at))),
        detail=str(detail),
    )
