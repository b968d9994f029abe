"""The times that are mentioned, pieces side by side as one, and what each is the time of. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from triage.claim_words.here import Here
from triage.claim_words.pieces import Piece, pieces_in

_APPROXIMATELY = (
    "about|around|approximately|approx|appr|roughly|circa|ca|maybe|probably|like|somewhere|near|nearly|almost|sometime"
    "|early|late|think"
)
_FILLER = rf"(?:{_APPROXIMATELY}|just|shortly|exactly|at|on|the|time|say|some|this|in|of|by|sharp|i|we|local|my)"
_FILLERS = re.compile(rf"(?:\s*\b{_FILLER}\b)*\s*$")
_BETWEEN = re.compile(rf"(?:\s|\b{_FILLER}\b)*")
_ROUGHLY = re.compile(rf"\b(?:{_APPROXIMATELY})\b")

SINCE = re.compile(r"\b(?:since|from|start(?:s|ed|ing)?|beg[ai]n(?:s|ning)?|as of|between|onset|occurred|commenced)$")
_CUE = re.compile(r"\b(?:ever )?(?:since|from|as of|between|for|(?:the )?(?:last|past)|until|before|after)\s*$")
_LENGTH_BEFORE = re.compile(
    r"\b(?:for|last|past|since|over|been|going|started|within|during|offline|down|out|slow|dead|internet|service|phones)$"
)
_LENGTH_AFTER = re.compile(r"^ (?:ago|now|already|straight|so far)\b")
_OF_ONE_TIME = re.compile(r"^ (?:or so|at a time|each|every|then)\b|^ (?:at|around|about|from)(?: about| around)? $")

_WELL = "fine|ok|okay|good|better|working|normal|stable"
_UNTIL = re.compile(r"\b(?:until|up to|thru|through)$")
_WELL_UNTIL = re.compile(
    rf"\b(?:{_WELL}|well|work|worked|great|up|fast|no (?:problems?|issues?))(?: \w+){{0,4}} (?:until|up to|before)$"
)
_WELL_AGAIN = re.compile(
    rf"\b(?:{_WELL}|back(?! (?:since|from))|restored|recovered|fixed|resolved|ended|cleared|came up)"
    r"(?: (?:up|on|on ?line|again|now|it|was|is|to|normal|since|from|by))*$"
)
_NOT = re.compile(
    r"\b(?:not|no|isnt|arent|doesnt|dont|wasnt|werent|hasnt|havent|never|stopped|quit|nothing)(?: \w+){0,2} ?$"
)
_SINCE_THEN = re.compile(r"\b(?:since|after)(?: \w+){0,4} ?$")
_WAS_WELL = re.compile(rf"\b(?:(?:was|were)(?: all)? (?:{_WELL})|(?:would|will|should|must|to) be \w+)(?: \w+)?$")

_ELSEWHERE = re.compile(
    r"\b(?:call|phone|ring|reach|contact|opens?|closes?|closed|closing|comes?|coming|visit|arrives?|available|appointment"
    r"|meeting|dispatch|reboot\w*|restart\w*|cycled|reset|unplug\w*|ticket|case|invoice|email|customer|client|hours"
    r")(?: \w+){0,3}$"
)
_ELSEWHERE_FROM = re.compile(r"\b(?:ticket|case|invoice|customer|client|with you)(?: \w+)? (?:from|since)$")
_WAS_WELL_THEN = re.compile(rf"^ (?:\w+ ){{0,2}}(?:was|were)(?: all)? (?:{_WELL})\b")


_REACH = 120
"""Characters before a time that can say what it is the time of."""


class Weight(IntEnum):
    """How surely a time is when it began: the least counts."""

    SAID = 0
    CLOCK = 1
    DAY = 2
    NOW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Pieces side by side, merged, with the words before and after them."""

    piece: Piece
    lead: str
    """The words since the mention before, without "about" and the like."""
    roughly: bool
    tail: str


