"""What a scenario file says must come out, against what did: partial lines, in order but not adjacent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from pydantic import BaseModel

from config.clock import rfc3339
from config.errors import Fault, LineproofError
from config.expected import Place, model_in, one_of
from config.yamlfile import field_name, line_of
from triage.replay.lines import BY_KIND
from triage.replay.moments import OFFSET, moment_of

Partial = Mapping[str, Any]
"""Some fields of an output line, with what they must be."""
TOLERANT = (frozenset({"near", "within"}), frozenset({"at_least"}), frozenset({"at_most"}),
            frozenset({"at_least", "at_most"}), frozenset({"contains"}), frozenset({"count"}))  # fmt: skip
TESTS = ("near", "within", "at_least", "at_most", "contains", "count")


class ExpectationError(LineproofError):
    """What came out is not what the scenario file expects (exit code 1)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file expects. `start` is what offsets such as "+00:30:00" count from; `lines` are places in the file."""

    file: str
    start: datetime
    expect: Sequence[Partial]
    never: Sequence[Partial]
    lines: Mapping[Place, int]

    def check(self, came: Sequence[Mapping[str, Any]]) -> list[str]:
        """What differs, a few lines of text for each unmet expectation; empty when all is as expected."""
        said: list[str] = []
        after = 0
        for place, wanted in enumerate(self.expect):
            found = next((at for at in range(after, len(came)) if not self._differences(wanted, came[at])), None)
            if found is not None:
                after = found + 1
                continue
            said.append(f"{self._where('expect', place)}: nothing like {shown(wanted)} came{_since(came, after)}")
            said.append(f"    {self._nearest(wanted, came, after)}")
        for place, unwanted in enumerate(self.never):
            met = next((line for line in came if not self._differences(unwanted, line)), None)
            if met is not None:
                said.append(f"{self._where('never', place)}: {shown(unwanted)} must not come: {_which(met)} did")
        return said

    def _where(self, key: str, place: int) -> str:
        return f"{self.file}:{line_of(self.lines, (key, place))}"

    def _nearest(self, wanted: Partial, came: Sequence[Mapping[str, Any]], after: int) -> str:
        """The line that differs in the fewest fields: of the same kind if there is one, and not passed already."""
        if not came:
            return "nothing came out at all"
        ranked = [
            (line.get("line") != wanted.get("line", line.get("line")), len(self._differences(wanted, line)), at < after)
            for at, line in enumerate(came)
        ]
        best = min(range(len(came)), key=ranked.__getitem__)
        differences = self._differences(wanted, came[best])
        if not differences:
            return f"nearest: {_which(came[best])} is like it, but comes too early: a line above was met only after it"
        return f"nearest: {_which(came[best])}, where {'; '.join(differences[:4])}"

    def _differences(self, wanted: Partial, line: Mapping[str, Any]) -> list[str]:
        return list(differences(wanted, line, self.start))


def differences(wanted: object, came: object, start: datetime, path: str = "") -> Iterator[str]:
    """What of `wanted` is not met by `came`, in words.

    Of a mapping the named keys only; null is met by an absent key too. A list of plain values must be equal; of a list
    of mappings each must be met by an element, in their order; an empty list is met by an empty one.
    """
    if isinstance(wanted, Mapping) and frozenset(wanted) in TOLERANT:
        if not _tolerates(wanted, came, start):
            yield f"{path} is {shown(came)}, not {shown(wanted)}"
    elif isinstance(wanted, Mapping):
        if not isinstance(came, Mapping):
            yield f"{path} is {shown(came)}, not {shown(wanted)}"
            return
        for key, value in wanted.items():
            yield from differences(value, came.get(key), start, f"{path}.{key}" if path else str(key))
    elif isinstance(wanted, list) and any(isinstance(one, Mapping) for one in wanted):
        yield from _list_differences(wanted, came if isinstance(came, Sequence) else (), start, path)
    elif not _equal(_moment(wanted, start), came):
        yield f"{path} is {shown(came)}, not {shown(_moment(wanted, start))}"


def _list_differences(wanted: Sequence[Any], came: Sequence[Any], start: datetime, path: str) -> Iterator[str]:
    after = 0
    for place, one in enumerate(wanted):
        met = next((at for at in range(after, len(came)) if not list(differences(one, came[at], start))), None)
        if met is not None:
            after = met + 1
            continue
        nearest = min((list(differences(one, each, start, f"{path}[{at}]")) for at, each in enumerate(came)), key=len,
                      default=[f"{path} is empty"])  # fmt: skip
        yield from nearest or [f"{path}[{place}] stands in another order"]


def _tolerates(wanted: Mapping[str, Any], came: object, start: datetime) -> bool:
    if "contains" in wanted:
        return isinstance(came, str) and str(wanted["contains"]) in came
    if "count" in wanted:
        return isinstance(came, Sequence) and not isinstance(came, str) and len(came) == wanted["count"]
    value = _size(came)
    if value is None:
        return False
    if "near" in wanted:
        middle = _size(_moment(wanted["near"], start))
        return middle is not None and abs(value - middle) <= float(wanted["within"]) * (1 + 1e-9)
    least, most = (_size(_moment(wanted.get(name), start)) for name in ("at_least", "at_most"))
    return (least is None or value >= least) and (most is None or value <= most)


def _size(value: object) -> float | None:
    """A number as it is, a time as seconds; None for what is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None


