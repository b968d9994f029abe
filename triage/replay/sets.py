"""Scenario sets: a folder with `scenarios.jsonl` and `series.parquet`; one verdict a line comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from collector.model import FIELDS, Cadence, Series, Source
from config.errors import ConfigurationError, Fault
from config.expected import one_of
from config.yamlfile import faults_of, read_text
from inventory.importing import inventory_of
from inventory.maintenance import at_site
from inventory.model import Inventory, Link
from triage.documents import verdict_document
from triage.judge import judge
from triage.model import Claim, Measured, Picture, Symptom
from triage.policy import Policy, merged
from triage.policy_files import load_policy


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClaimLine(_Line):
    """What a client reports."""

    site: str = Field(description="the site's id")
    client: str = Field(description="the client's id")
    symptom: Symptom = Field(default=Symptom.SLOW, description="what it is like for the client")
    since: AwareDatetime | None = Field(default=None, description="since when; null: not said")
    reported_at: AwareDatetime = Field(description="when it was reported")


class Scenario(_Line):
    """One line of `scenarios.jsonl`. An unknown key is refused by name."""

    id: str = Field(description="the verdict's id")
    now: AwareDatetime = Field(description="the moment of the judgement; later samples are not known yet")
    sample_seconds: int = Field(ge=1, description="seconds of a slot")
    inventory: dict[str, Any] = Field(description="clients, sites, devices, links, maintenance, as in an inventory")
    claim: ClaimLine = Field(description="the claim that is judged")
    policy: dict[str, Any] | None = Field(default=None, description="keys of the policy that differ")


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A scenario with what it is judged by; `at` is its place in the file, for what is wrong with it."""

    scenario: Scenario
    inventory: Inventory
    at: str


def read_scenarios(folder: Path) -> list[Read]:
    """The scenarios of a set, all of them checked. Raises ConfigurationError naming file, line and field of every
    fault."""
    path = folder / "scenarios.jsonl"
    found: list[Read] = []
    faults: list[Fault] = []
    known: dict[str, int] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        at = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            scenario = Scenario.model_validate_json(line)
            inventory = inventory_of(scenario.inventory, at)
        except ValidationError as error:
            faults += faults_of(error, at, {}, Scenario)
            continue
        except ConfigurationError as error:
            faults += [Fault(at, None, f"inventory.{one.field}", one.value, one.expected) for one in error.faults]
            continue
        if scenario.claim.site not in inventory.sites:
            wanted = f"a site of this scenario: {one_of(scenario.claim.site, sorted(inventory.sites))}"
            faults.append(Fault(at, None, "claim.site", scenario.claim.site, wanted))
        if scenario.id in known:
            faults.append(Fault(at, None, "id", scenario.id, f"an id of its own; line {known[scenario.id]} has it"))
        known[scenario.id] = number
        found.append(Read(scenario, inventory, at))
    if faults:
        raise ConfigurationError(f"{path} has {len(faults)} fault{'s' * (len(faults) != 1)}", faults)
    return found


def replay_set(folder: Path, policy: Policy | None = None) -> Iterator[dict[str, Any]]:
    """A verdict document for each scenario of the set, in its order.

    A scenario's own `policy` is laid over the given one. A link without samples is judged as one that was not measured.
    Raises ConfigurationError when the set cannot be read.
    """
    base = policy or load_policy()
    scenarios = read_scenarios(folder)
    used = [merged(base, one.scenario.policy, one.at) if one.scenario.policy else base for one in scenarios]
    samples = read_series(
        folder / "series.parquet", {one.scenario.id: one.scenario.sample_seconds for one in scenarios}
    )
    for one, by in zip(scenarios, used, strict=True):
        claim = Claim(**one.scenario.claim.model_dump())
        picture = picture_of(one.scenario, one.inventory, samples.get(one.scenario.id, {}))
        yield verdict_document(judge(claim, picture, by, one.scenario.now), one.scenario.id)