def mentions_in(text: str, here: Here) -> Iterator[Mention]:
    merged: list[Piece] = []
    for piece in pieces_in(text, here):
        between = text[merged[-1].stop : piece.start] if merged else None
        if between is not None and _BETWEEN.fullmatch(between) and (both := _both(merged[-1], piece)):
            merged[-1] = both
        else:
            merged.append(piece)
    last = 0
    for number, piece in enumerate(merged):
        before = max(last, piece.start - _REACH)
        raw = text[before : piece.start]
        fillers = _FILLERS.search(raw)
        lead_stop = fillers.start() if fillers else len(raw)
        lead = raw[:lead_stop].strip()
        if last and _WAS_WELL_THEN.fullmatch(f" {lead}"):
            lead = ""  # it says of the mention before that it was well then
        cue = _CUE.search(raw[:lead_stop])
        said_from = before + (cue.start() if cue else lead_stop)
        roughly = bool(_ROUGHLY.search(text[before + lead_stop : piece.stop]) or text.startswith(" ish", piece.stop))
        after = merged[number + 1].start if number + 1 < len(merged) else len(text)
        cued = raw.strip() and (roughly or not lead or raw.strip() != lead or SINCE.search(lead) or _UNTIL.search(lead)
                                or lead.split()[-1] in ("to", "and", "after", "before", "again"))  # fmt: skip
        if piece.bare and piece.length is None and not cued:
            continue
        last = piece.stop
        start = said_from + len(text[said_from : piece.start]) - len(text[said_from : piece.start].lstrip())
        yield Mention(piece=replace(piece, start=start), lead=lead, roughly=roughly, tail=text[piece.stop : after])


def _both(one: Piece, other: Piece) -> Piece | None:
    """Two pieces as one time, where neither says again what the other does: a day and a clock, a part and a day."""
    if any(piece.length or piece.moment or piece.now for piece in (one, other)):
        return None
    if (one.hours and other.hours) or (one.day and other.day) or (one.part and other.part):
        return None
    if other.zone and not one.hours:
        return None
    return replace(
        one,
        stop=other.stop,
        day=one.day or other.day,
        part=one.part or other.part,
        hours=one.hours or other.hours,
        minute=one.minute + other.minute,
        zone=one.zone or other.zone,
        bare=False,
        whole=one.whole or other.whole,
        recurring=one.recurring or other.recurring,
        future=one.future or other.future,
        vague_minutes=(one if one.hours else other).vague_minutes,
        doubt=one.doubt or other.doubt,
    )


def with_ranges(mentions: Sequence[Mention]) -> list[Mention]:
    """In "from 9:10 to 9:50 this morning" and "between 8 and 10 am" both ends have the day and the half of it."""
    done: list[Mention] = []
    for one in mentions:
        first = done[-1] if done else None
        if first is None or one.lead not in ("to", "and", "until") or not (first.piece.hours and one.piece.hours):
            done.append(one)
            continue
        if one.lead == "and" and not first.lead.endswith("between"):
            done.append(one)
            continue
        day, part = first.piece.day or one.piece.day, first.piece.part or one.piece.part
        halves = {hour // 12 for hour in one.piece.hours}
        kept = tuple(hour for hour in first.piece.hours if hour // 12 in halves) or first.piece.hours
        done[-1] = replace(first, piece=replace(first.piece, day=day, part=part, hours=kept))
        done.append(replace(one, lead="until", piece=replace(one.piece, day=day, part=part)))
    return done


def timed(piece: Piece) -> bool:
    return bool(piece.hours or piece.day or piece.part or piece.length or piece.moment or piece.now)


def ends(one: Mention) -> bool:
    """Whether it is the time at which the trouble was over."""
    if _WELL_UNTIL.search(one.lead) or _WAS_WELL.search(one.lead):
        return False
    again = _WELL_AGAIN.search(one.lead)
    before = one.lead[: again.start()] if again else ""
    return bool(_UNTIL.search(one.lead) or (again and not _NOT.search(before) and not _SINCE_THEN.search(before)))


def weight_of(one: Mention) -> Weight | None:
    """None where the words say that the time is that of something else."""
    piece = one.piece
    if _ELSEWHERE_FROM.search(one.lead) or not timed(piece):
        return None
    if piece.length is not None and not piece.whole:
        said = _LENGTH_BEFORE.search(one.lead) or _LENGTH_AFTER.match(one.tail)
        return Weight.SAID if said and not _OF_ONE_TIME.match(one.tail) else None
    if SINCE.search(one.lead) or _WELL_UNTIL.search(one.lead) or piece.whole:
        return Weight.SAID
    if _ELSEWHERE.search(one.lead) or _WAS_WELL.search(one.lead) or _WAS_WELL_THEN.match(one.tail):
        return None
    if piece.now:
        return Weight.NOW
    return Weight.CLOCK if piece.hours or piece.moment else Weight.DAY
