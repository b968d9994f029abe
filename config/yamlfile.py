"""Reading a YAML file so that every fault can be named with its line, and settings from it.

A pydantic model at the rim checks the shape; `read_model` turns what it finds into `Fault`s with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from config.errors import ConfigurationError, Fault
from config.expected import Place, expectation

Model = TypeVar("Model", bound=BaseModel)


try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML without libyaml reads the same, ten times slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]


class LineLoader(_SafeLoader):
    """A safe loader that refuses a key given twice in one mapping."""


def _construct_mapping(loader: LineLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands here and on line {seen[key]}", key_node.start_mark
            )
        seen[key] = key_node.start_mark.line + 1
    return {loader.construct_object(k, deep=True): loader.construct_object(v, deep=True) for k, v in node.value}


LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)
# Times stay text until a model reads them: YAML 1.1 takes 09:30 for the number 570 and a date for a datetime.
# So does a number that could not be written back as it stood: 0712 (octal), +15550100, 0x1F, 1_000.
_PLAIN_INT = re.compile(r"^(?:0|-?[1-9][0-9]*)$")
LineLoader.yaml_implicit_resolvers = {
    first: [
        (tag, _PLAIN_INT if tag.endswith(":int") else pattern)
        for tag, pattern in resolvers
        if not tag.endswith(":timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path) -> tuple[Any, Mapping[Place, int]]:
    """The document of a YAML file and the line (from 1) of every place in it.

    Raises ConfigurationError when the file is absent, unreadable or not YAML.
    """
    return parse_yaml(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises ConfigurationError when it cannot be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist; name a file that does") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = Fault(str(path), line, "", f"byte 0x{content[error.start]:02x}", "text in UTF-8")
        raise ConfigurationError(f"{path} is not a text in UTF-8 (line {line}); save it as UTF-8", [fault]) from None


def parse_yaml(text: str, name: str) -> tuple[Any, Mapping[Place, int]]:
    """As `read_yaml`, of a text; `name` stands in the faults."""
    try:
        loader = LineLoader(text)
        node = loader.get_single_node()
        document = loader.construct_document(node) if node is not None else None
        lines: dict[Place, int] = {}
        if node is not None:
            _note_lines(node, (), lines, set())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        fault = Fault(name, line, "", "", f"YAML ({error.problem})")
        raise ConfigurationError(f"{name} is not YAML: {error.problem} on line {line}", [fault]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        fault = Fault(name, line, "", f"character U+{error.character:04X}", "text without control characters")
        raise ConfigurationError(f"{name} is not YAML: a control character on line {line}", [fault]) from None
    except RecursionError:
        raise ConfigurationError(f"{name} is nested too deep to be meant; look for unclosed brackets") from None
    return document, lines


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], entered: set[int]) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in entered:  # an alias: what is in it stands where its anchor does, and may hold the alias itself
        return
    entered.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, key.value)
            lines[here] = key.start_mark.line + 1
            _note_lines(value, here, lines, entered)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*place, index), lines, entered)


def line_of(lines: Mapping[Place, int], place: Place) -> int | None:
    """The line of a place, or of the nearest thing around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


def field_name(place: Place) -> str:
    """A place as people write it: `links[2].access`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def faults_of(
    error: ValidationError, name: str, lines: Mapping[Place, int], model: type[BaseModel] | None = None
) -> list[Fault]:
    """One Fault for each thing that pydantic found, in the order of the file. Secret values are masked."""
    faults = []
    for detail in error.errors():
        place: Place = tuple(detail["loc"])
        value = "" if detail["type"] == "missing" else shown(place, detail["input"])
        faults.append(Fault(name, line_of(lines, place), field_name(place), value, expectation(detail, model)))
    return sorted(faults, key=lambda fault: fault.line or 0)


_PASSWORD_IN_URL = re.compile(r"(?<=[^:/]:)[^/@\s]+(?=@)|(?<=password=)[^&\s]+")
"""postgresql://user:HERE@host, or ?password=HERE."""


def shown(place: Place, value: object) -> str:
    """A value as it may stand in a message: short, and masked where its key speaks of a secret."""
    secret = any(word in str(part).lower() for part in place for word in ("secret", "password", "community", "token"))
    text = "***" if secret else _PASSWORD_IN_URL.sub("***", str(value))
    return text if len(text) <= 60 else text[:57] + "..."


def read_model(path: Path, model: type[Model]) -> Model:
    """The file as a `model`. Raises ConfigurationError with every fault of the file."""
    document, lines = read_yaml(path)
    try:
        return model.model_validate({} if document is None else document)
    except ValidationError as error:
        faults = faults_of(error, str(path), lines, model)
        raise ConfigurationError(f"{path} has {len(faults)} fault{'s' * (len(faults) != 1)}", faults) from None
