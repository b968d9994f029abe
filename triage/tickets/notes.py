"""Notes in systems that know no keys: a mark that makes each count once, and pages where notes are short. Pure.

A mark is the last line of what we write, such as `[LP:5f1c9e0d2b7a4c36]`: the first 16 hex digits of the SHA-256 of the
key, so that no key's letters can be changed on the way. It is only looked for when a write is repeated: people may edit
or delete it without harm.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_MARK = re.compile(r"\s*\[LP:[0-9a-f]{16}\]\s*\Z")
_PAGE = re.compile(r"\((\d+)/(\d+)(, goes on)?\)\n")
_HEADER = len("(999/999, goes on)\n")


_TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the writing direction, so that words read as others do than they are (Unicode TR 36, 2.5; CVE-2021-42574):
a client's words are quoted among ours. Hebrew and Arabic read right to left without them."""


def printable(text: str) -> str:
    """The text with line feeds as line ends and no other control characters than tabs, nothing that turns the writing
    direction, and no blanks around it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one for one in lines if one in "\n\t" or _is_shown(one)).strip()


def _is_shown(sign: str) -> bool:
    return sign not in _TURNS and unicodedata.category(sign) not in ("Cc", "Cs")


def one_line(text: str) -> str:
    """The text as a title: one line, single blanks."""
    return " ".join(printable(text).split())


def mark(key: str) -> str:
    return f"[LP:{hashlib.sha256(key.encode()).hexdigest()[:16]}]"


MARK_LENGTH = len(mark("")) + 1
"""Characters of a mark and the line break before it."""


def marked(text: str, key: str) -> str:
    """The text with its key's mark as last line."""
    return f"{text}\n{mark(key)}" if text else mark(key)


def unmarked(text: str) -> str:
    """The text without the mark at its end, if it has one."""
    return _MARK.sub("", text)


def has_mark(text: str) -> bool:
    """Whether the text ends with a mark: where a system names no authors, what we wrote is told by it."""
    return _MARK.search(text) is not None


def parts(text: str, key: str, limit: int) -> list[tuple[str, str]]:
    """The notes that a text becomes where none may have more than `limit` characters: (key, marked text) of each.

    One part has the key itself, several have `KEY/1`, `KEY/2`...: those that a crash left out are added alone.
    """
    split = pages(text, limit - MARK_LENGTH)
    if len(split) == 1:
        return [(key, marked(text, key))]
    return [(f"{key}/{number}", marked(page, f"{key}/{number}")) for number, page in enumerate(split, 1)]


def pages(text: str, limit: int) -> list[str]:
    """The text in pages of at most `limit` characters (more than 20), headed `(k/N)`; a short one as it is.

    Pages end between lines. Only a line that is longer than a page is cut, and that page says `(k/N, goes on)`, so that
    `joined` gives every text back as it was.
    """
    if len(text) <= limit:
        return [text]
    room = limit - _HEADER
    if room < 1:
        raise ValueError(f"pages of {limit} characters have no room beside their header")
    bodies: list[tuple[str, bool]] = []
    open_lines: list[str] = []
    used = 0
    for line in text.split("\n"):
        if open_lines and used + 1 + len(line) > room:
            bodies.append(("\n".join(open_lines), False))
            open_lines = []
        rest = line
        while len(rest) > room:
            bodies.append((rest[:room], True))
            rest = rest[room:]
        used = used + 1 + len(rest) if open_lines else len(rest)
        open_lines.append(rest)
    bodies.append(("\n".join(open_lines), False))
    total = len(bodies)
    return [f"({number}/{total}{', goes on' if cut else ''})\n{body}" for number, (body, cut) in enumerate(bodies, 1)]


def joined(split: list[str]) -> str:
    """The text of pages, each whole."""
    if len(split) == 1:
        return split[0]
    text = ""
    for number, page in enumerate(split, 1):
        header = _PAGE.match(page)
        if header is None:
            raise ValueError(f"page {number} has no (k/N)")
        ending = "" if header[3] or number == len(split) else "\n"
        text += page[header.end() :] + ending
    return text
