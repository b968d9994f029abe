"""What a client said, brought into one spelling, with the way back to the words as they were written. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

_TOKEN = re.compile(
    r"\d{4}-\d\d-\d\dt\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:z|[+-]\d\d:\d\d)"  # RFC 3339
    r"|\d{4}-\d\d-\d\d|\d+(?:[:./]\d+)*"
    r"|(?<=\d)\s?[-–—]\s?(?=\d\d?(?!\d))|(?<=\d{4})\s?[-–—]\s?(?=\d{4}\b)"
    r"|(?<![^\W\d_])[ap]\.\s?m\b|(?<=\d)[ap](?![a-z])"
    r"|[^\W\d_]+(?:['’`´][^\W\d_]+)*|[~@]",
    re.IGNORECASE | re.ASCII,
)
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve"
_ONES = {word: value for value, word in enumerate(_SMALL.split())}
_STEMS = "thir four fif six seven eigh nine"
_TEENS = {f"{stem}teen": value for value, stem in enumerate(_STEMS.split(), 13)}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_NUMBERS = _ONES | _TEENS | _TENS
_NOT_COUNTING = frozenset({"no", "some", "any", "every", "each", "which", "this", "that"})

_SHORT_FORMS = {
    "abt": "about", "~": "about", "@": "at", "yest": "yesterday", "int": "internet", "inet": "internet", "slwo": "slow",
    "slo": "slow", "donw": "down", "dwn": "down", "tmrw": "tomorrow", "til": "until", "till": "until",
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thu": "thursday", "thur": "thursday",
    "thurs": "thursday", "fri": "friday", "sun": "sunday", "w/o": "without", "cannot": "cant",
}  # fmt: skip
"""Short forms and slips that are too short to be told from other words by their letters."""

_OFTEN_MISSPELT = """
internet connection connections connectivity disconnect disconnects disconnected disconnecting intermittent
intermittently dropping dropped yesterday morning afternoon evening mornings afternoons evenings tonight
minutes offline unstable phones telephones wireless network outage latency buffering sluggish unusable
crawling robotic jitter monday tuesday wednesday thursday friday saturday sunday midnight working freezing
flapping started register registers terminal terminals lagging timeout timeouts website websites
"""
_VOCABULARY = tuple(_OFTEN_MISSPELT.split())


class Token(NamedTuple):
    """A word in one spelling, and where it stands in the original."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Said:
    """`text`: lower case, numbers as digits, no punctuation, one space between words."""

    original: str
    text: str
    tokens: tuple[Token, ...]
    starts: tuple[int, ...]
    """Where each token begins in `text`."""

    def quote(self, start: int, stop: int) -> str:
        """The client's own words behind `text[start:stop]`."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, max(start, stop - 1)) - 1
        return " ".join(self.original[self.tokens[first].start : self.tokens[last].end].split())


def said(words: str) -> Said:
    """The words in one spelling. Punctuation, case and white space do not count, except within numbers and times."""
    tokens = _counted(
        [
            Token(_spelt(one[0], after_digit=words[one.start() - 1 : one.start()].isdigit()), one.start(), one.end())
            for one in _TOKEN.finditer(words)
        ]
    )
    starts, place = [], 0
    for token in tokens:
        starts.append(place)
        place += len(token.text) + 1
    return Said(words, " ".join(token.text for token in tokens), tuple(tokens), tuple(starts))


def _spelt(written: str, *, after_digit: bool) -> str:
    word = re.sub(r"['’`´]", "", written.lower())
    if not word[0].isalpha():
        return "to" if word.strip() in ("-", "–", "—") else _SHORT_FORMS.get(word, word)
    if word[1:2] == "." or (word in ("a", "p") and after_digit):
        return f"{word[0]}m"
    word = _SHORT_FORMS.get(word, word)
    word = _SHORT_FORMS.get(drawn := _DRAWN_OUT.sub(r"\1", word), drawn)
    if len(word) < 6 or word in _VOCABULARY:
        return word
    return next((right for right in _VOCABULARY if right[0] == word[0] and one_slip(word, right)), word)


def one_slip(written: str, meant: str) -> bool:
    """Whether one letter is missing, too many, wrong, or changed places with its neighbour."""
    same = next(
        (n for n, (a, b) in enumerate(zip(written, meant, strict=False)) if a != b), min(len(written), len(meant))
    )
    rest, right = written[same:], meant[same:]
    swapped = rest[1::-1] == right[:2] and rest[2:] == right[2:]
    return rest[1:] == right or rest == right[1:] or rest[1:] == right[1:] or swapped


def _counted(tokens: Sequence[Token]) -> list[Token]:
    """Numbers in words as digits: "twenty five" as 25, "eleven thirty" as 11:30."""
    done: list[Token] = []
    for number, token in enumerate(tokens):
        value = _NUMBERS.get(token.text)
        if value is None or (number and tokens[number - 1].text in _NOT_COUNTING):
            done.append(token)
            continue
        before = tokens[number - 1] if number else None
        if before and before.text in _TENS and 0 < value < 10:
            last = done.pop()
            hour, colon, tens = last.text.rpartition(":")
            done.append(Token(f"{hour}{colon}{int(tens) + value}", last.start, token.end))
        elif before and _ONES.get(before.text, 0) > 0 and value >= 10 and done[-1].text == str(_ONES[before.text]):
            done[-1] = Token(f"{done[-1].text}:{value}", done[-1].start, token.end)
        else:
            done.append(Token(str(value), token.start, token.end))
    return done
