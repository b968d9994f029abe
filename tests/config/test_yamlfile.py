"""Reading YAML: lines for every place, values that stay what was written, and one sentence for whatever is no YAML."""

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from config.errors import ConfigurationError, Fault
from config.expected import closest, one_of
from config.yamlfile import field_name, line_of, parse_yaml, read_model, shown


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    every: int = 60
    kind: Literal["embedded", "influx"] = "embedded"
    password: int | None = None


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    part: Part = Part()
    parts: tuple[Part, ...] = ()


def faults_of(folder: Path, text: str) -> list[Fault]:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_model(path, Whole)
    return list(caught.value.faults)


def test_every_fault_of_a_settings_file_comes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, "part:\n  evry: 3\n  kind: inflix\nparts:\n  - every: often\n  - 5\nnmae: x\n")
    assert [(fault.line, fault.field, fault.value) for fault in faults] == [
        (1, "name", ""),
        (2, "part.evry", "3"),
        (3, "part.kind", "inflix"),
        (5, "parts[0].every", "often"),
        (6, "parts[1]", "5"),
        (7, "nmae", "x"),
    ]
    assert [fault.expected for fault in faults] == [
        "a value (this key is required)",
        "one of every, kind, password (did you mean every?)",
        "one of embedded, influx (did you mean influx?)",
        "a whole number",
        "keys with values",
        "one of name, part, parts (did you mean name?)",
    ]


def test_a_fault_reads_as_one_sentence_without_empty_parts() -> None:
    assert str(Fault("f.yaml", 3, "a.b", "x", "a number")) == "f.yaml:3: a.b: 'x': expected a number"
    assert str(Fault("f.yaml", None, "", "", "text in UTF-8")) == "f.yaml: expected text in UTF-8"


def test_a_secret_never_stands_in_a_fault(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "name: x\npart: {password: hunter2}\n")
    assert fault.value == "***"
    assert "hunter2" not in str(fault)
    assert shown(("snmp", "community"), "public") == "***"
    assert shown(("name",), "x" * 60) == "x" * 60
    assert shown(("name",), "x" * 61) == "x" * 57 + "..."


@pytest.mark.parametrize("text", ["09:30", "0712", "+15550100", "0x1F", "1_000", "2026-01-31", "-0", "1e5"])
def test_what_could_not_be_written_back_as_it_stood_stays_text(text: str) -> None:
    assert parse_yaml(f"a: {text}", "f")[0] == {"a": text}


@given(st.integers())
def test_plain_whole_numbers_are_numbers(number: int) -> None:
    assert parse_yaml(f"a: {number}", "f")[0] == {"a": number}


def test_every_place_knows_its_line() -> None:
    _, lines = parse_yaml("a:\n  - b: 1\n    c:\n      d: 2\n", "f")
    assert line_of(lines, ("a", 0, "c", "d")) == 4
    assert line_of(lines, ("a", 0, "missing")) == 2
    assert line_of({}, ("a",)) is None
    assert field_name(("a", 0, "c", "d")) == "a[0].c.d"


def test_aliases_are_followed_and_one_that_holds_itself_ends() -> None:
    document, lines = parse_yaml("a: &x {b: 1}\nc: *x\n", "f")
    assert document == {"a": {"b": 1}, "c": {"b": 1}}
    assert line_of(lines, ("c", "b")) == 2
    parse_yaml("&x [*x]", "f")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a:\n\t- b", 2),
        ("a: [", 1),
        ("a: 1\nb: 2\na: 3", 3),
        ("{[1]: 2}", 1),
        ("? {a: 1}\n: 2", 1),
        ("---\na\n---\nb", 3),
        ("a: !!python/object:os.system x", 1),
        ("a: b\x00", 1),
        ("x: 1\ny: \x07", 2),
        ("a: *nowhere", 1),
        ("%YAML 9", 1),
    ],
)
def test_what_is_no_yaml_is_one_fault_near_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml(text, "f.yaml")
    (fault,) = caught.value.faults
    assert fault.line in (line, line + 1)
    assert str(caught.value).startswith("f.yaml is not YAML")


@given(st.text(max_size=40))
def test_no_text_whatever_crashes_the_reader(text: str) -> None:
    try:
        parse_yaml(text, "f")
    except ConfigurationError as error:
        assert error.faults  # noqa: PT017 - any text may be YAML or not


def test_a_file_that_is_not_there_or_not_utf8_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_model(tmp_path / "none.yaml", Whole)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_model(tmp_path, Whole)
    (tmp_path / "latin.yaml").write_bytes(b"name: x\n# caf\xe9\n")
    with pytest.raises(ConfigurationError, match="line 2") as caught:
        read_model(tmp_path / "latin.yaml", Whole)
    assert caught.value.faults[0].line == 2


def test_brackets_nested_without_end_are_refused_with_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="nested too deep"):
        parse_yaml("[" * 5000 + "]" * 5000, "f.yaml")


def test_the_closest_word_is_offered_only_when_it_is_close() -> None:
    assert closest("Primry", ["primary", "secondary"]) == "primary"
    assert closest("zzz", ["primary", "secondary"]) is None
    assert one_of("zzz", ["a", "b"]) == "one of a, b"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("postgresql://lineproof:geheim@db.example:5432/records", "postgresql://lineproof:***@db.example:5432/records"),
        ("postgresql://lineproof@/records?password=geheim&x=1", "postgresql://lineproof@/records?password=***&x=1"),
        ("http://127.0.0.1:8086", "http://127.0.0.1:8086"),
        ("noc@example.com", "noc@example.com"),
    ],
)
def test_a_password_in_a_url_is_not_said_again(value: str, text: str) -> None:
    assert shown(("records",), value) == text
