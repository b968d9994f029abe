"""`lineproof inventory import --orchestrator NAME`: what a host has otherwise, and what a person takes of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from collector.orchestrator.directory import directory
from collector.orchestrator.opening import planned_calls
from collector.orchestrator.port import Orchestrator, OrchestratorError
from collector.plan import duration
from collector.settings import OrchestratorKind, OrchestratorSettings
from config.clock import rfc3339
from config.errors import ConfigurationError
from inventory.differences import Difference, difference_document, proposed
from inventory.listing import Listing
from inventory.model import Inventory
from inventory.reconcile import reconciled
from inventory.render import counted, render_changes, render_differences, render_group
from inventory.repository import Acceptance, accept_differences
from inventory.written import inventory_text
from service.cli.hosts import host_of, settings_of
from service.cli.running import print_json, run
from service.installation import opened

NOBODY_ASKED = 2
WORTH_SAYING = 10.0
"""Seconds from which on it is said beforehand how long the reading takes."""
SAY_AGAIN = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked for. `accept` is `all`, ids with commas between them, or None."""

    orchestrator: str
    accept: str | None
    dry_run: bool
    rates: bool
    out: Path | None
    as_json: bool
    config: Path | None


@dataclass(frozen=True, slots=True)
class Found:
    listing: Listing
    inventory: Inventory
    differences: Sequence[Difference]

    @property
    def acceptable(self) -> list[Difference]:
        return [each for each in self.differences if each.acceptable]


def import_from_orchestrator(request: Request) -> int:
    """Read, show, ask where somebody is there to be asked, write; the exit code."""
    if request.out is not None and request.out.exists():
        raise ConfigurationError(f"{request.out} exists already; name another file, or move that one away")
    found = run(_read(request))
    if not request.as_json:
        _console().print(render_differences(found.listing, found.differences, found.inventory))
    if request.out is not None:
        return _write_file(request, found)
    wanted = _chosen(request, found)
    done = run(_accept(request, found.listing, wanted)) if wanted else None
    if request.as_json:
        print_json(_document(found, done))
    elif done is not None:
        _console().print(render_changes(done.changes, dry_run=False))
        for name, why in done.refused.items():
            print(f"not written: {name}: {why}")
    if done is not None:
        return 1 if done.refused else 0
    return _nothing_written(request, found, asked=wanted is not None)


async def _read(request: Request) -> Found:
    async with opened(request.config) as installation:
        settings = settings_of(installation, request.orchestrator)
        inventory = await installation.inventory()
        _say_how_long(request, settings, inventory)
        async with host_of(installation, request.orchestrator) as host:
            listing = await _listing(host, rates=request.rates)
        # The reading may have taken an hour, in which somebody imported something.
        inventory = await installation.inventory()
    if not listing.edges:
        unread = "".join(f"; {sentence}" for sentence in listing.unread)
        raise OrchestratorError(
            f"{listing.orchestrator} lists no edge, so nothing is concluded and the inventory stays as it is; "
            f"check the account's rights{unread}"
        )
    return Found(listing, inventory, reconciled(listing, inventory))


def _say_how_long(request: Request, settings: OrchestratorSettings, inventory: Inventory) -> None:
    """On stderr, where it takes a while; before the first time it can only be said of VeloCloud, which tells rates edge
    by edge."""
    known = directory(inventory, request.orchestrator)
    calls = planned_calls(settings, known).listing
    seconds = 3600 * calls / settings.calls_per_hour
    by_edge = settings.kind is OrchestratorKind.VELOCLOUD
    if (by_edge and not request.rates) or (known.devices and seconds < WORTH_SAYING) or not (known.devices or by_edge):
        return
    how_many = (
        f"about {calls} calls, some {duration(seconds)} at {settings.calls_per_hour} an hour"
        if known.devices
        else f"one call for each edge that it has, at {settings.calls_per_hour} an hour"
    )
    quicker = "; --no-rates leaves out the rates and is quick" if by_edge else ""
    print(f"reading {request.orchestrator} takes {how_many}{quicker}", file=sys.stderr)


async def _listing(host: Orchestrator, *, rates: bool) -> Listing:
    """The listing, with a line on stderr now and then."""
    telling = asyncio.create_task(_tell(host.name))
    try:
        return await host.listing(rates=rates)
    except OrchestratorError as error:
        raise OrchestratorError(
            f"{error}; the inventory stays as it is", retryable=error.retryable, blame=error.blame
        ) from error
    finally:
        telling.cancel()


