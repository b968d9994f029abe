"""The kinds of values that an inventory file holds, as annotated types that pydantic checks and reads.

Each refuses with a text that says what was expected.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from inventory.model import OpeningHours
from inventory.quantities import checked_zone, parse_opening_hours, parse_rate, parse_volume
from inventory.recurrence import checked_recurrence

Item = TypeVar("Item")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")
"""Control characters, and direction overrides, which make one name read as another (Unicode TR 36)."""


def _text(value: object) -> object:
    """YAML reads `114` as a number and `no` as false; a number that can be written back is the text meant."""
    if isinstance(value, bool | float):
        raise ValueError("a text; put it in quotes, YAML takes it for a number or for true or false")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str) and _CONTROL.search(value):
        raise ValueError("text without control characters")
    return value


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
        raise ValueError("an id of letters, digits, dots, dashes and underscores, at most 100, such as store-114")
    return value


def listed(value: object) -> object:
    """One text stands for a list: `a | b`, as in a CSV cell."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("|") if part.strip()]
    return [value] if isinstance(value, int) else value


def _rate(value: object) -> object:
    return parse_rate(str(value)) if isinstance(value, str | bool) else value


def _volume(value: object) -> object:
    return parse_volume(str(value)) if isinstance(value, str | bool) else value


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if not re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?", value):
            raise ValueError("an IP address or a host name") from None
    return value


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("an IP address such as 192.0.2.1") from None


def _mail(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise ValueError("a mail address such as ada@example.com")
    return value


def _day(value: object) -> object:
    if not isinstance(value, date) and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
        raise ValueError("a date such as 2026-01-31")
    return value


def _moment(value: object) -> object:
    if not isinstance(value, datetime) and not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", str(value)):
        raise ValueError("a time such as 2026-01-31 22:00 (in the site's zone) or 2026-01-31T22:00:00Z")
    return value


def _probe_target(value: str) -> str:
    found = re.fullmatch(r"(?:icmp://([^/]+)|udp://([^/]+):(\d{1,5}))", value)
    if found is None or (found[3] and not 0 < int(found[3]) < 65536):
        raise ValueError("icmp://HOST or udp://HOST:PORT")
    _host((found[1] or found[2]).strip("[]"))
    return value


Text = Annotated[str, BeforeValidator(_text)]
Identifier = Annotated[Text, AfterValidator(_identifier)]
Listed = Annotated[tuple[Item, ...], BeforeValidator(listed)]
Zone = Annotated[Text, AfterValidator(checked_zone)]
Recurrence = Annotated[Text, AfterValidator(checked_recurrence)]
Rate = Annotated[float, BeforeValidator(_rate), Field(gt=0, allow_inf_nan=False)]
Volume = Annotated[int, BeforeValidator(_volume), Field(gt=0)]
Money = Annotated[Decimal, Field(ge=0)]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[Text, AfterValidator(_host)]
Address = Annotated[Text, AfterValidator(_address)]
Mail = Annotated[Text, AfterValidator(_mail)]
Day = Annotated[date, BeforeValidator(_day)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Hours = Annotated[tuple[OpeningHours, ...], BeforeValidator(parse_opening_hours)]
ProbeTarget = Annotated[Text, AfterValidator(_probe_target)]
