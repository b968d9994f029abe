"""`lineproof replay --policy NEW --against OLD`: what another policy would have made of stored history, or of a
scenario. Everything is only read; the answer is one document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config.clock import Clock, epoch_ms, from_epoch_ms, rfc3339
from config.errors import ConfigurationError, NotFoundError
from inventory.aliases import resolve_site
from inventory.model import Inventory
from service.backtest_documents import comparison_document, difference_document, side_documents, verdicts_document
from service.installation import Installation, opened
from service.times import UsageError, parse_moment
from triage.model import VerdictKind
from triage.policy_files import load_policy
from triage.replay.as_then import Period
from triage.replay.backtest import Backtest, Installed, backtest
from triage.replay.difference import Kind, compare
from triage.replay.files import read_scenario
from triage.replay.outcome import CaseOutcome, Outcomes, Word
from triage.replay.outcome_lines import outcomes_of_lines
from triage.replay.recorded import recorded_inputs
from triage.replay.sets import replay_set
from triage.troubles import read_from

DEFAULT_PERIOD = timedelta(days=7)
LATER = (timedelta(minutes=15), timedelta(minutes=30))
"""After a case's opening: an orchestrator's statistics are there by then."""
ASKED_FOR_AGE = 50
"""Lines that are asked how far their history goes back, when nobody said from when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be compared over an installation's history; texts as they were typed."""

    policy: Path
    against: Path | None = None
    config: Path | None = None
    since: str | None = None
    until: str | None = None
    sites: tuple[str, ...] = ()
    client: str | None = None
    every: int = 5


@dataclass(slots=True, eq=False)
class Progress:
    """Tells `say` every so many seconds how far a back-test has come, and how fast it goes."""

    clock: Clock
    say: Callable[[str], None]
    seconds: float = 1.0
    period: Period | None = None
    _began: float = 0.0
    _told: float = 0.0

    def begin(self, period: Period) -> None:
        self.period = period
        self._began = self._told = self.clock.monotonic()

    def __call__(self, moment: datetime) -> None:
        now = self.clock.monotonic()
        if self.period is None or now - self._told < self.seconds:
            return
        self._told = now
        done, whole = moment - self.period.start, self.period.until - self.period.start
        speed = done / timedelta(minutes=1) / max(1e-3, now - self._began)
        left = (whole - done) / timedelta(minutes=1) / max(1e-3, speed)
        self.say(
            f"{moment:%Y-%m-%d %H:%M} UTC, {100 * (done / whole):.0f} %, {speed:,.0f} minutes of history a second, "
            f"{left / 60:.0f} min left"
        )


async def compare_history(question: Question, progress: Progress) -> dict[str, Any]:
    """The comparison over an installation's own store, inventory, claims and decisions. Raises LineproofError."""
    new = load_policy(question.policy)
    given = load_policy(question.against) if question.against is not None else None
    async with opened(question.config, read_only=True) as installation:
        inventory = await installation.inventory()
        in_force = (await installation.judging()).policy
        old = given or in_force
        period, zone = await _period(question, installation, inventory)
        installed = Installed(
            store=installation.store, inventory=inventory, cadences=installation.settings.cadences(),
            troubles=read_from(installation.database),
        )  # fmt: skip
        progress.begin(period)
        async with backtest(installed, (old, new), period) as running:
            before, after = await running.play(progress)
            cases = await _cases(before, after, running, inventory)
    sites = len(period.sites if period.sites is not None else {link.site for link in inventory.watched_links()})
    return {
        "of": "history",
        "start": rfc3339(period.start),
        "until": rfc3339(period.until),
        "zone": zone,
        "every_minutes": question.every,
        "sites": sites,
        **side_documents(old, new, _name(question.against), str(question.policy)),
        **comparison_document(before, after, period.start, inventory),
        "cases": cases,
    }


async def compare_scenario(path: Path, policy: Path, against: Path) -> dict[str, Any]:
    """The comparison over a scenario set, or over a scenario file. Raises ConfigurationError."""
    old, new = load_policy(against), load_policy(policy)
    sides = side_documents(old, new, str(against), str(policy))
    if (path / "scenarios.jsonl").is_file():
        before, after = list(replay_set(path, old)), list(replay_set(path, new))
        return {"of": "scenario_set", "path": str(path), **sides, **verdicts_document(before, after)}
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        raise ConfigurationError(
            f"{path} is neither a scenario set's folder nor a scenario file (.yaml); name one of these, or no path at "
            "all for this installation's own history"
        )
    from triage.replay.play import play

    outcomes = []
    for each in (old, new):
        reading = read_scenario(path, each)
        lines = [line async for line in play(reading.scenario, reading.inventory, reading.policy)]
        outcomes.append(outcomes_of_lines(lines))
    old_outcomes, new_outcomes = outcomes
    inventory, start = reading.inventory, reading.scenario.moment("+00:00:00")
    return {
        "of": "scenario_file",
        "path": str(path),
        "start": rfc3339(start),
        "until": rfc3339(old_outcomes.until),
        "zone": "UTC",
        **sides,
        **comparison_document(old_outcomes, new_outcomes, start, inventory),
        "cases": await _cases(old_outcomes, new_outcomes, None, inventory),
    }


