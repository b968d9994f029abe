"""A scenario set from stories and backgrounds: `scenarios.jsonl`, `series.parquet`, `truth.jsonl` of one folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from _triage_sets.families import ACCESS, FAMILIES
from _triage_sets.lines import DAY, MINUTE, Array, Background, Clock, Harm, carried, sampled, severity_of
from _triage_sets.stories import HARD, KINDS, NORMAL, Hard, Story

Random = np.random.Generator
Samples = dict[str, Array]
BASE = datetime(2026, 3, 4, tzinfo=UTC).timestamp()
CAPACITY = {"primary": 100e6, "secondary": 20e6}
PACES = ((300, 20, 3), (300, 20, 3), (300, 20, 5), (300, 100, 3), (300, 10, 7), (300, 20, 14), (60, 10, 3), (60, 20, 3))
"""Seconds of a sample, probes in it, days of history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    scenario: dict[str, Any]
    truth: dict[str, Any]
    series: Mapping[str, Samples]


Backgrounds = Mapping[str, Callable[[Clock, Random], Background]]


def make_set(folder: Path, *, group: str, hard: bool, count: int, seed: int) -> None:
    """Write `count` scenarios on the group's kinds of lines; the same arguments give the same set."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [
        scenario(f"{group}-{'hard' if hard else 'normal'}-{number:04d}", FAMILIES[group], HARD if hard else NORMAL,
                 np.random.default_rng([seed, hard, number]))
        for number in range(count)
    ]  # fmt: skip
    (folder / "scenarios.jsonl").write_text("".join(json.dumps(each.scenario) + "\n" for each in made))
    (folder / "truth.jsonl").write_text("".join(json.dumps(each.truth) + "\n" for each in made))
    pl.concat([_frame(each) for each in made], how="diagonal").write_parquet(folder / "series.parquet")


def _frame(made: Made) -> pl.DataFrame:
    frames = [
        pl.DataFrame(
            {"scenario": made.scenario["id"], "link": link}
            | {name: values for name, values in samples.items() if name != "lost"}
        ).with_columns(pl.from_epoch(pl.col("time").cast(pl.Int64), time_unit="s").dt.replace_time_zone("UTC"))
        for link, samples in made.series.items()
    ]
    return pl.concat(frames, how="diagonal").with_columns(pl.col(pl.Float64).fill_nan(None).cast(pl.Float32))


def scenario(name: str, backgrounds: Backgrounds, hard: Hard, random: Random) -> Made:
    """One scenario; a fault that an oracle with the interval in hand could not tell is drawn again."""
    weights = np.array([weight for _, weight in KINDS.values()])
    kind = str(random.choice(list(KINDS), p=weights / weights.sum()))
    for _ in range(30):
        made = _told(name, kind, backgrounds, hard, random)
        if made is not None:
            return made
    raise RuntimeError(f"{name}: no background shows a fault of kind {kind}; make its effect larger")


def _told(name: str, kind: str, backgrounds: Backgrounds, hard: Hard, random: Random) -> Made | None:
    step, probes, days = PACES[random.integers(len(PACES))]
    clock = Clock(start=0.0, step=step, rows=int(days * DAY / step), probes=probes)
    now = BASE + 60 * int(random.integers(0, 10 * 1440))
    clock = replace(clock, start=now - clock.step * clock.rows)
    family = str(random.choice(list(backgrounds)))
    background = backgrounds[family](clock, random)
    if kind == "far_link":
        farther = max(0.0, random.uniform(60, 90) - float(np.median(background.base_ms)))
        background = replace(background, base_ms=background.base_ms + farther)
    tell, _ = KINDS[kind]
    story = tell(random, kind, now, hard, float(np.median(background.base_ms)))
    if story.onset is not None and story.since >= now:
        story.since = now - MINUTE
    own = sampled(background, story.harms.get("own", ()), clock, random)
    if story.metric and not _can_be_told(own[story.metric], clock, story, now):
        return None
    series = {"X-primary": _own_line(own, story, clock, random)}
    truth_rows = (clock.time + clock.step > (story.onset or now)) & (clock.time < (story.end or now))
    truth = {
        "id": name, "verdict": story.verdict, "cause": story.cause,
        "onset": _text(story.onset), "end": _text(story.end), "severity": _severity(story, own, truth_rows),
        "secondary_fit": None, "kind": kind, "mild": story.mild,
        "background": family,
    }  # fmt: skip
    links = [_link("X", "primary", "A", ACCESS.get(family, "dia")), {"id": "X-lan", "site": "X", "role": "lan"}]
    series["X-lan"] = _lan_port(story, clock)
    if kind == "secondary_only" or random.random() < 0.8:
        harms, truth["secondary_fit"] = _second_line(story, now, random)
        links.append(_link("X", "secondary", "cellular", "lte"))
        series["X-secondary"] = _second_samples(backgrounds, harms, clock, random)
    for carrier, letter, number in (("A", "P", random.integers(4, 9)), ("B", "Q", random.integers(2, 4))):
        for place in range(number):
            site = f"{letter}{place}"
            kin = str(random.choice(list(backgrounds)))
            links.append(_link(site, "primary", carrier, ACCESS.get(kin, "dia")))
            samples = sampled(backgrounds[kin](clock, random), _peer_harms(story, letter, place, random), clock, random)
            series[f"{site}-primary"] = _with_traffic(samples, clock, "primary", random)
    sites = sorted({link["site"] for link in links})
    document = {
        "id": name, "now": _text(now), "sample_seconds": step,
        "inventory": {
            "clients": [{"id": f"client-{site}"} for site in sites],
            "sites": [{"id": site, "client": f"client-{site}", "timezone": "UTC"} for site in sites],
            "links": links,
        },
        "claim": {
            "site": "X", "client": "client-X", "symptom": "slow",
            "since": _text(story.since), "reported_at": _text(now),
        },
    }  # fmt: skip
    return Made(
        scenario=document,
        truth=truth,
        series={link: _with_gaps(samples, clock, story, link, hard, random) for link, samples in series.items()},
    )


def _can_be_told(values: Array, clock: Clock, story: Story, now: float) -> bool:
    """Whether the mean over the fault's samples is above that of 99 in 100 stretches of the same length before it."""
    onset, end = story.onset or now, story.end or now
    first, stop = np.searchsorted(clock.time, [onset - 0.5 * clock.step, end - 0.5 * clock.step])
    known = np.nan_to_num(values, nan=float(np.nanmedian(values)))
    length = max(1, int(stop - first))
    means = np.convolve(known[:first], np.ones(length) / length, mode="valid")
    return bool(known[first:stop].mean() > np.quantile(means, 0.99)) if len(means) else False


