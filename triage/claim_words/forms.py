"""How people write a time: every form of its pieces as a pattern over words of one spelling. Pure."""

from __future__ import annotations

import re

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY = "|".join(WEEKDAYS)
_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_ORDINAL = "(?: (?:st|nd|rd|th))?"
_QUANTITY = (
    r"(?P<quantity>half an?|half|1/2(?: an?)?|(?:a )?quarter of an|(?:a )?couple(?: of)?|(?:a )?few|several|an?"
    r"|\d+(?:\.\d+)?(?: and a half| and 1/2| 1/2)?)"
)
_UNIT = r"(?P<unit>minutes?|mins?|m|hours?|hrs?|h|days?|weeks?|wks?)"
_MORE = r"(?: and a (?P<half>half)|(?: and)? (?P<more>\d+) (?:minutes?|mins?|m))?"
_AT_WORK = "(?:(?<=since )|(?<=from )|(?<=when )|(?<=after )|(?<=at ))"
_UNITS_OF_MEASURE = (
    "mbps|mbit|mb|megs?|ms|kbps|gbps|gb|percent|seconds?|times|years?|months?|hours?|hrs?|minutes?|mins?|days?|weeks?"
)

ZONES = {
    "utc": "UTC", "gmt": "UTC", "zulu": "UTC", "est": "America/New_York", "edt": "America/New_York",
    "et": "America/New_York", "cst": "America/Chicago", "cdt": "America/Chicago", "ct": "America/Chicago",
    "mst": "America/Denver", "mdt": "America/Denver", "mt": "America/Denver", "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles", "cet": "Europe/Berlin", "cest": "Europe/Berlin",
    "bst": "Europe/London",
}  # fmt: skip
"""Zones that repair desks write behind a time. Others, such as IST, mean several."""

_SPELLINGS = {
    "rfc": r"(?P<rfc>\d{4}-\d\d-\d\dt\S+)",
    "date": r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<dom>\d\d)",
    "hour_h": r"(?<!for )(?<!last )(?<!past )(?P<h24>\d{1,2}) h (?P<m60>[0-5]\d)(?! m)",
    "length": rf"{_QUANTITY} {_UNIT}{_MORE}",
    "open_length": r"(?:(?<=for )|(?<=last )|(?<=past ))(?P<units>minutes|hours|days|weeks|months|years|ages"
    r"|a while|a long time)",
    "one_unit": r"(?:last|past) (?P<one>minute|hour|day|(?<=past )week)",
    "slashed": r"(?!24/7)(?P<first>\d{1,2})/(?P<second>\d{1,2})(?:/(?P<slashed_year>\d{4}|\d\d))?",
    "month_day": rf"(?P<named>{_MONTH}) (?:the )?(?P<named_day>\d{{1,2}}){_ORDINAL}(?: (?P<named_year>20\d\d))?",
    "day_month": rf"(?:the )?(?P<day_first>\d{{1,2}}){_ORDINAL} (?:of )?(?P<month_second>{_MONTH})"
    r"(?: (?P<year_third>20\d\d))?",
    "dom": r"the (?P<the>\d{1,2}) (?:st|nd|rd|th)",
    "recurring": rf"(?:every|each|most) (?:single )?(?P<each>day|mornings?|afternoons?|evenings?|nights?"
    rf"|{_WEEKDAY})|(?:in the )?(?P<often>mornings|afternoons|evenings)",
    "whole": r"(?:all|the whole|the entire|whole) (?P<all>day|morning|afternoon|evening|night|week"
    r"|weekend)(?: long)?",
    "past_hour": r"(?<!from )(?<!between )(?P<to>[1-5]?[05]|quarter|half|\d{1,2}(?= min))(?: minutes?| mins?)?"
    r" (?P<side>past|after|to|of|until|before) (?P<of>\d{1,2}|noon|midnight)"
    r"(?: (?P<of_half>am|pm|oclock))?",
    "half_hour": r"half (?P<half_hour>\d{1,2})",
    "clock": rf"(?P<hour>\d{{1,2}})(?::|[.](?!\d\d (?:{_UNITS_OF_MEASURE})\b))(?P<minute>[0-5]\d)(?::[0-5]\d)?"
    r"(?: (?P<half_day>am|pm)| hours| hrs)?",
    "clock_half": r"(?P<h12>\d{1,2}) (?P<ap>am|pm)",
    "oclock": r"(?P<oclock>\d{1,2}) o ?clock",
    "military": rf"(?P<hhmm>\d{{3,4}})(?: (?P<hhmm_half>am|pm)| hours| hrs)?(?! (?:{_UNITS_OF_MEASURE})\b)",
    "noon": r"(?:12 )?(?P<noon>noon|midday|mid day)",
    "midnight": r"(?:12 )?midnight",
    "day_before": r"(?:the )?day before yesterday",
    "yesterday": r"yesterday",
    "last_night": r"last night",
    "overnight": r"over ?night|during the night",
    "today": r"today",
    "tonight": r"tonight",
    "future": rf"tomorrow|next (?:{_WEEKDAY}|week|month)",
    "weekday": rf"(?P<which>last |this |this past |past )?(?P<weekday>{_WEEKDAY})",
    "last_week": r"last week",
    "this_week": r"this week|start of the week|beginning of the week",
    "weekend": r"(?:the |last |this )?(?:past )?week ?end",
    "lunch": r"(?P<after>after )?lunch(?: ?time| break)?",
    "opening": rf"{_AT_WORK}(?:(?:we|they|i|you|store|shop|the store|the shop|the office) )?(?:open(?:ed"
    rf"|ing)?(?: time)?|came in|got in"
    r"|arrived|start of (?:business|day|the day|shift|work))|start of (?:business|day|the day|shift)|first thing",
    "part": r"(?<!good )(?P<this>this |in the )?(?P<part>morning|afternoon|evening|night|am|pm)",
    "zone": rf"(?P<zone>{'|'.join(ZONES)})(?: time)?",
    "now": r"just now|right now|this (?:minute|moment)|just (?:started|went|happened|began)|moments? ago"
    r"|a (?:moment|second|minute) ago",
    "bare": rf"(?P<bare>\d{{1,2}})(?! (?:{_UNITS_OF_MEASURE}|of|users?|people|persons?|pcs?|computers?|sites?"
    rf"|stores?|locations?|devices?"
    r"|customers?|clients?|employees|agents|laptops?)\b)",
}
ANY_PIECE = re.compile("|".join(rf"(?P<_{name}>(?<!\S)(?:{pattern})(?!\S))" for name, pattern in _SPELLINGS.items()))
"""One named group a form, `_NAME` around the parts that its reader takes; the first form that fits counts."""
