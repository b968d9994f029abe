"""Kinds of lines as they are met: what each does by itself over days. Two groups, one to work with, one held back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from _triage_sets.lines import DAY, MINUTE, Array, Background, Clock, wandering

Random = np.random.Generator


def fibre(clock: Clock, random: Random) -> Background:
    quiet = np.ones(clock.rows)
    return Background(
        base_ms=random.uniform(2, 25) * quiet, queue_ms=random.uniform(0.1, 0.6) * quiet, loss=2e-5 * quiet, quantum=0.1
    )


def cable(clock: Clock, random: Random) -> Background:
    """An evening that fills the segment, and noise of the plant: a few minutes with a few lost probes, now and then."""
    evening = _bell(clock.hour, random.uniform(19.5, 21.5), 2.0) * _each_day(clock, random, 0.3)
    loss = 2e-4 + _episodes(clock, random, per_day=4, minutes=1.0, level=(0.03, 0.15))
    return Background(
        base_ms=np.full(clock.rows, random.uniform(9, 20)),
        queue_ms=random.uniform(0.8, 2.0) + random.uniform(1, 5) * evening,
        loss=loss,
        wild=0.002,
    )


def dsl(clock: Clock, random: Random) -> Background:
    """Trains anew every other day or so, with another interleaving depth."""
    steps = _levels(clock, random, days=1.5, choices=(0.0, 0.0, 8.0, 16.0))
    crc = _episodes(clock, random, per_day=6, minutes=0.5, level=(0.05, 0.2))
    ones = np.ones(clock.rows)
    return Background(
        base_ms=random.uniform(14, 30) + steps, queue_ms=random.uniform(0.3, 1.2) * ones, loss=3e-4 + crc, quantum=0.1
    )


def lte(clock: Clock, random: Random) -> Background:
    """The cell's load wanders, single samples are wild, a handover loses a probe."""
    load = np.exp(wandering(clock.rows, random, 0.35, memory=45 * MINUTE / clock.step))
    spikes = 1 + _episodes(clock, random, per_day=3, minutes=1.5, level=(2, 10))
    return Background(
        base_ms=random.uniform(32, 55) * np.ones(clock.rows),
        queue_ms=random.uniform(4, 9) * load * spikes,
        loss=random.uniform(0.0005, 0.004) * load,
        quantum=float(random.choice([0.0, 1.0])),
        wild=0.01,
    )


def bufferbloat(clock: Clock, random: Random) -> Background:
    """A household that fills its own buffer every evening, some more than others."""
    evening = _bell(clock.hour, random.uniform(18, 21), 1.5) * _each_day(clock, random, 0.25)
    busy = np.exp(wandering(clock.rows, random, 0.3, memory=20 * MINUTE / clock.step))
    return Background(
        base_ms=random.uniform(10, 25) + random.uniform(15, 60) * evening,
        queue_ms=(random.uniform(0.8, 2) + random.uniform(8, 25) * evening) * busy,
        loss=5e-4 + 0.004 * evening,
    )


def rerouted(clock: Clock, random: Random) -> Background:
    """Its carrier sends it another way for hours or days, 8 to 40 ms longer."""
    steps = _levels(clock, random, days=1.2, choices=(0.0, 0.0, 8.0, 14.0, 25.0, 40.0))
    ones = np.ones(clock.rows)
    return Background(
        base_ms=random.uniform(15, 50) + steps, queue_ms=random.uniform(0.3, 2) * ones, loss=3e-4 * ones, quantum=0.1
    )


def chronic(clock: Clock, random: Random) -> Background:
    """Always loses some: a bad splice, an old radio."""
    rate = random.uniform(0.003, 0.03) * np.exp(wandering(clock.rows, random, 0.25, memory=60 * MINUTE / clock.step))
    ones = np.ones(clock.rows)
    return Background(base_ms=random.uniform(10, 40) * ones, queue_ms=random.uniform(0.5, 3) * ones, loss=rate)


def satellite(clock: Clock, random: Random) -> Background:
    """A geostationary one: 600 ms, and a shower now and then."""
    load = np.exp(wandering(clock.rows, random, 0.4, memory=30 * MINUTE / clock.step))
    return Background(
        base_ms=random.uniform(580, 640) * np.ones(clock.rows),
        queue_ms=random.uniform(8, 20) * load,
        loss=random.uniform(0.001, 0.006) + _episodes(clock, random, per_day=2, minutes=2, level=(0.02, 0.1)),
        quantum=1.0,
        wild=0.01,
    )