async def _tell(name: str) -> None:
    from collector.metrics import ORCHESTRATOR_CALLS

    while True:
        await asyncio.sleep(SAY_AGAIN)
        samples = (sample for metric in ORCHESTRATOR_CALLS.collect() for sample in metric.samples)
        calls = sum(sample.value for sample in samples if sample.name.endswith("_total"))
        print(f"reading {name}: {calls:.0f} calls so far", file=sys.stderr)


def _write_file(request: Request, found: Found) -> int:
    assert request.out is not None  # noqa: S101 - asked for by the caller
    items = proposed(found.inventory, found.differences)
    listing = found.listing
    remarks = [
        f"What {listing.orchestrator} has otherwise than the inventory, read {rfc3339(listing.read_at)}.",
        "Every item stands here whole, as it would be; an import puts it in the place of the one with its id.",
        "Look through it, change or delete what you do not want, and import it:",
        f"lineproof inventory import {request.out}",
        *(f"NOT READ: {sentence}" for sentence in (*listing.unread, *listing.unrated)),
    ]
    request.out.write_text(inventory_text(items, remarks), encoding="utf-8")
    if request.as_json:
        print_json({**_document(found, None), "file": str(request.out)})
    else:
        count = sum(len(section) for section in (items.clients, items.sites, items.devices, items.links))
        print(f"\n{count} items are written to {request.out}; the inventory stays as it is until you import that")
    return 0


def _chosen(request: Request, found: Found) -> list[str] | None:
    """The ids that are accepted; None where nobody said anything."""
    if request.dry_run:
        return None
    if request.accept is not None:
        if request.accept == "all":
            return [each.id for each in found.acceptable]
        return list(dict.fromkeys(filter(None, map(str.strip, request.accept.split(",")))))
    if not found.acceptable or request.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    return ask(found.acceptable, found.listing.orchestrator, input)


def ask(differences: Sequence[Difference], orchestrator: str, read: Callable[[str], str]) -> list[str]:
    """The ids that a person accepts; none where the answers end."""
    try:
        first = _answer(
            f"\nAccept {counted(len(differences), 'difference')}? [a]ll, [n]one, [o]ne by one: ", "ano", read
        )
        if first != "o":
            return [each.id for each in differences] if first == "a" else []
        accepted = []
        for number, each in enumerate(differences, start=1):
            _console().print(render_group([each], orchestrator))
            answer = _answer(f"Accept this one ({number} of {len(differences)})? [y]es, [n]o, [q]uit: ", "ynq", read)
            if answer == "y":
                accepted.append(each.id)
            elif answer == "q":
                break
    except EOFError:
        return []
    return accepted


def _answer(question: str, possible: str, read: Callable[[str], str]) -> str:
    while True:
        answer = read(question).strip().casefold()[:1]
        if answer and answer in possible:
            return answer


async def _accept(request: Request, listing: Listing, wanted: Sequence[str]) -> Acceptance:
    async with opened(request.config) as installation:
        return await accept_differences(installation.database, listing, wanted)


def _nothing_written(request: Request, found: Found, *, asked: bool) -> int:
    if request.dry_run or not found.acceptable:
        return 0
    if asked:
        print("nothing is written")
        return 0
    example = found.acceptable[0].id
    print(
        f"nothing is written: say what to take with --accept all or --accept ID[,ID...], such as {example}; "
        "--dry-run only shows",
        file=sys.stderr,
    )
    return NOBODY_ASKED


def _document(found: Found, done: Acceptance | None) -> dict[str, object]:
    listing = found.listing
    return {
        "orchestrator": listing.orchestrator,
        "vendor": listing.vendor,
        "read_at": rfc3339(listing.read_at),
        "edges": len(listing.edges),
        "links": sum(len(edge.links or ()) for edge in listing.edges),
        "unread": list(listing.unread),
        "unrated": list(listing.unrated),
        "differences": [difference_document(each) for each in found.differences],
        "written": asdict(done.changes) if done else None,
        "refused": dict(done.refused) if done else {},
    }


def _console() -> Console:
    """Wide where nobody looks at it in a window."""
    return Console() if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=160)
