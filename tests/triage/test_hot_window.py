"""The engine's sweep over its hot window: at each threshold it suspects what the judge confirms, in the minute in which
the judge does, live and in a replay; and it knows blindness from a beginning."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from collector.journal import Journal
from collector.model import Cadence, Fact, FactKind, SampleBatch, Source
from collector.snmp.wishes import wishes
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock, epoch_ms, rfc3339
from config.database import Database
from inventory.model import Access, Client, Device, DeviceRole, Inventory, Link, Site
from triage import tables
from triage.cases import Decision
from triage.engine import Engine
from triage.evidence_folder import EvidenceFolder
from triage.judging import Judging
from triage.model import Scope, VerdictKind
from triage.policy import merged
from triage.policy_files import load_policy
from triage.reasons import Reason
from triage.replay.files import replay_file

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FLAT = {"rtt_ms": 20.0, "jitter_ms": 2.0, "loss_pct": 0.0, "rx_bps": 10e6, "oper_up": 1.0, "flaps": 0.0}
BEFORE = 300
"""Minutes of history: the judge looks back four hours, and needs twenty samples before them to know a line."""
Line = Mapping[str, float | Sequence[float]]


def below(value: float) -> float:
    return math.nextafter(value, 0)


def above(value: float) -> float:
    return math.nextafter(value, math.inf)


def at_threshold(value: float, minutes: int, field: str, **others: float) -> dict[str, Line]:
    """Three lines for so many minutes from noon on: a bit below, at, and a bit above."""
    around = {"below": below(value), "at": value, "above": above(value)}
    return {name: {field: [one] * minutes, **others} for name, one in around.items()}


# Flat lines: the smallest latency that counts is 20 + 15 ms, jitter 2 + 10 ms; traffic a tenth; 4 changes; 120 s from
# one sample that says down to another.
CASES: dict[str, dict[str, Line]] = {
    "latency": at_threshold(35.0, 12, "rtt_ms"),
    "jitter": at_threshold(12.0, 12, "jitter_ms"),
    "loss": at_threshold(2.0, 12, "loss_pct"),
    "down": at_threshold(99.0, 4, "loss_pct"),
    "gone": at_threshold(1e6, 12, "rx_bps"),
    "full": {name: {**line, "rtt_ms": [28.0] * 12} for name, line in at_threshold(90e6, 12, "rx_bps").items()},
    "limit": at_threshold(140.0, 12, "rtt_ms", usual=125.0),
    "flaps": {name: {"flaps": [1.0] * count} for name, count in (("below", 3), ("at", 4), ("above", 5))},
    "port": {name: {"oper_up": [0.0] * count} for name, count in (("below", 2), ("at", 3), ("above", 4))},
}
WHILE = 15
"""Minutes that are looked at: the longest of them and a few more."""
BRISK = {"limits": {"window_minutes": 10}, "saturation": {"minimum_minutes": 8}}
"""So that every rule can speak within them."""


def columns(line: Line) -> dict[str, list[float]]:
    """Every field from the beginning of history to the end."""
    made = {name: [value] * (BEFORE + WHILE) for name, value in FLAT.items()}
    usual = line.get("usual")
    if isinstance(usual, float):
        made["rtt_ms"] = [usual] * len(made["rtt_ms"])
    for name, values in line.items():
        if not isinstance(values, float):
            made[name][BEFORE : BEFORE + len(values)] = values
    return made


LINES = {f"{rule}-{where}": columns(line) for rule, lines in CASES.items() for where, line in lines.items()}
INVENTORY = {
    "clients": [{"id": "acme", "name": "Acme"}],
    "sites": [{"id": name, "client": "acme"} for name in LINES],
    "links": [
        {"id": f"{name}-wan", "site": name, "access": "dia", "carrier": name, "committed_down_bps": "100M",
         "committed_up_bps": "100M"}
        for name in LINES
    ],
}  # fmt: skip


def living() -> Inventory:
    return Inventory.of(
        clients=[Client(id="acme", name="Acme")],
        sites=[Site(id=name, client="acme") for name in LINES],
        links=[
            Link(id=f"{name}-wan", site=name, access=Access.DIA, carrier=name, committed_down_bps=100e6,
                 committed_up_bps=100e6)
            for name in LINES
        ],
    )  # fmt: skip


def scenario() -> dict[str, Any]:
    def samples(name: str, first: int, stop: int) -> dict[str, Any]:
        fields = {field: values[first:stop] for field, values in LINES[name].items()}
        begin = rfc3339(NOON + (first - BEFORE) * MINUTE)
        return {"link": f"{name}-wan", "source": "probe", "every": 60, "from": begin, "fields": fields}

    def after(minutes: int) -> str:
        return f"+00:{minutes:02d}:00"

    return {
        "scenario": 1,
        "id": "thresholds",
        "start": rfc3339(NOON),
        "until": after(WHILE),
        "inventory": INVENTORY,
        "policy": BRISK,
        "history": [samples(name, 0, BEFORE) for name in LINES],
        "timeline": [
            *(
                {"at": after(minute + 1), "samples": samples(name, BEFORE + minute, BEFORE + minute + 1)}
                for minute in range(WHILE)
                for name in LINES
            ),
            {"at": after(7), "restart": {}},
        ],
    }


class Fleet:
    """A living engine that follows a journal, its decisions about sites as they are made."""

    def __init__(self, folder: Path, inventory: Inventory, cadence: Cadence) -> None:
        self.clock = ManualClock(NOON)
        self.database = Database(folder / "records.db")
        self.journal = Journal(folder / "journal.sqlite")
        self.store = EmbeddedStore(self.journal, folder / "parts", 95)
        self.evidence = EvidenceFolder(folder / "evidence")
        self.judges = Judging(self.store, inventory, {Source.PROBE: cadence}, merged(load_policy(), BRISK))
        self.told: list[tuple[datetime, str, Reason]] = []
        self.restart()

    def restart(self, lag: timedelta = timedelta(0)) -> None:
        self.engine = Engine(
            self.database, self.judging, self.evidence, self.clock, lag=lag,
            observer=lambda row, site, decision: self._tell(row.now, site, decision),
        )  # fmt: skip
        self.engine.follow(self.journal)

    def _tell(self, now: datetime, site: str, decision: Decision) -> None:
        self.told.append((now, site, decision.reason))

    async def judging(self) -> Judging:
        return self.judges

    async def minute(self, minutes: float) -> None:
        """The minute's work, so many minutes after noon."""
        self.clock.move_to(NOON + minutes * MINUTE)
        await self.engine.tick()
        await self.engine.work_off()

    async def close(self) -> None:
        await self.store.close()
        await self.database.close()


