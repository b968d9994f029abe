"""Judges again what an evidence pack tells of, by its own policy and inventory, and names every figure that differs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from collector.model import Cadence, Fact, Series, Source
from collector.store.port import MeasurementStore
from config.clock import ManualClock, epoch_ms, from_epoch_ms
from inventory.model import Client, Device, Inventory, Link, MaintenanceWindow, Site
from triage.against_store import PACK, STORE, Known
from triage.baselines.folder import BaselineFolder
from triage.detection.learnt import COMPUTED
from triage.detection.view import RECENT_DAYS
from triage.documents import verdict_document
from triage.evidence import Check
from triage.judge import judge, judged_from
from triage.judging import Judging
from triage.model import Claim, Measured, Picture
from triage.pack import peers_document
from triage.policy import Policy
from triage.replay.history import AsOf, History, between, joined
from triage.software import software
from triage.troubles import Periods
from triage.verify import NAMED_BY_RECORDS
from triage.verify import Measured as Held

_CLAIM = TypeAdapter(Claim)
_SITE = TypeAdapter(Site)
_DEVICE = TypeAdapter(Device)
_LINK = TypeAdapter(Link)
_WINDOW = TypeAdapter(MaintenanceWindow)

OF_THE_WINDOW = ("coverage",)
"""What a pack alone tells again: the rest is held against a week or two before, which only the store keeps."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Question:
    """What was judged, as its pack has it."""

    document: Mapping[str, Any]
    claim: Claim | None
    site: Site
    policy: Policy
    now: datetime

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Question:
        """Raises ValidationError where another version wrote the pack and this one does not read it; see `unread`."""
        claim = document["claim"]
        return cls(
            document=document,
            claim=None if claim is None else _CLAIM.validate_python(claim),
            site=_SITE.validate_python(document["site"]),
            policy=Policy.model_validate(document["policy"]),
            now=datetime.fromisoformat(document["made_at"]),
        )

    @property
    def judged_from(self) -> int:
        return judged_from(self.claim, self.policy.of(None, self.site.client, self.site.id), self.now)

    @property
    def rests_on(self) -> datetime:
        """From when on samples count: those that say what is ordinary come before the judged window."""
        stored = self.document["verdict"].get("baseline", COMPUTED) != COMPUTED
        days = RECENT_DAYS if stored else self.policy.windows.baseline_days
        return from_epoch_ms(self.judged_from) - timedelta(days=days)

    def cadences(self) -> dict[Source, Cadence]:
        return {Source(name): Cadence(**each) for name, each in self.document["cadences"].items()}

    def links(self) -> list[Link]:
        return [_LINK.validate_python(link) for link in self.document["links"]]

    def devices(self) -> list[Device]:
        return [_DEVICE.validate_python(device) for device in self.document["devices"]]

    def inventory(self, current: Inventory) -> Inventory:
        """The current one, with this site as it was."""
        site = self.site.id
        clients = {self.site.client: Client(**self.document["client"])} | dict(current.clients)
        return Inventory.of(
            clients=clients.values(),
            sites=[self.site, *(each for each in current.sites.values() if each.id != site)],
            devices=[*self.devices(), *(each for each in current.devices.values() if each.site != site)],
            links=[*self.links(), *(each for each in current.links.values() if each.site != site)],
            maintenance=[_WINDOW.validate_python(window) for window in self.document.get("maintenance", ())],
        )

    async def troubles(self, _links: Sequence[str], _start: datetime, _end: datetime) -> Periods:
        told: Mapping[str, Sequence[Sequence[int]]] = self.document.get("troubled", {})
        return {link: [(begin, end) for begin, end in periods] for link, periods in told.items()}


async def judged_again(
    question: Question,
    held: Held,
    known: Known,
    store: MeasurementStore,
    inventory: Inventory,
    baselines: BaselineFolder | None,
) -> list[Check]:
    """The whole verdict, from the store as it was known then. Raises StoreError.

    Where the store no longer keeps all that it rested on, what the pack alone tells again, and a word on the rest.
    """
    if epoch_ms(question.rests_on) < known.kept_from:
        again = _compared(question, [_picture_of_pack(question, held)], PACK, OF_THE_WINDOW)
        return [*again, _not_again("samples before its window have expired")]
    then = AsOf(History(store, question.cadences()), ManualClock(from_epoch_ms(known.until)))
    picture = await _picture_of_store(question, held, then, inventory, baselines)
    if peers_document(picture) != question.document.get("peers", peers_document(picture)):
        return [_not_again("the carrier's other lines are others now than those that were looked at")]
    if picture.baseline != question.document["verdict"].get("baseline", COMPUTED):
        return [_not_again("the table of what was ordinary, by which it was judged, is no longer kept")]
    pictures = [picture]
    now = await _picture_of_store(question, held, store, inventory, baselines)
    if any(one.received_at.max(initial=0) > known.until for peer in now.peers for one in peer.series):
        pictures.append(replace(picture, peers=now.peers))
    return _compared(question, pictures, STORE)


