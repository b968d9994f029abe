"""How one journal entry looks as bytes: a JSON head, then the columns as they lie in memory.

Measured against Arrow IPC by polars on 1 to 200 rows of 9 fields: 6 to 10 times cheaper to write and read, and the
pollers' process need not import polars. Entries are short-lived; the open format is that of the parts.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog
from numpy.typing import NDArray

from collector.model import Fact, FactKind, FloatArray, SampleBatch, Source
from collector.store.port import StoreError

log = structlog.get_logger()

_HEAD = struct.Struct("<4sI")
_MAGIC = b"LPJ1"
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


def encode(batches: Sequence[SampleBatch], facts: Sequence[Fact]) -> bytes:
    """One entry as bytes. Fields that nothing in a batch measured are left out.

    Raises StoreError when a time is no time: before 1970 or after 2999.
    """
    heads: list[object] = []
    columns: list[NDArray[np.generic]] = []
    for batch in batches:
        _check_times(batch)
        names = dict.fromkeys(batch.links)
        codes = {name: code for code, name in enumerate(names)}
        fields = {name: finite(values) for name, values in batch.fields.items() if not np.isnan(values).all()}
        _report_infinities(batch, fields)
        heads.append([batch.source, len(batch), list(names), list(fields)])
        columns += [np.ascontiguousarray(batch.time, "<i8"), np.ascontiguousarray(batch.received_at, "<i8")]
        columns += fields.values()
        columns.append(np.ascontiguousarray(batch.seconds, "<i4"))
        columns.append(np.fromiter((codes[link] for link in batch.links), "<i4", len(batch)))
    said = [[epoch_us(f.time), f.subject, f.kind, f.value, f.source, epoch_us(f.received_at), f.detail] for f in facts]
    head = json.dumps([heads, said], ensure_ascii=False, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return b"".join((_HEAD.pack(_MAGIC, len(head)), head, *(column.tobytes() for column in columns)))


def _check_times(batch: SampleBatch) -> None:
    for column in (batch.time, batch.received_at):
        wrong = (column < 0) | (column >= _YEAR_3000_MS)
        if wrong.any():
            link = batch.links[int(np.flatnonzero(wrong)[0])]
            raise StoreError(
                f"a sample of {link} from {batch.source} has the time {column[wrong][0]} ms, which is not within "
                "1970 to 2999; times are milliseconds since 1970"
            )


def _report_infinities(batch: SampleBatch, kept: dict[str, FloatArray]) -> None:
    dropped = sum(int(np.isinf(batch.fields[name]).sum()) for name in kept)
    if dropped:
        log.warning("infinite_values_not_stored", source=str(batch.source), values=dropped)


def decode(data: bytes) -> tuple[tuple[SampleBatch, ...], tuple[Fact, ...]]:
    """What `encode` was given. Raises StoreError when the bytes are not an entry."""
    try:
        magic, length = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            raise StoreError("a journal entry is of an unknown version; read it with the version that wrote it")
        heads, said = json.loads(data[_HEAD.size : _HEAD.size + length])
        return tuple(_batches(data, heads, _HEAD.size + length)), tuple(_fact(row) for row in said)
    except (struct.error, ValueError, TypeError, KeyError) as error:
        raise StoreError(f"a journal entry is damaged ({error}); restore the journal from a copy") from error


def _batches(data: bytes, heads: Sequence[Sequence[object]], offset: int) -> Iterator[SampleBatch]:
    for source, n, names, fields in heads:
        assert isinstance(n, int) and isinstance(names, list) and isinstance(fields, list)  # noqa: S101, PT018
        wide = np.frombuffer(data, "<i8", (2 + len(fields)) * n, offset).reshape(2 + len(fields), n)
        narrow = np.frombuffer(data, "<i4", 2 * n, offset + wide.nbytes).reshape(2, n)
        offset += wide.nbytes + narrow.nbytes
        yield SampleBatch(
            source=Source(str(source)),
            links=[names[code] for code in narrow[1].tolist()],
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