def _own_line(samples: Samples, story: Story, clock: Clock, random: Random) -> Samples:
    line = _with_traffic(samples, clock, "primary", random)
    during = clock.time
    if story.used:
        begin, end, share = story.used
        rows = (during >= begin) & (during < end)
        line["rx_bps"][rows] = CAPACITY["primary"] * np.minimum(1.0, share * random.normal(1, 0.01, int(rows.sum())))
    if story.gone:
        begin, end, _ = story.gone
        rows = (during + clock.step > begin) & (during < end)
        part = np.clip((np.minimum(during + clock.step, end) - np.maximum(during, begin)) / clock.step, 0, 1)[rows]
        line["rx_bps"][rows] *= 1 - part * (1 - random.uniform(0.001, 0.01))
    if story.port == "port":
        for harm in story.harms["own"]:
            line["oper_up"][(during >= harm.start) & (during < harm.end)] = 0.0
            for change in (harm.start, harm.end):
                line["flaps"] += (during <= change) & (change < during + clock.step)
    if story.port == "dark":
        for harm in story.harms["own"]:
            rows = (during + clock.step > harm.start) & (during < harm.end) & (line["loss_pct"] >= 100)
            for name in ("oper_up", "rx_bps", "flaps"):
                line[name][rows] = np.nan
    return line


