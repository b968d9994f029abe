"""Since when and until when: the times that a client's words name, which of them is meant, what is unsure. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from triage.claim_words.here import PARTS, Here
from triage.claim_words.mentions import SINCE, Mention, Weight, ends, mentions_in, timed, weight_of, with_ranges
from triage.claim_words.pieces import Piece
from triage.claim_words.spelling import Said
from triage.formatting import zone_name
from triage.wall_clock import readings, skipping

_AT_WORK = timedelta(hours=4)
"""Whoever reports is there, whatever the opening hours: a clock time so short ago is meant as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A moment that was understood, aware UTC, with the place in the text that it comes from."""

    moment: datetime
    start: int
    stop: int
    vague_minutes: int
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Times:
    since: Span | None
    until: Span | None
    doubts: tuple[str, ...]


def times_in(words: Said, here: Here) -> Times:
    """When it began and ended by these words. Of several beginnings the earliest; never after `here`."""
    mentions = with_ranges(list(mentions_in(words.text, here)))
    doubts = [one.piece.doubt for one in mentions if one.piece.doubt and not timed(one.piece)]
    began: list[tuple[Weight, Span]] = []
    ended: Mention | None = None
    elsewhere = False
    for one in mentions:
        if one.piece.future:
            if SINCE.search(one.lead):
                doubts.append(f"“{words.quote(one.piece.start, one.piece.stop)}” is yet to come")
            continue
        if ends(one):
            ended = ended if elsewhere and one.lead == "until" else one
            continue
        weight = weight_of(one)
        elsewhere = weight is None
        span = _span(one, here) if weight is not None else None
        if weight is not None and span is not None:
            began.append((weight, span))
    since = min(began, key=lambda each: (each[0], each[1].moment), default=(None, None))[1]
    # "Down for half an hour, back at two": the length is that of the trouble, and does not end now.
    length = next((one.piece.length for one in mentions if one.lead.endswith("for")), None) if len(began) == 1 else None
    until = _end(ended, None if length else since, here) if ended else None
    if since and until and length:
        return Times(replace(since, moment=until.moment - length), until, tuple(doubts))
    if until and any(span.moment >= until.moment for _, span in began):
        until = None
    return Times(since, until, (*doubts, *(since.doubts if since else ())))


def _span(one: Mention, here: Here) -> Span | None:
    """The moment meant, the last that has been; None where none has."""
    piece, now = one.piece, here.local.astimezone(UTC)
    doubts: list[str] = [piece.doubt] if piece.doubt else []
    vague = piece.vague_minutes
    if piece.now:
        moment = now.replace(second=0, microsecond=0)
    elif piece.moment is not None:
        moment = piece.moment.astimezone(UTC)
    elif piece.length is not None:
        moment = (now - piece.length).replace(second=0, microsecond=0)
    elif piece.hours:
        moment_or_none, unsure = _clock(piece, here)
        if moment_or_none is None:
            return None
        moment, vague = moment_or_none, max(vague, 30) if one.roughly else vague
        doubts += unsure
    else:
        moment, vague, unsure = _part(piece, here)
        doubts += unsure
    if moment > now:
        return None
    if vague > 1440:
        doubts.append("when in that time is not said; ask for the day and the hour")
    return Span(moment=moment, start=piece.start, stop=piece.stop, vague_minutes=vague, doubts=tuple(doubts))


def _part(piece: Piece, here: Here) -> tuple[datetime, int, list[str]]:
    """The beginning of a day or of a part of it, and how much later it may have been; not after now."""
    part = PARTS[piece.part or "day"]
    now = here.local.astimezone(UTC)
    for day in [piece.day] if piece.day else [here.today, here.today - timedelta(days=1)]:
        opens = here.opens(day) if part.from_opening else None
        clock = opens if opens is not None and (piece.part != "morning" or 4 <= opens.hour < 12) else part.begins
        moment, unsure = _moment(day, clock, here)
        if moment <= now:
            return moment, piece.vague_minutes or part.minutes, unsure
    return now, piece.vague_minutes or part.minutes, []


def _clock(piece: Piece, here: Here) -> tuple[datetime | None, list[str]]:
    """The moment that a clock, with its day if one was said, means; and what is unsure about it.

    Without a day: the last time that the clock showed it, unless that is hours ago, nobody is at the site then, and
    somebody was the other time that it did. With a day: the half of the day in which people are there.
    """
    now = here.local.astimezone(UTC)
    site, here = here, here.at(piece.zone) if piece.zone else here
    days = [piece.day] if piece.day else [here.today, here.today - timedelta(days=1)]
    read = [(*_moment(_night(day, hour, piece), time(hour, piece.minute), here), hour)
            for day in days for hour in _halves(piece)]  # fmt: skip
    past = sorted((each for each in read if each[0] <= now), key=lambda each: each[0], reverse=True)
    if not past:
        return None, []
    fitting = past
    if len(past) > 1 and now - past[0][0] > _AT_WORK:
        if site.site.business_hours:
            fitting = [each for each in past if site.staffed(each[0])] or past
        elif piece.day and piece.day != here.today:
            fitting = [each for each in past if 7 <= each[2] <= 18] or past
    moment, unsure, hour = fitting[0]
    local = moment.astimezone(here.zone)
    if piece.day is None and (local.date() != here.today or (len(piece.hours) > 1 and not 6 <= hour < 22)):
        unsure = [*unsure, f"{local:%H:%M} on {local:%Y-%m-%d} is taken, as that is the last one that fits"]
    there = moment.astimezone(site.zone)
    if there.utcoffset() != local.utcoffset():
        unsure = [*unsure, f"{local:%H:%M} {zone_name(local)} is {there:%H:%M} {zone_name(there)} at the site"]
    return moment, unsure


def _halves(piece: Piece) -> Sequence[int]:
    """The hours that a clock can mean, once the part of the day is known."""
    if piece.part in ("morning", "opening"):
        return [hour for hour in piece.hours if hour < 12] or piece.hours
    if piece.part in ("afternoon", "lunch", "after lunch", "evening"):
        return [hour for hour in piece.hours if hour >= 12] or piece.hours
    if piece.part in ("night", "overnight"):
        return [hour for hour in piece.hours if hour < 6 or hour >= 18] or piece.hours
    return piece.hours


def _night(day: date, hour: int, piece: Piece) -> date:
    """Two o'clock "last night" is in the morning after."""
    return day + timedelta(days=1) if piece.part in ("night", "overnight") and piece.day and hour < 12 else day


def _moment(day: date, clock: time, here: Here) -> tuple[datetime, list[str]]:
    """The wall clock's moment; where it shows the time twice the first, where never the moment of the change."""
    first, second = readings(day, clock, here.zone)
    if first < second:
        return first, [f"{clock:%H:%M} on {day} was there twice, the clocks went back; the first is taken"]
    if first > second:
        return skipping(day, clock, here.zone), [f"{clock:%H:%M} on {day} was not there, the clocks went forward"]
    return first, []


def _end(ended: Mention, since: Span | None, here: Here) -> Span | None:
    """The first time after `since` that the end's clock showed; the last that has been where nothing began."""
    span = _span(ended, here)
    if since is None or span is None or not ended.piece.hours:
        return span
    day = ended.piece.day or since.moment.astimezone(here.zone).date()
    later = [_moment(each, time(hour, ended.piece.minute), here)[0]
             for each in (day, day + timedelta(days=1)) for hour in _halves(ended.piece)]  # fmt: skip
    now = here.local.astimezone(UTC)
    fitting = min((each for each in later if since.moment < each <= now), default=None)
    return replace(span, moment=fitting) if fitting else None
