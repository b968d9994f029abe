"""What happens in a scenario: which line is harmed, from when to when, and what the right answer is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from _triage_sets.lines import MINUTE, Harm

Random = np.random.Generator
QUEUEING = ("loss", "latency", "jitter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hard:
    """How difficult a set is: the shortest fault and the furthest since-time in minutes, the share of mild faults and
    of missing samples."""

    shortest: float = 20
    off: float = 30
    mild: float = 0.33
    missing: float = 0.01


NORMAL, HARD = Hard(), Hard(shortest=12, off=45, mild=0.6, missing=0.06)


@dataclass(slots=True, kw_only=True)
class Story:
    """`harms` by line: "own", "second", "peers" (most of the carrier's), "peer" (one of them). Times in Unix seconds.

    `onset` None is a story without a fault. `metric` is what an oracle that knows the interval looks at.
    """

    kind: str
    verdict: str = "not_substantiated"
    cause: str = "none"
    since: float = 0.0
    onset: float | None = None
    end: float | None = None
    mild: bool = False
    metric: str | None = None
    harms: dict[str, list[Harm]] = field(default_factory=dict)
    port: str = "up"
    """What the device says while nothing comes through: `port` (down, and counted), `up`, `dark` (nothing)."""
    used: tuple[float, float, float] | None = None
    """From, until, share of the capacity that the own line carries then."""
    gone: tuple[float, float, bool] | None = None
    """From, until, whether the LAN port is down while the traffic is gone."""
    no_rows: tuple[float, float] | None = None


def times(random: Random, now: float, hard: Hard) -> tuple[float, float | None]:
    """Onset and end of a fault; None while it is still there."""
    length = MINUTE * hard.shortest * (300 / hard.shortest) ** random.random()
    if random.random() < 0.65:
        return now - length, None
    end = now - MINUTE * random.uniform(25, 150)
    length = min(length, 170 * MINUTE)
    return end - length, end


def harm(random: Random, kind: str, start: float, end: float, *, mild: bool, base_ms: float) -> Harm:
    """A fault of one kind; what is slow is so by at least as much as its path lets anybody feel."""
    far = max(1.0, 0.3 * base_ms / 20)
    if kind == "loss":
        return Harm(start=start, end=end, loss=random.uniform(0.025, 0.06) if mild else random.uniform(0.08, 0.35))
    if kind == "latency":
        return Harm(start=start, end=end, delay_ms=far * (random.uniform(18, 35) if mild else random.uniform(40, 150)))
    return Harm(start=start, end=end, wobble_ms=random.uniform(13, 26) if mild else random.uniform(30, 90))


def flapping(random: Random, start: float, end: float, slower: float) -> list[Harm]:
    """Down for one to four minutes, up for one to six; `slower` stretches both."""
    down, at = [], start
    while at < end:
        stop = min(end, at + slower * MINUTE * random.uniform(1, 4))
        down.append(Harm(start=at, end=stop, loss=1.0))
        at = stop + slower * MINUTE * random.uniform(1, 6)
    return down


def faulty(random: Random, kind: str, now: float, hard: Hard, base_ms: float) -> Story:
    """A story whose fault is there."""
    onset, end = times(random, now, hard)
    until = now if end is None else end
    story = Story(kind=kind, onset=onset, end=end, verdict="confirmed" if end is None else "recovered")
    story.since = onset + MINUTE * random.uniform(-hard.off, hard.off)
    story.mild = kind in (*QUEUEING, "over_util", "carrier_wide") and bool(random.random() < hard.mild)
    if kind in QUEUEING:
        story.harms["own"] = [harm(random, kind, onset, until, mild=story.mild, base_ms=base_ms)]
        story.cause, story.metric = kind, {"loss": "loss_pct", "latency": "rtt_ms", "jitter": "jitter_ms"}[kind]
    elif kind == "down":
        story.harms["own"] = [Harm(start=onset, end=until, loss=1.0)]
        story.cause, story.port = "link_down", str(random.choice(["port", "up", "dark"]))
    elif kind == "flap":
        story.cause, story.port = "instability", str(random.choice(["port", "port", "up"]))
        # Changes that no device counts can be told from steady loss only where they are no faster than samples.
        story.harms["own"] = flapping(random, onset, until, 1.0 if story.port == "port" else 2.5)
    elif kind == "lan_cpe":
        story.cause, story.gone = "lan", (onset, until, bool(random.random() < 0.5))
    elif kind == "over_util":
        delay = random.uniform(18, 35) if story.mild else random.uniform(40, 120)
        story.harms["own"] = [Harm(start=onset, end=until, delay_ms=delay, wobble_ms=random.uniform(3, 20))]
        story.cause, story.used, story.metric = "saturation", (onset, until, random.uniform(0.93, 1.0)), "rtt_ms"
    else:
        one = str(random.choice([*QUEUEING, "down"]))
        shared = (
            Harm(start=onset, end=until, loss=1.0)
            if one == "down"
            else harm(random, one, onset, until, mild=story.mild, base_ms=base_ms)
        )
        story.mild = story.mild and one != "down"
        story.harms |= {"own": [shared], "peers": [shared]}
        story.cause = "carrier_wide"
        story.metric = {"loss": "loss_pct", "latency": "rtt_ms", "jitter": "jitter_ms"}.get(one)
    return story


def quiet(random: Random, kind: str, now: float, hard: Hard, base_ms: float) -> Story:
    """A story in which what the client says is not to be found."""
    since = now - MINUTE * random.uniform(25, 240)
    story = Story(kind=kind, since=since)
    one = str(random.choice(QUEUEING))
    if kind == "blip":
        at = random.uniform(since, now - 15 * MINUTE)
        story.harms["own"] = [Harm(start=at, end=at + 3 * MINUTE, delay_ms=90) if one != "loss"
                              else Harm(start=at, end=at + MINUTE, loss=0.8)]  # fmt: skip
    elif kind == "wrong_time":
        begin = since - MINUTE * random.uniform(300, 700)
        length = MINUTE * random.uniform(hard.shortest, 90)
        story.harms["own"] = [harm(random, one, begin, begin + length, mild=False, base_ms=base_ms)]
    elif kind == "wrong_site":
        story.harms["peer"] = [harm(random, one, since, now, mild=False, base_ms=base_ms)]
    elif kind == "secondary_only":
        story.harms["second"] = [harm(random, one, since, now, mild=False, base_ms=base_ms)]
    elif kind == "diurnal":
        one = str(random.choice(["latency", "jitter", "loss"]))
        story.harms["own"] = daily(random, one, now)
    elif kind == "busy_ok":
        story.used = (since, now, random.uniform(0.6, 0.85))
    elif kind == "gap":
        story.verdict, story.cause = "inconclusive", "no_data"
        story.no_rows = (since - 70 * MINUTE, now)
    return story


def daily(random: Random, kind: str, now: float, days: int = 14) -> list[Harm]:
    """The same hours of every day, a little earlier or later, a little more or less; today's began not long ago."""
    begin, length = now - MINUTE * random.uniform(45, 120), MINUTE * random.uniform(130, 260)
    size = {"latency": random.uniform(25, 60), "jitter": random.uniform(15, 40), "loss": random.uniform(0.03, 0.06)}
    harms = []
    for day in range(days + 1):
        start = begin - day * 86_400 + MINUTE * random.uniform(-12, 12) * (day > 0)
        strength = size[kind] * random.uniform(0.85, 1.15)
        stop = min(now, start + length)
        harms.append(
            Harm(start=start, end=stop, loss=strength) if kind == "loss"
            else Harm(start=start, end=stop, delay_ms=strength) if kind == "latency"
            else Harm(start=start, end=stop, wobble_ms=strength)
        )  # fmt: skip
    return harms


Teller = Callable[[Random, str, float, Hard, float], Story]
KINDS: dict[str, tuple[Teller, float]] = {
    "loss": (faulty, 2), "latency": (faulty, 2), "jitter": (faulty, 2), "down": (faulty, 1.5), "flap": (faulty, 1.5),
    "lan_cpe": (faulty, 1.5), "over_util": (faulty, 1.5), "carrier_wide": (faulty, 1.5),
    "clean": (quiet, 1.5), "far_link": (quiet, 1), "diurnal": (quiet, 1), "blip": (quiet, 1), "busy_ok": (quiet, 1),
    "wrong_time": (quiet, 1), "wrong_site": (quiet, 1), "secondary_only": (quiet, 1), "gap": (quiet, 1.2),
}  # fmt: skip
"""Kind, who tells it, and how often it is told."""