def _moment(value: object, start: datetime) -> object:
    """A text such as "+00:30:00" as the time that it means; all else as it is."""
    if isinstance(value, str) and OFFSET.fullmatch(value):
        return rfc3339(moment_of(value, start))
    return value


def _equal(wanted: object, came: object) -> bool:
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return isinstance(came, Sequence) and list(wanted) == list(came)
    return wanted == came and isinstance(wanted, bool) == isinstance(came, bool)


def shown(value: object) -> str:
    """A value as it would stand in the file, short."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {shown(each)}" for key, each in value.items()) + "}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = "[" + ", ".join(shown(each) for each in value) + "]"
    else:
        text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 200 else text[:197] + "..."


def _since(came: Sequence[Mapping[str, Any]], after: int) -> str:
    return f" after seq {came[after - 1]['seq']}" if after else ""


def _which(line: Mapping[str, Any]) -> str:
    return f"seq {line['seq']} ({line['line']} at {line['at']}, {line['reason']})"


def expectation_faults(file: str, key: str, partials: Sequence[Partial], lines: Mapping[Place, int]) -> Iterator[Fault]:
    """What can never come out, named: an unknown kind of line, a field that such a line has not, a faulty test."""
    for place, partial in enumerate(partials):
        kind = str(partial.get("line", ""))
        where: Place = (key, place)
        if kind not in BY_KIND:
            yield _fault(file, lines, (*where, "line"), kind, one_of(kind, tuple(BY_KIND)))
            continue
        yield from _key_faults(file, lines, where, partial, BY_KIND[kind])


def _key_faults(
    file: str, lines: Mapping[Place, int], where: Place, partial: Partial, model: type[BaseModel]
) -> Iterator[Fault]:
    for key, value in partial.items():
        here = (*where, key)
        field = model.model_fields.get(key)
        if field is None:
            yield _fault(file, lines, here, "", one_of(key, tuple(model.model_fields)))
            continue
        inner = None if _is_mapping(field.annotation) else model_in(field.annotation)
        for place, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
            at = here if place is None else (*here, place)
            if not isinstance(each, Mapping):
                continue
            if set(each) & set(TESTS):
                yield from _test_faults(file, lines, at, each)
            elif inner is not None:
                yield from _key_faults(file, lines, at, each, inner)


def _test_faults(file: str, lines: Mapping[Place, int], at: Place, test: Partial) -> Iterator[Fault]:
    if frozenset(test) not in TOLERANT:
        expected = "{near, within}, {at_least}, {at_most}, {at_least, at_most}, {contains} or {count}"
        yield _fault(file, lines, at, ", ".join(test), expected)
        return
    for name, value in test.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        time = isinstance(value, str) and re.fullmatch(r"[+-]?\d.*:\d\d.*", value) is not None
        if name != "contains" and not number and (name in ("within", "count") or not time):
            yield _fault(file, lines, (*at, name), value, "a number, seconds where times are compared")


def _is_mapping(annotation: Any) -> bool:  # noqa: ANN401 - a type expression
    return any(getattr(one, "__origin__", None) is Mapping for one in (annotation, *get_args(annotation)))


def _fault(file: str, lines: Mapping[Place, int], place: Place, value: object, expected: str) -> Fault:
    return Fault(file, line_of(lines, place), field_name(place), "" if value is None else str(value), expected)
