"""Whose outage it is when many sites go silent at once: ours, a carrier's, or a market's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from collector.journal import Journal
from collector.model import Cadence, Fact, FactKind, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.hot import HotWindow
from collector.store.hot_facts import Run
from collector.store.rows import rows_of
from config.clock import ManualClock, epoch_ms
from config.database import Database
from inventory.model import Access, Client, Inventory, Link, Site
from triage import repository
from triage.blindness import blind, heard, kinship_of, without_control
from triage.cases import Decision, TimerKind
from triage.engine import Engine
from triage.evidence_folder import EvidenceFolder
from triage.judging import Judging
from triage.policy_files import load_policy
from triage.reasons import Reason

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CADENCES = {Source.PROBE: Cadence(every=60, late=60), Source.SNMP: Cadence(every=60, late=60),
            Source.ORCHESTRATOR: Cadence(every=300, late=900)}  # fmt: skip
LOST, ANSWERED = 100.0, 0.0


class Fleet:
    """Sites by name, each with its lines' carriers; two hours in which every line was measured each minute."""

    def __init__(self, lines: dict[str, Iterable[str]], markets: dict[str, str] | None = None) -> None:
        known = markets or {}
        self.inventory = Inventory.of(
            [Client(id="acme", name="Acme")],
            [Site(id=site, client="acme", market=known.get(site, "")) for site in lines],
            [],
            [
                Link(id=f"{site}/{number}", site=site, access=Access.DIA, carrier=carrier or None)
                for site, carriers in lines.items()
                for number, carrier in enumerate(carriers)
            ],
            [],
        )
        self.links = sorted(self.inventory.links)
        self.hot = HotWindow(self.links, ("loss_pct", "rx_bps"), 120)
        self.hot.advance(epoch_ms(NOON))

    def measured(
        self, links: Iterable[str], first: int, last: int, loss: float = ANSWERED, source: Source = Source.PROBE,
        every: int = 60,
    ) -> None:  # fmt: skip
        """Slots that begin from `first` to `last` minutes after noon."""
        names = list(links)
        starts = range(first, last + 1, every // 60)
        at = np.array([epoch_ms(NOON + n * MINUTE) for n in starts for _ in names], dtype=np.int64)
        field = {"loss_pct": np.full(len(at), loss)} if source is Source.PROBE else {"rx_bps": np.full(len(at), 1e6)}
        batch = SampleBatch(
            source, names * len(starts), at, np.full(len(at), every, np.int32), at + 1000 * every, field
        )
        self.hot.take_in(rows_of([batch]))

    def of(self, *sites: str) -> list[str]:
        return [link for link in self.links if link.split("/")[0] in sites]

    def others(self, *sites: str) -> list[str]:
        return [link for link in self.links if link.split("/")[0] not in sites]

    def is_blind(self, minutes: float = 0) -> bool:
        now = NOON + minutes * MINUTE
        lines = [self.inventory.links[link] for link in self.links]
        return blind(heard(self.hot, kinship_of(lines, self.inventory), CADENCES, now))


def alone(count: int) -> dict[str, Iterable[str]]:
    """Sites that have nothing in common: each its own carrier."""
    return {f"s{n}": [f"carrier-{n}"] for n in range(count)}


@pytest.mark.parametrize(("silent", "ours"), [(3, False), (4, True), (5, True)])
def test_half_of_the_unrelated_sites_silent_at_once_is_our_own_blindness(silent: int, ours: bool) -> None:
    """Of eight: three below half, four at it. Their packets are sent, and none comes back for ten minutes."""
    fleet = Fleet(alone(8))
    dark = [f"s{n}" for n in range(silent)]
    fleet.measured(fleet.links, -60, -11)
    fleet.measured(fleet.others(*dark), -10, -1)
    fleet.measured(fleet.of(*dark), -10, -1, LOST)
    assert fleet.is_blind() is ours


@pytest.mark.parametrize(("sites", "ours"), [(5, False), (6, True)])
def test_of_fewer_than_six_sites_all_may_be_silent_by_chance(sites: int, ours: bool) -> None:
    fleet = Fleet(alone(sites))
    fleet.measured(fleet.links, -60, -11)
    fleet.measured(fleet.links, -10, -1, LOST)
    assert fleet.is_blind() is ours


def test_a_national_carrier_s_outage_is_not_our_blindness() -> None:
    """Ninety of a hundred sites are dark, all of one carrier; the other ten answer."""
    fleet = Fleet({f"s{n}": ["Big"] if n < 90 else [f"carrier-{n}"] for n in range(100)})
    dark = [f"s{n}" for n in range(90)]
    fleet.measured(fleet.links, -60, -11)
    fleet.measured(fleet.others(*dark), -10, -1)
    fleet.measured(fleet.of(*dark), -10, -1, LOST)
    assert not fleet.is_blind()


@pytest.mark.parametrize(("others", "ours"), [(2, False), (3, True)])
def test_silence_at_others_beside_a_carrier_s_sites_is_ours_from_three_on(others: int, ours: bool) -> None:
    """Seven sites of one carrier are silent, and of three unrelated ones two or all three."""
    fleet = Fleet({f"s{n}": ["Big"] if n < 7 else [f"carrier-{n}"] for n in range(10)})
    dark = [f"s{n}" for n in range(7 + others)]
    fleet.measured(fleet.links, -60, -11)
    fleet.measured(fleet.others(*dark), -10, -1)
    fleet.measured(fleet.of(*dark), -10, -1, LOST)
    assert fleet.is_blind() is ours


def test_a_fleet_of_one_carrier_whose_packets_are_all_lost_is_that_carrier_s_outage() -> None:
    fleet = Fleet({f"s{n}": ["Only"] for n in range(20)})
    fleet.measured(fleet.links, -60, -11)
    fleet.measured(fleet.links, -10, -1, LOST)
    assert not fleet.is_blind()


def test_no_carrier_explains_that_probes_were_not_even_sent() -> None:
    """The same fleet without any rows: our collector writes none."""
    fleet = Fleet({f"s{n}": ["Only"] for n in range(20)})
    fleet.measured(fleet.links, -60, -11)
    assert fleet.is_blind()


def test_sites_with_two_lines_that_are_both_probed_need_more_than_one_carrier_to_fall_silent() -> None:
    fleet = Fleet({f"s{n}": ["Cable", "Radio"] for n in range(8)})
    fleet.measured(fleet.links, -60, -11)
    fleet.measured(fleet.links, -10, -1, LOST)
    assert fleet.is_blind()
    fleet.measured([link for link in fleet.links if link.endswith("/1")], -5, -1)
    assert not fleet.is_blind(), "each is heard over its second line"


def test_a_storm_over_one_market_is_not_our_blindness_though_carriers_differ() -> None:
    """Eight of fourteen sites are dark: all of one market, each of its own carrier. The six elsewhere answer."""
    fleet = Fleet(alone(14), {f"s{n}": "coast" if n < 8 else f"inland-{n}" for n in range(14)})
    dark = [f"s{n}" for n in range(8)]
    fleet.measured(fleet.links, -60, -11)
    fleet.measured(fleet.others(*dark), -10, -1)
    fleet.measured(fleet.of(*dark), -10, -1, LOST)
    assert not fleet.is_blind()


def test_what_comes_late_by_nature_does_not_speak_for_now() -> None:
    """An orchestrator's slot of 12:00 may come at 12:20. It says nothing of sites whose probes fell silent at 12:00;
    one that tells of a later time does."""
    fleet = Fleet(alone(6))
    fleet.measured(fleet.links, -60, -1)
    fleet.measured(fleet.links, -60, -5, source=Source.ORCHESTRATOR, every=300)
    fleet.hot.advance(epoch_ms(NOON + 15 * MINUTE))
    fleet.measured(fleet.links, 0, 14, LOST)
    assert fleet.is_blind(15)
    fleet.measured(fleet.links, 5, 5, source=Source.ORCHESTRATOR, every=300)
    assert not fleet.is_blind(15)


def test_sites_that_were_dark_all_along_do_not_count() -> None:
    """Six have been dark for longer than the window reaches; the seven others answer but for two."""
    fleet = Fleet(alone(13))
    gone = [f"s{n}" for n in range(6)]
    fleet.measured(fleet.of(*gone), -119, -1, LOST)
    fleet.measured(fleet.others(*gone), -119, -11)
    fleet.measured(fleet.others(*gone, "s6", "s7"), -10, -1)
    assert not fleet.is_blind()


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ([], False),
        ([["ok"]], False),
        ([["failing"]], True),
        ([["failing"], ["ok"]], False),
        ([["failing"], ["failing"]], True),
        ([[]], True),
    ],
)
def test_when_no_control_probe_is_answered_it_is_us(said: list[list[str]], ours: bool) -> None:
    now = epoch_ms(NOON)
    runs = [[Run(now - 600_000, now - 60_000, value) for value in one] for one in said]
    assert without_control(runs, CADENCES[Source.PROBE], NOON) is ours


