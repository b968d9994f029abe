"""Builds the evidence pack of a judgement. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from collector.model import FIELDS, Fact, FloatArray, Series, TimeArray
from config.clock import epoch_ms, from_epoch_ms, rfc3339
from inventory.model import Device, Link, MaintenanceWindow, Site
from triage.announced import excluded_of
from triage.contacts import without_contacts
from triage.detection.event import MINUTE
from triage.detection.habits import bins_of
from triage.detection.learning import learn
from triage.detection.link import TRAFFIC, views_of
from triage.detection.view import View
from triage.documents import verdict_document
from triage.evidence import EvidencePack
from triage.judge import judged_from
from triage.model import Claim, Picture, Verdict
from triage.policy import Policy
from triage.software import software

FORMAT = 1
BEFORE = timedelta(hours=6)
"""How much of the time before the trouble a pack shows."""
HALF_HOUR = 30 * MINUTE

_CLAIM = TypeAdapter(Claim)
_SITE = TypeAdapter(Site)
_DEVICE = TypeAdapter(Device)
_LINK = TypeAdapter(Link)
_MAINTENANCE = TypeAdapter(MaintenanceWindow)

ON_SITE = ("on_site_contact", "aliases")
REACHED_BY = ("management_address", "snmp", "orchestrator", "command_line")
BETWEEN_PARTNERS = ("monthly_charge", "contract", "carrier_repair_contact", "orchestrator_link")
PRIVATE = ("reporter_contact", "on_site_phone", "on_site_email")
FREE_TEXT = frozenset(
    {
        "words",
        "reported_by",
        "on_site_contact",
        "on_site_hours",
        "access_hours",
        "intrusive_test_hours",
        "access_instructions",
        "consent_by",
    }
)


def build_pack(claim: Claim | None, verdict: Verdict, picture: Picture, policy: Policy, now: datetime) -> EvidencePack:
    """Everything that the verdict rests on: inventory excerpts, samples and facts around the trouble, baselines.

    Phone numbers, mail and management addresses and charges are left out: a pack goes to clients and carriers. Of other
    clients' lines it says how many were looked at, and by a digest which: whoever judges again can tell the same ones.
    """
    site = policy.of(None, picture.client.id, picture.site.id)
    start = min(_start(claim, verdict, now), from_epoch_ms(judged_from(claim, site, now)))
    first, last = epoch_ms(start), epoch_ms(now)
    subjects = {device.id for device in picture.devices} | {one.link.id for one in picture.links}
    facts = [*picture.device_facts, *(fact for one in picture.links for fact in one.facts)]
    series = [one for measured in picture.links for one in measured.series]
    document = {
        "format": FORMAT,
        "made_at": rfc3339(now),
        "window": {"from": rfc3339(start), "to": rfc3339(now)},
        "known_until": rfc3339(_known_until(picture, now)),
        "software": software(),
        "claim": _claim(claim) if claim is not None else None,
        "verdict": verdict_document(verdict, id="", case=None, evidence_sha256=""),
        "client": {"id": picture.client.id, "name": picture.client.name},
        "site": _without(_json(_SITE, picture.site), ON_SITE),
        "devices": [_without(_json(_DEVICE, device), REACHED_BY) for device in picture.devices],
        "links": [_without(_json(_LINK, one.link), BETWEEN_PARTNERS) for one in picture.links],
        "policy": policy.document,
        "cadences": {
            source.value: {"every": cadence.every, "late": cadence.late} for source, cadence in picture.cadences.items()
        },
        "maintenance": [_maintenance(window, picture) for window in picture.maintenance],
        "troubled": {one.link.id: [list(period) for period in one.troubled] for one in picture.links if one.troubled},
        "peers": peers_document(picture),
        "facts": [_fact(fact) for fact in sorted(facts) if fact.subject in subjects and start <= fact.time <= now],
        "series": [excerpt for one in series if (excerpt := _series(one, first, last)) is not None],
        "baselines": list(_ordinary(claim, picture, policy, first, now)),
    }
    return EvidencePack.of(document)


def _known_until(picture: Picture, now: datetime) -> datetime:
    """When the newest of all that was looked at was received, here or at other sites: the time of judging may be
    earlier than that of reading."""
    lines = [*picture.links, *picture.peers]
    samples = [int(one.received_at.max()) for line in lines for one in line.series if len(one)]
    facts = [fact.received_at for facts in (picture.device_facts, *(line.facts for line in lines)) for fact in facts]
    return max(now, from_epoch_ms(max(samples, default=epoch_ms(now))), max(facts, default=now))


def _start(claim: Claim | None, verdict: Verdict, now: datetime) -> datetime:
    moments = [now, verdict.onset or now, *(finding.onset for finding in verdict.findings)]
    if claim is not None and claim.since is not None:
        moments.append(claim.since)
    return min(moments) - BEFORE


def _json(adapter: TypeAdapter[Any], value: object) -> dict[str, Any]:
    document: dict[str, Any] = adapter.dump_python(value, mode="json")
    return document


def _without(document: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def _claim(claim: Claim) -> dict[str, Any]:
    document = _without(_json(_CLAIM, claim), PRIVATE)
    document["intake"] = _without(document["intake"], PRIVATE)
    return {**_scrubbed(document), "intake": _scrubbed(document["intake"])}


def _scrubbed(document: Mapping[str, Any]) -> dict[str, Any]:
    free = FREE_TEXT.intersection(document)
    return {**document, **{name: without_contacts(document[name]) for name in free}}


def _maintenance(window: MaintenanceWindow, picture: Picture) -> dict[str, Any]:
    """Of this site's lines alone: the same work may be done at others' too. Of its notice the impact, which decides
    whether it counts."""
    own = {one.link.id for one in picture.links}
    document = _without(_json(_MAINTENANCE, window), ("notice", "reason"))
    return {
        **document,
        "notice": {"impact": window.notice.impact},
        "sites": [site for site in window.sites if site == picture.site.id],
        "links": [link for link in window.links if link in own],
    }


def peers_document(picture: Picture) -> dict[str, Any]:
    """How many lines of the site's carriers at other sites were looked at; the digest tells which, and names none."""
    names = sorted(peer.link.id for peer in picture.peers)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    return {"lines": len(names), "sites": len({peer.link.site for peer in picture.peers}), "sha256": digest}


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "time": rfc3339(fact.time),
        "subject": fact.subject,
        "kind": fact.kind.value,
        "value": fact.value,
        "source": fact.source.value,
        "received_at": rfc3339(fact.received_at),
        "detail": fact.detail,
    }


