"""Free text without phone numbers and mail addresses: packs go to carriers, and the audit trail is never shortened."""

from __future__ import annotations

import re

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"(?<![\w.:-])\+?\(?\d[\d ()./-]{5,}\d(?![\w:])")
"""Digits as people write phone numbers (E.123 and less tidy ones)."""
DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
INTERNET_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
LONGEST_REFERENCE = 9
"""Digits in a row, without a separator, that are rather a ticket's or a store's number than a phone's."""
PHONE_DIGITS = range(7, 16)
"""At most fifteen (E.164)."""


def without_contacts(text: str) -> str:
    """The text with `[address]` and `[number]` where they stood; dates, IP addresses and short references stay."""
    return NUMBER.sub(_number, ADDRESS.sub("[address]", text))


def _number(found: re.Match[str]) -> str:
    written = found[0]
    digits = sum(letter.isdigit() for letter in written)
    reference = written.isdigit() and digits <= LONGEST_REFERENCE
    if reference or DATE.match(written) or INTERNET_ADDRESS.fullmatch(written) or digits not in PHONE_DIGITS:
        return written
    return "[number]"