async def _picture_of_store(
    question: Question, held: Held, store: MeasurementStore, inventory: Inventory, baselines: BaselineFolder | None
) -> Picture:
    """As the judgement read it; of the site's own lines within the pack's window what `held` found to be known then."""
    stored = question.document["verdict"].get("baseline", COMPUTED) != COMPUTED
    judging = Judging(
        store,
        question.inventory(inventory),
        question.cadences(),
        question.policy,
        baselines=baselines if stored else None,
        troubles=question.troubles,
    )
    picture = await judging.picture(question.site.id, question.claim, question.now)
    start = epoch_ms(datetime.fromisoformat(question.document["window"]["from"]))
    return replace(
        picture,
        links=[_as_held(one, held, start) for one in picture.links],
        device_facts=_facts_as_held(picture.device_facts, held, {device.id for device in picture.devices}, start),
    )


def _as_held(measured: Measured, held: Held, start: int) -> Measured:
    before = {one.source: between(one, 0, start) for one in measured.series}
    inside = {one.series.source: one.series for (link, _), one in held.series.items() if link == measured.link.id}
    series = []
    for source in [*before, *(each for each in inside if each not in before)]:
        pieces = [each[source] for each in (before, inside) if source in each and len(each[source])]
        if pieces:
            series.append(joined(pieces, sorted({name for piece in pieces for name in piece.fields})))
    facts = _facts_as_held(measured.facts, held, {measured.link.id}, start)
    return replace(measured, series=series, facts=facts)


def _facts_as_held(before: Sequence[Fact], held: Held, subjects: set[str], start: int) -> list[Fact]:
    return [
        *(fact for fact in before if epoch_ms(fact.time) < start),
        *sorted(fact for fact in held.facts if fact.subject in subjects and epoch_ms(fact.time) >= start),
    ]


def _picture_of_pack(question: Question, held: Held) -> Picture:
    """The site alone, over the pack's window."""
    site, client = question.site, Client(**question.document["client"])
    inventory = question.inventory(Inventory.of(clients=[client]))
    series: dict[str, list[Series]] = {}
    for (link, _), one in held.series.items():
        series.setdefault(link, []).append(one.series)
    links = question.links()
    subjects = {link.id for link in links}
    return Picture(
        site=site,
        client=client,
        devices=question.devices(),
        links=[
            Measured(
                link, series.get(link.id, []), [fact for fact in held.facts if fact.subject == link.id], site.client,
                site.market, site.zone, holidays=site.holidays,
            )
            for link in links
        ],
        device_facts=[fact for fact in held.facts if fact.subject not in subjects],
        cadences=question.cadences(),
        maintenance=inventory.maintenance,
    )  # fmt: skip


def _compared(question: Question, pictures: Sequence[Picture], used: str, only: Sequence[str] = ()) -> list[Check]:
    """`pictures` after the first differ from it by what came later of the carrier's other lines, of which the pack has
    no samples: what one of them gives counts as the same, and what differs between them is not held against it."""
    answers = [_differences(question, picture) for picture in pictures]
    best = min(answers, key=lambda answer: sum(map(bool, answer.values())))
    then = question.document.get("software", {})
    checks = []
    for name in only or best:
        differing, detail = best[name], "; ".join(best[name]) or "the same"
        if differing and then.get("rules") != software()["rules"]:
            build = f"{then.get('lineproof', 'an older version')} ({then.get('rules', 'rules not named')[:14]})"
            detail, differing = f"judged by other rules, of {build}, and not held against these: {detail}", []
        elif differing and any(answer[name] != best[name] for answer in answers):
            detail, differing = f"other lines of the carrier were measured again since, and decide it: {detail}", []
        checks.append(Check(what=f"judged again: {name}", ok=not differing, detail=detail, used=used))
    return checks


def _differences(question: Question, picture: Picture) -> dict[str, list[str]]:
    """Of each key of the verdict the figures that come out differently."""
    said = question.document["verdict"]
    verdict = judge(question.claim, picture, question.policy, question.now)
    again = verdict_document(verdict, id="", case=None, evidence_sha256="")
    return {
        name: _differing(name, said.get(name), value) for name, value in again.items() if name not in NAMED_BY_RECORDS
    }


def _differing(name: str, said: object, again: object) -> list[str]:
    """Each figure that differs, by its place in the verdict."""
    if isinstance(said, dict) and isinstance(again, dict):
        keys = sorted({*said, *again})
        return [text for key in keys for text in _differing(f"{name}.{key}", said.get(key), again.get(key))]
    if isinstance(said, list) and isinstance(again, list) and len(said) == len(again):
        pairs = enumerate(zip(said, again, strict=True))
        return [text for place, (one, other) in pairs for text in _differing(f"{name}[{place}]", one, other)]
    if isinstance(said, float) and isinstance(again, float) and math.isclose(said, again, rel_tol=1e-6, abs_tol=1e-6):
        return []
    return [] if said == again else [f"{name}: said {said!r}, judged again {again!r}"]


def unread(document: Mapping[str, Any], error: ValidationError) -> Check:
    """In place of judging again what `Question.of` could not read."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    of = document.get("software", {}).get("lineproof", "an older version")
    return _not_again(
        f"another build ({of}) judged it, and these rules do not read {place} of its pack: {first['msg']}"
    )


def _not_again(why: str) -> Check:
    return Check(what="judged again", ok=True, detail=f"not possible: {why}", used="neither")
