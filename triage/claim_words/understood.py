"""What a client's own words say: symptom, since when, which service; with the words behind each, and what is in doubt.

Plain rules for English: no network, no model. A person sees what was understood and corrects it; nothing is guessed
silently. The conventions (when "this morning" begins) are in docs/claims-in-words.md. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from config.clock import rfc3339
from inventory.model import Site
from triage.claim_words.here import Here
from triage.claim_words.spelling import Said, said
from triage.claim_words.symptoms import Phrase, services_in, symptoms_in
from triage.claim_words.times import Times, times_in
from triage.model import Symptom

LONGEST = 4000
"""Characters that are read; a longer text is no sentence of a client."""


@dataclass(frozen=True, slots=True)
class Because:
    """What was understood (`symptom`, `also`, `since`, `until` or `service`), as what, from which of the words."""

    what: str
    value: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What was found in the words, nothing where nothing was; times are aware UTC and never after the report.

    `vague_minutes` is how far `since` may be off by what the words say; None without `since`.
    """

    symptom: Symptom | None = None
    others: tuple[Symptom, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    vague_minutes: int | None = None
    services: tuple[str, ...] = ()
    because: tuple[Because, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        return ", ".join(self.services)

    @property
    def nothing(self) -> bool:
        return self.symptom is None and self.since is None and not self.services


def understood(words: str, reported_at: datetime, site: Site) -> Understood:
    """Symptom, times and services in `words`, said at `reported_at` (aware) by somebody at `site`.

    Never raises for what is said. Of several beginnings the earliest, of several symptoms `down` before `drops` before
    the first other.
    """
    text = said(words[:LONGEST])
    symptoms = symptoms_in(text)
    services = services_in(text)
    times = times_in(text, Here(reported_at.astimezone(site.zone), site.zone, site))
    kinds = tuple(Symptom(phrase.what) for phrase in symptoms)
    named = tuple(phrase.what for phrase in services)
    if not named and Symptom.VOICE in kinds:
        named = ("phones",)
    return Understood(
        symptom=kinds[0] if kinds else None,
        others=kinds[1:],
        since=times.since.moment if times.since else None,
        until=times.until.moment if times.until else None,
        vague_minutes=times.since.vague_minutes if times.since else None,
        services=named,
        because=tuple(_because(text, symptoms, services, times)),
        doubts=tuple(dict.fromkeys((*times.doubts, *_doubts(named)))),
    )


def _because(text: Said, symptoms: Sequence[Phrase], services: Sequence[Phrase], times: Times) -> Iterator[Because]:
    for number, phrase in enumerate(symptoms):
        yield Because("also" if number else "symptom", phrase.what, text.quote(phrase.start, phrase.stop))
    for phrase in services:
        yield Because("service", phrase.what, text.quote(phrase.start, phrase.stop))
    for what, span in (("since", times.since), ("until", times.until)):
        if span is not None:
            yield Because(what, rfc3339(span.moment), text.quote(span.start, span.stop))


def _doubts(services: Sequence[str]) -> Iterator[str]:
    if "Wi-Fi" in services:
        yield "Wi-Fi may be a fault inside the site; ask whether wired devices have it too"