def bursty(clock: Clock, random: Random) -> Background:
    """Loses probes in rows, not one by one."""
    loss = 1e-4 + _episodes(clock, random, per_day=20, minutes=0.4, level=(0.3, 0.9))
    ones = np.ones(clock.rows)
    return Background(
        base_ms=random.uniform(8, 40) * ones, queue_ms=random.uniform(0.4, 2) * ones, loss=loss, wild=0.003
    )


def fixed_wireless(clock: Clock, random: Random) -> Background:
    """Fades with the weather: jitter wanders by the hour, some loss comes with it."""
    fade = np.exp(wandering(clock.rows, random, 0.6, memory=90 * MINUTE / clock.step))
    return Background(
        base_ms=random.uniform(6, 18) * np.ones(clock.rows),
        queue_ms=random.uniform(1, 4) * fade,
        loss=np.minimum(0.02, random.uniform(0.0002, 0.002) * fade),
        wild=0.004,
    )


def office(clock: Clock, random: Random) -> Background:
    """Busy on working days from nine to five, idle at the weekend."""
    day = ((clock.time // DAY) + 4) % 7
    working = (1 / (1 + np.exp(-(clock.hour - 9) * 3)) - 1 / (1 + np.exp(-(clock.hour - 17) * 3))) * (
        (day >= 1) & (day <= 5)
    )
    return Background(
        base_ms=random.uniform(6, 15) + random.uniform(5, 25) * working * _each_day(clock, random, 0.2),
        queue_ms=0.5 + random.uniform(2, 8) * working,
        loss=2e-4 + 0.001 * working,
    )


def millimetre(clock: Clock, random: Random) -> Background:
    """5G: quick, and now and then behind a tree; answers come in steps of the scheduler."""
    hidden = _episodes(clock, random, per_day=10, minutes=1.0, level=(1.0, 6.0))
    return Background(
        base_ms=random.uniform(14, 28) * np.ones(clock.rows),
        queue_ms=random.uniform(1.5, 5) * (1 + hidden),
        loss=0.0008 + 0.002 * hidden,
        quantum=0.5,
        wild=0.01,
    )


def coarse(clock: Clock, random: Random) -> Background:
    """An old router whose clock ticks in whole milliseconds, on a long path."""
    ones = np.ones(clock.rows)
    return Background(
        base_ms=random.uniform(20, 90) * ones, queue_ms=random.uniform(0.1, 1.0) * ones, loss=1e-3 * ones, quantum=1.0
    )


FAMILIES: dict[str, dict[str, Callable[[Clock, Random], Background]]] = {
    "worked": {each.__name__: each for each in (fibre, cable, dsl, lte, bufferbloat, rerouted, chronic)},
    "held": {each.__name__: each for each in (satellite, bursty, fixed_wireless, office, millimetre, coarse)},
}
"""Name of the group, name of the family."""
ACCESS = {"dsl": "dsl", "satellite": "satellite", "millimetre": "5g"}
"""What the inventory says of these families' lines; the others are said to be leased ones, as cellular lines are at
providers that count them by their contract."""


def _bell(hour: Array, at: float, width: float) -> Array:
    apart = np.minimum(np.abs(hour - at), 24 - np.abs(hour - at))
    return np.asarray(np.exp(-0.5 * (apart / width) ** 2))


def _each_day(clock: Clock, random: Random, spread: float) -> Array:
    """Another factor for each day: no day is quite like the other."""
    day = ((clock.time - clock.start % DAY) // DAY).astype(int)
    day -= day[0]
    return np.asarray(np.exp(spread * random.standard_normal(day[-1] + 1))[day])


def _levels(clock: Clock, random: Random, days: float, choices: tuple[float, ...]) -> Array:
    """Steps between levels, each kept for `days` on average; the last one for more than a day, so that no step of the
    background is taken for the fault of the story."""
    level = np.empty(clock.rows)
    row = 0
    quiet = clock.rows - int(30 * 60 * MINUTE / clock.step)
    while row < clock.rows:
        stop = row + max(1, int(random.exponential(days * DAY) / clock.step))
        stop = clock.rows if stop >= quiet else stop
        level[row:stop] = random.choice(choices)
        row = stop
    return level


def _episodes(clock: Clock, random: Random, per_day: float, minutes: float, level: tuple[float, float]) -> Array:
    """Short bad times: for each sample the level it was under, weighted by how much of it they took."""
    found = np.zeros(clock.rows)
    for begin in random.uniform(0, clock.rows, random.poisson(per_day * clock.rows * clock.step / DAY)):
        left, height = random.exponential(minutes * MINUTE) / clock.step, random.uniform(*level)
        while left > 0 and begin < clock.rows:
            part = min(left, int(begin) + 1 - begin)
            found[int(begin)] += part * height
            begin, left = int(begin) + 1, left - part
    return found
