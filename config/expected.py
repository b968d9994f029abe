"""What a person should have written, in words: the `expected` of a Fault from what pydantic found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Place = tuple[str | int, ...]
"""Where something stands in a document: keys and indices from its top."""

_PLAIN_WORDS = {
    "missing": "a value (this key is required)",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a decimal number",
    "decimal_parsing": "a decimal number",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
}


def closest(text: str, options: Iterable[str]) -> str | None:
    """The option that `text` was most likely meant to be, compared without case; None when none is close."""
    by_folded = {option.casefold(): option for option in options}
    found = get_close_matches(text.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def one_of(text: str, options: Sequence[str]) -> str:
    """What is allowed, and which of it was probably meant: `one of lte, 5g (did you mean lte?)`."""
    guess = closest(text, options)
    return f"one of {', '.join(options)}" + (f" (did you mean {guess}?)" if guess else "")


def expectation(detail: ErrorDetails, model: type[BaseModel] | None = None) -> str:
    """What was expected where pydantic found `detail`; `model`, if given, tells which keys are known there."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _PLAIN_WORDS:
        return _PLAIN_WORDS[kind]
    if kind == "extra_forbidden":
        keys = keys_at(model, detail["loc"]) if model else ()
        return one_of(str(detail["loc"][-1]), keys) if keys else "no such key"
    if kind in ("enum", "literal_error"):
        return one_of(str(detail["input"]), re.findall(r"'([^']*)'", str(context["expected"])))
    if kind == "union_tag_invalid":
        name, tags = context["discriminator"].strip("'"), re.findall(r"'([^']*)'", context["expected_tags"])
        return f"{name} to be {one_of(str(context['tag']), tags)}"
    if kind == "value_error":
        return str(context["error"])
    return detail["msg"].removeprefix("Input should be ")


def keys_at(model: type[BaseModel], place: Place) -> tuple[str, ...]:
    """The keys that may stand beside the last part of `place` in a document of `model`."""
    here = model
    for part in place[:-1]:
        field = here.model_fields.get(str(part))
        here = (model_in(field.annotation) or here) if field else here
    return tuple(here.model_fields)


def model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type expression
    """The model that a type expression such as `tuple[Contact, ...]` or `Contact | None` is about, if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := model_in(argument))), None)