def batch(fields: Mapping[str, Mapping[str, Sequence[float]]], first: int, stop: int) -> SampleBatch:
    """Minutes [first, stop) of each line, counted from the beginning of history."""
    count = stop - first
    time = np.tile(epoch_ms(NOON) + (np.arange(first, stop) - BEFORE) * 60_000, len(fields))
    return SampleBatch(
        Source.PROBE,
        [f"{name}-wan" for name in fields for _ in range(count)],
        time,
        np.full(len(time), 60, np.int32),
        time + 60_000,
        {name: np.concatenate([line[name][first:stop] for line in fields.values()]) for name in FLAT},
    )


@pytest.mark.slow
async def test_sweep_and_replay_agree_with_the_judge_at_every_threshold(tmp_path: Path):
    """Three ways to the same minute: the judge asked about each site in each minute; the living engine, sealed, trimmed
    and restarted meanwhile; and a replay."""
    fleet = Fleet(tmp_path / "living", living(), Cadence(every=60, late=60))
    await fleet.database.create_all()
    await fleet.store.write(batch(LINES, 0, BEFORE))
    confirmed: dict[str, datetime] = {}
    for minute in range(1, WHILE + 1):
        await fleet.store.write(batch(LINES, BEFORE + minute - 1, BEFORE + minute))
        if minute in (5, 9):
            await fleet.store.maintain(NOON + minute * MINUTE)
        if minute == 7:
            fleet.restart()
        await fleet.minute(minute)
        for site in LINES.keys() - confirmed.keys():
            judgement = await fleet.judges.judge(site, None, fleet.clock.now())
            if judgement.verdict.verdict is VerdictKind.CONFIRMED:
                confirmed[site] = fleet.clock.now()
    await fleet.close()
    first = (Reason.TROUBLE_SUSPECTED, Reason.NO_QUARANTINE)
    suspected = {site: now for now, site, reason in reversed(fleet.told) if reason in first}
    assert suspected == confirmed

    path = tmp_path / "thresholds.yaml"
    path.write_text(json.dumps(scenario()))
    lines = [line async for line in replay_file(path, load_policy())]
    replayed = {line["site"]: line["at"] for line in reversed(lines) if line["line"] == "trouble"}
    assert replayed == {site: rfc3339(at) for site, at in confirmed.items()}

    # Traffic is gone below its threshold; 98.99 % is still loss; a line that is nearly full is not full.
    short = {f"{rule}-below" for rule in CASES.keys() - {"gone", "down"}} | {"gone-above"}
    assert set(confirmed) == LINES.keys() - short


def eight_stores() -> Inventory:
    return Inventory.of(
        clients=[Client(id="acme", name="Acme")],
        sites=[Site(id=f"store-{n}", client="acme") for n in range(8)],
        devices=[Device(id=f"cpe-{n}", site=f"store-{n}", role=DeviceRole.ROUTER) for n in range(8)],
        links=[Link(id=f"store-{n}-wan", site=f"store-{n}", access=Access.DIA, carrier="A") for n in range(8)],
    )