def picture_of(scenario: Scenario, inventory: Inventory, series: Mapping[str, Series]) -> Picture:
    """The picture that a live engine would have had: the site's links, and the peers on its carriers."""
    site = inventory.sites[scenario.claim.site]
    own = [link for link in inventory.links_at(site.id) if link.watched]
    peers = {
        peer.id: peer
        for link in own
        if link.fault_domain
        for peer in inventory.links_in_fault_domain(link.fault_domain)
        if peer.site != site.id and peer.watched
    }

    def measured(link: Link) -> Measured:
        owner = inventory.sites[link.site]
        return Measured(link, [series[link.id]] if link.id in series else [], client=owner.client, zone=owner.zone)

    return Picture(
        site=site,
        client=inventory.client_of(site.id),
        devices=inventory.devices_at(site.id),
        links=[measured(link) for link in own],
        peers=[measured(link) for link in peers.values()],
        cadences={Source.PROBE: Cadence(every=scenario.sample_seconds, late=0)},
        maintenance=at_site(inventory, site.id),
    )


def read_series(path: Path, seconds: Mapping[str, int]) -> dict[str, dict[str, Series]]:
    """Every scenario's series by link, of slots of so many `seconds` by scenario. Null is NaN ("not measured"), an
    absent row is a gap; of rows for one slot the last one stands. Raises ConfigurationError."""
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}; it must be a Parquet file of samples") from None
    _check_columns(frame, path)
    fields = [name for name in frame.columns if name in FIELDS]
    keys = ("scenario", "link", "time")
    frame = frame.with_columns(pl.col("scenario", "link").cast(pl.String)).sort(keys, maintain_order=True)
    if frame.select(pl.struct(keys).rle_id().last() + 1).item() < len(frame):
        frame = frame.unique(keys, keep="last", maintain_order=True)
    runs = frame.select(run=pl.struct("scenario", "link").rle_id())
    starts = np.flatnonzero(np.diff(runs["run"].to_numpy(), prepend=-1))
    stops = np.append(starts[1:], len(frame))
    time = frame["time"].dt.epoch("ms").to_numpy()
    columns = {name: frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in fields}
    scenarios, links = frame["scenario"].gather(starts).to_list(), frame["link"].gather(starts).to_list()
    result: dict[str, dict[str, Series]] = {}
    for scenario, link, first, stop in zip(scenarios, links, starts.tolist(), stops.tolist(), strict=True):
        if scenario not in seconds:
            continue
        times, length = time[first:stop], seconds[scenario]
        result.setdefault(scenario, {})[link] = Series(
            link=link,
            source=Source.PROBE,
            time=times,
            seconds=np.full(len(times), length, np.int32),
            received_at=times + length * 1000,
            fields={name: values[first:stop] for name, values in columns.items()},
        )
    return result


def _check_columns(frame: pl.DataFrame, path: Path) -> None:
    needed = {"scenario": "a text", "link": "a text", "time": "a timestamp"}
    faults = [
        Fault(str(path), None, name, "", f"a column, {what}") for name, what in needed.items() if name not in frame
    ]
    for name, kind in frame.schema.items():
        if name in needed:
            fits = isinstance(kind, pl.Datetime) if name == "time" else kind in (pl.String, pl.Categorical)
            wanted = needed[name]
        elif name in FIELDS:
            fits, wanted = kind.is_numeric() or kind in (pl.Boolean, pl.Null), "numbers"
        else:
            fits, wanted = False, one_of(name, [*needed, *FIELDS])
        if not fits:
            faults.append(Fault(str(path), None, name, str(kind), wanted))
    if faults:
        raise ConfigurationError(f"{path} is not a file of samples", faults)
    holes = [name for name in needed if frame[name].null_count()]
    if holes:
        raise ConfigurationError(f"{path} has rows without {', '.join(holes)}; each row needs them")