def _with_traffic(samples: Samples, clock: Clock, role: str, random: Random) -> Samples:
    usual = carried(clock, CAPACITY[role], random, used=random.uniform(0.1, 0.35), night=random.uniform(0.03, 0.2))
    return {
        "time": clock.time, **samples,
        "rx_bps": usual * (1 - samples["loss_pct"] / 100) ** 2,
        "oper_up": np.ones(clock.rows), "flaps": np.zeros(clock.rows),
    }  # fmt: skip


def _lan_port(story: Story, clock: Clock) -> Samples:
    up = np.ones(clock.rows)
    if story.gone and story.gone[2]:
        up[(clock.time >= story.gone[0]) & (clock.time < story.gone[1])] = 0.0
    return {"time": clock.time, "oper_up": up}


def _second_line(story: Story, now: float, random: Random) -> tuple[list[Harm], bool]:
    """What is wrong with the second line, and whether one would send the site's traffic over it."""
    if "second" in story.harms:
        return story.harms["second"], False
    if random.random() < 0.7:
        return [], True
    begin = now - MINUTE * random.uniform(40, 200)
    kind = random.choice(["loss", "latency", "down"])
    one = {
        "loss": Harm(start=begin, end=now, loss=random.uniform(0.06, 0.3)),
        "latency": Harm(start=begin, end=now, delay_ms=random.uniform(80, 250)),
        "down": Harm(start=begin, end=now, loss=1.0),
    }[str(kind)]
    return [one], False


def _second_samples(backgrounds: Backgrounds, harms: Sequence[Harm], clock: Clock, random: Random) -> Samples:
    own = FAMILIES["worked"]["lte"] if "lte" in backgrounds else FAMILIES["held"]["millimetre"]
    samples = _with_traffic(sampled(own(clock, random), harms, clock, random), clock, "secondary", random)
    samples["rx_bps"] = random.uniform(0.4e6, 1.2e6) * np.exp(0.2 * random.standard_normal(clock.rows))
    samples["rsrp_dbm"] = np.round(random.uniform(-105, -85) + 2 * random.standard_normal(clock.rows))
    return samples


def _peer_harms(story: Story, letter: str, place: int, random: Random) -> list[Harm]:
    if letter == "P" and story.kind == "wrong_site" and place == 0:
        return story.harms["peer"]
    if letter == "P" and "peers" in story.harms and (place < 2 or random.random() < 0.75):
        later = random.uniform(-3, 3) * MINUTE
        return [replace(each, start=each.start + later) for each in story.harms["peers"]]
    return []


def _with_gaps(samples: Samples, clock: Clock, story: Story, link: str, hard: Hard, random: Random) -> Samples:
    """Without the rows that never arrived: single ones, and an hour or so now and then."""
    kept = random.random(clock.rows) >= hard.missing * random.uniform(0, 2)
    for begin in random.integers(0, clock.rows, random.poisson(0.3)):
        kept[begin : begin + int(random.uniform(10, 60) * MINUTE / clock.step)] &= bool(begin < clock.rows * 0.85)
    if story.no_rows and link.startswith("X-"):
        kept &= (clock.time < story.no_rows[0]) | (clock.time >= story.no_rows[1])
    return {name: values[kept] for name, values in samples.items()}


def _severity(story: Story, samples: Samples, rows: np.ndarray) -> str | None:
    if story.onset is None:
        return None
    if story.kind in ("lan_cpe", "down"):
        return "critical"
    # What a line that flaps does to its user is a matter of taste; the format's rule is for steady faults.
    return None if story.kind == "flap" else severity_of(samples, rows)


def _link(site: str, role: str, carrier: str, access: str) -> dict[str, Any]:
    return {
        "id": f"{site}-{role}", "site": site, "carrier": carrier, "access": access, "role": role,
        "committed_down_bps": CAPACITY[role], "committed_up_bps": CAPACITY[role],
    }  # fmt: skip


def _text(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(round(moment), UTC).isoformat().replace("+00:00", "Z")