def _name(path: Path | None) -> str:
    return str(path) if path is not None else "the policy in force"


async def _period(question: Question, installation: Installation, inventory: Inventory) -> tuple[Period, str]:
    """Which history is played, and the zone in which it is told. Raises UsageError and NotFoundError."""
    sites = _sites(question, inventory)
    zones = {inventory.sites[site].timezone for site in (sites if sites is not None else inventory.sites)}
    zone = zones.pop() if len(zones) == 1 else "UTC"
    now = installation.clock.now()
    newest = (await installation.store.health()).newest
    if newest is None:
        raise NotFoundError("the store holds no samples yet; run `lineproof serve` for a while, or name a scenario set")
    until = min(now, _whole_minute(newest) + timedelta(minutes=question.every))
    if question.until is not None:
        until = parse_moment(question.until, ZoneInfo(zone), now)
    if question.since is not None:
        start = parse_moment(question.since, ZoneInfo(zone), now)
    else:
        start = max(until - DEFAULT_PERIOD, await _oldest(installation, inventory, until))
    if start >= until:
        raise UsageError(
            f"nothing lies between {rfc3339(start)} and {rfc3339(until)}; give --from a time before --until"
        )
    async with installation.database.reading() as connection:
        inputs = await recorded_inputs(connection, start, until)
    every = timedelta(minutes=question.every)
    return Period(start=start, until=until, every=every, sites=sites, inputs=inputs), zone


def _sites(question: Question, inventory: Inventory) -> frozenset[str] | None:
    if not question.sites and question.client is None:
        return None
    found = {resolve_site(inventory, text).id for text in question.sites} or set(inventory.sites)
    if question.client is not None:
        if question.client not in inventory.clients:
            known = ", ".join(sorted(inventory.clients)[:10])
            raise NotFoundError(f"there is no client {question.client!r}; there are {known}")
        found = {site for site in found if inventory.sites[site].client == question.client}
        if not found:
            raise UsageError(f"none of these sites is one of {question.client}; leave out --client or --site")
    return frozenset(found)


async def _oldest(installation: Installation, inventory: Inventory, until: datetime) -> datetime:
    """When history begins within the default period, by some lines spread over the fleet."""
    links = sorted(link.id for link in inventory.watched_links())
    some = links[:: max(1, len(links) // ASKED_FOR_AGE)]
    fields = ("rtt_ms", "loss_pct", "loss_rx_pct", "rx_bps", "oper_up")
    found = await installation.store.window(some, fields, until - DEFAULT_PERIOD, until)
    first = min((int(one.time[0]) for one in found if len(one)), default=epoch_ms(until - DEFAULT_PERIOD))
    return _whole_minute(from_epoch_ms(first))


def _whole_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


async def _cases(
    before: Outcomes, after: Outcomes, running: Backtest | None, inventory: Inventory
) -> list[dict[str, Any]]:
    """A document for each case that differs; of one that is under one policy only with what the other one said then."""
    found = []
    for one in compare(before, after).cases:
        other = None
        lacking = {Kind.VANISHES: 1, Kind.APPEARS: 0}.get(one.kind)
        if lacking is not None and running is not None and one.case.site in inventory.sites:
            other = await _word_about(running, lacking, one.case, before.until)
        suspected = lacking is not None and _suspected((before, after)[lacking], one.case)
        found.append(difference_document(one, other, inventory, suspected=suspected))
    return found


async def _word_about(running: Backtest, place: int, case: CaseOutcome, until: datetime) -> Word:
    """What a policy says of a case's site when the other one opens it, or soon after, where too little was there."""
    word = await running.word_at(place, case.site, case.opened_at)
    for later in LATER:
        if word.verdict is VerdictKind.INCONCLUSIVE and case.opened_at + later < until:
            word = await running.word_at(place, case.site, case.opened_at + later)
    return word


def _suspected(outcomes: Outcomes, case: CaseOutcome) -> bool:
    """Whether that policy suspected something there at the time, which did not outlast its quarantine."""
    until = case.ended_at or outcomes.until
    return any(
        (one.client, one.site) == (case.client, case.site) and not one.held and case.begin <= one.opened_at <= until
        for one in outcomes.cases
    )
