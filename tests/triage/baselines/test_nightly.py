"""The nights' tables on a real store: what is learnt, kept, found again, and what a judgement makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from config.clock import epoch_ms
from inventory.model import Client, Inventory, Link, MaintenanceWindow, OpeningHours, Site
from triage.baselines.folder import MANIFEST, BaselineFolder
from triage.baselines.nightly import is_due, learn_fleet
from triage.baselines.table import BaselineError, StoredBaselines, Version
from triage.documents import verdict_document
from triage.judging import Judging
from triage.model import Claim, VerdictKind
from triage.policy import merged
from triage.policy_files import load_policy
from triage.verify import verify_pack

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
"""A Wednesday."""
NIGHT = NOW.replace(hour=2)
POLICY = load_policy()
NEW_YORK = ZoneInfo("America/New_York")
BUSY = (datetime(2026, 3, 10, 10, 0, tzinfo=UTC), datetime(2026, 3, 10, 22, 0, tzinfo=UTC))


def inventory(maintenance: tuple[MaintenanceWindow, ...] = ()) -> Inventory:
    return Inventory.of(
        clients=[Client(id="acme", name="Acme")],
        sites=[Site(id="east", client="acme", timezone="America/New_York"), Site(id="utc", client="acme")],
        links=[Link(id="east-wan", site="east"), Link(id="utc-wan", site="utc")],
        maintenance=maintenance,
    )


class Fleet:
    """Two lines of half-hour-old history: 20 ms there and back by day, 30 ms from noon to midnight UTC."""

    def __init__(self, folder: Path) -> None:
        self.store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "parts", 95)
        self.folder = BaselineFolder(folder / "baselines")
        self.path = folder / "baselines"

    async def measure(self, link: str, start: datetime, end: datetime, **levels: float) -> None:
        time = np.arange(epoch_ms(start), epoch_ms(end), 300_000, dtype=np.int64)
        count = len(time)
        later = (time // 3_600_000) % 24 >= 12
        fields = {
            "rtt_ms": np.where(later, 30.0, 20.0) + np.arange(count) % 3,
            "loss_pct": np.zeros(count),
            "sent": np.full(count, 20.0),
            "lost": np.zeros(count),
        }
        fields.update({name: np.full(count, value) for name, value in levels.items()})
        seconds = np.full(count, 300, dtype=np.int32)
        await self.store.write(SampleBatch(Source.PROBE, [link] * count, time, seconds, time + 300_000, fields))

    async def learn(self, now: datetime = NIGHT, **changes: object) -> StoredBaselines:
        known = inventory(changes.pop("maintenance", ()))  # type: ignore[arg-type]
        await learn_fleet(self.store, known, POLICY, self.folder, now, **changes)  # type: ignore[arg-type]
        newest = self.folder.newest()
        assert newest is not None
        return newest

    def judging(self, **changes: object) -> Judging:
        cadences = {Source.PROBE: Cadence(every=300, late=60)}
        return Judging(self.store, inventory(), cadences, POLICY, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(tmp_path)
    for link in ("east-wan", "utc-wan"):
        await fleet.measure(link, NOW - timedelta(days=15), NOW)
    yield fleet
    await fleet.store.close()


async def test_a_table_tells_what_was_ordinary_at_each_half_hour_of_the_sites_clock(fleet: Fleet):
    """17:00 in New York is 21:00 UTC, and 22:00 before 2026-03-08: 30, 31 or 32 ms. What is drawn to the whole day
    is less than half a millisecond."""
    stored = await fleet.learn()
    learnt = stored.of(["utc-wan", "east-wan", "unknown"])
    assert set(learnt) == {("utc-wan", Source.PROBE), ("east-wan", Source.PROBE)}
    own, east = (learnt[link, Source.PROBE].baselines["rtt_ms"] for link in ("utc-wan", "east-wan"))
    assert (own.centre[2 * 3], own.centre[2 * 21]) == pytest.approx((21.0, 31.0), abs=0.5)
    assert (east.centre[2 * 17], east.centre[2 * 3]) == pytest.approx((31.0, 21.0), abs=0.5)
    assert learnt["utc-wan", Source.PROBE].version == stored.version
    assert learnt["utc-wan", Source.PROBE].until == epoch_ms(NIGHT)


async def test_a_moment_of_all_lines_is_given_in_the_order_that_is_asked(fleet: Fleet):
    stored = await fleet.learn()
    series = [("utc-wan", Source.PROBE), ("new", Source.PROBE), ("east-wan", Source.SNMP), ("east-wan", Source.PROBE)]
    zones = [UTC, UTC, NEW_YORK, NEW_YORK]
    moment = datetime(2026, 3, 18, 3, 10, tzinfo=UTC)
    centre, spread = stored.at(series, "rtt_ms", epoch_ms(moment), zones)
    both = stored.of(["utc-wan", "east-wan"])
    utc = both["utc-wan", Source.PROBE].baselines["rtt_ms"]
    east = both["east-wan", Source.PROBE].baselines["rtt_ms"]
    # 03:10 UTC is 23:10 of the day before in New York.
    assert np.array_equal(centre, [utc.centre[6], np.nan, np.nan, east.centre[46]], equal_nan=True)
    assert np.array_equal(spread, [utc.spread[6], np.nan, np.nan, east.spread[46]], equal_nan=True)
    rate, none = stored.at(series, "loss_pct", epoch_ms(moment), zones)
    assert rate[0] == both["utc-wan", Source.PROBE].loss["loss_pct"].rate[6]
    assert np.isnan(none).all()
    saturday = epoch_ms(moment + timedelta(days=3))
    assert stored.at(series[:1], "rtt_ms", saturday, [UTC])[0] == utc.centre[48 + 6]
    holiday = stored.at(series[:1], "rtt_ms", epoch_ms(moment), [UTC], [(moment.date(),)])
    assert holiday[0] == utc.centre[48 + 6]


@pytest.mark.parametrize("how", ["maintenance", "trouble"])
async def test_what_was_measured_in_maintenance_or_trouble_teaches_nothing(fleet: Fleet, how: str):
    ordinary = await fleet.learn()
    await fleet.measure("utc-wan", *BUSY, rtt_ms=500.0, loss_pct=50.0, lost=10.0)
    taught = await fleet.learn(NIGHT + timedelta(minutes=1))

    async def known(links: object, start: datetime, end: datetime) -> dict[str, list[tuple[int, int]]]:
        assert (end - start, end) == (timedelta(days=14), NIGHT + timedelta(minutes=2))
        return {"utc-wan": [(epoch_ms(BUSY[0]), epoch_ms(BUSY[1]))]}

    window = MaintenanceWindow(id="m", start=BUSY[0], end=BUSY[1], sites=("utc",))
    changes = {"maintenance": (window,)} if how == "maintenance" else {"troubles": known}
    spared = await fleet.learn(NIGHT + timedelta(minutes=2), **changes)
    line = ("utc-wan", Source.PROBE)
    rates = [one.of(["utc-wan"])[line].loss["loss_pct"].lost for one in (ordinary, taught, spared)]
    assert rates[0] == rates[2] == 0.0 < rates[1]


@pytest.mark.parametrize(("closes", "taught"), [("10:00", False), ("12:00", True)])
async def test_a_line_that_is_dark_while_its_site_is_closed_teaches_nothing(fleet: Fleet, closes: str, taught: bool):
    """It opens at 22:00 and closes at ten, when it goes dark, or at noon: then it was dark while it was open."""
    await fleet.measure("utc-wan", *BUSY, loss_pct=100.0, lost=20.0)
    known = inventory()
    hours = tuple(OpeningHours(weekday=day, opens=time(22), closes=time.fromisoformat(closes)) for day in range(7))
    sites = {**known.sites, "utc": replace(known.sites["utc"], business_hours=hours)}
    await learn_fleet(fleet.store, replace(known, sites=sites), POLICY, fleet.folder, NIGHT)
    newest = fleet.folder.newest()
    assert newest is not None
    assert (newest.of(["utc-wan"])["utc-wan", Source.PROBE].loss["loss_pct"].lost > 0) is taught


async def test_the_same_samples_make_the_same_version(fleet: Fleet):
    first = await fleet.learn()
    assert (await fleet.learn()).version == first.version
    assert [one.name for one in fleet.folder.versions()] == [first.version]
    assert (await fleet.learn(NIGHT + timedelta(days=1))).version != first.version


async def test_a_judgement_asks_a_table_that_was_learnt_before_what_is_judged(fleet: Fleet):
    old, new = await fleet.learn(NIGHT - timedelta(days=1)), await fleet.learn(NIGHT)
    taught_by = POLICY.taught_by
    at = [epoch_ms(NIGHT) - 1, epoch_ms(NIGHT), epoch_ms(NIGHT - timedelta(days=1)) - 1]
    found = [fleet.folder.before(moment, taught_by) for moment in at]
    assert [one.version if one else None for one in found] == [old.version, new.version, None]
    otherwise = merged(POLICY, {"windows": {"global_weight": 13}}).taught_by
    assert fleet.folder.before(epoch_ms(NOW), otherwise) is None
    assert merged(POLICY, {"cases": {"quarantine_seconds": 7}}).taught_by == taught_by


async def test_tables_are_kept_as_long_as_claims_reach_back(fleet: Fleet):
    first = await fleet.learn(NIGHT - timedelta(days=9))
    await fleet.learn(NIGHT)
    assert [one.until for one in fleet.folder.versions()] == [first.until, epoch_ms(NIGHT)]
    await fleet.learn(NIGHT + timedelta(minutes=1))
    assert len(fleet.folder.versions()) == 2
    named = {file.name for one in fleet.folder.versions() for file in one.files}
    assert {path.name for path in fleet.path.iterdir()} == named | {MANIFEST}
    with pytest.raises(BaselineError, match="cannot be read"):
        first.of(["utc-wan"])


async def test_another_process_sees_what_was_published(fleet: Fleet):
    other = BaselineFolder(fleet.path)
    assert other.newest() is None
    version = (await fleet.learn()).version
    assert other.newest().version == version  # type: ignore[union-attr]


CLAIM = Claim(site="utc", client="acme", since=NOW - timedelta(minutes=40), reported_at=NOW)


async def test_a_verdict_names_the_table_and_says_the_same_as_without(fleet: Fleet):
    """The table was learnt up to where the judged window begins: the very samples that are computed from otherwise."""
    await fleet.measure("utc-wan", NOW - timedelta(minutes=40), NOW, rtt_ms=90.0, loss_pct=20.0, lost=4.0)
    margin = POLICY.claims.search_margin_minutes + POLICY.windows.lookback_minutes
    stored = await fleet.learn(NOW - timedelta(minutes=40 + margin))
    with_table = await fleet.judging(baselines=fleet.folder).judge("utc", CLAIM, NOW)
    without = await fleet.judging().judge("utc", CLAIM, NOW)
    documents = [verdict_document(one.verdict, "V") for one in (with_table, without)]
    assert [one.pop("baseline") for one in documents] == [stored.version, "computed"]
    assert documents[0] == documents[1]
    assert with_table.verdict.verdict is VerdictKind.CONFIRMED
    packs = [one.pack.document() for one in (with_table, without)]
    assert {line["version"] for line in packs[0]["baselines"]} == {stored.version}
    assert [line | {"version": ""} for line in packs[0]["baselines"]] == [
        line | {"version": ""} for line in packs[1]["baselines"]
    ]


async def test_a_pack_verifies_when_its_table_is_gone(fleet: Fleet):
    await fleet.measure("utc-wan", NOW - timedelta(minutes=40), NOW, rtt_ms=90.0)
    await fleet.learn()
    judgement = await fleet.judging(baselines=fleet.folder).judge("utc", CLAIM, NOW)
    for path in fleet.path.iterdir():
        path.unlink()
    document = verdict_document(judgement.verdict, "V", evidence_sha256=judgement.pack.sha256)
    checks = verify_pack(judgement.pack, document)
    assert len(checks) == 2 + len(judgement.verdict.findings) > 2
    assert all(check.ok for check in checks)
    assert {line["metric"] for line in judgement.pack.document()["baselines"]} == {"rtt_ms", "loss_pct"}


@pytest.mark.parametrize("what", ["file", "manifest"])
async def test_a_damaged_table_stops_no_judgement(fleet: Fleet, what: str):
    await fleet.learn()
    for path in fleet.path.glob("*.parquet" if what == "file" else MANIFEST):
        path.write_bytes(b"{}")
    judgement = await fleet.judging(baselines=BaselineFolder(fleet.path)).judge("utc", CLAIM, NOW)
    assert judgement.verdict.baseline == "computed"
    assert judgement.verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


async def test_a_line_that_the_table_does_not_know_is_computed_from_its_own_past(fleet: Fleet):
    known = inventory()
    only_east = replace(known, links={"east-wan": known.links["east-wan"]})
    await learn_fleet(fleet.store, only_east, POLICY, fleet.folder, NIGHT)
    await fleet.measure("utc-wan", NOW - timedelta(minutes=40), NOW, rtt_ms=90.0)
    judgement = await fleet.judging(baselines=fleet.folder).judge("utc", CLAIM, NOW)
    assert (judgement.verdict.baseline, judgement.verdict.verdict) == ("computed", VerdictKind.CONFIRMED)


async def test_a_known_trouble_teaches_nothing_and_hides_nothing(fleet: Fleet):
    """Half of all noons of two weeks were bad; the trouble still goes on within the judged window."""
    for day in range(1, 15):
        around = NOW - timedelta(days=day)
        await fleet.measure("utc-wan", around - timedelta(hours=2), around + timedelta(hours=2), rtt_ms=90.0)
    await fleet.measure("utc-wan", NOW - timedelta(minutes=40), NOW, rtt_ms=90.0)
    periods = [
        (epoch_ms(NOW - timedelta(days=day, hours=2)), epoch_ms(NOW - timedelta(days=day, hours=-2)))
        for day in range(1, 15)
    ]

    async def known(links: object, start: datetime, end: datetime) -> dict[str, list[tuple[int, int]]]:
        return {"utc-wan": [*periods, (epoch_ms(NOW - timedelta(minutes=40)), epoch_ms(end))]}

    judgement = await fleet.judging(troubles=known).judge("utc", CLAIM, NOW)
    (finding,) = [one for one in judgement.verdict.findings if one.metric == "rtt_ms"] or [None]
    assert finding is not None
    assert finding.value == 90.0
    assert finding.baseline == pytest.approx(26.0, abs=5.1)  # between the night's 21 ms and the evening's 31 ms
    naive = await fleet.judging().judge("utc", CLAIM, NOW)
    assert naive.verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


@pytest.mark.parametrize(
    ("learnt", "now", "due"),
    [
        (None, NOW, True),
        (NIGHT, NOW, False),
        (NIGHT - timedelta(milliseconds=1), NOW, True),
        (NIGHT - timedelta(hours=1), NIGHT - timedelta(milliseconds=1), False),
        (NIGHT - timedelta(hours=1), NIGHT, True),
        (NIGHT - timedelta(hours=24, milliseconds=1), NIGHT - timedelta(milliseconds=1), True),
    ],
)
def test_a_table_is_due_once_a_night(learnt: datetime | None, now: datetime, due: bool):
    newest = learnt and StoredBaselines(Path(), Version("sha256:v", epoch_ms(learnt), POLICY.taught_by, ()))
    assert is_due(newest, POLICY, now) is due


def test_a_table_is_due_when_the_policy_learns_otherwise():
    newest = StoredBaselines(Path(), Version("sha256:v", epoch_ms(NIGHT), POLICY.taught_by, ()))
    assert not is_due(newest, merged(POLICY, {"limits": {"latency_ms": 40}}), NOW)
    assert is_due(newest, merged(POLICY, {"windows": {"baseline_days": 7}}), NOW)


async def test_a_site_is_judged_the_same_whoever_is_judged_with_it(fleet: Fleet):
    """Five lines of a carrier are slow since ten. Four of them had a restless early morning, so that only the table
    would tell their slowness from it: what is read of a peer must not hang on whether its site is asked for too."""
    names = [f"shop-{number}" for number in range(5)]
    known = Inventory.of(
        clients=[Client(id="acme", name="Acme")],
        sites=[Site(id=name, client="acme") for name in names],
        links=[Link(id=f"{name}-wan", site=name, carrier="Example Fiber") for name in names],
    )
    morning = NOW.replace(hour=5)
    for name in names:
        await fleet.measure(f"{name}-wan", NOW - timedelta(days=15), NOW)
        if name != names[0]:
            for slot in range(0, 60, 2):
                at = morning + slot * timedelta(minutes=5)
                await fleet.measure(f"{name}-wan", at, at + timedelta(minutes=5), rtt_ms=90.0)
        await fleet.measure(f"{name}-wan", NOW - timedelta(hours=2), NOW, rtt_ms=90.0)
    await learn_fleet(fleet.store, known, POLICY, fleet.folder, NIGHT)
    cadences = {Source.PROBE: Cadence(every=300, late=60)}
    judging = Judging(fleet.store, known, cadences, POLICY, baselines=fleet.folder)
    together = {site: judge() async for site, judge in judging.judge_each(names, NOW, names)}
    alone = {site: await judging.judge(site, None, NOW) for site in names}
    assert all(one is not None and one.verdict.baseline != "computed" for one in together.values())
    assert {site: one and one.pack.sha256 for site, one in together.items()} == {
        site: one.pack.sha256 for site, one in alone.items()
    }
