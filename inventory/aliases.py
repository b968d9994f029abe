"""Which site does a person mean? Any name of a site, or of anything at it, leads to the site. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from config.errors import LineproofError, NotFoundError
from config.expected import closest
from inventory.model import Inventory, Site

_SHORTEST_PREFIX = 3
_SIGNS = re.compile(r"[\W_]+")
_LETTERS = re.compile(r"[^\W\d_]")
_NO_DIGIT = re.compile(r"\D+")


class Closeness(IntEnum):
    """How well a text fits a name; a better fit hides every worse one."""

    EXACT = 0
    NORMALISED = 1
    """The same but for case, spaces and punctuation; of phone numbers the same digits but for a country code."""
    PREFIX = 2


@dataclass(frozen=True, slots=True)
class Match:
    """A site, and the name by which it was found: `kind` is `circuit id`, `phone`, ..."""

    site: Site
    kind: str
    name: str
    closeness: Closeness


class AmbiguousSiteError(LineproofError):
    """Several sites answer to what was given; `matches` has each with the name that it answers to (exit code 2)."""

    def __init__(self, text: str, matches: tuple[Match, ...]) -> None:
        listed = "; ".join(f"{m.site.id} ({m.site.client}, {m.kind} {m.name})" for m in matches[:10])
        more = f"; and {len(matches) - 10} more" if len(matches) > 10 else ""
        super().__init__(f"{text!r} is {len(matches)} sites: {listed}{more}; give the site's id")
        self.matches = matches


def find_sites(inventory: Inventory, text: str) -> tuple[Match, ...]:
    """The sites that `text` fits best, each once, ordered by id; empty when it fits none."""
    wanted = _Wanted.of(text.strip())
    found: dict[str, Match] = {}
    for site, kind, name in _names(inventory):
        closeness = wanted.closeness(name, kind)
        earlier = found.get(site.id)
        if closeness is not None and (earlier is None or closeness < earlier.closeness):
            found[site.id] = Match(site, kind, name, closeness)
    best = min((match.closeness for match in found.values()), default=None)
    return tuple(found[site] for site in sorted(found) if found[site].closeness is best)


def resolve_site(inventory: Inventory, text: str) -> Site:
    """The one site that `text` fits best. Raises NotFoundError or AmbiguousSiteError."""
    matches = find_sites(inventory, text)
    if len(matches) > 1:
        raise AmbiguousSiteError(text, matches)
    if matches:
        return matches[0].site
    guess = closest(text, (name for _, _, name in _names(inventory)))
    hint = f"did you mean {guess}?" if guess else "give a site's id, store number, phone, circuit id or serial"
    raise NotFoundError(f"no site is known as {text!r}; {hint}")


def _names(inventory: Inventory) -> Iterator[tuple[Site, str, str]]:
    """Every (site, kind, name)."""
    for site in inventory.sites.values():
        yield site, "site", site.id
        if site.name:
            yield site, "name", site.name
        for alias in site.aliases:
            yield site, "alias", alias
        if site.on_site_contact and site.on_site_contact.phone:
            yield site, "phone", site.on_site_contact.phone
        for device in inventory.devices_at(site.id):
            yield site, "device", device.id
            for serial in device.serials:
                yield site, "serial", serial
            if device.management_address:
                yield site, "address", device.management_address
        for link in inventory.links_at(site.id):
            yield site, "link", link.id
            for kind, name in (("circuit id", link.circuit_id), ("service number", link.service_number)):
                if name:
                    yield site, kind, name


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a person gave: as it stands, its letters and digits, and its digits where it can be a phone number."""

    text: str
    letters: str
    phone: str

    @classmethod
    def of(cls, text: str) -> _Wanted:
        return cls(text, _letters_and_digits(text), phone_digits(text))

    def closeness(self, name: str, kind: str) -> Closeness | None:
        if self.text == name:
            return Closeness.EXACT
        if kind == "address":  # 192.0.2.11 without its dots would be 192.0.21.1
            return None
        letters = _letters_and_digits(name)
        if self.letters == letters != "":
            return Closeness.NORMALISED
        if self.phone and kind in ("phone", "alias") and same_number(self.phone, phone_digits(name)):
            return Closeness.NORMALISED
        return Closeness.PREFIX if len(self.letters) >= _SHORTEST_PREFIX and letters.startswith(self.letters) else None


def _letters_and_digits(text: str) -> str:
    return _SIGNS.sub("", text).casefold()


def phone_digits(text: str) -> str:
    """The digits of what can be a phone number without its trunk or international zeros; else empty."""
    return "" if _LETTERS.search(text) else _NO_DIGIT.sub("", text).lstrip("0")


def same_number(one: str, other: str) -> bool:
    """Two digit strings that are one phone number, with and without its country code.

    A country code has one to three digits (ITU-T E.164); at least seven digits are compared.
    """
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= 7 and len(longer) - len(shorter) <= 3 and longer.endswith(shorter)
