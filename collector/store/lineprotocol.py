"""Samples and facts as InfluxDB line protocol, and the InfluxQL that asks for them. Pure.

    samples,link=ID,source=snmp rtt_ms=20.5,...,seconds=60i,received_at=1772496005000i 1772496000000     (ms)
    facts,kind=event,source=snmp,subject=ID,value=LINK_DEAD received_at=...i,detail="..." 1772496000000000  (us)

Tags and time are InfluxDB's identity of a point and ours of a row: writing one again merges by column in the server.
Lines are built here because the client's own `Point` is six times slower.
"""

from __future__ import annotations

from collections.abc import Sequence

from collector.entries import epoch_us
from collector.model import Fact, FloatArray
from collector.store.own_times import SUFFIX
from collector.store.rows import SOURCES, Rows

_TAG_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_UNSAFE = {"%": "%25", "\\": "%5C", "\n": "%0A", "\r": "%0D", "\t": "%09"}
_UNSAFE_ESCAPES = str.maketrans(_UNSAFE)


def stored_text(text: str) -> str:
    """A tag's value as stored: what a tag cannot hold (line ends, a backslash at the end) becomes %XX."""
    return text.translate(_UNSAFE_ESCAPES)


def original_text(stored: str) -> str:
    """The inverse of `stored_text`."""
    for character, code in _UNSAFE.items():
        if character != "%":
            stored = stored.replace(code, character)
    return stored.replace("%25", "%")


def tag(text: str) -> str:
    """A tag's value as it stands in a line."""
    return stored_text(text).translate(_TAG_ESCAPES)


def _string_field(text: str) -> str:
    return '"' + stored_text(text).replace('"', r"\"") + '"'


def literal(text: str) -> str:
    """A tag's value as a string in InfluxQL."""
    return "'" + stored_text(text).replace("'", r"\'") + "'"


def sample_lines(rows: Rows) -> list[str]:
    """One line per row, time in milliseconds; unmeasured fields are left out."""
    heads = [[f"samples,link={tag(name)},source={source} " for source in SOURCES] for name in rows.names]
    columns = [
        (name, _whole(values), "i,") if name.endswith(SUFFIX) else (name, values.tolist(), ",")
        for name, values in rows.fields.items()
    ]
    keys = zip(
        rows.link.tolist(),
        rows.source.tolist(),
        rows.time.tolist(),
        rows.seconds.tolist(),
        rows.received_at.tolist(),
        strict=True,
    )
    lines = []
    for i, (link, source, time, seconds, received_at) in enumerate(keys):
        # value == value is false for NaN alone.
        fields = "".join(f"{name}={column[i]!r}{end}" for name, column, end in columns if column[i] == column[i])
        lines.append(f"{heads[link][source]}{fields}seconds={seconds}i,received_at={received_at}i {time}")
    return lines


def _whole(values: FloatArray) -> list[float]:
    """Values as whole numbers where there are any."""
    return [value if value != value else int(value) for value in values.tolist()]


def fact_lines(facts: Sequence[Fact]) -> list[str]:
    """One line per fact, time in microseconds. An empty value is an absent tag."""
    lines = []
    for fact in facts:
        value = f",value={tag(fact.value)}" if fact.value else ""
        lines.append(
            f"facts,kind={fact.kind},source={fact.source},subject={tag(fact.subject)}{value} "
            f"received_at={epoch_us(fact.received_at)}i,detail={_string_field(fact.detail)} {epoch_us(fact.time)}"
        )
    return lines


def any_of(name: str, values: Sequence[str]) -> str:
    """A condition: the tag `name` has one of these values."""
    return "(" + " OR ".join(f'"{name}" = {literal(value)}' for value in values) + ")"