def _series(series: Series, first: int, last: int) -> dict[str, Any] | None:
    start, stop = np.searchsorted(series.time, [first, last])
    rows = slice(int(start), int(stop))
    if rows.start == rows.stop:
        return None
    fields = {name: values[rows] for name, values in series.fields.items() if not np.isnan(values[rows]).all()}
    return {
        "link": series.link,
        "source": series.source.value,
        "seconds": series.seconds[rows].tolist(),
        "unit_by_field": {name: FIELDS[name] for name in fields},
        "time": series.time[rows].tolist(),
        "received_at": series.received_at[rows].tolist(),
        "fields": {name: _numbers(values) for name, values in fields.items()},
    }


def _ordinary(
    claim: Claim | None, picture: Picture, policy: Policy, first: int, now: datetime
) -> Iterator[dict[str, Any]]:
    start, last = judged_from(claim, policy.of(None, picture.client.id, picture.site.id), now), epoch_ms(now)
    excluded = excluded_of(picture, now)
    for measured in picture.links:
        own = policy.of(measured.link, measured.client)
        for view in views_of(measured, start, last, own, excluded):
            yield from _baselines(view, first, last, own)


def _baselines(view: View, first: int, last: int, policy: Policy) -> Iterator[dict[str, Any]]:
    """What is ordinary for each metric by half hours of the day, as the detectors saw it; `upper` is where it ends to
    be: three spreads up, or three times the ordinary loss."""
    moments = np.arange(first - first % HALF_HOUR, last, HALF_HOUR, dtype=np.int64)
    bins = bins_of(moments, view.zone, view.holidays)
    learnt = learn(view, policy, bins)
    for metric, one in learnt.baselines.items():
        centre, upper = one.centre[bins], (one.centre + 3 * one.spread)[bins]
        if metric in TRAFFIC:
            centre, upper = 10**centre, 10**upper
        yield _line(view, metric, learnt.version, moments, centre, upper)
    for metric, rate in learnt.loss.items():
        percent = 100 * rate.rate[bins]
        yield _line(view, metric, learnt.version, moments, percent, 3 * percent)


def _line(
    view: View, metric: str, version: str, moments: TimeArray, centre: FloatArray, upper: FloatArray
) -> dict[str, Any]:
    return {
        "link": view.link,
        "source": view.source.value,
        "metric": metric,
        "version": version,
        "time": moments.tolist(),
        "centre": _numbers(centre),
        "upper": _numbers(upper),
    }


def _numbers(values: FloatArray) -> list[float | None]:
    """Floats, with None for what was not measured; JSON has no NaN."""
    numbers = values.tolist()
    return [None if math.isnan(value) else value for value in numbers] if np.isnan(values).any() else numbers
