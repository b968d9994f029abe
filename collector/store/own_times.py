"""When each value was received, kept in a store that merges by order of writing. Pure.

Such a store holds one row per (link, source, time). Where a value was received at another time than its row, that
time stands in a column of its own, `rtt_ms_received_at` beside `rtt_ms` (NaN where it does not differ), so that a row
that comes out of order can be merged by the rule of `collector.store.rows`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from collector.store.rows import Rows, collapsed, concatenated, identity_starts, settled

SUFFIX = "_received_at"
_NEW = "new"


def with_own_times(rows: Rows) -> Rows:
    """Any rows as one row per (link, source, time), ordered, with own times where they differ.

    A value that had an own time before keeps the column, for a store cannot take a column back.
    """
    rows = settled(rows)
    starts = identity_starts(rows)
    one = collapsed(rows, starts)
    known = {name for name in one.fields if name.endswith(SUFFIX)}
    if len(starts) == len(rows) and not known:
        return one
    fields = {}
    for name, values in one.fields.items():
        if name in known:
            continue
        fields[name] = values
        # Of settled rows, one at most holds a field's value that stands.
        received = np.maximum.reduceat(np.where(np.isnan(rows.fields[name]), -1, rows.received_at), starts)
        told = received != one.received_at
        if name + SUFFIX in known:
            told |= ~np.isnan(one.fields[name + SUFFIX])
        told &= received >= 0
        if told.any():
            fields[name + SUFFIX] = np.where(told, received, np.nan)
    return replace(one, fields=fields)


def told_apart(stored: Rows) -> Rows:
    """The inverse: each value on a row with the time at which it was received; columns of own times stay."""
    fields, tables = dict(stored.fields), []
    for name, values in stored.fields.items():
        own = stored.fields.get(name + SUFFIX)
        if own is None:
            continue
        moved = ~np.isnan(own) & (own != stored.received_at)
        if moved.any():
            rows = stored.take(moved)
            tables.append(replace(rows, received_at=own[moved].astype(np.int64), fields={name: values[moved]}))
            fields[name] = np.where(moved, np.nan, values)
    return concatenated([replace(stored, fields=fields), *tables])


def measured(stored: Rows) -> Rows:
    """The same rows told apart, without the columns of own times: samples as they were received."""
    rows = told_apart(stored)
    return replace(rows, fields={name: column for name, column in rows.fields.items() if not name.endswith(SUFFIX)})


def overlaid(stored: Rows, new: Rows) -> Rows:
    """What is to stand in the store for each (link, source, time) of `new`, given what stands there now."""
    told = told_apart(new)
    told = replace(told, fields={**told.fields, _NEW: np.ones(len(told))})
    both = with_own_times(concatenated([told_apart(stored), told]))
    fields = {name: values for name, values in both.fields.items() if name not in (_NEW, _NEW + SUFFIX)}
    return replace(both, fields=fields).take(~np.isnan(both.fields[_NEW]))
