"""Scenario sets: a folder with `scenarios.jsonl` and `series.parquet`; one verdict a line comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from collector.model import FIELDS, Cadence, Series, Source
from config.errors import ConfigurationError
from config.yamlfile import faults_of
from inventory.model import Access, Client, Inventory, Link, LinkRole, Ownership, Site
from triage.documents import verdict_document
from triage.judge import judge
from triage.model import Claim, Measured, Picture, Symptom
from triage.policy import Policy, merged
from triage.policy_files import load_policy


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ClientLine(_Line):
    id: str
    name: str = ""
    timezone: str = "UTC"


class _SiteLine(_Line):
    id: str
    client: str
    name: str = ""
    market: str = ""
    timezone: str = "UTC"


class _LinkLine(_Line):
    id: str
    site: str
    role: LinkRole = LinkRole.PRIMARY
    access: Access | None = None
    carrier: str | None = None
    underlying_carrier: str | None = None
    committed_down_bps: float | None = None
    committed_up_bps: float | None = None
    ownership: Ownership = Ownership.PROVIDER
    metered: bool = False
    last_mile_group: str | None = None


class _InventoryLine(_Line):
    clients: tuple[_ClientLine, ...] = ()
    sites: tuple[_SiteLine, ...] = ()
    devices: tuple[dict[str, Any], ...] = ()
    links: tuple[_LinkLine, ...] = ()


class _ClaimLine(_Line):
    site: str
    client: str
    symptom: Symptom = Symptom.SLOW
    since: datetime | None = None
    reported_at: datetime


class Scenario(_Line):
    """One line of `scenarios.jsonl`. An unknown key is refused by name."""

    id: str
    now: datetime
    sample_seconds: int
    inventory: _InventoryLine
    claim: _ClaimLine
    policy: dict[str, Any] | None = None


def read_scenarios(folder: Path) -> Iterator[Scenario]:
    """The scenarios of a set. Raises ConfigurationError naming file, line and field of what is wrong."""
    path = folder / "scenarios.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}; name the folder of a scenario set"
        raise ConfigurationError(message) from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Scenario.model_validate_json(line)
        except ValidationError as error:
            faults = faults_of(error, f"{path}:{number}", {})
            raise ConfigurationError(f"{path}:{number} is not a scenario", faults) from None


def replay_set(folder: Path, policy: Policy | None = None) -> Iterator[dict[str, Any]]:
    """A verdict document for each scenario of the set, in its order.

    A scenario's own `policy` is laid over the given one. Raises ConfigurationError when the set cannot be read.
    """
    base = policy or load_policy()
    samples = _samples(folder / "series.parquet")
    for scenario in read_scenarios(folder):
        used = merged(base, scenario.policy, scenario.id) if scenario.policy else base
        verdict = judge(_claim(scenario), picture_of(scenario, samples.get(scenario.id, {})), used, scenario.now)
        yield verdict_document(verdict, scenario.id)


def picture_of(scenario: Scenario, series: Mapping[str, Series]) -> Picture:
    """The picture that a live engine would have had: the site's links, and the peers on its carriers."""
    inventory = _inventory(scenario.inventory)
    site = inventory.sites[scenario.claim.site]
    own = inventory.links_at(site.id)
    peers = {
        peer.id: peer
        for link in own
        if link.fault_domain
        for peer in inventory.links_in_fault_domain(link.fault_domain)
        if peer.site != site.id
    }

    def measured(link: Link) -> Measured:
        owner = inventory.sites[link.site]
        lines = [series[link.id]] if link.id in series else []
        return Measured(link, lines, client=owner.client, market=owner.market, zone=owner.zone)

    return Picture(
        site=site,
        client=inventory.client_of(site.id),
        devices=inventory.devices_at(site.id),
        links=[measured(link) for link in own],
        peers=[measured(link) for link in peers.values()],
        cadences={Source.PROBE: Cadence(every=scenario.sample_seconds, late=0)},
    )


def _claim(scenario: Scenario) -> Claim:
    return Claim(**scenario.claim.model_dump())


def _inventory(line: _InventoryLine) -> Inventory:
    return Inventory.of(
        clients=[Client(id=each.id, name=each.name or each.id, timezone=each.timezone) for each in line.clients],
        sites=[Site(**site.model_dump()) for site in line.sites],
        links=[Link(**link.model_dump()) for link in line.links],
    )


def _samples(path: Path) -> dict[str, dict[str, Series]]:
    """Every scenario's series by link. Null is NaN ("not measured"), an absent row is a gap."""
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}; it must be a Parquet file of samples") from None
    fields = [name for name in frame.columns if name in FIELDS]
    frame = frame.with_columns(pl.col("scenario", "link").cast(pl.String)).sort("scenario", "link", "time")
    keys = frame.select("scenario", "link", pl.struct("scenario", "link").rle_id().alias("run"))
    starts = np.flatnonzero(np.diff(keys["run"].to_numpy(), prepend=-1))
    stops = np.append(starts[1:], len(frame))
    time = frame["time"].dt.epoch("ms").to_numpy()
    columns = {name: frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in fields}
    scenarios, links = frame["scenario"].gather(starts).to_list(), frame["link"].gather(starts).to_list()
    result: dict[str, dict[str, Series]] = {}
    for scenario, link, first, stop in zip(scenarios, links, starts.tolist(), stops.tolist(), strict=True):
        times = time[first:stop]
        seconds = int(np.median(np.diff(times))) // 1000 if len(times) > 1 else 300
        result.setdefault(scenario, {})[link] = Series(
            link=link,
            source=Source.PROBE,
            time=times,
            seconds=np.full(len(times), seconds, np.int32),
            received_at=times + seconds * 1000,
            fields={name: values[first:stop] for name, values in columns.items()},
        )
    return result
