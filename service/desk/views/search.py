"""What a person may mean by what is typed into the search box. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inventory.aliases import Closeness, find_sites
from inventory.model import Inventory, Site

MOST_HITS = 50
_RECORD = re.compile(r"([CcTt])-?([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Hit:
    """A page that may be meant: its address, its title, and by which name it was found."""

    url: str
    title: str
    client: str
    found_by: str


@dataclass(frozen=True, slots=True)
class Found:
    """`sure` when there is one hit and it was named exactly: no need to ask back."""

    text: str
    hits: tuple[Hit, ...]
    sure: bool


def search(inventory: Inventory, text: str) -> Found:
    """Sites by any name of theirs or of anything at them; then by words of name, client and address."""
    text = text.strip()
    if not text:
        return Found(text, (), False)
    matches = find_sites(inventory, text)
    hits = [_site_hit(match.site, inventory, f"{match.kind} {match.name}") for match in matches]
    exact = len(matches) == 1 and matches[0].closeness is not Closeness.PREFIX
    if not matches:
        hits = [_site_hit(site, inventory, site.address or site.market) for site in _by_words(inventory, text)]
    if record := _RECORD.fullmatch(text):
        hits.insert(0, _record_hit(record[1].upper(), record[2]))
        exact = len(hits) == 1 and "-" in text
    return Found(text, tuple(hits[:MOST_HITS]), exact)


def _site_hit(site: Site, inventory: Inventory, found_by: str) -> Hit:
    return Hit(f"/sites/{site.id}", site.name or site.id, inventory.clients[site.client].name, found_by)


def _record_hit(letter: str, number: str) -> Hit:
    kind, folder = ("Case", "cases") if letter == "C" else ("Ticket", "tickets")
    return Hit(f"/{folder}/{letter}-{number}", f"{kind} {letter}-{number}", "", f"{kind.lower()} number")


def _by_words(inventory: Inventory, text: str) -> list[Site]:
    wanted = text.casefold().split()
    return [
        site
        for site in inventory.sites.values()
        if all(word in _words_of(site, inventory).casefold() for word in wanted)
    ]


def _words_of(site: Site, inventory: Inventory) -> str:
    carriers = " ".join(link.carrier or "" for link in inventory.links_at(site.id))
    return f"{site.id} {site.name} {site.address} {site.market} {inventory.clients[site.client].name} {carriers}"