@pytest.mark.parametrize(("age", "ours"), [(180, False), (181, True)])
def test_a_control_probe_that_is_not_measured_any_more_is_not_answered(age: int, ours: bool) -> None:
    """Twice its minute and a minute of lateness."""
    at = epoch_ms(NOON) - 1000 * age
    assert without_control([[Run(at - 60_000, at, "ok")]], CADENCES[Source.PROBE], NOON) is ours


CONTROL = "control icmp://192.0.2.1"


class Watching:
    """An engine over one site of one line, with a control probe."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOON)
        self.inventory = Inventory.of(
            [Client(id="acme", name="Acme")],
            [Site(id="s", client="acme")],
            [],
            [Link(id="w", site="s", access=Access.BROADBAND, carrier="A")],
            [],
        )
        self.database = Database(folder / "records.db")
        self.store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "parts", 95)
        self.told: list[tuple[int, str, Reason]] = []
        self.engine = Engine(
            self.database, self.judging, EvidenceFolder(folder / "evidence"), self.clock, observer=self.observe,
            controls=[CONTROL],
        )  # fmt: skip
        self.engine.follow(self.store.journal)

    async def judging(self) -> Judging:
        return Judging(self.store, self.inventory, CADENCES, load_policy())

    def observe(self, _row: object, site: str, decision: Decision) -> None:
        self.told.append(((self.clock.now() - NOON) // MINUTE, site, decision.reason))

    async def minute(self, minute: int, loss: float, control: str) -> None:
        """`control` is what was said of the probe, nothing when it was not tried."""
        at = NOON + (minute - 1) * MINUTE
        sent = epoch_ms(at)
        row = {"loss_pct": loss, "sent": 20.0, "lost": loss / 5, "rtt_ms": 20.0 if loss < 100 else np.nan}
        await self.store.write(
            SampleBatch(
                Source.PROBE,
                ["w"],
                np.array([sent]),
                np.array([60], np.int32),
                np.array([sent + 60_000]),
                {name: np.array([value]) for name, value in row.items()},
            )
        )
        if control:
            await self.store.write_facts([Fact(at, CONTROL, FactKind.SOURCE_STATE, control, Source.PROBE, at)])
        self.clock.move_to(NOON + minute * MINUTE)
        await self.engine.fire_timers()
        await self.engine.work_off()
        await self.engine.tick()
        await self.engine.work_off()


@pytest.fixture
async def watching(tmp_path: Path) -> Watching:
    made = Watching(tmp_path)
    await made.database.create_all()
    return made


@pytest.mark.rim
async def test_while_no_control_probe_answers_nothing_is_decided_one_alarm_is_raised_and_all_is_taken_up_after(
    watching: Watching,
) -> None:
    """The line is lossless for ten minutes and dark from then on: suspected. While its three minutes' quarantine run
    we lose our sight, for ten minutes; the case stays suspected, and is opened when we see again."""
    for minute in range(1, 11):
        await watching.minute(minute, 0, "ok")
    minute = 10
    while not any(reason is Reason.TROUBLE_SUSPECTED for _, _, reason in watching.told):
        minute += 1
        await watching.minute(minute, 100, "ok")
    suspected = minute
    with capture_logs() as logged:
        for minute in range(suspected + 1, suspected + 11):
            await watching.minute(minute, 100, "failing")
    assert [one["why"] for one in logged if one["log_level"] == "error"] == [f"no control probe is answered: {CONTROL}"]
    blind_from = suspected + 1
    assert [one for one in watching.told if one[0] >= blind_from] == [(blind_from, "", Reason.OWN_BLINDNESS)]
    async with watching.database.reading() as connection:
        ((due, at),) = await repository.due_timers(connection, watching.clock.now())
    assert (due.kind, at) == (TimerKind.QUARANTINE, NOON + (suspected + 3) * MINUTE)
    await watching.minute(minute + 1, 100, "ok")
    await watching.minute(minute + 2, 100, "ok")
    after = [reason for at, _, reason in watching.told if at > minute]
    assert after[0] is Reason.SIGHT_RETURNED
    assert Reason.TROUBLE_HELD in after
    assert [reason for _, _, reason in watching.told].count(Reason.OWN_BLINDNESS) == 1
    await watching.store.close()
    await watching.database.close()


@pytest.mark.rim
@pytest.mark.parametrize(
    ("controls", "alarm"),
    [
        (["", "ok", "ok", "ok", "ok"], None),
        (["", "failing", "failing"], 2),
        (["", "", "", ""], 3),
    ],
    ids=["answered when first tried", "failed when first tried", "never tried"],
)
async def test_a_control_probe_that_was_not_tried_yet_raises_no_alarm_at_the_start(
    watching: Watching, controls: list[str], alarm: int | None
) -> None:
    """The minute of the alarm. Followed from minute 0; a probe may be silent for twice its minute and a minute of
    lateness, but one that was tried and failed waits for nobody."""
    for minute, control in enumerate(["", *controls], start=0):
        await watching.minute(minute, 100, control)
    alarms = [minute for minute, _, reason in watching.told if reason is Reason.OWN_BLINDNESS]
    assert alarms == ([alarm] if alarm is not None else [])
    await watching.store.close()
    await watching.database.close()


def test_either_carrier_explains_silence_of_a_box_that_is_only_asked_over_snmp() -> None:
    """Contact with it may go over either line, so that one carrier's trouble may silence it."""
    fleet = Fleet({f"s{n}": ["Cable", "Radio"] for n in range(8)})
    fleet.measured(fleet.links, -60, -11, source=Source.SNMP)
    assert not fleet.is_blind()