STORES = {f"store-{n}": columns({}) for n in range(8)}


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Eight stores measured each minute until 40 minutes before noon, when everything stopped."""
    fleet = Fleet(tmp_path, eight_stores(), Cadence(every=60, late=60))
    await fleet.database.create_all()
    await fleet.store.write(batch(STORES, 0, BEFORE - 40))
    yield fleet
    await fleet.close()


async def test_a_start_after_a_stop_is_no_blindness(stores: Fleet):
    """Everything was stopped for 40 minutes. The first sample of one store comes a minute after the start, the others'
    in the second: nobody was blind."""
    await stores.minute(0)
    await stores.store.write(batch({"store-0": STORES["store-0"]}, BEFORE, BEFORE + 1))
    await stores.minute(1)
    await stores.store.write(batch(STORES, BEFORE, BEFORE + 2))
    for minute in (2, 3, 4):
        await stores.minute(minute)
    assert stores.told == []


async def test_silence_for_longer_than_a_source_may_be_silent_is_blindness(stores: Fleet):
    """Twice a minute's cadence and a minute's lateness: three minutes after the start it is said, no earlier."""
    for minute in range(5):
        await stores.minute(minute)
    said = [(now, reason) for now, _, reason in stores.told]
    assert said == [(NOON + 3 * MINUTE, Reason.OWN_BLINDNESS)], "and said once"


async def test_when_half_of_the_sites_fall_silent_at_once_it_is_us_and_when_fewer_do_it_is_not(stores: Fleet):
    await stores.store.write(batch(STORES, BEFORE - 40, BEFORE + 1))
    await stores.minute(1)
    half = {name: line for name, line in STORES.items() if name in ("store-0", "store-1", "store-2", "store-3")}
    for minute in range(2, 6):
        await stores.store.write(batch(half, BEFORE + minute - 1, BEFORE + minute))
        await stores.minute(minute)
    # The silent half's last slot began at noon; three minutes later it is still young enough.
    assert [now for now, _, _ in stores.told] == [NOON + 4 * MINUTE]
    await stores.store.write(batch({"store-4": STORES["store-4"]}, BEFORE + 4, BEFORE + 5))
    await stores.minute(6)
    assert [(now, reason) for now, _, reason in stores.told[1:]] == [(NOON + 6 * MINUTE, Reason.SIGHT_RETURNED)]


async def test_our_own_lag_is_no_silence(stores: Fleet):
    """As above, where measurements may take two minutes to us: said two minutes later."""
    stores.restart(lag=2 * MINUTE)
    await stores.store.write(batch(STORES, BEFORE - 40, BEFORE + 1))
    await stores.minute(1)
    half = {name: line for name, line in STORES.items() if name in ("store-0", "store-1", "store-2", "store-3")}
    for minute in range(2, 8):
        await stores.store.write(batch(half, BEFORE + minute - 1, BEFORE + minute))
        await stores.minute(minute)
    assert [now for now, _, _ in stores.told] == [NOON + 6 * MINUTE]


async def test_a_device_whose_polls_time_out_names_its_site_while_a_line_is_measured(stores: Fleet):
    await stores.store.write(batch(STORES, BEFORE - 40, BEFORE + 4))
    for minute in (1, 2, 3, 4):
        at = NOON + minute * MINUTE
        await stores.store.write_facts([Fact(at, "cpe-5", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, at)])
        await stores.minute(minute)
    assert [(site, reason) for _, site, reason in stores.told if reason is Reason.TROUBLE_SUSPECTED] == [
        ("store-5", Reason.TROUBLE_SUSPECTED)
    ]
    async with stores.database.reading() as connection:
        asked = await wishes(connection, stores.clock.now())
    assert [(one.device, one.every) for one in asked] == [("cpe-5", 10)]  # seen closer until it is a case or none


async def test_a_tick_names_how_far_the_journal_was(stores: Fleet):
    await stores.minute(0)
    await stores.store.write(batch(STORES, BEFORE, BEFORE + 1))
    await stores.engine.tick()
    await stores.minute(1)
    async with stores.database.reading() as connection:
        rows = (await connection.execute(select(tables.inbox.c.document).order_by(tables.inbox.c.seq))).scalars().all()
    assert rows == [{"journal": 1}, {"journal": 2}]


async def test_sites_judged_together_get_what_each_gets_alone(stores: Fleet):
    """Three of eight stores of one carrier lose a quarter of their packets at once: peers matter, and are shared."""
    ill = columns({"loss_pct": [25.0] * 10})
    lines = {name: ill if name in ("store-1", "store-2", "store-5") else line for name, line in STORES.items()}
    await stores.store.write(batch(lines, BEFORE - 40, BEFORE + 10))
    now = NOON + 10 * MINUTE
    together = {site: judge() async for site, judge in stores.judges.judge_each(sorted(STORES), now, STORES)}
    alone = {site: await stores.judges.judge(site, None, now) for site in sorted(STORES)}
    assert {site: one.pack.sha256 for site, one in together.items()} == {
        site: one.pack.sha256 for site, one in alone.items()
    }
    found = {site for site, one in together.items() if one.verdict.verdict is VerdictKind.CONFIRMED}
    assert found == {"store-1", "store-2", "store-5"}
    assert {together[site].verdict.scope for site in found} == {Scope.CARRIER}
