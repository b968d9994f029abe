"""The published TMF621 descriptions, where they lie beside the project: requests and answers are held against them."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "api"
FILES = {4: FOLDER / "tmf621v4.json", 5: FOLDER / "tmf621v5.yaml"}
SHAPES = {
    4: {"create": "TroubleTicket_Create", "change": "TroubleTicket_Update", "ticket": "TroubleTicket",
        "error": "Error"},
    5: {"create": "TroubleTicket_FVO", "change": "TroubleTicket_MVO", "ticket": "TroubleTicket", "error": "Error",
        "operations": "JsonPatchOperations"},
}  # fmt: skip


def is_there(version: int) -> bool:
    return FILES[version].is_file()


def faults(version: int, what: str, document: object) -> list[str]:
    """What of a document is not as the description of that version says; nothing where it is not there."""
    if not is_there(version):
        return []
    return [
        f"{what} /{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in _validator(version, what).iter_errors(document)
    ]


@functools.cache
def _validator(version: int, what: str) -> Draft7Validator:
    root = _described(version)
    where = "definitions" if version == 4 else "components/schemas"
    return Draft7Validator({**root, "$ref": f"#/{where}/{SHAPES[version][what]}"})


@functools.cache
def _described(version: int) -> dict[str, Any]:
    text = FILES[version].read_text(encoding="utf-8")
    document = json.loads(text) if version == 4 else yaml.load(text, Loader=yaml.CSafeLoader)
    kept = {"definitions": document["definitions"]} if version == 4 else {"components": document["components"]}
    prepared: dict[str, Any] = _by_type(kept)
    return prepared


def _by_type(node: Any) -> Any:
    """OpenAPI's `discriminator` in JSON Schema's words: which of `oneOf` holds is told by @type, and by it alone."""
    if isinstance(node, list):
        return [_by_type(one) for one in node]
    if not isinstance(node, dict):
        return node
    walked = {key: _by_type(value) for key, value in node.items() if key not in ("example", "examples")}
    if "oneOf" in walked and "discriminator" in walked:
        mapping = walked.pop("discriminator")["mapping"]
        del walked["oneOf"]
        walked["required"] = ["@type"]
        walked["properties"] = {"@type": {"enum": sorted(mapping)}}
        walked["allOf"] = [
            {"if": {"properties": {"@type": {"const": name}}}, "then": {"$ref": target}}
            for name, target in mapping.items()
        ]
    return walked
