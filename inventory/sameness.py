"""Whether two people, or a person and a machine, mean the same by different spellings. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from itertools import chain, count

_LEFT_OUT_WITHIN_WORDS = re.compile(r"[&'.’]")
_WORD = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[^\W\d_]+|\d+")
_NOT_IN_AN_ID = re.compile(r"[^a-z0-9]+")
_COMPANY_WORD = re.compile(
    "inc|llc|ltd|limited|corp|corporation|co|company|gmbh|ag|sa|plc|bv|holdings|group|communications?|"
    "telecom|telecommunications|services?|networks?|internet|business"
)
"""Words that a registry's name of a carrier has and people leave out."""
_SAYS_NOTHING = frozenset(("unknown", "none", "na", "null", "private", "privateipaddress"))
LONGEST_TEXT = 200
LONGEST_ID = 60


def printable(text: str) -> str:
    """A host's words on one line, without what is not printable."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def tidy(text: str | None) -> str:
    """A host's text as it can be kept: printable, at most 200 characters; empty for None."""
    return printable(text or "")[:LONGEST_TEXT].rstrip()


def says_nothing(name: str) -> bool:
    """Whether a carrier's name is a placeholder such as `Unknown`."""
    letters = "".join(_words(name))
    return not letters or letters in _SAYS_NOTHING


def same_carrier(one: str, other: str) -> bool:
    """Whether two names are one carrier: the words of the shorter begin the longer, whatever stands between letters
    and without the words of company law and trade. `Comcast` is `Comcast Cable Communications, LLC`, `AT&T` is
    `ATT Services Inc.`, `T-Mobile USA` is `TMobile`; `Charter` is not `Spectrum`, for brands are not known here."""
    shorter, longer = sorted((_carrier_words(one), _carrier_words(other)), key=lambda words: len("".join(words)))
    wanted = "".join(shorter)
    return any("".join(longer[:end]) == wanted != "" for end in range(1, len(longer) + 1))


def same_model(one: str, other: str) -> bool:
    """Whether two names are one model: `Edge 520` is `edge520`, and `520` with the family's name left out."""
    shorter, longer = sorted((_runs(one), _runs(other)), key=len)
    return bool(shorter) and longer[-len(shorter) :] == shorter


def letters(text: str) -> str:
    """Letters and digits alone, without case: two names that people take for one are equal here."""
    return "".join(_words(text))


def id_from(name: str, otherwise: str) -> str:
    """An id of lower-case letters, digits and dashes made from a name: `Store #114` becomes `store-114`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    return _NOT_IN_AN_ID.sub("-", plain).strip("-")[:LONGEST_ID].strip("-") or otherwise


def free_id(wanted: str, taken: Container[str]) -> str:
    """`wanted`, or with the first number from 2 on that makes it free: `store-114-2`."""
    names = chain((wanted,), (f"{wanted}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(_LEFT_OUT_WITHIN_WORDS.sub("", folded))


def _carrier_words(name: str) -> list[str]:
    words = _words(name)
    return [word for word in words if not _COMPANY_WORD.fullmatch(word)] or words


def _runs(model: str) -> list[str]:
    return _RUN.findall(unicodedata.normalize("NFKC", model).casefold())
